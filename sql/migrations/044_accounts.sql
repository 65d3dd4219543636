-- A book's broker accounts by name: what is booked, ordered and told says which of them it is of.
--
-- All that was kept before is of the only account that a book had, which is called main.

CREATE TABLE nightdesk.book_accounts (
    book    text NOT NULL REFERENCES nightdesk.books ON DELETE CASCADE,
    name    text NOT NULL CHECK (name <> ''),
    broker  text NOT NULL,
    account text NOT NULL,
    capital numeric NOT NULL CHECK (capital >= 0 AND capital = round(capital, 2)),
    PRIMARY KEY (book, name),
    UNIQUE (broker, account)
);
COMMENT ON TABLE nightdesk.book_accounts IS 'The accounts of started books; an account at a broker serves one book only';
COMMENT ON COLUMN nightdesk.book_accounts.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.book_accounts.name IS 'Name of the account in the book; main where its file says broker';
COMMENT ON COLUMN nightdesk.book_accounts.broker IS 'Kind of broker';
COMMENT ON COLUMN nightdesk.book_accounts.account IS 'Name of the account at the broker';
COMMENT ON COLUMN nightdesk.book_accounts.capital IS 'What of the book''s initial capital lies there, dollars and cents';
INSERT INTO nightdesk.book_accounts (book, name, broker, account, capital)
SELECT book, 'main', broker, account, initial_capital FROM nightdesk.books;
COMMENT ON COLUMN nightdesk.books.broker IS 'Kind of broker of its first account; all of them are in book_accounts';
COMMENT ON COLUMN nightdesk.books.account IS 'Account at the broker of its first account; all of them are in book_accounts';

CREATE VIEW nightdesk.whole_books AS
SELECT book, inception, origin, initial_capital, broker, account, document, (
    SELECT jsonb_agg(jsonb_build_array(a.name, a.broker, a.account, a.capital::text) ORDER BY a.name)
    FROM nightdesk.book_accounts a WHERE a.book = b.book
    HAVING count(*) > 1 OR min(a.name) <> 'main'
) AS accounts
FROM nightdesk.books b;
COMMENT ON VIEW nightdesk.whole_books IS 'Started books, each with its accounts';
COMMENT ON COLUMN nightdesk.whole_books.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.whole_books.inception IS 'First decided session';
COMMENT ON COLUMN nightdesk.whole_books.origin IS 'First session from which factors are computed';
COMMENT ON COLUMN nightdesk.whole_books.initial_capital IS 'Capital at inception, dollars';
COMMENT ON COLUMN nightdesk.whole_books.broker IS 'Kind of broker of its first account';
COMMENT ON COLUMN nightdesk.whole_books.account IS 'Account at the broker of its first account';
COMMENT ON COLUMN nightdesk.whole_books.document IS 'The book as its file said it when a step last used it';
COMMENT ON COLUMN nightdesk.whole_books.accounts IS
    'Name, kind of broker, account there and capital (dollars) of each account by name; null where it has main alone';

CREATE TABLE nightdesk.account_marks (
    book            text NOT NULL,
    as_of           timestamptz NOT NULL,
    session         date NOT NULL,
    account         text NOT NULL,
    cash            numeric NOT NULL CHECK (cash = round(cash, 2)),
    positions_value numeric NOT NULL CHECK (positions_value = round(positions_value, 2)),
    PRIMARY KEY (book, as_of, account),
    CONSTRAINT account_marks_decision_fkey
        FOREIGN KEY (book, as_of, session) REFERENCES nightdesk.runs (book, as_of, session)
);
COMMENT ON TABLE nightdesk.account_marks IS
    'The accounts of a book at its mark, which they add up to; no rows where it has main alone';
COMMENT ON COLUMN nightdesk.account_marks.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.account_marks.as_of IS 'Market instant of the decision, UTC';
COMMENT ON COLUMN nightdesk.account_marks.session IS 'Session that the instant lies in';
COMMENT ON COLUMN nightdesk.account_marks.account IS 'Name of the account in the book';
COMMENT ON COLUMN nightdesk.account_marks.cash IS 'Cash in it, dollars and cents';
COMMENT ON COLUMN nightdesk.account_marks.positions_value IS 'Value of the positions in it, dollars and cents';

ALTER TABLE nightdesk.ledger_entries
    ADD COLUMN account text NOT NULL DEFAULT 'main',
    DROP CONSTRAINT ledger_entries_kind_check;
