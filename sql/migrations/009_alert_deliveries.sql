-- How each alert is brought to people, and which task of Airflow made an attempt at a step.

CREATE TABLE nightdesk.alert_deliveries (
    alert_id        bigint NOT NULL REFERENCES nightdesk.alerts,
    route           text NOT NULL,
    receiver        text NOT NULL,
    attempts        integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    failures        integer NOT NULL DEFAULT 0 CHECK (failures BETWEEN 0 AND attempts),
    last_attempt_at timestamptz,
    times_sent      integer NOT NULL DEFAULT 0 CHECK (times_sent BETWEEN 0 AND attempts),
    sent_at         timestamptz CHECK ((sent_at IS NULL) = (times_sent = 0)),
    last_error      text NOT NULL DEFAULT '',
    PRIMARY KEY (alert_id, route, receiver)
);
COMMENT ON TABLE nightdesk.alert_deliveries IS 'Where each alert was brought, or is still to be brought, one row a receiver';
COMMENT ON COLUMN nightdesk.alert_deliveries.alert_id IS 'The alert';
COMMENT ON COLUMN nightdesk.alert_deliveries.route IS 'Route of the book that leads there';
COMMENT ON COLUMN nightdesk.alert_deliveries.receiver IS
    'Mail address, or kind and place of another address of the route; never the address itself, which is a secret';
COMMENT ON COLUMN nightdesk.alert_deliveries.attempts IS 'How often sending was begun';
COMMENT ON COLUMN nightdesk.alert_deliveries.failures IS
    'How many attempts failed since it was last sent; one that was begun and did not end counts';
COMMENT ON COLUMN nightdesk.alert_deliveries.last_attempt_at IS 'When sending was last begun, UTC';
COMMENT ON COLUMN nightdesk.alert_deliveries.times_sent IS 'How often it was sent: once, and an EMERGENCY until acknowledged';
COMMENT ON COLUMN nightdesk.alert_deliveries.sent_at IS 'When it was last sent, UTC; null while it never was';
COMMENT ON COLUMN nightdesk.alert_deliveries.last_error IS 'Why the last attempt failed, without secrets; empty when it did not';

COMMENT ON COLUMN nightdesk.alerts.sent_at IS
    'When every receiver that its routes lead to had it, UTC; none while it waits, or where no route leads anywhere';

ALTER TABLE nightdesk.run_steps ADD COLUMN task text;
CREATE INDEX run_steps_of_tasks ON nightdesk.run_steps (started_at) WHERE task IS NOT NULL;
COMMENT ON COLUMN nightdesk.run_steps.task IS
    'Task of Airflow that made the attempt, as DAG/run/task/try; null for one without Airflow';
