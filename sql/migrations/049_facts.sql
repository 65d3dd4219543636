-- What is known of the market beside its prices: a table a kind, every version of every fact, with the instant from
-- which the world knew it and the one at which it came here. Nothing is changed or deleted: of the versions that a
-- decision knew the one counts that was known last, and of those known at one instant the one stored last.

CREATE TABLE nightdesk.macro (
    series    text NOT NULL CHECK (series <> ''),
    period    date NOT NULL,
    known_at  timestamptz NOT NULL,
    value     double precision,
    source    text NOT NULL CHECK (source <> ''),
    stored_at timestamptz NOT NULL,
    PRIMARY KEY (series, period, known_at, stored_at)
);
CREATE INDEX macro_stored ON nightdesk.macro (series, stored_at);
COMMENT ON TABLE nightdesk.macro IS 'Series of the economy: rates, inflation, volatility indices; every version';
COMMENT ON COLUMN nightdesk.macro.series IS 'The series as its publisher calls it, such as DGS10';
COMMENT ON COLUMN nightdesk.macro.period IS 'The day, or the first day of the month or quarter, that the value is of';
COMMENT ON COLUMN nightdesk.macro.known_at IS 'From when the world knew this version, UTC';
COMMENT ON COLUMN nightdesk.macro.value IS 'The value in the unit of its publisher; null where that has none for the period';
COMMENT ON COLUMN nightdesk.macro.source IS 'The source that told it';
COMMENT ON COLUMN nightdesk.macro.stored_at IS 'When the version came into the store, UTC: no decision before it has used it';

CREATE TABLE nightdesk.positioning (
    code          text NOT NULL CHECK (code <> ''),
    report_date   date NOT NULL,
    known_at      timestamptz NOT NULL,
    long          double precision CHECK (long >= 0),
    short         double precision CHECK (short >= 0),
    open_interest double precision CHECK (open_interest >= 0),
    source        text NOT NULL CHECK (source <> ''),
    stored_at     timestamptz NOT NULL,
    PRIMARY KEY (code, report_date, known_at, stored_at)
);
CREATE INDEX positioning_stored ON nightdesk.positioning (code, stored_at);
COMMENT ON TABLE nightdesk.positioning IS 'Futures held by non-commercial traders, as the CFTC reports them; every version';
COMMENT ON COLUMN nightdesk.positioning.code IS 'Code of the contract at the CFTC, such as 088691';
COMMENT ON COLUMN nightdesk.positioning.report_date IS 'The day that the positions are of, a Tuesday as a rule';
COMMENT ON COLUMN nightdesk.positioning.known_at IS 'When the report was released, UTC';
COMMENT ON COLUMN nightdesk.positioning.long IS 'Long positions, contracts';
COMMENT ON COLUMN nightdesk.positioning.short IS 'Short positions, contracts';
COMMENT ON COLUMN nightdesk.positioning.open_interest IS 'Open interest of all traders, contracts';
COMMENT ON COLUMN nightdesk.positioning.source IS 'The source that told it';
COMMENT ON COLUMN nightdesk.positioning.stored_at IS 'When the version came into the store, UTC: no decision before it has used it';

CREATE TABLE nightdesk.earnings (
    symbol      text NOT NULL CHECK (symbol <> ''),
    fiscal_end  date NOT NULL,
    known_at    timestamptz NOT NULL,
    report_date date,
    timing      text NOT NULL CHECK (timing IN ('', 'before', 'after')),
    source      text NOT NULL CHECK (source <> ''),
    stored_at   timestamptz NOT NULL,
    PRIMARY KEY (symbol, fiscal_end, known_at, stored_at)
);
CREATE INDEX earnings_stored ON nightdesk.earnings (symbol, stored_at);
COMMENT ON TABLE nightdesk.earnings IS 'When companies report their quarters, as it was planned and as it came; every version';
COMMENT ON COLUMN nightdesk.earnings.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.earnings.fiscal_end IS 'Last day of the quarter that is reported';
COMMENT ON COLUMN nightdesk.earnings.known_at IS 'From when the world knew this version, UTC';
COMMENT ON COLUMN nightdesk.earnings.report_date IS 'The day of the report, exchange time; null where none is named any more';
COMMENT ON COLUMN nightdesk.earnings.timing IS 'before the open, after the close, or empty where that is not said';
COMMENT ON COLUMN nightdesk.earnings.source IS 'The source that told it';
COMMENT ON COLUMN nightdesk.earnings.stored_at IS 'When the version came into the store, UTC: no decision before it has used it';