ALTER TABLE nightdesk.ledger_entries ADD CONSTRAINT ledger_entries_kind_check CHECK (kind IN (
    'capital', 'fill', 'cross', 'dividend', 'capital_gain', 'return_of_capital', 'split', 'exchange', 'redemption',
    'adjustment', 'fee', 'interest', 'borrow', 'expiry', 'exercise', 'assignment', 'funding', 'transfer'
));
COMMENT ON COLUMN nightdesk.ledger_entries.kind IS
    'capital, fill, cross (between strategies of the book), dividend, capital_gain, return_of_capital, split, exchange (a leg a symbol), redemption (units that end for cash), adjustment, fee, interest, borrow (fee for borrowed units), expiry (of an option, for nothing), exercise or assignment (of an option, a leg a symbol), funding (of a perpetual) or transfer (between accounts of the book, an entry each)';
COMMENT ON COLUMN nightdesk.ledger_entries.account IS 'Account of the book whose cash, or position, it moves';

ALTER TABLE nightdesk.orders ADD COLUMN account text NOT NULL DEFAULT 'main';
COMMENT ON COLUMN nightdesk.orders.account IS 'Account of the book that it goes to';
CREATE OR REPLACE VIEW nightdesk.whole_orders AS
SELECT client_order_id, book, session, as_of, symbol, side, quantity, purpose, generation, order_type, time_in_force,
    limit_price, stop_price, target_price, reference_price, status, attempts, filled_quantity,
    (
        SELECT jsonb_agg(jsonb_build_array(i.strategy, i.quantity::text) ORDER BY i.number)
        FROM nightdesk.order_intents i WHERE i.client_order_id = o.client_order_id
    ) AS intents,
    account
FROM nightdesk.orders o;
COMMENT ON COLUMN nightdesk.whole_orders.account IS 'Account of the book that it goes to';

ALTER TABLE nightdesk.positions ADD COLUMN account text NOT NULL DEFAULT 'main';
COMMENT ON COLUMN nightdesk.positions.account IS 'Account of the book that holds it';

-- What brokers tell is kept by account: two brokers may name two facts alike.
ALTER TABLE nightdesk.fills ADD COLUMN account text NOT NULL DEFAULT 'main',
    DROP CONSTRAINT fills_pkey, ADD PRIMARY KEY (book, account, execution_id);
COMMENT ON COLUMN nightdesk.fills.account IS 'Account of the book that it happened in';
ALTER TABLE nightdesk.executions ADD COLUMN account text NOT NULL DEFAULT 'main',
    DROP CONSTRAINT executions_pkey, ADD PRIMARY KEY (book, account, execution_id);
COMMENT ON COLUMN nightdesk.executions.account IS 'Account of the book that it happened in';
ALTER TABLE nightdesk.movements ADD COLUMN account text NOT NULL DEFAULT 'main',
    DROP CONSTRAINT movements_pkey, ADD PRIMARY KEY (book, account, movement_id);
COMMENT ON COLUMN nightdesk.movements.account IS 'Account of the book that it moved';
ALTER TABLE nightdesk.foreign_orders ADD COLUMN account text NOT NULL DEFAULT 'main',
    DROP CONSTRAINT foreign_orders_pkey, ADD PRIMARY KEY (book, account, client_order_id);
COMMENT ON COLUMN nightdesk.foreign_orders.account IS 'Account of the book that it was found at';
ALTER TABLE nightdesk.broker_health ADD COLUMN account text NOT NULL DEFAULT 'main',
    DROP CONSTRAINT broker_health_pkey, ADD PRIMARY KEY (book, account);
COMMENT ON COLUMN nightdesk.broker_health.account IS 'Account of the book that was asked about';
ALTER TABLE nightdesk.reconciliations ADD COLUMN account text NOT NULL DEFAULT 'main',
    DROP CONSTRAINT reconciliations_pkey, ADD PRIMARY KEY (book, as_of, account, item);
COMMENT ON COLUMN nightdesk.reconciliations.account IS 'Account of the book that was compared';
ALTER TABLE nightdesk.disputed_positions ADD COLUMN account text NOT NULL DEFAULT 'main',
    DROP CONSTRAINT disputed_positions_pkey, ADD PRIMARY KEY (book, as_of, account, symbol);
COMMENT ON COLUMN nightdesk.disputed_positions.account IS 'Account of the book that it is in';
ALTER TABLE nightdesk.adjustments ADD COLUMN account text NOT NULL DEFAULT 'main';
COMMENT ON COLUMN nightdesk.adjustments.account IS 'Account of the book whose figures were taken over';
