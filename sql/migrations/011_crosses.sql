-- What changes hands inside a book: intents that cancel each other out, of which no broker hears.

CREATE TABLE nightdesk.crosses (
    book     text NOT NULL,
    session  date NOT NULL,
    symbol   text NOT NULL,
    strategy text NOT NULL,
    number   integer NOT NULL CHECK (number >= 0),
    quantity numeric NOT NULL CHECK (quantity <> 0 AND quantity = round(quantity, 8)),
    price    numeric NOT NULL CHECK (price > 0 AND price = round(price, 6)),
    PRIMARY KEY (book, session, symbol, strategy),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.crosses IS
    'Intents of a symbol that add up to nothing: the next session books them between the strategies, at the price of the decision';
COMMENT ON COLUMN nightdesk.crosses.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.crosses.session IS 'Session that decided it';
COMMENT ON COLUMN nightdesk.crosses.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.crosses.strategy IS 'Name of the strategy';
COMMENT ON COLUMN nightdesk.crosses.number IS 'Place among the intents of the symbol, from 0: of equals the first gets the last cent';
COMMENT ON COLUMN nightdesk.crosses.quantity IS 'Wanted change, shares or coins; negative to sell';
COMMENT ON COLUMN nightdesk.crosses.price IS 'Close at which it was decided and changes hands, raw dollars';

ALTER TABLE nightdesk.ledger_entries DROP CONSTRAINT ledger_entries_kind_check;
ALTER TABLE nightdesk.ledger_entries ADD CONSTRAINT ledger_entries_kind_check
    CHECK (kind IN ('capital', 'fill', 'cross', 'dividend', 'split', 'adjustment', 'fee', 'interest'));
COMMENT ON COLUMN nightdesk.ledger_entries.kind IS
    'capital, fill, cross (between strategies of the book), dividend, split, adjustment, fee or interest';
COMMENT ON COLUMN nightdesk.ledger_entries.reference IS 'Order, cross, action or movement behind it';
