-- What actions do to positions beside splits and dividends, and held symbols whose bars have ended.

ALTER TABLE nightdesk.ledger_entries DROP CONSTRAINT ledger_entries_kind_check;
ALTER TABLE nightdesk.ledger_entries ADD CONSTRAINT ledger_entries_kind_check CHECK (kind IN (
    'capital', 'fill', 'cross', 'dividend', 'capital_gain', 'return_of_capital', 'split', 'exchange', 'redemption',
    'adjustment', 'fee', 'interest'
));
ALTER TABLE nightdesk.ledger_entries DROP CONSTRAINT ledger_entries_check;
ALTER TABLE nightdesk.ledger_entries ADD CONSTRAINT ledger_entries_price_check
    CHECK (kind IN ('split', 'exchange') OR price = round(price, 6));
ALTER TABLE nightdesk.ledger_entries
    ADD COLUMN cost numeric NOT NULL DEFAULT 0 CHECK (cost = round(cost, 2)),
    ADD COLUMN since date;
COMMENT ON COLUMN nightdesk.ledger_entries.kind IS
    'capital, fill, cross (between strategies of the book), dividend, capital_gain, return_of_capital, split, exchange (a leg a symbol), redemption (units that end for cash), adjustment, fee or interest';
COMMENT ON COLUMN nightdesk.ledger_entries.price IS
    'Price of a unit (a dividend''s cash per share), dollars; a split''s ratio; of an exchange the share of the cost that goes, or what a unit that comes is worth, dollars; 0 where there is none';
COMMENT ON COLUMN nightdesk.ledger_entries.cost IS 'Of an exchange: change of the cost basis, dollars and cents; else 0';
COMMENT ON COLUMN nightdesk.ledger_entries.since IS
    'From when it counts, where that is before its session: purchase of units that an exchange brings, ex-date of an action booked late';

ALTER TABLE nightdesk.movements DROP CONSTRAINT movements_kind_check;
ALTER TABLE nightdesk.movements ADD CONSTRAINT movements_kind_check
    CHECK (kind IN ('dividend', 'fee', 'interest', 'transfer', 'corporate_action', 'other'));
COMMENT ON COLUMN nightdesk.movements.kind IS
    'dividend, fee, interest, transfer (a deposit or withdrawal), corporate_action or other';

CREATE TABLE nightdesk.stale_holdings (
    book         text NOT NULL,
    session      date NOT NULL,
    symbol       text NOT NULL,
    quantity     numeric NOT NULL CHECK (quantity = round(quantity, 8)),
    price        double precision NOT NULL CHECK (price > 0),
    market_value numeric NOT NULL CHECK (market_value = round(market_value, 2)),
    last_bar     date,
    sessions     integer NOT NULL CHECK (sessions > 0),
    PRIMARY KEY (book, session, symbol),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.stale_holdings IS 'Held symbols without a bar of the session: their bars may have ended';
COMMENT ON COLUMN nightdesk.stale_holdings.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.stale_holdings.session IS 'Session whose mark values them at an old price';
COMMENT ON COLUMN nightdesk.stale_holdings.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.stale_holdings.quantity IS 'Net quantity of all strategies, shares or coins';
COMMENT ON COLUMN nightdesk.stale_holdings.price IS 'Last price, restated for splits since, dollars';
COMMENT ON COLUMN nightdesk.stale_holdings.market_value IS 'Quantity × price, dollars and cents';
COMMENT ON COLUMN nightdesk.stale_holdings.last_bar IS 'Session of the newest bar; none of a symbol that came by an action and was never traded';
COMMENT ON COLUMN nightdesk.stale_holdings.sessions IS 'Sessions since that bar';
