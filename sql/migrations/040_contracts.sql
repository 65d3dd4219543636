-- What a unit stands for: contracts of options and perpetuals beside shares and coins.

ALTER TABLE nightdesk.fills ADD COLUMN multiplier numeric NOT NULL DEFAULT 1 CHECK (multiplier > 0);
ALTER TABLE nightdesk.executions ADD COLUMN multiplier numeric NOT NULL DEFAULT 1;
ALTER TABLE nightdesk.paper_fills ADD COLUMN multiplier numeric NOT NULL DEFAULT 1 CHECK (multiplier > 0);
COMMENT ON COLUMN nightdesk.fills.multiplier IS 'Dollars that a unit moves by with a dollar of its price';
COMMENT ON COLUMN nightdesk.executions.multiplier IS 'Dollars that a unit moves by with a dollar of its price';
COMMENT ON COLUMN nightdesk.paper_fills.multiplier IS 'Dollars that a unit moves by with a dollar of its price';

ALTER TABLE nightdesk.positions
    ADD COLUMN multiplier numeric NOT NULL DEFAULT 1 CHECK (multiplier > 0),
    ADD COLUMN on_margin boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN nightdesk.positions.multiplier IS 'Dollars that a unit moves by with a dollar of its price';
COMMENT ON COLUMN nightdesk.positions.on_margin IS
    'Whether the NAV counts its profit since entry alone (market value less cost), as of a perpetual';
COMMENT ON COLUMN nightdesk.positions.market_value IS
    'What the units stand for at the price: quantity × price × multiplier, dollars and cents';

COMMENT ON COLUMN nightdesk.positions.dividends IS
    'Payments on the position so far, funding of a perpetual included, returns of capital not, dollars and cents';

ALTER TABLE nightdesk.paper_positions
    ADD COLUMN cost numeric NOT NULL DEFAULT 0 CHECK (cost = round(cost, 2));
COMMENT ON COLUMN nightdesk.paper_positions.cost IS
    'What it was entered at, dollars and cents, of a position on margin, whose profit a trade realises; else 0';

ALTER TABLE nightdesk.ledger_entries DROP CONSTRAINT ledger_entries_kind_check;
ALTER TABLE nightdesk.ledger_entries ADD CONSTRAINT ledger_entries_kind_check CHECK (kind IN (
    'capital', 'fill', 'cross', 'dividend', 'capital_gain', 'return_of_capital', 'split', 'exchange', 'redemption',
    'adjustment', 'fee', 'interest', 'borrow', 'expiry', 'exercise', 'assignment', 'funding'
));
COMMENT ON COLUMN nightdesk.ledger_entries.kind IS
    'capital, fill, cross (between strategies of the book), dividend, capital_gain, return_of_capital, split, exchange (a leg a symbol), redemption (units that end for cash), adjustment, fee, interest, borrow (fee for borrowed units), expiry (of an option, for nothing), exercise or assignment (of an option, a leg a symbol) or funding (of a perpetual)';
COMMENT ON COLUMN nightdesk.ledger_entries.cost IS
    'Change of the cost basis, dollars and cents, of an exchange, an exercise or assignment, and a trade on margin; else 0: it follows from the cash';

CREATE OR REPLACE VIEW nightdesk.slippage AS
SELECT book, session, execution_id, client_order_id, symbol, side, notional, expected_cost, realised_cost,
    (10000 * expected_cost / notional)::double precision AS expected_bps,
    (10000 * realised_cost / notional)::double precision AS realised_bps,
    as_of
FROM (
    SELECT f.*, quantity * multiplier * reference_price AS notional,
        quantity * multiplier * (expected_price - reference_price) * CASE side WHEN 'buy' THEN 1 ELSE -1 END AS expected_cost,
        quantity * multiplier * (price - reference_price) * CASE side WHEN 'buy' THEN 1 ELSE -1 END AS realised_cost
    FROM nightdesk.fills f
) costs;
COMMENT ON COLUMN nightdesk.slippage.notional IS 'Quantity × multiplier × reference price, dollars';
