-- A spell of quarantine of a book that decides several times a session begins and ends at a decision.

CREATE OR REPLACE VIEW nightdesk.quarantine AS
WITH checked AS (
    SELECT book, as_of, row_number() OVER (PARTITION BY book ORDER BY as_of) AS place
    FROM (SELECT DISTINCT book, as_of FROM nightdesk.quality_runs) AS decision
), failed AS (
    SELECT book, symbol, session, as_of, place,
           place - dense_rank() OVER (PARTITION BY book, symbol ORDER BY as_of) AS spell,
           check_name, detail
    FROM nightdesk.quality_runs JOIN checked USING (book, as_of)
    WHERE outcome = 'quarantined'
)
SELECT book, symbol,
       string_agg(DISTINCT check_name, ', ' ORDER BY check_name) AS reason,
       min(session) AS first_session,
       max(session) AS last_session,
       max(place) = (SELECT max(place) FROM checked WHERE checked.book = failed.book) AS ongoing,
       count(DISTINCT session)::integer AS sessions,
       (array_agg(detail ORDER BY as_of DESC, check_name))[1] AS detail,
       min(as_of) AS first_as_of,
       max(as_of) AS last_as_of
FROM failed
GROUP BY book, symbol, spell;
COMMENT ON COLUMN nightdesk.quarantine.first_as_of IS 'First decision of the spell, UTC';
COMMENT ON COLUMN nightdesk.quarantine.last_as_of IS 'Last decision of the spell so far, UTC';

COMMENT ON COLUMN nightdesk.quality_runs.check_name IS
    'Name of the check; of hourly bars with h: before it, as h:price_jump, where only what did not pass has a row';
COMMENT ON TABLE nightdesk.quality_outcomes IS
    'A cache: what the data checks left of the market, for the later steps of a decision. It can be computed from the bars at any time, is used only where known_by, book and code are the same, and is cleared when the next decision is closed';
COMMENT ON COLUMN nightdesk.quality_outcomes.history IS
    'Packed arrays: which bars the checks withhold since the origin (of an hourly book, of its hours and its days), splits, and the benchmark';
COMMENT ON COLUMN nightdesk.ingest_notes.subject IS
    'dropped: the reason; passed_over: the file; missing: the symbol; with (hours) behind it where hours were fetched';
COMMENT ON COLUMN nightdesk.sentiments.session IS 'Session that the decision lies in';
COMMENT ON COLUMN nightdesk.sentiments.score IS
    'Mean score of the headlines published after the decision before and up to this one, from -1 to 1, without a unit';
