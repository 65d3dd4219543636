-- name: closed_of_books
-- How many decisions of each started book are closed, and the newest of them.
SELECT b.book, count(r.as_of) AS closed, max(r.as_of) AS newest, max(r.session) AS session
FROM nightdesk.books b LEFT JOIN nightdesk.runs r ON r.book = b.book AND r.status = 'closed'
GROUP BY b.book ORDER BY b.book;

-- name: newest_closed
SELECT as_of FROM nightdesk.runs WHERE book = %(book)s AND status = 'closed' ORDER BY as_of DESC LIMIT %(newest)s;

-- name: decision_lines
-- What a decision wanted, was allowed, ordered, executed and was worth, a line a row, in an order of its own.
SELECT line FROM (
    SELECT 'signals ' || to_jsonb(t)::text FROM nightdesk.signals t WHERE book = %(book)s AND as_of = %(as_of)s
    UNION ALL SELECT 'targets ' || to_jsonb(t)::text FROM nightdesk.targets t WHERE book = %(book)s AND as_of = %(as_of)s
    UNION ALL SELECT 'gated ' || to_jsonb(t)::text FROM nightdesk.gated t WHERE book = %(book)s AND as_of = %(as_of)s
    UNION ALL SELECT 'verdicts ' || to_jsonb(t)::text FROM nightdesk.verdicts t WHERE book = %(book)s AND as_of = %(as_of)s
    UNION ALL SELECT 'orders ' || to_jsonb(t)::text FROM nightdesk.orders t WHERE book = %(book)s AND as_of = %(as_of)s
    UNION ALL SELECT 'fills ' || to_jsonb(t)::text FROM nightdesk.fills t WHERE book = %(book)s AND as_of = %(as_of)s
    UNION ALL SELECT 'ledger ' || to_jsonb(t)::text FROM nightdesk.ledger_entries t WHERE book = %(book)s AND as_of = %(as_of)s
    UNION ALL SELECT 'positions ' || to_jsonb(t)::text FROM nightdesk.positions t WHERE book = %(book)s AND as_of = %(as_of)s
    UNION ALL SELECT 'portfolio ' || to_jsonb(t)::text FROM nightdesk.portfolio t WHERE book = %(book)s AND as_of = %(as_of)s
) AS rows_of (line) ORDER BY line COLLATE "C";

-- name: installation
SELECT mark, created_at FROM nightdesk.installation;

-- name: begin_backup
INSERT INTO nightdesk.backups (began_at, place, code_version, newest_migration)
VALUES (clock_timestamp(), %(place)s, %(code_version)s, %(newest_migration)s) RETURNING backup_id;

-- name: end_backup
UPDATE nightdesk.backups
SET ended_at = clock_timestamp(), file = %(file)s, bytes = %(bytes)s, sha256 = %(sha256)s
WHERE backup_id = %(backup_id)s;

-- name: end_open_backup
-- In a restored database the attempt that made its dump is still open: what became of it is known.
UPDATE nightdesk.backups
SET ended_at = clock_timestamp(), file = %(file)s, bytes = %(bytes)s, sha256 = %(sha256)s
WHERE ended_at IS NULL;

-- name: fail_backup
UPDATE nightdesk.backups SET ended_at = clock_timestamp(), error = %(error)s
WHERE backup_id = %(backup_id)s AND ended_at IS NULL;

-- name: fail_cut_off_backups
UPDATE nightdesk.backups SET ended_at = clock_timestamp(), error = %(error)s WHERE ended_at IS NULL;

-- name: note_deleted_backups
UPDATE nightdesk.backups SET deleted_at = clock_timestamp()
WHERE place = %(place)s AND file = ANY(%(files)s::text[]) AND deleted_at IS NULL;

-- name: stored_backups
SELECT backup_id, began_at, ended_at, place, file, bytes, sha256, code_version, newest_migration, error, deleted_at
FROM nightdesk.backups ORDER BY backup_id DESC LIMIT %(newest)s;

-- name: backup_standing
-- The newest backup that was made, the newest attempt that ended since without one, and since when there is something
-- to lose.
WITH made AS (
    SELECT backup_id, began_at, place, file FROM nightdesk.backups WHERE file IS NOT NULL
    ORDER BY backup_id DESC LIMIT 1
), failed AS (
    SELECT ended_at, place, error FROM nightdesk.backups
    WHERE error IS NOT NULL AND backup_id > coalesce((SELECT backup_id FROM made), 0)
    ORDER BY backup_id DESC LIMIT 1
)
SELECT
    clock_timestamp() AS at,
    (SELECT min(created_at) FROM nightdesk.books) AS begun_at,
    (SELECT began_at FROM made) AS made_at,
    (SELECT place FROM made) AS place,
    (SELECT file FROM made) AS file,
    (SELECT ended_at FROM failed) AS failed_at,
    (SELECT place FROM failed) AS failed_place,
    (SELECT error FROM failed) AS error;

-- name: add_restore
INSERT INTO nightdesk.restores (
    restored_at, place, file, sha256, made_at, restored_by, code_version, kept_as, installation_before, reason
) VALUES (
    clock_timestamp(), %(place)s, %(file)s, %(sha256)s, %(made_at)s, %(restored_by)s, %(code_version)s, %(kept_as)s,
    %(installation_before)s, %(reason)s
) RETURNING restore_id;

-- name: begin_drill
INSERT INTO nightdesk.drills (began_at, place) VALUES (clock_timestamp(), %(place)s) RETURNING drill_id;

-- name: end_drill
UPDATE nightdesk.drills
SET ended_at = clock_timestamp(), outcome = %(outcome)s, file = %(file)s, made_at = %(made_at)s, books = %(books)s,
    decisions = %(decisions)s, differing = %(differing)s, restore_seconds = %(restore_seconds)s,
    verify_seconds = %(verify_seconds)s, decide_seconds = %(decide_seconds)s, words = %(words)s
WHERE drill_id = %(drill_id)s;

-- name: stored_drills
SELECT drill_id, began_at, ended_at, place, file, made_at, outcome, books, decisions, differing, restore_seconds,
       verify_seconds, decide_seconds, words
FROM nightdesk.drills ORDER BY drill_id DESC LIMIT %(newest)s;

-- name: roles_with_rights
-- Roles that own something of the schema or were given rights to it.
WITH ours AS (
    SELECT relowner AS owner, relacl AS acl FROM pg_class WHERE relnamespace = 'nightdesk'::regnamespace
    UNION ALL SELECT nspowner, nspacl FROM pg_namespace WHERE nspname = 'nightdesk'
    UNION ALL SELECT proowner, proacl FROM pg_proc WHERE pronamespace = 'nightdesk'::regnamespace
    UNION ALL SELECT defaclrole, defaclacl FROM pg_default_acl WHERE defaclnamespace = 'nightdesk'::regnamespace
)
SELECT DISTINCT r.rolname::text AS role
FROM (SELECT grantee AS role_id FROM ours, aclexplode(acl) UNION SELECT grantor FROM ours, aclexplode(acl)) AS rights
JOIN pg_roles r ON r.oid = rights.role_id ORDER BY 1;

-- name: unreadable_tables
-- Tables, parts of tables and sequences that the user may not read by themselves.
SELECT c.oid::regclass::text AS named FROM pg_class c
WHERE c.relnamespace = 'nightdesk'::regnamespace AND c.relkind IN ('r', 'p', 'S')
  AND NOT CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT') ELSE has_table_privilege(c.oid, 'SELECT') END
ORDER BY 1;
