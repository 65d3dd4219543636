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