CREATE TABLE nightdesk.listings (
    symbol      text NOT NULL CHECK (symbol <> ''),
    day         date NOT NULL,
    known_at    timestamptz NOT NULL,
    title       text NOT NULL,
    exchange    text NOT NULL,
    security    text NOT NULL,
    sector      text NOT NULL,
    industry    text NOT NULL,
    market_cap  double precision CHECK (market_cap >= 0),
    shares      double precision CHECK (shares >= 0),
    listed_from date,
    delisted_on date,
    source      text NOT NULL CHECK (source <> ''),
    stored_at   timestamptz NOT NULL,
    PRIMARY KEY (symbol, day, known_at, stored_at)
);
CREATE INDEX listings_stored ON nightdesk.listings (symbol, stored_at);
COMMENT ON TABLE nightdesk.listings IS 'What symbols were on a day, those that are delisted since among them; every version';
COMMENT ON COLUMN nightdesk.listings.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.listings.day IS 'The day that it is said of';
COMMENT ON COLUMN nightdesk.listings.known_at IS 'From when the world knew this version, UTC';
COMMENT ON COLUMN nightdesk.listings.title IS 'Name of the company or fund; empty where not said, as the other words';
COMMENT ON COLUMN nightdesk.listings.exchange IS 'Exchange on which it is listed';
COMMENT ON COLUMN nightdesk.listings.security IS 'common, fund, or another word of its source';
COMMENT ON COLUMN nightdesk.listings.sector IS 'Sector';
COMMENT ON COLUMN nightdesk.listings.industry IS 'Industry';
COMMENT ON COLUMN nightdesk.listings.market_cap IS 'Market capitalisation, dollars; null where not said';
COMMENT ON COLUMN nightdesk.listings.shares IS 'Shares outstanding; null where not said';
COMMENT ON COLUMN nightdesk.listings.listed_from IS 'First day on the exchange; null where not said';
COMMENT ON COLUMN nightdesk.listings.delisted_on IS 'Last day on the exchange; null while it is listed';
COMMENT ON COLUMN nightdesk.listings.source IS 'The source that told it';
COMMENT ON COLUMN nightdesk.listings.stored_at IS 'When the version came into the store, UTC: no decision before it has used it';

CREATE TABLE nightdesk.quotes_eod (
    symbol    text NOT NULL CHECK (symbol <> ''),
    session   date NOT NULL,
    known_at  timestamptz NOT NULL,
    bid       double precision CHECK (bid >= 0),
    ask       double precision CHECK (ask >= 0),
    bid_size  double precision CHECK (bid_size >= 0),
    ask_size  double precision CHECK (ask_size >= 0),
    source    text NOT NULL CHECK (source <> ''),
    stored_at timestamptz NOT NULL,
    PRIMARY KEY (symbol, session, known_at, stored_at)
);
CREATE INDEX quotes_eod_stored ON nightdesk.quotes_eod (symbol, stored_at);
COMMENT ON TABLE nightdesk.quotes_eod IS 'The last quote of each session; every version';
COMMENT ON COLUMN nightdesk.quotes_eod.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.quotes_eod.session IS 'Session';
COMMENT ON COLUMN nightdesk.quotes_eod.known_at IS 'From when the world knew this version, UTC';
COMMENT ON COLUMN nightdesk.quotes_eod.bid IS 'Highest price bid, raw dollars; null where nobody bid';
COMMENT ON COLUMN nightdesk.quotes_eod.ask IS 'Lowest price asked, raw dollars; null where nobody asked';
COMMENT ON COLUMN nightdesk.quotes_eod.bid_size IS 'Units bid for; null where not said';
COMMENT ON COLUMN nightdesk.quotes_eod.ask_size IS 'Units offered; null where not said';
COMMENT ON COLUMN nightdesk.quotes_eod.source IS 'The source that told it';
COMMENT ON COLUMN nightdesk.quotes_eod.stored_at IS 'When the version came into the store, UTC: no decision before it has used it';

