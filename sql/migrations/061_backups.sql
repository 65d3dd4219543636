-- Backups, what was restored, and the drills that show that a backup can be.

CREATE TABLE nightdesk.backups (
    backup_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began_at         timestamptz NOT NULL,
    ended_at         timestamptz,
    place            text NOT NULL CHECK (place <> ''),
    file             text CHECK (file <> ''),
    bytes            bigint CHECK (bytes > 0),
    sha256           text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    code_version     text NOT NULL,
    newest_migration text NOT NULL,
    error            text,
    deleted_at       timestamptz,
    CHECK ((file IS NULL) = (bytes IS NULL) AND (file IS NULL) = (sha256 IS NULL)),
    CHECK (file IS NULL OR (ended_at IS NOT NULL AND error IS NULL))
);
COMMENT ON TABLE nightdesk.backups IS 'Attempts to make a backup of this database, a row each, whatever became of them';
COMMENT ON COLUMN nightdesk.backups.backup_id IS 'Counts up';
COMMENT ON COLUMN nightdesk.backups.began_at IS 'When the attempt began, UTC';
COMMENT ON COLUMN nightdesk.backups.ended_at IS 'When it ended, UTC; null while it goes on, or where its process was killed';
COMMENT ON COLUMN nightdesk.backups.place IS 'Folder, or s3://BUCKET/PREFIX, that it was written to';
COMMENT ON COLUMN nightdesk.backups.file IS 'Name of the dump there; null where none was made';
COMMENT ON COLUMN nightdesk.backups.bytes IS 'Size of the dump, bytes';
COMMENT ON COLUMN nightdesk.backups.sha256 IS 'SHA-256 of the dump, hexadecimal';
COMMENT ON COLUMN nightdesk.backups.code_version IS 'Version of the code that made it';
COMMENT ON COLUMN nightdesk.backups.newest_migration IS 'The newest migration of the schema that it holds';
COMMENT ON COLUMN nightdesk.backups.error IS 'Why it failed; null where it did not, or goes on';
COMMENT ON COLUMN nightdesk.backups.deleted_at IS 'When the dump was deleted for its age, UTC; null while it is kept';

CREATE TABLE nightdesk.restores (
    restore_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    restored_at      timestamptz NOT NULL,
    place            text NOT NULL,
    file             text NOT NULL,
    sha256           text NOT NULL,
    made_at          timestamptz NOT NULL,
    restored_by      text NOT NULL CHECK (restored_by <> ''),
    code_version     text NOT NULL,
    kept_as          text,
    installation_before text,
    reason           text CHECK (reason <> '')
);
COMMENT ON TABLE nightdesk.restores IS 'The backups that this database was restored from, a row a restore';
COMMENT ON COLUMN nightdesk.restores.restore_id IS 'Counts up';
COMMENT ON COLUMN nightdesk.restores.restored_at IS 'When, UTC';
COMMENT ON COLUMN nightdesk.restores.place IS 'Folder, or s3://BUCKET/PREFIX, that the backup was read from';
COMMENT ON COLUMN nightdesk.restores.file IS 'Name of the dump';
COMMENT ON COLUMN nightdesk.restores.sha256 IS 'SHA-256 of the dump, hexadecimal';
COMMENT ON COLUMN nightdesk.restores.made_at IS 'The instant whose state it holds, UTC';
COMMENT ON COLUMN nightdesk.restores.restored_by IS 'The person';
COMMENT ON COLUMN nightdesk.restores.code_version IS 'Version of the code that restored it';
COMMENT ON COLUMN nightdesk.restores.kept_as IS 'Name under which the database that it took the place of is kept; null where there was none';
COMMENT ON COLUMN nightdesk.restores.installation_before IS 'Mark of the installation that was there before, where it was another one; null else';
COMMENT ON COLUMN nightdesk.restores.reason IS 'Why another installation was adopted; null where none was';

CREATE TABLE nightdesk.drills (
    drill_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began_at        timestamptz NOT NULL,
    ended_at        timestamptz,
    place           text NOT NULL,
    file            text,
    made_at         timestamptz,
    outcome         text CHECK (outcome IN ('ok', 'failed')),
    books           integer CHECK (books >= 0),
    decisions       integer CHECK (decisions >= 0),
    differing       integer CHECK (differing >= 0),
    restore_seconds double precision,
    verify_seconds  double precision,
    decide_seconds  double precision,
    words           text,
    CHECK ((outcome IS NULL) = (ended_at IS NULL))
);
COMMENT ON TABLE nightdesk.drills IS 'Rehearsals of a restore, a row each: the newest backup restored elsewhere, verified, and its newest decisions decided again';
COMMENT ON COLUMN nightdesk.drills.drill_id IS 'Counts up';
COMMENT ON COLUMN nightdesk.drills.began_at IS 'When it began, UTC';
COMMENT ON COLUMN nightdesk.drills.ended_at IS 'When it ended, UTC; null while it goes on, or where its process was killed';
COMMENT ON COLUMN nightdesk.drills.place IS 'Folder, or s3://BUCKET/PREFIX, that the backup was read from';
COMMENT ON COLUMN nightdesk.drills.file IS 'Name of the dump; null where none was found';
COMMENT ON COLUMN nightdesk.drills.made_at IS 'The instant whose state the dump holds, UTC';
COMMENT ON COLUMN nightdesk.drills.outcome IS 'ok or failed; null while it goes on';
COMMENT ON COLUMN nightdesk.drills.books IS 'How many books were verified';
COMMENT ON COLUMN nightdesk.drills.decisions IS 'How many decisions were decided again and compared';
COMMENT ON COLUMN nightdesk.drills.differing IS 'How many of them came out differently';
COMMENT ON COLUMN nightdesk.drills.restore_seconds IS 'How long the restore took, s';
COMMENT ON COLUMN nightdesk.drills.verify_seconds IS 'How long verifying all books took, s';
COMMENT ON COLUMN nightdesk.drills.decide_seconds IS 'How long deciding again took, s';
COMMENT ON COLUMN nightdesk.drills.words IS 'What was found, in words';

ALTER TABLE nightdesk.alert_spells DROP CONSTRAINT alert_spells_kind_check;
ALTER TABLE nightdesk.alert_spells ADD CONSTRAINT alert_spells_kind_check CHECK (kind IN (
    'quarantine', 'no_bar', 'reference', 'feed', 'late_data', 'limit', 'band', 'dispute', 'book_file', 'retry', 'bundle',
    'backup'
));
COMMENT ON COLUMN nightdesk.alert_spells.kind IS
    'quarantine, no_bar, reference, feed, late_data, limit (near or beyond it), band (of a strategy''s results), dispute (of a position), book_file (gone or wrong), retry (a step that fails and is tried again), bundle (its legs are uneven) or backup (it fails, or is too old)';
