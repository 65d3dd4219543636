-- What people are told: reports and alerts.

CREATE TABLE nightdesk.reports (
    book    text NOT NULL,
    session date NOT NULL,
    html    text NOT NULL,
    PRIMARY KEY (book, session),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.reports IS 'The report of every session';
COMMENT ON COLUMN nightdesk.reports.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.reports.session IS 'Session';
COMMENT ON COLUMN nightdesk.reports.html IS 'The page, self-contained';

CREATE TABLE nightdesk.alerts (
    alert_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_key       text NOT NULL UNIQUE,
    level           text NOT NULL CHECK (level IN ('INFO', 'WARNING', 'CRITICAL', 'EMERGENCY')),
    book            text,
    session         date,
    subject         text NOT NULL,
    body            text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at         timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text
);
COMMENT ON TABLE nightdesk.alerts IS 'Every alert: a row first, sent after';
COMMENT ON COLUMN nightdesk.alerts.alert_id IS 'Number of the alert';
COMMENT ON COLUMN nightdesk.alerts.alert_key IS 'Names the event, so that telling it twice is harmless';
COMMENT ON COLUMN nightdesk.alerts.level IS 'INFO, WARNING, CRITICAL or EMERGENCY';
COMMENT ON COLUMN nightdesk.alerts.book IS 'Book that it concerns; none for the whole desk';
COMMENT ON COLUMN nightdesk.alerts.session IS 'Session that it concerns, where there is one';
COMMENT ON COLUMN nightdesk.alerts.subject IS 'One line';
COMMENT ON COLUMN nightdesk.alerts.body IS 'What happened, where, and what to do';
COMMENT ON COLUMN nightdesk.alerts.created_at IS 'When it was raised, UTC';
COMMENT ON COLUMN nightdesk.alerts.sent_at IS 'When it was sent, UTC; none while it waits';
COMMENT ON COLUMN nightdesk.alerts.acknowledged_at IS 'When a person acknowledged it, UTC';
COMMENT ON COLUMN nightdesk.alerts.acknowledged_by IS 'That person';