-- The closes of second sources become such facts too: of the market and not of one decision, so that a correction is a
-- version and a past decision compares with what it knew. A close that is stored was known when its decision was.
CREATE TEMPORARY TABLE second_closes_before ON COMMIT DROP AS
SELECT symbol, session, min(known_by) AS known_at, close, source
FROM nightdesk.second_closes JOIN nightdesk.runs USING (book, as_of, session)
WHERE known_by IS NOT NULL AND close > 0
GROUP BY symbol, session, close, source;
DROP TABLE nightdesk.second_closes;
CREATE TABLE nightdesk.second_closes (
    symbol    text NOT NULL CHECK (symbol <> ''),
    session   date NOT NULL,
    known_at  timestamptz NOT NULL,
    close     double precision CHECK (close > 0),
    source    text NOT NULL CHECK (source <> ''),
    stored_at timestamptz NOT NULL,
    PRIMARY KEY (symbol, session, source, known_at, stored_at)
);
CREATE INDEX second_closes_stored ON nightdesk.second_closes (symbol, stored_at);
COMMENT ON TABLE nightdesk.second_closes IS 'Closes of second sources, which the first ones'' are compared with; every version';
COMMENT ON COLUMN nightdesk.second_closes.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.second_closes.session IS 'Session';
COMMENT ON COLUMN nightdesk.second_closes.known_at IS 'When it was fetched, UTC';
COMMENT ON COLUMN nightdesk.second_closes.close IS 'The close, raw dollars; null where the source has taken it back';
COMMENT ON COLUMN nightdesk.second_closes.source IS 'The second source';
COMMENT ON COLUMN nightdesk.second_closes.stored_at IS 'When the version came into the store, UTC: no decision before it has used it';
INSERT INTO nightdesk.second_closes (symbol, session, known_at, close, source, stored_at)
SELECT symbol, session, known_at, close, source, known_at FROM second_closes_before;

CREATE TABLE nightdesk.fact_reach (
    book    text NOT NULL,
    kind    text NOT NULL CHECK (kind <> ''),
    source  text NOT NULL CHECK (source <> ''),
    subject text NOT NULL CHECK (subject <> ''),
    since   date NOT NULL,
    until   date NOT NULL CHECK (until >= since),
    PRIMARY KEY (book, kind, source, subject)
);
COMMENT ON TABLE nightdesk.fact_reach IS
    'Up to when the facts of a book were asked for and answered, so that a gap is closed later';
COMMENT ON COLUMN nightdesk.fact_reach.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.fact_reach.kind IS 'Kind of facts, as a key of the book''s feeds';
COMMENT ON COLUMN nightdesk.fact_reach.source IS 'Name of the source, as the book lists it';
COMMENT ON COLUMN nightdesk.fact_reach.subject IS 'Series, code or symbol';
COMMENT ON COLUMN nightdesk.fact_reach.since IS 'From which day on they were answered';
COMMENT ON COLUMN nightdesk.fact_reach.until IS 'Up to which day they were answered';

ALTER TABLE nightdesk.ingest_notes DROP CONSTRAINT ingest_notes_kind_check,
    ADD CONSTRAINT ingest_notes_kind_check CHECK (kind IN ('dropped', 'passed_over', 'missing', 'no_facts'));
COMMENT ON COLUMN nightdesk.ingest_notes.kind IS
    'dropped: rows that were left out; passed_over: a file that was not read; missing: a symbol without any bar; no_facts: a series, contract or symbol without the facts that the book asks for';
