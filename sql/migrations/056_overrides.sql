-- What people limit in a book for some time, and that they end it: facts of which none is ever changed.

CREATE TABLE nightdesk.overrides (
    override_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book          text NOT NULL REFERENCES nightdesk.books,
    symbol        text CHECK (symbol <> ''),
    kind          text NOT NULL CHECK (kind IN ('close_only', 'no_new_entries', 'max_size')),
    amount        double precision CHECK (amount BETWEEN 0 AND 1),
    reduces       boolean NOT NULL DEFAULT false,
    from_as_of    timestamptz NOT NULL,
    from_session  date NOT NULL,
    until_session date NOT NULL,
    stated_by     text NOT NULL CHECK (stated_by <> ''),
    stated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason        text NOT NULL CHECK (reason <> ''),
    CHECK ((kind = 'max_size') = (amount IS NOT NULL)),
    CHECK (kind = 'max_size' OR NOT reduces),
    CHECK (until_session >= from_session)
);
CREATE INDEX overrides_by_book ON nightdesk.overrides (book, until_session);
COMMENT ON TABLE nightdesk.overrides IS
    'What people limit in a book for some time; a decision reads those that were stated by its known_by and count in it';
COMMENT ON COLUMN nightdesk.overrides.override_id IS 'Number of the override';
COMMENT ON COLUMN nightdesk.overrides.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.overrides.symbol IS 'Symbol of the book; null: all of its symbols';
COMMENT ON COLUMN nightdesk.overrides.kind IS
    'close_only (nothing adds to a position), no_new_entries (nothing is opened) or max_size (no position grows beyond an amount)';
COMMENT ON COLUMN nightdesk.overrides.amount IS 'Largest net position in each symbol, absolute, share of NAV; null of other kinds';
COMMENT ON COLUMN nightdesk.overrides.reduces IS 'Whether a position beyond the amount is brought back to it';
COMMENT ON COLUMN nightdesk.overrides.from_as_of IS 'First decision that it counts in, UTC';
COMMENT ON COLUMN nightdesk.overrides.from_session IS 'Session of that decision';
COMMENT ON COLUMN nightdesk.overrides.until_session IS 'Last session that it counts in';
COMMENT ON COLUMN nightdesk.overrides.stated_by IS 'The person who said so';
COMMENT ON COLUMN nightdesk.overrides.stated_at IS 'When it was said, UTC: a decision that knew its market before has not read it';
COMMENT ON COLUMN nightdesk.overrides.reason IS 'Why';

CREATE TABLE nightdesk.override_ends (
    override_id bigint PRIMARY KEY REFERENCES nightdesk.overrides,
    from_as_of  timestamptz NOT NULL,
    ended_by    text NOT NULL CHECK (ended_by <> ''),
    ended_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason      text NOT NULL CHECK (reason <> '')
);
COMMENT ON TABLE nightdesk.override_ends IS 'Overrides that a person has ended before their last session, a row each';
COMMENT ON COLUMN nightdesk.override_ends.override_id IS 'Number of the override';
COMMENT ON COLUMN nightdesk.override_ends.from_as_of IS 'First decision that it does not count in any more, UTC';
COMMENT ON COLUMN nightdesk.override_ends.ended_by IS 'The person who ended it';
COMMENT ON COLUMN nightdesk.override_ends.ended_at IS 'When it was ended, UTC: a decision that knew its market before still reads the override';
COMMENT ON COLUMN nightdesk.override_ends.reason IS 'Why';
