-- A spell of quarantine says in words since when it lasts and against which price it was measured.

CREATE OR REPLACE VIEW nightdesk.quarantine AS
WITH checked AS (
    SELECT book, session, row_number() OVER (PARTITION BY book ORDER BY session) AS place
    FROM (SELECT DISTINCT book, session FROM nightdesk.quality_runs) AS one
), failed AS (
    SELECT book, symbol, session, place,
           place - dense_rank() OVER (PARTITION BY book, symbol ORDER BY session) AS spell,
           check_name, detail
    FROM nightdesk.quality_runs JOIN checked USING (book, session)
    WHERE outcome = 'quarantined'
)
SELECT book, symbol,
       string_agg(DISTINCT check_name, ', ' ORDER BY check_name) AS reason,
       min(session) AS first_session,
       max(session) AS last_session,
       max(place) = (SELECT max(place) FROM checked WHERE checked.book = failed.book) AS ongoing,
       count(DISTINCT session)::integer AS sessions,
       (array_agg(detail ORDER BY session DESC, check_name))[1] AS detail
FROM failed
GROUP BY book, symbol, spell;
COMMENT ON COLUMN nightdesk.quarantine.sessions IS 'Decided sessions in the spell so far';
COMMENT ON COLUMN nightdesk.quarantine.detail IS
    'Finding of its newest session in words: what was measured, against which price and limit, and what ends it';
