-- What borrowed money and borrowed units cost.

ALTER TABLE nightdesk.ledger_entries DROP CONSTRAINT ledger_entries_kind_check;
ALTER TABLE nightdesk.ledger_entries ADD CONSTRAINT ledger_entries_kind_check CHECK (kind IN (
    'capital', 'fill', 'cross', 'dividend', 'capital_gain', 'return_of_capital', 'split', 'exchange', 'redemption',
    'adjustment', 'fee', 'interest', 'borrow'
));
COMMENT ON COLUMN nightdesk.ledger_entries.kind IS
    'capital, fill, cross (between strategies of the book), dividend, capital_gain, return_of_capital, split, exchange (a leg a symbol), redemption (units that end for cash), adjustment, fee, interest or borrow (fee for borrowed units)';

ALTER TABLE nightdesk.movements DROP CONSTRAINT movements_kind_check;
ALTER TABLE nightdesk.movements ADD CONSTRAINT movements_kind_check
    CHECK (kind IN ('dividend', 'fee', 'interest', 'borrow', 'transfer', 'corporate_action', 'other'));
COMMENT ON COLUMN nightdesk.movements.kind IS
    'dividend, fee, interest, borrow (fee for borrowed units), transfer (a deposit or withdrawal), corporate_action or other';

ALTER TABLE nightdesk.positions ADD COLUMN borrow numeric NOT NULL DEFAULT 0 CHECK (borrow = round(borrow, 2));
COMMENT ON COLUMN nightdesk.positions.borrow IS 'Fees paid so far for units that were borrowed to be short, dollars and cents';

ALTER TABLE nightdesk.performance
    ADD COLUMN borrow numeric NOT NULL DEFAULT 0 CHECK (borrow = round(borrow, 2)),
    DROP CONSTRAINT performance_check;
ALTER TABLE nightdesk.performance ADD CONSTRAINT performance_check CHECK (
    profit = realised + unrealised + dividends - commission - borrow + interest + fees + other
);
COMMENT ON COLUMN nightdesk.performance.borrow IS 'Fees paid for borrowed units, positive, dollars and cents';
COMMENT ON COLUMN nightdesk.performance.interest IS
    'Interest on the book''s cash, negative where it was owed, dollars and cents; 0 for a strategy';
