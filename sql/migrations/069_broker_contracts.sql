-- What a broker calls what a book trades, and the statements of accounts that a broker makes beside its line.

CREATE TABLE nightdesk.broker_contracts (
    broker           text NOT NULL CHECK (broker <> ''),
    symbol           text NOT NULL CHECK (symbol <> ''),
    contract_id      bigint NOT NULL CHECK (contract_id > 0),
    primary_exchange text NOT NULL,
    tick             numeric NOT NULL CHECK (tick > 0),
    size_increment   numeric NOT NULL CHECK (size_increment > 0),
    asked_at         timestamptz NOT NULL,
    PRIMARY KEY (broker, symbol)
);
COMMENT ON TABLE nightdesk.broker_contracts IS
    'Which contract of a broker a symbol is: looked up once, so that a symbol is never another one from one day to the next';
COMMENT ON COLUMN nightdesk.broker_contracts.broker IS 'Kind of broker';
COMMENT ON COLUMN nightdesk.broker_contracts.symbol IS 'Symbol, as books name it';
COMMENT ON COLUMN nightdesk.broker_contracts.contract_id IS 'The broker''s own number of the contract (conId at IBKR)';
COMMENT ON COLUMN nightdesk.broker_contracts.primary_exchange IS 'Exchange on which it is listed, as the broker names it';
COMMENT ON COLUMN nightdesk.broker_contracts.tick IS 'Smallest step of its price, dollars';
COMMENT ON COLUMN nightdesk.broker_contracts.size_increment IS 'Smallest step of an order''s quantity, units';
COMMENT ON COLUMN nightdesk.broker_contracts.asked_at IS 'When the broker was asked last, UTC';

CREATE TABLE nightdesk.broker_statements (
    book         text NOT NULL REFERENCES nightdesk.books,
    account      text NOT NULL,
    first_day    date NOT NULL,
    last_day     date NOT NULL,
    generated_at timestamptz NOT NULL,
    executions   integer NOT NULL CHECK (executions >= 0),
    movements    integer NOT NULL CHECK (movements >= 0),
    left_out     jsonb NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (book, account, first_day, last_day, generated_at),
    CHECK (first_day <= last_day)
);
COMMENT ON TABLE nightdesk.broker_statements IS
    'The statements of accounts that were taken; what they say is in executions and movements';
COMMENT ON COLUMN nightdesk.broker_statements.book IS 'Whose account';
COMMENT ON COLUMN nightdesk.broker_statements.account IS 'Account of the book';
COMMENT ON COLUMN nightdesk.broker_statements.first_day IS 'First day that it is of';
COMMENT ON COLUMN nightdesk.broker_statements.last_day IS 'Last day that it is of';
COMMENT ON COLUMN nightdesk.broker_statements.generated_at IS 'When the broker made it, UTC';
COMMENT ON COLUMN nightdesk.broker_statements.executions IS 'How many executions it holds';
COMMENT ON COLUMN nightdesk.broker_statements.movements IS 'How many movements of cash it holds';
COMMENT ON COLUMN nightdesk.broker_statements.left_out IS 'How many of its rows say nothing that can be booked, by reason';
COMMENT ON COLUMN nightdesk.broker_statements.received_at IS 'When it was taken, UTC';

CREATE TABLE nightdesk.statement_health (
    book          text NOT NULL REFERENCES nightdesk.books,
    account       text NOT NULL,
    asked_at      timestamptz NOT NULL,
    failing_since timestamptz,
    last_error    text NOT NULL DEFAULT '',
    PRIMARY KEY (book, account)
);
COMMENT ON TABLE nightdesk.statement_health IS
    'When a broker was last asked for a statement, and whether it gives one; a service that makes them is asked seldom';
COMMENT ON COLUMN nightdesk.statement_health.book IS 'Whose account';
COMMENT ON COLUMN nightdesk.statement_health.account IS 'Account of the book';
COMMENT ON COLUMN nightdesk.statement_health.asked_at IS 'When it was asked last, UTC';
COMMENT ON COLUMN nightdesk.statement_health.failing_since IS 'First failure after the last statement, UTC; null while it gives them';
COMMENT ON COLUMN nightdesk.statement_health.last_error IS 'Words of its newest failure; empty when there was none';
