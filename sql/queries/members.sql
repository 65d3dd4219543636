-- The lists of members.

-- name: members_differ
SELECT EXISTS (
    SELECT FROM (
        SELECT symbol, from_session, until_session, group_name FROM nightdesk.members
        WHERE book = %(book)s AND superseded_at IS NULL
    ) held FULL JOIN json_to_recordset(%(document)s::json)
        AS said (symbol text, from_session date, until_session date, group_name text)
        ON held.symbol = said.symbol AND held.from_session = said.from_session
    WHERE held.symbol IS NULL OR said.symbol IS NULL
        OR held.until_session IS DISTINCT FROM said.until_session OR held.group_name <> said.group_name
) AS differs;

-- name: supersede_members
UPDATE nightdesk.members held SET superseded_at = %(at)s
WHERE book = %(book)s AND superseded_at IS NULL AND NOT EXISTS (
    SELECT FROM json_to_recordset(%(document)s::json)
        AS said (symbol text, from_session date, until_session date, group_name text)
    WHERE said.symbol = held.symbol AND said.from_session = held.from_session
        AND said.until_session IS NOT DISTINCT FROM held.until_session AND said.group_name = held.group_name
);

-- name: insert_members
INSERT INTO nightdesk.members (book, symbol, from_session, until_session, group_name, known_at)
SELECT %(book)s, said.symbol, said.from_session, said.until_session, said.group_name, %(at)s
FROM json_to_recordset(%(document)s::json)
    AS said (symbol text, from_session date, until_session date, group_name text)
WHERE NOT EXISTS (
    SELECT FROM nightdesk.members held
    WHERE held.book = %(book)s AND held.superseded_at IS NULL
        AND held.symbol = said.symbol AND held.from_session = said.from_session
);

-- name: members_known
SELECT symbol, from_session, until_session, group_name,
    superseded_at IS NULL OR superseded_at > %(known_by)s AS stands
FROM nightdesk.members WHERE book = %(book)s AND known_at <= %(known_by)s
ORDER BY symbol, from_session, known_at;

-- name: members_of_decision
SELECT r.known_by, m.symbol, m.from_session, m.until_session, m.group_name,
    m.superseded_at IS NULL OR m.superseded_at > r.known_by AS stands
FROM nightdesk.runs r LEFT JOIN nightdesk.members m ON m.book = r.book AND m.known_at <= r.known_by
WHERE r.book = %(book)s AND r.as_of = %(as_of)s AND r.known_by IS NOT NULL
ORDER BY m.symbol, m.from_session, m.known_at;

-- name: members_changed
SELECT EXISTS (
    SELECT FROM nightdesk.members
    WHERE book = %(book)s AND (known_at > %(since)s OR superseded_at > %(since)s)
) AS changed;

-- name: newest_list
SELECT max(at) AS at FROM nightdesk.members CROSS JOIN LATERAL (VALUES (known_at), (superseded_at)) AS of (at)
WHERE book = %(book)s AND at <= %(known_by)s;

-- name: list_changes
SELECT symbol, from_session, until_session, group_name, known_at, superseded_at FROM nightdesk.members
WHERE book = %(book)s AND %(at)s IN (known_at, superseded_at)
ORDER BY symbol, from_session, known_at;

-- name: not_members
SELECT m.symbol FROM nightdesk.members m
JOIN nightdesk.runs r ON r.book = m.book AND r.as_of = %(as_of)s AND m.known_at <= r.known_by
JOIN nightdesk.books b ON b.book = m.book
WHERE m.book = %(book)s
GROUP BY m.symbol, b.document::text
HAVING NOT bool_or((m.superseded_at IS NULL OR m.superseded_at > r.known_by)
        AND m.from_session <= r.session AND coalesce(m.until_session >= r.session, true))
    AND NOT coalesce(b.document::text::jsonb -> 'universe' -> 'always' @> to_jsonb(m.symbol), false)
ORDER BY m.symbol;
