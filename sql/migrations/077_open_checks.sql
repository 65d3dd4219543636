-- The cheap criteria of a screen again before each open: which members open nothing in a session.

CREATE TABLE nightdesk.open_checks (
    book      text NOT NULL CHECK (book <> ''),
    session   date NOT NULL,
    known_by  timestamptz NOT NULL,
    stored_at timestamptz NOT NULL,
    checked   integer NOT NULL CHECK (checked >= 0),
    off       integer NOT NULL CHECK (off BETWEEN 0 AND checked),
    PRIMARY KEY (book, session)
);
COMMENT ON TABLE nightdesk.open_checks IS
    'Checks of the members of a screened book before the open of a session, on the closes of the one before';
COMMENT ON COLUMN nightdesk.open_checks.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.open_checks.session IS 'The session in whose decision what fails is off';
COMMENT ON COLUMN nightdesk.open_checks.known_by IS 'Bars and facts that were stored by then count, UTC';
COMMENT ON COLUMN nightdesk.open_checks.stored_at IS 'When it was stored: decisions know it from then on, UTC';
COMMENT ON COLUMN nightdesk.open_checks.checked IS 'Members that were checked';
COMMENT ON COLUMN nightdesk.open_checks.off IS 'Members that are off';

CREATE TABLE nightdesk.open_check_failures (
    book    text NOT NULL,
    session date NOT NULL,
    symbol  text NOT NULL,
    reason  text NOT NULL CHECK (reason <> ''),
    PRIMARY KEY (book, session, symbol),
    FOREIGN KEY (book, session) REFERENCES nightdesk.open_checks (book, session)
);
COMMENT ON TABLE nightdesk.open_check_failures IS
    'Members that failed the check before the open: they keep what is held, and open nothing in that session';
COMMENT ON COLUMN nightdesk.open_check_failures.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.open_check_failures.session IS 'The session';
COMMENT ON COLUMN nightdesk.open_check_failures.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.open_check_failures.reason IS 'What it failed, with value and limit';
