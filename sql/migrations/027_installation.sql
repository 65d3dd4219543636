-- Whose orders an account at a broker holds: this installation's mark, and the orders found there that are not ours.

CREATE TABLE nightdesk.installation (
    only_one   boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    mark       text NOT NULL CHECK (mark ~ '^[a-z0-9]{6}$'),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE nightdesk.installation IS 'This installation, one row, made once: a copy or a restored backup of the database keeps it';
COMMENT ON COLUMN nightdesk.installation.only_one IS 'True: there is one row';
COMMENT ON COLUMN nightdesk.installation.mark IS 'Part of the client order id of every order that leaves for a real broker';
COMMENT ON COLUMN nightdesk.installation.created_at IS 'When it was made, UTC';

INSERT INTO nightdesk.installation (mark) VALUES (substr(md5(gen_random_uuid()::text), 1, 6));

CREATE TABLE nightdesk.foreign_orders (
    book            text NOT NULL REFERENCES nightdesk.books,
    client_order_id text NOT NULL,
    origin          text NOT NULL CHECK (origin IN ('unmarked', 'installation', 'restored', 'book')),
    symbol          text NOT NULL,
    side            text NOT NULL,
    quantity        numeric NOT NULL,
    executed        boolean NOT NULL,
    received_at     timestamptz,
    found_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    gone_at         timestamptz,
    claimed_at      timestamptz,
    claimed_by      text CHECK (claimed_by <> ''),
    reason          text CHECK (reason <> ''),
    PRIMARY KEY (book, client_order_id),
    CHECK ((claimed_at IS NULL) = (claimed_by IS NULL) AND (claimed_at IS NULL) = (reason IS NULL))
);
COMMENT ON TABLE nightdesk.foreign_orders IS
    'Orders at the account of a book that the book did not send; while one is there and not claimed, the book adds no risk';
COMMENT ON COLUMN nightdesk.foreign_orders.book IS 'Whose account';
COMMENT ON COLUMN nightdesk.foreign_orders.client_order_id IS 'Its id at the broker';
COMMENT ON COLUMN nightdesk.foreign_orders.origin IS
    'unmarked (a person, or another program), installation (another one of the desk), restored (this one, unknown to this database) or book (another book of this desk)';
COMMENT ON COLUMN nightdesk.foreign_orders.symbol IS 'Symbol, as books name it';
COMMENT ON COLUMN nightdesk.foreign_orders.side IS 'buy or sell, as it came';
COMMENT ON COLUMN nightdesk.foreign_orders.quantity IS 'Units, as they came: of the order, or of its executions';
COMMENT ON COLUMN nightdesk.foreign_orders.executed IS 'Whether it was found by its executions; else it was open';
COMMENT ON COLUMN nightdesk.foreign_orders.received_at IS 'When the broker received it, UTC; for executions the close of their session; null where it did not say';
COMMENT ON COLUMN nightdesk.foreign_orders.found_at IS 'When the desk first found it, UTC';
COMMENT ON COLUMN nightdesk.foreign_orders.gone_at IS 'When a later look no longer found it, UTC; null while it is there';
COMMENT ON COLUMN nightdesk.foreign_orders.claimed_at IS 'When a person said that it may be there, UTC; null where nobody did';
COMMENT ON COLUMN nightdesk.foreign_orders.claimed_by IS 'The person';
COMMENT ON COLUMN nightdesk.foreign_orders.reason IS 'Why it may be there';
