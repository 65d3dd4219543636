-- Symbols of which ledger and broker, or the broker's own answers, do not say the same.

CREATE TABLE nightdesk.disputed_positions (
    book          text NOT NULL,
    session       date NOT NULL,
    symbol        text NOT NULL,
    ledger_value  numeric NOT NULL,
    claimed_value numeric NOT NULL,
    reason        text NOT NULL CHECK (reason <> ''),
    PRIMARY KEY (book, session, symbol),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.disputed_positions IS
    'Positions that the settling of a session left in dispute: the session sends no order in them, and none that adds risk';
COMMENT ON COLUMN nightdesk.disputed_positions.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.disputed_positions.session IS 'Session that was settled';
COMMENT ON COLUMN nightdesk.disputed_positions.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.disputed_positions.ledger_value IS 'What the ledger holds, signed shares or coins';
COMMENT ON COLUMN nightdesk.disputed_positions.claimed_value IS
    'What the account would hold if the broker''s contradicting word were true, signed shares or coins';
COMMENT ON COLUMN nightdesk.disputed_positions.reason IS 'What contradicts what, with its numbers';

ALTER TABLE nightdesk.alert_spells DROP CONSTRAINT alert_spells_kind_check;
ALTER TABLE nightdesk.alert_spells ADD CONSTRAINT alert_spells_kind_check CHECK (kind IN (
    'quarantine', 'no_bar', 'reference', 'feed', 'late_data', 'limit', 'band', 'dispute'
));
COMMENT ON COLUMN nightdesk.alert_spells.kind IS
    'quarantine, no_bar, reference, feed, late_data, limit (near or beyond it), band (of a strategy''s results) or dispute (of a position)';
