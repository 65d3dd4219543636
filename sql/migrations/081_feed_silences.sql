-- Since when no source of a book's bars answers while its newest decision is due: after so many minutes the book is
-- stopped, however often its step has begun anew in between.

CREATE TABLE nightdesk.feed_silences (
    book       text PRIMARY KEY REFERENCES nightdesk.books,
    as_of      timestamptz NOT NULL,
    since      timestamptz NOT NULL,
    last_error text NOT NULL DEFAULT ''
);
COMMENT ON TABLE nightdesk.feed_silences IS 'Books of whose bars no source answers while a decision is due; no row while one answers';
COMMENT ON COLUMN nightdesk.feed_silences.book IS 'Whose sources';
COMMENT ON COLUMN nightdesk.feed_silences.as_of IS 'The decision that was due, UTC';
COMMENT ON COLUMN nightdesk.feed_silences.since IS 'First time that none answered for this decision, UTC';
COMMENT ON COLUMN nightdesk.feed_silences.last_error IS 'Words of the newest failure';
