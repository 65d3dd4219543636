-- Who did, or tried to do, what by hand in the cockpit: each form is acted on once, whatever is clicked or sent again.

CREATE TABLE nightdesk.manual_actions (
    request    uuid PRIMARY KEY,
    action     text NOT NULL,
    book       text NOT NULL,
    who        text NOT NULL,
    reason     text NOT NULL,
    given      jsonb NOT NULL,
    asked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    state      text NOT NULL DEFAULT 'begun' CHECK (state IN ('begun', 'done', 'refused', 'failed')),
    words      text NOT NULL DEFAULT '',
    ended_at   timestamptz CHECK (ended_at >= asked_at),
    CHECK ((state = 'begun') = (ended_at IS NULL))
);
CREATE INDEX manual_actions_newest ON nightdesk.manual_actions (asked_at DESC);
COMMENT ON TABLE nightdesk.manual_actions IS
    'What people did or tried to do in the cockpit; what it changed is kept in the table of its kind';
COMMENT ON COLUMN nightdesk.manual_actions.request IS 'Made with the form: the same form sent twice acts once';
COMMENT ON COLUMN nightdesk.manual_actions.action IS 'Name of the action';
COMMENT ON COLUMN nightdesk.manual_actions.book IS 'Book that it is about; empty for the whole desk';
COMMENT ON COLUMN nightdesk.manual_actions.who IS 'User of Airflow';
COMMENT ON COLUMN nightdesk.manual_actions.reason IS 'Why, in the user''s words; empty where the form was refused without one';
COMMENT ON COLUMN nightdesk.manual_actions.given IS 'The fields of the form as they were sent, each cut at 1,000 characters';
COMMENT ON COLUMN nightdesk.manual_actions.asked_at IS 'When it arrived, UTC';
COMMENT ON COLUMN nightdesk.manual_actions.state IS
    'begun (its end was not seen: look whether it was done), done, refused (nothing was changed) or failed';
COMMENT ON COLUMN nightdesk.manual_actions.words IS 'What the user was told';
COMMENT ON COLUMN nightdesk.manual_actions.ended_at IS 'When it ended, UTC; null while it is begun';
