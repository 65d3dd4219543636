-- Funding rates of perpetuals: every version, with when its source knew it and when it came here.

CREATE TABLE nightdesk.funding_rates (
    symbol    text NOT NULL CHECK (symbol <> ''),
    instant   timestamptz NOT NULL,
    known_at  timestamptz NOT NULL,
    rate      numeric NOT NULL CHECK (abs(rate) < 0.05),
    stored_at timestamptz NOT NULL,
    PRIMARY KEY (symbol, instant, known_at, stored_at)
);
CREATE INDEX funding_rates_stored ON nightdesk.funding_rates (symbol, stored_at);
COMMENT ON TABLE nightdesk.funding_rates IS
    'Rates that positions in perpetuals paid at an instant, every version; the one counts that was known last of those that a decision knew';
COMMENT ON COLUMN nightdesk.funding_rates.symbol IS 'The perpetual, as books call it';
COMMENT ON COLUMN nightdesk.funding_rates.instant IS 'When it was paid, UTC';
COMMENT ON COLUMN nightdesk.funding_rates.known_at IS 'From when its source says that it was known, UTC';
COMMENT ON COLUMN nightdesk.funding_rates.rate IS 'Share of the notional that a long paid a short; negative: the short paid';
COMMENT ON COLUMN nightdesk.funding_rates.stored_at IS 'When the version came into the store, UTC: no decision before it has used it';
