-- Which alert tells of which failed task, so that tasks that fail for one reason are one alert; and steps that retry.

CREATE TABLE nightdesk.task_failures (
    failure_key text PRIMARY KEY,
    alert_key   text NOT NULL,
    cause       text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE nightdesk.task_failures IS 'The failed tasks of Airflow of which people were told, and by which alert';
COMMENT ON COLUMN nightdesk.task_failures.failure_key IS
    'task:DAG/run/task/try; a + at its end where the try is only the newest known one';
COMMENT ON COLUMN nightdesk.task_failures.alert_key IS
    'Key of the alert that tells of it: its own, or that of an earlier failure for the same reason';
COMMENT ON COLUMN nightdesk.task_failures.cause IS
    'SHA-256 of the run (or DAG of a backfill) and the reason without its session, hexadecimal; empty where it was not kept';
COMMENT ON COLUMN nightdesk.task_failures.created_at IS 'When it was found, UTC';

INSERT INTO nightdesk.task_failures (failure_key, alert_key, cause, created_at)
SELECT alert_key, alert_key, '', created_at FROM nightdesk.alerts WHERE starts_with(alert_key, 'task:');

ALTER TABLE nightdesk.alert_spells DROP CONSTRAINT alert_spells_kind_check;
ALTER TABLE nightdesk.alert_spells ADD CONSTRAINT alert_spells_kind_check CHECK (kind IN (
    'quarantine', 'no_bar', 'reference', 'feed', 'late_data', 'limit', 'band', 'dispute', 'book_file', 'retry'
));
COMMENT ON COLUMN nightdesk.alert_spells.kind IS
    'quarantine, no_bar, reference, feed, late_data, limit (near or beyond it), band (of a strategy''s results), dispute (of a position), book_file (gone or wrong) or retry (a step that fails and is tried again)';
COMMENT ON COLUMN nightdesk.alert_spells.subject IS
    'The symbol, source, limit, strategy or step; empty where the book is the subject';
