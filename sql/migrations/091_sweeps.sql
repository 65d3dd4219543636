-- Research in many tasks: a run makes a backtest of each book that it names, and sweeps are kept point by point.

DROP INDEX nightdesk.backtests_by_run;
CREATE UNIQUE INDEX backtests_by_run ON nightdesk.backtests (run, book) WHERE run <> '';
COMMENT ON COLUMN nightdesk.backtests.run IS
    'The run of Airflow that made it, as DAG/run, of which a book has one; empty: a command';


CREATE TABLE nightdesk.sweeps (
    sweep_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book          text NOT NULL CHECK (book <> ''),
    asked_by      text NOT NULL CHECK (asked_by <> ''),
    run           text NOT NULL DEFAULT '',
    note          text NOT NULL DEFAULT '',
    grid          text[] NOT NULL CHECK (cardinality(grid) > 0),
    metric        text NOT NULL,
    points        integer NOT NULL CHECK (points > 0),
    first_session date NOT NULL,
    last_session  date NOT NULL CHECK (last_session >= first_session),
    began_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    config_hash   text NOT NULL,
    code_version  text NOT NULL,
    bars_digest   text NOT NULL DEFAULT '',
    sources       text[] NOT NULL DEFAULT '{}'
);
CREATE UNIQUE INDEX sweeps_by_run ON nightdesk.sweeps (run) WHERE run <> '';
CREATE INDEX sweeps_by_book ON nightdesk.sweeps (book, sweep_id);
COMMENT ON TABLE nightdesk.sweeps IS 'Sweeps that people had kept, a row each; one is done when all its points are there';
COMMENT ON COLUMN nightdesk.sweeps.sweep_id IS 'Number of the sweep';
COMMENT ON COLUMN nightdesk.sweeps.book IS 'Name of the book; it need not be started';
COMMENT ON COLUMN nightdesk.sweeps.asked_by IS 'The person who asked for it';
COMMENT ON COLUMN nightdesk.sweeps.run IS 'The run of Airflow that makes it, as DAG/run, of which there is one; empty: a command';
COMMENT ON COLUMN nightdesk.sweeps.note IS 'What the person wrote with it';
COMMENT ON COLUMN nightdesk.sweeps.grid IS 'The parameters and their values as they were asked for, KEY=V1,V2 each';
COMMENT ON COLUMN nightdesk.sweeps.metric IS 'The figure by which its points are compared';
COMMENT ON COLUMN nightdesk.sweeps.points IS 'How many points its grid has';
COMMENT ON COLUMN nightdesk.sweeps.first_session IS 'First decided session, in which the book receives its capital';
COMMENT ON COLUMN nightdesk.sweeps.last_session IS 'Last decided session';
COMMENT ON COLUMN nightdesk.sweeps.began_at IS 'When it was asked for, UTC';
COMMENT ON COLUMN nightdesk.sweeps.config_hash IS 'SHA-256 of the book as its file was, hexadecimal';
COMMENT ON COLUMN nightdesk.sweeps.code_version IS 'Version of the code that decided';
COMMENT ON COLUMN nightdesk.sweeps.bars_digest IS
    'SHA-256 of the bars that every point is tried on, hexadecimal; empty before the first of them';
COMMENT ON COLUMN nightdesk.sweeps.sources IS 'Sources of those bars';

CREATE TABLE nightdesk.sweep_points (
    sweep_id    bigint NOT NULL REFERENCES nightdesk.sweeps,
    point       integer NOT NULL CHECK (point >= 0),
    settings    jsonb NOT NULL,
    figures     jsonb NOT NULL,
    config_hash text NOT NULL DEFAULT '',
    refused     text NOT NULL DEFAULT '',
    PRIMARY KEY (sweep_id, point)
);
COMMENT ON TABLE nightdesk.sweep_points IS 'What a point of a kept sweep came to; never changed';
COMMENT ON COLUMN nightdesk.sweep_points.sweep_id IS 'Number of the sweep';
COMMENT ON COLUMN nightdesk.sweep_points.point IS 'Its place in the grid, from 0; the last parameter runs fastest';
COMMENT ON COLUMN nightdesk.sweep_points.settings IS 'Value of each parameter, as text';
COMMENT ON COLUMN nightdesk.sweep_points.figures IS
    'Figures by the names of metrics.json, shares and dollars, null where one is not known; empty where the point was refused';
COMMENT ON COLUMN nightdesk.sweep_points.config_hash IS
    'SHA-256 of the book with these values, hexadecimal; empty where the point was refused';
COMMENT ON COLUMN nightdesk.sweep_points.refused IS 'Why there is no result; empty where there is one';
