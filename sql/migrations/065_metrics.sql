-- What the figures for Prometheus need beside what is there: how long a source took, and quick counts of verdicts.

ALTER TABLE nightdesk.feed_health ADD COLUMN answer_seconds double precision CHECK (answer_seconds >= 0);
COMMENT ON COLUMN nightdesk.feed_health.answer_seconds IS
    'How long the source took for its newest answer, all its requests together, seconds; null before the first';

-- Most verdicts approve: counting the others reads their index alone, however many years of them there are.
CREATE INDEX verdicts_against ON nightdesk.verdicts (book, action, rule) WHERE action <> 'approve';
