-- Funding rates by their source: two books may take those of one perpetual from two exchanges.

ALTER TABLE nightdesk.funding_rates ADD COLUMN source text NOT NULL DEFAULT '';
ALTER TABLE nightdesk.funding_rates ALTER COLUMN source DROP DEFAULT;
ALTER TABLE nightdesk.funding_rates
    DROP CONSTRAINT funding_rates_pkey,
    ADD PRIMARY KEY (symbol, source, instant, known_at, stored_at);
DROP INDEX nightdesk.funding_rates_stored;
CREATE INDEX funding_rates_stored ON nightdesk.funding_rates (symbol, source, stored_at);
COMMENT ON COLUMN nightdesk.funding_rates.source IS
    'As books name it in `funding`; empty: stored before sources were kept apart, and read by every book as it was then';
