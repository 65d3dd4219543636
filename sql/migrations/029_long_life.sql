-- What a desk need not keep for ever.

ALTER TABLE nightdesk.runs ADD COLUMN thinned_at timestamptz CHECK (thinned_at IS NULL OR status = 'closed');
COMMENT ON COLUMN nightdesk.runs.thinned_at IS
    'When the findings of its checks that passed were deleted, UTC; null while all are kept';
COMMENT ON TABLE nightdesk.quality_runs IS
    'What each check of the data found, before anything was computed from it; of sessions closed and older than 90 days upkeep keeps what did not pass, and the ages of bars (no_bar, reference_age)';
