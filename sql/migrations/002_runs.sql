-- The books, their sessions and the steps that worked on them.

CREATE TABLE nightdesk.books (
    book            text PRIMARY KEY,
    inception       date NOT NULL,
    origin          date NOT NULL CHECK (origin <= inception),
    initial_capital numeric NOT NULL CHECK (initial_capital > 0 AND initial_capital = round(initial_capital, 2)),
    broker          text NOT NULL,
    account         text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (broker, account)
);
COMMENT ON TABLE nightdesk.books IS 'Books that were started; a broker account serves one of them only';
COMMENT ON COLUMN nightdesk.books.book IS 'Name of the book, that of its file in books/';
COMMENT ON COLUMN nightdesk.books.inception IS 'First decided session';
COMMENT ON COLUMN nightdesk.books.origin IS 'First session from which factors are computed';
COMMENT ON COLUMN nightdesk.books.initial_capital IS 'Capital at inception, dollars';
COMMENT ON COLUMN nightdesk.books.broker IS 'Kind of broker: paper, ...';
COMMENT ON COLUMN nightdesk.books.account IS 'The broker''s name for the account';
COMMENT ON COLUMN nightdesk.books.created_at IS 'When the book was started, UTC';

CREATE TABLE nightdesk.runs (
    book         text NOT NULL REFERENCES nightdesk.books,
    session      date NOT NULL,
    as_of        timestamptz NOT NULL,
    known_by     timestamptz,
    status       text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'failed', 'closed')),
    code_version text NOT NULL,
    config_hash  text NOT NULL,
    opened_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at    timestamptz CHECK ((status = 'closed') = (closed_at IS NOT NULL)),
    PRIMARY KEY (book, session)
);
COMMENT ON TABLE nightdesk.runs IS 'One decision of a book: what made the rows of (book, session)';
COMMENT ON COLUMN nightdesk.runs.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.runs.session IS 'Session that was decided';
COMMENT ON COLUMN nightdesk.runs.as_of IS 'Market instant of the decision: the session''s close, UTC';
COMMENT ON COLUMN nightdesk.runs.known_by IS 'Instant up to which the decision used what was known, UTC; none before its first ingest';
COMMENT ON COLUMN nightdesk.runs.status IS 'open, failed (a step''s newest attempt failed) or closed';
COMMENT ON COLUMN nightdesk.runs.code_version IS 'Version of the package at the newest ingest';
COMMENT ON COLUMN nightdesk.runs.config_hash IS 'SHA-256 of the book''s configuration at the newest ingest, hexadecimal';
COMMENT ON COLUMN nightdesk.runs.opened_at IS 'When the first step began, UTC';
COMMENT ON COLUMN nightdesk.runs.closed_at IS 'When the session was closed, UTC';

CREATE TABLE nightdesk.run_steps (
    run_step_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book        text NOT NULL,
    session     date NOT NULL,
    step        text NOT NULL,
    status      text NOT NULL CHECK (status IN ('running', 'done', 'compared', 'waiting', 'failed')),
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at    timestamptz,
    counts      jsonb NOT NULL DEFAULT '{}',
    differences text[] NOT NULL DEFAULT '{}',
    error       text,
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
CREATE INDEX run_steps_by_session ON nightdesk.run_steps (book, session, step, run_step_id);
COMMENT ON TABLE nightdesk.run_steps IS 'Every attempt at a step of a session, in the order in which they began';
COMMENT ON COLUMN nightdesk.run_steps.run_step_id IS 'Number of the attempt';
COMMENT ON COLUMN nightdesk.run_steps.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.run_steps.session IS 'Session';
COMMENT ON COLUMN nightdesk.run_steps.step IS 'Name of the step; signals:STRATEGY for a strategy''s';
COMMENT ON COLUMN nightdesk.run_steps.status IS 'running (or killed there), done, compared (the session is sealed: nothing was written), waiting (its turn had not come), failed';
COMMENT ON COLUMN nightdesk.run_steps.started_at IS 'When it began, UTC';
COMMENT ON COLUMN nightdesk.run_steps.ended_at IS 'When it ended, UTC';
COMMENT ON COLUMN nightdesk.run_steps.counts IS 'What it did, as small counts';
COMMENT ON COLUMN nightdesk.run_steps.differences IS 'What a sealed session''s rerun found to differ, one line each';
COMMENT ON COLUMN nightdesk.run_steps.error IS 'Class and message of the error that ended it';
