-- One index in place of two keeps a daily bar's versions apart and its newest one single: a first history is written
-- in half the time. It begins with the symbol; one day of many symbols is one short search for each of them.

ALTER TABLE nightdesk.bars ADD COLUMN version integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN nightdesk.bars.version IS
    '0 of the newest version of a bar; those that it superseded count up from 1, the oldest first';

UPDATE nightdesk.bars AS held SET version = ranked.place
FROM (
    SELECT symbol_id, session, known_at,
           row_number() OVER (PARTITION BY symbol_id, session ORDER BY known_at) AS place
    FROM nightdesk.bars WHERE superseded_at IS NOT NULL
) AS ranked
WHERE held.symbol_id = ranked.symbol_id AND held.session = ranked.session AND held.known_at = ranked.known_at;

ALTER TABLE nightdesk.bars
    DROP CONSTRAINT bars_pkey,
    ADD PRIMARY KEY (symbol_id, session, version),
    ADD CHECK ((version = 0) = (superseded_at IS NULL));
DROP INDEX nightdesk.bars_newest;
