-- Options that end before their expiry: dated facts that a person or a file states.

CREATE TABLE nightdesk.exercise_notices (
    notice_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book      text NOT NULL REFERENCES nightdesk.books,
    session   date NOT NULL,
    symbol    text NOT NULL CHECK (symbol <> ''),
    kind      text NOT NULL CHECK (kind IN ('exercise', 'assignment')),
    quantity  numeric NOT NULL CHECK (quantity >= 0 AND quantity = round(quantity)),
    reason    text NOT NULL CHECK (reason <> ''),
    who       text NOT NULL CHECK (who <> ''),
    known_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX exercise_notices_by_session ON nightdesk.exercise_notices (book, session);
COMMENT ON TABLE nightdesk.exercise_notices IS
    'Options that were exercised or assigned before their expiry; the settling of their session books them. Of one session, symbol and kind the newest row counts that was known by the decision';
COMMENT ON COLUMN nightdesk.exercise_notices.notice_id IS 'Number of the notice';
COMMENT ON COLUMN nightdesk.exercise_notices.book IS 'Whose position';
COMMENT ON COLUMN nightdesk.exercise_notices.session IS 'It counts in the night before the open of this session';
COMMENT ON COLUMN nightdesk.exercise_notices.symbol IS 'The contract, an OCC symbol';
COMMENT ON COLUMN nightdesk.exercise_notices.kind IS 'exercise (of a long position) or assignment (of a short one)';
COMMENT ON COLUMN nightdesk.exercise_notices.quantity IS 'Contracts; 0 withdraws an earlier notice';
COMMENT ON COLUMN nightdesk.exercise_notices.reason IS 'Why, or where it was read';
COMMENT ON COLUMN nightdesk.exercise_notices.who IS 'The person who said so';
COMMENT ON COLUMN nightdesk.exercise_notices.known_at IS 'When it was stated, UTC';
