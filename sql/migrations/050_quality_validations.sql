-- What Great Expectations said of a session, from which its Data Docs can be built again.

CREATE TABLE nightdesk.quality_validations (
    book     text NOT NULL,
    as_of    timestamptz NOT NULL,
    session  date NOT NULL,
    suite    text NOT NULL CHECK (suite <> ''),
    success  boolean NOT NULL,
    document jsonb NOT NULL,
    PRIMARY KEY (book, as_of, suite),
    FOREIGN KEY (book, as_of, session) REFERENCES nightdesk.runs (book, as_of, session)
);
COMMENT ON TABLE nightdesk.quality_validations IS
    'The results of Great Expectations for the decisions that were the newest when their data was checked, a row a suite; of old, closed sessions they are deleted by the upkeep';
COMMENT ON COLUMN nightdesk.quality_validations.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.quality_validations.as_of IS 'Market instant of the decision, UTC';
COMMENT ON COLUMN nightdesk.quality_validations.session IS 'Session';
COMMENT ON COLUMN nightdesk.quality_validations.suite IS
    'checks: those of the desk; the others are expectations of the book''s own, named after the frame that they were asked of';
COMMENT ON COLUMN nightdesk.quality_validations.success IS 'Whether every expectation of the suite was met';
COMMENT ON COLUMN nightdesk.quality_validations.document IS
    'Statistics and result of each expectation as Great Expectations gives them, without times and with a bounded number of symbols';
