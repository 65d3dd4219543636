-- What the market said: bars and corporate actions with the instants between which each version was known, the
-- checks that they passed or failed, and the state of the sources that they come from.

CREATE TABLE nightdesk.symbols (
    symbol_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol    text NOT NULL UNIQUE
);
COMMENT ON TABLE nightdesk.symbols IS 'Every symbol that a bar or an action was ever stored of';
COMMENT ON COLUMN nightdesk.symbols.symbol_id IS 'Small number that bars and actions carry in place of the name';
COMMENT ON COLUMN nightdesk.symbols.symbol IS 'The name that books use, such as SPY, BTC-USD, ^VIX';

-- The key begins with the session, so that one day is read without an index of its own; by symbol, the index of the
-- newest versions serves. symbol_id refers to symbols without a foreign key: checking it row by row takes longer than
-- the whole write of a long history, and the one function that writes bars takes the numbers from there.
CREATE TABLE nightdesk.bars (
    symbol_id     integer NOT NULL,
    session       date NOT NULL,
    known_at      timestamptz NOT NULL,
    superseded_at timestamptz CHECK (superseded_at > known_at),
    source        text NOT NULL,
    open          double precision NOT NULL,
    high          double precision NOT NULL,
    low           double precision NOT NULL,
    close         double precision NOT NULL,
    volume        double precision NOT NULL,
    PRIMARY KEY (session, symbol_id, known_at)
);
CREATE UNIQUE INDEX bars_newest ON nightdesk.bars (symbol_id, session) WHERE superseded_at IS NULL;
COMMENT ON TABLE nightdesk.bars IS
    'Daily bars, every version ever known; a changed value is a new row, and the row before it is superseded';
COMMENT ON COLUMN nightdesk.bars.symbol_id IS 'The symbol, a number of symbols';
COMMENT ON COLUMN nightdesk.bars.session IS
    'Day of the bar: an exchange session, or a UTC day where the market never closes';
COMMENT ON COLUMN nightdesk.bars.known_at IS 'From when on this version was known, UTC';
COMMENT ON COLUMN nightdesk.bars.superseded_at IS
    'When a later version took its place, UTC; null while it is the newest';
COMMENT ON COLUMN nightdesk.bars.source IS 'Feed that gave it';
COMMENT ON COLUMN nightdesk.bars.open IS 'First price, raw dollars of its own day (points for an index)';
COMMENT ON COLUMN nightdesk.bars.high IS 'Highest price, raw dollars (points for an index)';
COMMENT ON COLUMN nightdesk.bars.low IS 'Lowest price, raw dollars (points for an index)';
COMMENT ON COLUMN nightdesk.bars.close IS 'Last price, raw dollars (points for an index)';
COMMENT ON COLUMN nightdesk.bars.volume IS 'Units traded (shares, coins); NaN where the source has none';

CREATE TABLE nightdesk.corporate_actions (
    symbol_id     integer NOT NULL REFERENCES nightdesk.symbols,
    session       date NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('split', 'dividend', 'adjustment')),
    known_at      timestamptz NOT NULL,
    superseded_at timestamptz CHECK (superseded_at > known_at),
    source        text NOT NULL,
    value         double precision NOT NULL,
    PRIMARY KEY (session, symbol_id, kind, known_at)
);
CREATE UNIQUE INDEX corporate_actions_newest
    ON nightdesk.corporate_actions (symbol_id, session, kind) WHERE superseded_at IS NULL;
COMMENT ON TABLE nightdesk.corporate_actions IS
    'Splits, dividends and changes of a source''s adjustment, every version ever known';
COMMENT ON COLUMN nightdesk.corporate_actions.symbol_id IS 'The symbol';
COMMENT ON COLUMN nightdesk.corporate_actions.session IS 'Ex-date';
COMMENT ON COLUMN nightdesk.corporate_actions.kind IS 'split, dividend or adjustment';
COMMENT ON COLUMN nightdesk.corporate_actions.known_at IS 'From when on this version was known, UTC';
COMMENT ON COLUMN nightdesk.corporate_actions.superseded_at IS
    'When a later version took its place or the source withdrew it, UTC; null while it holds';
COMMENT ON COLUMN nightdesk.corporate_actions.source IS 'Feed that gave it';
COMMENT ON COLUMN nightdesk.corporate_actions.value IS
    'split: shares after for one before; dividend: dollars a share; adjustment: ratio by which adj_close / close grew';

