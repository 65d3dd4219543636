-- Which run took a paper book back, so that it does so once however often its task is run.

CREATE TABLE nightdesk.rebuilds (
    dag_id     text NOT NULL,
    run_id     text NOT NULL,
    book       text NOT NULL REFERENCES nightdesk.books,
    from_as_of timestamptz NOT NULL,
    decisions  timestamptz[] NOT NULL,
    who        text NOT NULL,
    reason     text NOT NULL CHECK (reason <> ''),
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (dag_id, run_id)
);
COMMENT ON TABLE nightdesk.rebuilds IS 'Runs that took a paper book back to decide it anew, each once';
COMMENT ON COLUMN nightdesk.rebuilds.dag_id IS 'DAG of the run';
COMMENT ON COLUMN nightdesk.rebuilds.run_id IS 'Its run';
COMMENT ON COLUMN nightdesk.rebuilds.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.rebuilds.from_as_of IS 'First decision that is made anew, UTC';
COMMENT ON COLUMN nightdesk.rebuilds.decisions IS 'All that were cleared, UTC, ascending';
COMMENT ON COLUMN nightdesk.rebuilds.who IS 'User of Airflow who asked for it; empty where Airflow names none';
COMMENT ON COLUMN nightdesk.rebuilds.reason IS 'Why';
COMMENT ON COLUMN nightdesk.rebuilds.at IS 'When it was taken back, UTC';
