-- What the quality step leaves of the market to the later steps of its session, so that none of them reads the history.

CREATE TABLE nightdesk.quality_outcomes (
    book         text NOT NULL,
    as_of        timestamptz NOT NULL,
    session      date NOT NULL,
    known_by     timestamptz NOT NULL,
    config_hash  text NOT NULL,
    code_version text NOT NULL,
    day          bytea NOT NULL,
    recent       bytea NOT NULL,
    history      bytea NOT NULL,
    PRIMARY KEY (book, as_of),
    FOREIGN KEY (book, as_of, session) REFERENCES nightdesk.runs (book, as_of, session)
);
ALTER TABLE nightdesk.quality_outcomes
    ALTER COLUMN day SET STORAGE EXTERNAL, ALTER COLUMN recent SET STORAGE EXTERNAL, ALTER COLUMN history SET STORAGE EXTERNAL;
COMMENT ON TABLE nightdesk.quality_outcomes IS
    'A cache: what the data checks left of the market, for the later steps of a session. It can be computed from the bars at any time, is used only where known_by, book and code are the same, and is cleared when the next session is closed';
COMMENT ON COLUMN nightdesk.quality_outcomes.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.quality_outcomes.as_of IS 'Market instant of the decision, UTC';
COMMENT ON COLUMN nightdesk.quality_outcomes.session IS 'Session';
COMMENT ON COLUMN nightdesk.quality_outcomes.known_by IS 'The instant up to which the bars were known that it was made from, UTC';
COMMENT ON COLUMN nightdesk.quality_outcomes.config_hash IS 'The version of the book that it was made for';
COMMENT ON COLUMN nightdesk.quality_outcomes.code_version IS 'The code that made it';
COMMENT ON COLUMN nightdesk.quality_outcomes.day IS
    'Packed arrays: the session and the one before it, as settlement and decisions see them';
COMMENT ON COLUMN nightdesk.quality_outcomes.recent IS
    'Packed arrays: the returns over the windows of volatility and value at risk, shares';
COMMENT ON COLUMN nightdesk.quality_outcomes.history IS
    'Packed arrays: which bars the checks withhold since the origin, splits, and the benchmark';
