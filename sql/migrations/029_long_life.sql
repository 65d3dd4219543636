-- What a desk need not keep for ever.

ALTER TABLE nightdesk.runs ADD COLUMN thinned_at timestamptz CHECK (thinned_at IS NULL OR status = 'closed');
COMMENT ON COLUMN nightdesk.runs.thinned_at IS
    'When the findings of its checks that passed were deleted, UTC; null while all are kept';
COMMENT ON TABLE nightdesk.quality_runs IS
    'What each check of the data found, before anything was computed from it; of sessions closed and older than 90 days upkeep keeps what did not pass, and the ages of bars (no_bar, reference_age)';

CREATE TABLE nightdesk.book_versions (
    book          text NOT NULL REFERENCES nightdesk.books,
    config_hash   text NOT NULL,
    configuration jsonb NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (book, config_hash)
);
COMMENT ON TABLE nightdesk.book_versions IS
    'What each version of a book said that decided a session, to tell in words what a later one changed';
COMMENT ON COLUMN nightdesk.book_versions.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.book_versions.config_hash IS 'SHA-256 of its configuration, hexadecimal, as in runs';
COMMENT ON COLUMN nightdesk.book_versions.configuration IS 'All that it decides by, with defaults';
COMMENT ON COLUMN nightdesk.book_versions.created_at IS 'When a session was first decided by it, UTC';