CREATE TABLE nightdesk.feed_health (
    source       text PRIMARY KEY,
    failures     integer NOT NULL CHECK (failures >= 0),
    opened_at    timestamptz,
    last_success timestamptz,
    last_failure timestamptz,
    last_error   text NOT NULL
);
COMMENT ON TABLE nightdesk.feed_health IS 'The circuit breaker of every source, kept between processes';
COMMENT ON COLUMN nightdesk.feed_health.source IS 'Name of the feed';
COMMENT ON COLUMN nightdesk.feed_health.failures IS 'Failures running, 0 after an answer';
COMMENT ON COLUMN nightdesk.feed_health.opened_at IS 'When the circuit last opened, UTC; null while it is closed';
COMMENT ON COLUMN nightdesk.feed_health.last_success IS 'When the source last answered, UTC';
COMMENT ON COLUMN nightdesk.feed_health.last_failure IS 'When the source last failed, UTC';
COMMENT ON COLUMN nightdesk.feed_health.last_error IS 'Words of its newest failure; empty when there was none';

CREATE TABLE nightdesk.quality_runs (
    book        text NOT NULL,
    session     date NOT NULL,
    check_name  text NOT NULL,
    symbol      text NOT NULL,
    value       double precision,
    limit_value double precision,
    outcome     text NOT NULL CHECK (outcome IN ('passed', 'warned', 'quarantined', 'stopped')),
    detail      text NOT NULL DEFAULT '',
    PRIMARY KEY (book, session, check_name, symbol)
);
CREATE INDEX quality_runs_quarantined
    ON nightdesk.quality_runs (book, symbol, session) WHERE outcome = 'quarantined';
COMMENT ON TABLE nightdesk.quality_runs IS 'What each check of the data found, before anything was computed from it';
COMMENT ON COLUMN nightdesk.quality_runs.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.quality_runs.session IS 'Session that was decided on this data';
COMMENT ON COLUMN nightdesk.quality_runs.check_name IS 'Name of the check';
COMMENT ON COLUMN nightdesk.quality_runs.symbol IS 'Symbol that was checked; * where the check is of them all';
COMMENT ON COLUMN nightdesk.quality_runs.value IS 'What was found, in the unit of the check; null where it has no number';
COMMENT ON COLUMN nightdesk.quality_runs.limit_value IS 'What was allowed, in the unit of the check; null where it has no number';
COMMENT ON COLUMN nightdesk.quality_runs.outcome IS 'passed, warned, quarantined (the symbol) or stopped (the run)';
COMMENT ON COLUMN nightdesk.quality_runs.detail IS 'The finding in words, with both values where two were compared';

-- Derived, not kept: sessions may be checked side by side, in any order and again, and the spells still follow.
CREATE VIEW nightdesk.quarantine AS
WITH checked AS (
    SELECT book, session, row_number() OVER (PARTITION BY book ORDER BY session) AS place
    FROM (SELECT DISTINCT book, session FROM nightdesk.quality_runs) AS one
), failed AS (
    SELECT book, symbol, session, place,
           place - dense_rank() OVER (PARTITION BY book, symbol ORDER BY session) AS spell,
           check_name
    FROM nightdesk.quality_runs JOIN checked USING (book, session)
    WHERE outcome = 'quarantined'
)
SELECT book, symbol,
       string_agg(DISTINCT check_name, ', ' ORDER BY check_name) AS reason,
       min(session) AS first_session,
       max(session) AS last_session,
       max(place) = (SELECT max(place) FROM checked WHERE checked.book = failed.book) AS ongoing
FROM failed
GROUP BY book, symbol, spell;
COMMENT ON VIEW nightdesk.quarantine IS 'Spells of quarantine: runs of decided sessions at which a symbol failed a check';
COMMENT ON COLUMN nightdesk.quarantine.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.quarantine.symbol IS 'The symbol';
COMMENT ON COLUMN nightdesk.quarantine.reason IS 'Names of the checks that it failed in the spell';
COMMENT ON COLUMN nightdesk.quarantine.first_session IS 'First session of the spell';
COMMENT ON COLUMN nightdesk.quarantine.last_session IS 'Last session of the spell so far';
COMMENT ON COLUMN nightdesk.quarantine.ongoing IS 'Whether the newest session that was checked is in it';
