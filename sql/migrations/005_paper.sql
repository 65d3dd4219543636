-- The embedded paper broker: an account's books as a broker keeps them. The desk sees them through the broker's interface only.

CREATE TABLE nightdesk.paper_accounts (
    account text NOT NULL,
    session date NOT NULL,
    cash    numeric NOT NULL CHECK (cash = round(cash, 2)),
    PRIMARY KEY (account, session)
);
COMMENT ON TABLE nightdesk.paper_accounts IS 'An account after every session that the paper market has opened; the newest is its clock';
COMMENT ON COLUMN nightdesk.paper_accounts.account IS 'Name of the account';
COMMENT ON COLUMN nightdesk.paper_accounts.session IS 'Session';
COMMENT ON COLUMN nightdesk.paper_accounts.cash IS 'Cash after the session''s fills, dollars and cents';

CREATE TABLE nightdesk.paper_positions (
    account  text NOT NULL,
    session  date NOT NULL,
    symbol   text NOT NULL,
    quantity numeric NOT NULL CHECK (quantity <> 0),
    PRIMARY KEY (account, session, symbol),
    FOREIGN KEY (account, session) REFERENCES nightdesk.paper_accounts ON DELETE CASCADE
);
COMMENT ON TABLE nightdesk.paper_positions IS 'Positions of an account after a session';
COMMENT ON COLUMN nightdesk.paper_positions.account IS 'Name of the account';
COMMENT ON COLUMN nightdesk.paper_positions.session IS 'Session';
COMMENT ON COLUMN nightdesk.paper_positions.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.paper_positions.quantity IS 'Quantity, shares or coins';

CREATE TABLE nightdesk.paper_orders (
    account         text NOT NULL,
    client_order_id text NOT NULL,
    session         date NOT NULL,
    symbol          text NOT NULL,
    side            text NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity        numeric NOT NULL CHECK (quantity > 0),
    order_type      text NOT NULL,
    time_in_force   text NOT NULL,
    limit_price     numeric,
    reference_price numeric NOT NULL,
    status          text NOT NULL CHECK (status IN ('accepted', 'filled', 'cancelled', 'expired')),
    reason          text NOT NULL DEFAULT '',
    ended           date,
    received        bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (account, client_order_id),
    FOREIGN KEY (account, session) REFERENCES nightdesk.paper_accounts
);
COMMENT ON TABLE nightdesk.paper_orders IS 'Orders that reached the paper broker; a client order id is taken once';
COMMENT ON COLUMN nightdesk.paper_orders.account IS 'Name of the account';
COMMENT ON COLUMN nightdesk.paper_orders.client_order_id IS 'The sender''s key';
COMMENT ON COLUMN nightdesk.paper_orders.session IS 'The broker''s session when it was received';
COMMENT ON COLUMN nightdesk.paper_orders.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.paper_orders.side IS 'buy or sell';
COMMENT ON COLUMN nightdesk.paper_orders.quantity IS 'Ordered quantity, shares or coins';
COMMENT ON COLUMN nightdesk.paper_orders.order_type IS 'market or limit';
COMMENT ON COLUMN nightdesk.paper_orders.time_in_force IS 'How long it stands';
COMMENT ON COLUMN nightdesk.paper_orders.limit_price IS 'Limit, dollars; none for a market order';
COMMENT ON COLUMN nightdesk.paper_orders.reference_price IS 'The sender''s price at its decision, dollars';
COMMENT ON COLUMN nightdesk.paper_orders.status IS 'accepted until the market opens, then filled or expired (whole or for its rest); or cancelled';
COMMENT ON COLUMN nightdesk.paper_orders.reason IS 'Why it ended without being filled; empty otherwise';
COMMENT ON COLUMN nightdesk.paper_orders.ended IS 'Session in which it left the status accepted';
COMMENT ON COLUMN nightdesk.paper_orders.received IS 'Order of arrival';

CREATE TABLE nightdesk.paper_fills (
    account         text NOT NULL,
    execution_id    text NOT NULL,
    client_order_id text NOT NULL,
    session         date NOT NULL,
    symbol          text NOT NULL,
    side            text NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity        numeric NOT NULL CHECK (quantity > 0),
    price           numeric NOT NULL CHECK (price > 0),
    commission      numeric NOT NULL,
    reference_price numeric NOT NULL,
    PRIMARY KEY (account, execution_id),
    FOREIGN KEY (account, client_order_id) REFERENCES nightdesk.paper_orders,
    FOREIGN KEY (account, session) REFERENCES nightdesk.paper_accounts
);
COMMENT ON TABLE nightdesk.paper_fills IS 'Executions of the paper broker';
COMMENT ON COLUMN nightdesk.paper_fills.account IS 'Name of the account';
COMMENT ON COLUMN nightdesk.paper_fills.execution_id IS 'The broker''s key of the execution';
COMMENT ON COLUMN nightdesk.paper_fills.client_order_id IS 'Order that was filled';
COMMENT ON COLUMN nightdesk.paper_fills.session IS 'Session in which it was executed';
COMMENT ON COLUMN nightdesk.paper_fills.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.paper_fills.side IS 'buy or sell';
COMMENT ON COLUMN nightdesk.paper_fills.quantity IS 'Executed quantity, shares or coins';
COMMENT ON COLUMN nightdesk.paper_fills.price IS 'Price paid or received, dollars';
COMMENT ON COLUMN nightdesk.paper_fills.commission IS 'Commission, dollars and cents';
COMMENT ON COLUMN nightdesk.paper_fills.reference_price IS 'Open of the bar that filled it, dollars';
