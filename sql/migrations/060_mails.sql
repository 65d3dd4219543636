-- The mails of a session, a week and a month: written with what they report, sent as alerts are.

CREATE TABLE nightdesk.mails (
    book       text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('daily', 'weekly', 'monthly')),
    session    date NOT NULL,
    as_of      timestamptz NOT NULL,
    subject    text NOT NULL CHECK (subject <> ''),
    summary    text NOT NULL,
    body       text NOT NULL,
    html       text NOT NULL,
    equity     bytea,
    drawdown   bytea,
    alert_id   bigint UNIQUE REFERENCES nightdesk.alerts,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (book, kind, session)
);
CREATE INDEX mails_of_decisions ON nightdesk.mails (book, as_of);
COMMENT ON TABLE nightdesk.mails IS
    'What mail routes are sent of a session, an ISO week or a month; chats are sent the summary alone';
COMMENT ON COLUMN nightdesk.mails.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.mails.kind IS 'daily (one session), weekly (an ISO week) or monthly (a calendar month)';
COMMENT ON COLUMN nightdesk.mails.session IS 'The session, or the last one of the week or month';
COMMENT ON COLUMN nightdesk.mails.as_of IS 'Decision whose report has made it, UTC; the close of that decision sends it';
COMMENT ON COLUMN nightdesk.mails.subject IS 'One line';
COMMENT ON COLUMN nightdesk.mails.summary IS 'The same in a few lines, for chats';
COMMENT ON COLUMN nightdesk.mails.body IS 'The mail as plain text';
COMMENT ON COLUMN nightdesk.mails.html IS 'The mail as HTML; names its pictures as cid:equity and cid:drawdown';
COMMENT ON COLUMN nightdesk.mails.equity IS 'The equity curve as PNG; null with fewer than two sessions';
COMMENT ON COLUMN nightdesk.mails.drawdown IS 'The drawdown as PNG; null with fewer than two sessions';
COMMENT ON COLUMN nightdesk.mails.alert_id IS 'The alert that carries it to people; null while its decision is not closed';
COMMENT ON COLUMN nightdesk.mails.created_at IS 'When it was made, UTC';
