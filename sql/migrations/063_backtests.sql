-- Backtests that were kept: what was asked, what it was made with, its figures and its course.

CREATE TABLE nightdesk.backtests (
    backtest_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book          text NOT NULL CHECK (book <> ''),
    state         text NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    asked_by      text NOT NULL CHECK (asked_by <> ''),
    run           text NOT NULL DEFAULT '',
    note          text NOT NULL DEFAULT '',
    changes       jsonb NOT NULL DEFAULT '{}',
    first_session date NOT NULL,
    last_session  date NOT NULL CHECK (last_session >= first_session),
    began_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at      timestamptz CHECK ((ended_at IS NULL) = (state = 'running')),
    config_hash   text NOT NULL,
    code_version  text NOT NULL,
    document      jsonb NOT NULL,
    capital       numeric NOT NULL CHECK (capital > 0),
    sources       text[] NOT NULL DEFAULT '{}',
    figures       jsonb CHECK ((figures IS NOT NULL) = (state = 'done')),
    error         text NOT NULL DEFAULT '' CHECK ((error <> '') = (state = 'failed'))
);
CREATE UNIQUE INDEX backtests_by_run ON nightdesk.backtests (run) WHERE run <> '';
CREATE INDEX backtests_by_book ON nightdesk.backtests (book, backtest_id);
COMMENT ON TABLE nightdesk.backtests IS 'Backtests that people had kept, a row each; what is done is never changed';
COMMENT ON COLUMN nightdesk.backtests.backtest_id IS 'Number of the backtest';
COMMENT ON COLUMN nightdesk.backtests.book IS 'Name of the book; it need not be started';
COMMENT ON COLUMN nightdesk.backtests.state IS 'running, done or failed';
COMMENT ON COLUMN nightdesk.backtests.asked_by IS 'The person who asked for it';
COMMENT ON COLUMN nightdesk.backtests.run IS 'The run of Airflow that made it, as DAG/run, of which there is one; empty: a command';
COMMENT ON COLUMN nightdesk.backtests.note IS 'What the person wrote with it';
COMMENT ON COLUMN nightdesk.backtests.changes IS 'Values over those of the book''s file, by dotted key';
COMMENT ON COLUMN nightdesk.backtests.first_session IS 'First decided session, in which the book receives its capital';
COMMENT ON COLUMN nightdesk.backtests.last_session IS 'Last decided session';
COMMENT ON COLUMN nightdesk.backtests.began_at IS 'When its newest attempt began, UTC';
COMMENT ON COLUMN nightdesk.backtests.ended_at IS 'When it was done or failed, UTC';
COMMENT ON COLUMN nightdesk.backtests.config_hash IS 'SHA-256 of all that the book decided by, hexadecimal';
COMMENT ON COLUMN nightdesk.backtests.code_version IS 'Version of the code that decided';
COMMENT ON COLUMN nightdesk.backtests.document IS 'The book as it was, with every default filled in';
COMMENT ON COLUMN nightdesk.backtests.capital IS 'What the book began with, dollars';
COMMENT ON COLUMN nightdesk.backtests.sources IS 'Sources of its bars';
COMMENT ON COLUMN nightdesk.backtests.figures IS 'Its figures, as metrics.json holds them: shares and dollars; null where one is not known';
COMMENT ON COLUMN nightdesk.backtests.error IS 'Why it failed';

CREATE TABLE nightdesk.backtest_series (
    backtest_id bigint NOT NULL REFERENCES nightdesk.backtests,
    kind        text NOT NULL CHECK (kind IN ('nav', 'benchmark', 'strategy')),
    strategy    text NOT NULL DEFAULT '' CHECK ((strategy <> '') = (kind = 'strategy')),
    sessions    date[] NOT NULL,
    dollars     double precision[] NOT NULL CHECK (cardinality(dollars) = cardinality(sessions)),
    PRIMARY KEY (backtest_id, kind, strategy)
);
COMMENT ON TABLE nightdesk.backtest_series IS 'The course of a kept backtest, a value a session';
COMMENT ON COLUMN nightdesk.backtest_series.backtest_id IS 'Number of the backtest';
COMMENT ON COLUMN nightdesk.backtest_series.kind IS
    'nav (at the close), benchmark (the same capital in it, dividends reinvested) or strategy (what it has earned until then)';
COMMENT ON COLUMN nightdesk.backtest_series.strategy IS 'Name of the strategy; empty of other kinds';
COMMENT ON COLUMN nightdesk.backtest_series.sessions IS 'Decided sessions, ascending';
COMMENT ON COLUMN nightdesk.backtest_series.dollars IS 'Dollars; NaN where the benchmark has no value yet';
