-- A book with a list of members keeps no row of what says nothing, and counts how many it left out.

CREATE TABLE nightdesk.silent_rows (
    book       text NOT NULL,
    as_of      timestamptz NOT NULL,
    session    date NOT NULL,
    table_name text NOT NULL CHECK (table_name IN ('signals', 'targets', 'gated')),
    strategy   text NOT NULL,
    silent     integer NOT NULL CHECK (silent >= 0),
    PRIMARY KEY (book, as_of, table_name, strategy),
    FOREIGN KEY (book, as_of, session) REFERENCES nightdesk.runs (book, as_of, session)
);
COMMENT ON TABLE nightdesk.silent_rows IS
    'What has no row of its own in a large universe: with the rows that are there it makes one a symbol';
COMMENT ON COLUMN nightdesk.silent_rows.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.silent_rows.as_of IS 'Market instant of the decision, UTC';
COMMENT ON COLUMN nightdesk.silent_rows.session IS 'Session that the decision lies in';
COMMENT ON COLUMN nightdesk.silent_rows.table_name IS
    'signals (that hold), targets (nothing held, wanted or carried on), gated (nothing held or let through)';
COMMENT ON COLUMN nightdesk.silent_rows.strategy IS 'Strategy';
COMMENT ON COLUMN nightdesk.silent_rows.silent IS 'Symbols without a row';
