-- What people are told once a spell, what an ingest left out, and what a strategy's results are compared with.

CREATE TABLE nightdesk.alert_spells (
    spell_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book       text NOT NULL,
    kind       text NOT NULL CHECK (kind IN (
        'quarantine', 'no_bar', 'reference', 'feed', 'late_data', 'limit', 'band'
    )),
    subject    text NOT NULL,
    level      text NOT NULL CHECK (level IN ('INFO', 'WARNING', 'CRITICAL', 'EMERGENCY')),
    session    date,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at  timestamptz CHECK (closed_at >= created_at)
);
CREATE UNIQUE INDEX alert_spells_open ON nightdesk.alert_spells (book, kind, subject) WHERE closed_at IS NULL;
COMMENT ON TABLE nightdesk.alert_spells IS
    'Conditions that were told when they began: while one is open it is not told again, and its end is told once';
COMMENT ON COLUMN nightdesk.alert_spells.spell_id IS 'Number of the spell';
COMMENT ON COLUMN nightdesk.alert_spells.book IS 'Book that it concerns; empty for the whole desk';
COMMENT ON COLUMN nightdesk.alert_spells.kind IS
    'quarantine, no_bar, reference, feed, late_data, limit (near or beyond it) or band (of a strategy''s results)';
COMMENT ON COLUMN nightdesk.alert_spells.subject IS 'The symbol, source, limit or strategy; empty where the book is the subject';
COMMENT ON COLUMN nightdesk.alert_spells.level IS 'Level of the gravest alert that was raised of it';
COMMENT ON COLUMN nightdesk.alert_spells.session IS 'Session at which it was told; null for what belongs to none';
COMMENT ON COLUMN nightdesk.alert_spells.created_at IS 'When it was told, UTC';
COMMENT ON COLUMN nightdesk.alert_spells.closed_at IS 'When it was found to be over, UTC; null while it goes on';

CREATE TABLE nightdesk.ingest_notes (
    book    text NOT NULL,
    session date NOT NULL,
    kind    text NOT NULL CHECK (kind IN ('dropped', 'passed_over', 'missing')),
    subject text NOT NULL,
    rows    integer CHECK (rows > 0),
    detail  text NOT NULL DEFAULT '',
    PRIMARY KEY (book, session, kind, subject),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.ingest_notes IS 'What the newest ingest of a session did not take in, and why';
COMMENT ON COLUMN nightdesk.ingest_notes.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.ingest_notes.session IS 'Session';
COMMENT ON COLUMN nightdesk.ingest_notes.kind IS
    'dropped (rows of bars that were left out), passed_over (a file that was not read) or missing (a symbol without any bar)';
COMMENT ON COLUMN nightdesk.ingest_notes.subject IS 'dropped: the reason; passed_over: the file; missing: the symbol';
COMMENT ON COLUMN nightdesk.ingest_notes.rows IS 'dropped: how many rows; null for the others';
COMMENT ON COLUMN nightdesk.ingest_notes.detail IS 'passed_over: the file''s header and the reason; missing: the reason; else empty';

CREATE TABLE nightdesk.strategy_bands (
    book          text NOT NULL,
    strategy      text NOT NULL,
    config_hash   text NOT NULL,
    sessions      integer NOT NULL CHECK (sessions > 0),
    windows       integer NOT NULL CHECK (windows >= 0),
    low           double precision NOT NULL,
    high          double precision NOT NULL,
    first_session date NOT NULL,
    last_session  date NOT NULL,
    sources       text[] NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (book, strategy)
);
COMMENT ON TABLE nightdesk.strategy_bands IS
    'The band of each strategy''s results over some sessions in a backtest that was kept, newest only';
COMMENT ON COLUMN nightdesk.strategy_bands.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.strategy_bands.strategy IS 'Name of the strategy';
COMMENT ON COLUMN nightdesk.strategy_bands.config_hash IS 'SHA-256 of the book''s configuration that was tested, hexadecimal';
COMMENT ON COLUMN nightdesk.strategy_bands.sessions IS 'Length of one window, sessions';
COMMENT ON COLUMN nightdesk.strategy_bands.windows IS 'Windows of the backtest in which the strategy held a position';
COMMENT ON COLUMN nightdesk.strategy_bands.low IS 'Result below which one window of a hundred fell, share of NAV; NaN with too few windows';
COMMENT ON COLUMN nightdesk.strategy_bands.high IS 'Result above which one window of a hundred rose, share of NAV; NaN with too few windows';
COMMENT ON COLUMN nightdesk.strategy_bands.first_session IS 'First session of the backtest';
COMMENT ON COLUMN nightdesk.strategy_bands.last_session IS 'Last session of the backtest';
COMMENT ON COLUMN nightdesk.strategy_bands.sources IS 'Feeds that its bars came from';
COMMENT ON COLUMN nightdesk.strategy_bands.created_at IS 'When it was kept, UTC';
