-- Orders and what came of them: fills, the ledger, positions, the book's value, the comparison with the broker.

CREATE TABLE nightdesk.orders (
    client_order_id text PRIMARY KEY,
    book            text NOT NULL,
    session         date NOT NULL,
    as_of           timestamptz NOT NULL,
    symbol          text NOT NULL,
    side            text NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity        numeric NOT NULL CHECK (quantity > 0),
    purpose         text NOT NULL,
    generation      integer NOT NULL DEFAULT 0 CHECK (generation >= 0),
    order_type      text NOT NULL,
    time_in_force   text NOT NULL,
    limit_price     numeric CHECK (limit_price > 0),
    reference_price numeric NOT NULL CHECK (reference_price > 0),
    status          text NOT NULL DEFAULT 'planned' CHECK (status IN (
        'planned', 'submitted', 'partially_filled', 'filled', 'cancelled', 'rejected', 'expired', 'suppressed')),
    attempts        integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    filled_quantity numeric NOT NULL DEFAULT 0 CHECK (filled_quantity >= 0),
    UNIQUE (book, session, symbol, side, purpose, generation),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
CREATE INDEX orders_open ON nightdesk.orders (book, session) WHERE status IN ('planned', 'submitted', 'partially_filled');
COMMENT ON TABLE nightdesk.orders IS 'One order per decision and symbol; its id is a function of the decision';
COMMENT ON COLUMN nightdesk.orders.client_order_id IS 'Our key at the broker';
COMMENT ON COLUMN nightdesk.orders.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.orders.session IS 'Session that decided it; it is meant for the next open';
COMMENT ON COLUMN nightdesk.orders.as_of IS 'Market instant of the decision, UTC';
COMMENT ON COLUMN nightdesk.orders.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.orders.side IS 'buy or sell';
COMMENT ON COLUMN nightdesk.orders.quantity IS 'Ordered quantity, shares or coins';
COMMENT ON COLUMN nightdesk.orders.purpose IS 'What it is for';
COMMENT ON COLUMN nightdesk.orders.generation IS '0, or the number of a deliberate second try';
COMMENT ON COLUMN nightdesk.orders.order_type IS 'market or limit';
COMMENT ON COLUMN nightdesk.orders.time_in_force IS 'How long it stands at the broker';
COMMENT ON COLUMN nightdesk.orders.limit_price IS 'Limit, dollars; none for a market order';
COMMENT ON COLUMN nightdesk.orders.reference_price IS 'Price at the decision, dollars';
COMMENT ON COLUMN nightdesk.orders.status IS 'Newest state of its events; it only moves forward';
COMMENT ON COLUMN nightdesk.orders.attempts IS 'Times that sending it was begun';
COMMENT ON COLUMN nightdesk.orders.filled_quantity IS 'Quantity of its fills, shares or coins of the day of the fill (a split may lie between)';

CREATE TABLE nightdesk.order_intents (
    client_order_id text NOT NULL REFERENCES nightdesk.orders ON DELETE CASCADE,
    strategy        text NOT NULL,
    book            text NOT NULL,
    session         date NOT NULL,
    number          integer NOT NULL,
    quantity        numeric NOT NULL CHECK (quantity <> 0),
    PRIMARY KEY (client_order_id, strategy)
);
CREATE INDEX order_intents_by_session ON nightdesk.order_intents (book, session);
COMMENT ON TABLE nightdesk.order_intents IS 'What each strategy wants of an order; its fills are shared by them';
COMMENT ON COLUMN nightdesk.order_intents.client_order_id IS 'Order';
COMMENT ON COLUMN nightdesk.order_intents.strategy IS 'Name of the strategy';
COMMENT ON COLUMN nightdesk.order_intents.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.order_intents.session IS 'Session that decided it';
COMMENT ON COLUMN nightdesk.order_intents.number IS 'Place among the order''s intents, from 0: of equals the first gets the last unit and cent';
COMMENT ON COLUMN nightdesk.order_intents.quantity IS 'Wanted change, shares or coins; negative to sell';

CREATE TABLE nightdesk.order_events (
    client_order_id text NOT NULL REFERENCES nightdesk.orders ON DELETE CASCADE,
    number          integer NOT NULL,
    session         date NOT NULL,
    status          text NOT NULL,
    cause           text NOT NULL,
    answer          jsonb,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (client_order_id, number)
);
COMMENT ON TABLE nightdesk.order_events IS 'Every change of an order, with its cause';
COMMENT ON COLUMN nightdesk.order_events.client_order_id IS 'Order';
COMMENT ON COLUMN nightdesk.order_events.number IS 'Place in the order''s story, from 0';
COMMENT ON COLUMN nightdesk.order_events.session IS 'Session whose run recorded it';
COMMENT ON COLUMN nightdesk.order_events.status IS 'State that began with it';
COMMENT ON COLUMN nightdesk.order_events.cause IS 'Why, in words';
COMMENT ON COLUMN nightdesk.order_events.answer IS 'What the broker answered, as it came';
COMMENT ON COLUMN nightdesk.order_events.recorded_at IS 'When it was recorded, UTC';

CREATE TABLE nightdesk.fills (
    book            text NOT NULL,
    execution_id    text NOT NULL,
    client_order_id text NOT NULL REFERENCES nightdesk.orders,
    session         date NOT NULL,
    symbol          text NOT NULL,
    side            text NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity        numeric NOT NULL CHECK (quantity > 0),
    price           numeric NOT NULL CHECK (price > 0 AND price = round(price, 6)),
    commission      numeric NOT NULL CHECK (commission = round(commission, 2)),
    reference_price numeric NOT NULL CHECK (reference_price > 0),
    PRIMARY KEY (book, execution_id),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
CREATE INDEX fills_by_session ON nightdesk.fills (book, session);
COMMENT ON TABLE nightdesk.fills IS 'What the broker executed, each execution once';
COMMENT ON COLUMN nightdesk.fills.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.fills.execution_id IS 'The broker''s key of the execution';
COMMENT ON COLUMN nightdesk.fills.client_order_id IS 'Order that was filled';
COMMENT ON COLUMN nightdesk.fills.session IS 'Session in which it was executed, and settled';
COMMENT ON COLUMN nightdesk.fills.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.fills.side IS 'buy or sell';
COMMENT ON COLUMN nightdesk.fills.quantity IS 'Executed quantity, shares or coins';
COMMENT ON COLUMN nightdesk.fills.price IS 'Price paid or received, dollars, at most 6 decimals';
COMMENT ON COLUMN nightdesk.fills.commission IS 'Commission, dollars and cents';
COMMENT ON COLUMN nightdesk.fills.reference_price IS 'Market price that the fill moved away from, dollars';

CREATE TABLE nightdesk.ledger_entries (
    book       text NOT NULL,
    session    date NOT NULL,
    number     integer NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('capital', 'fill', 'dividend', 'split', 'adjustment')),
    strategy   text NOT NULL,
    symbol     text NOT NULL,
    quantity   numeric NOT NULL,
    price      numeric NOT NULL,
    cash       numeric NOT NULL CHECK (cash = round(cash, 2)),
    commission numeric NOT NULL CHECK (commission = round(commission, 2)),
    reference  text NOT NULL,
    PRIMARY KEY (book, session, number),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.ledger_entries IS 'The ledger: positions and cash follow from its entries in the order of session and number';
COMMENT ON COLUMN nightdesk.ledger_entries.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.ledger_entries.session IS 'Session in which it was booked';
COMMENT ON COLUMN nightdesk.ledger_entries.number IS 'Place within the session, from 0';
COMMENT ON COLUMN nightdesk.ledger_entries.kind IS 'capital, fill, dividend, split or adjustment';
COMMENT ON COLUMN nightdesk.ledger_entries.strategy IS 'Strategy whose position it moves; empty for the book''s cash';
COMMENT ON COLUMN nightdesk.ledger_entries.symbol IS 'Symbol; empty for cash alone';
COMMENT ON COLUMN nightdesk.ledger_entries.quantity IS 'Change of quantity, shares or coins';
COMMENT ON COLUMN nightdesk.ledger_entries.price IS 'Price of a unit (a dividend''s cash per share), dollars; 0 where there is none';
COMMENT ON COLUMN nightdesk.ledger_entries.cash IS 'Change of cash, all costs included, dollars and cents';
COMMENT ON COLUMN nightdesk.ledger_entries.commission IS 'Commission within it, dollars and cents';
COMMENT ON COLUMN nightdesk.ledger_entries.reference IS 'Execution or action behind it';

CREATE TABLE nightdesk.positions (
    book          text NOT NULL,
    session       date NOT NULL,
    strategy      text NOT NULL,
    symbol        text NOT NULL,
    quantity      numeric NOT NULL,
    cost          numeric NOT NULL CHECK (cost = round(cost, 2)),
    realised      numeric NOT NULL CHECK (realised = round(realised, 2)),
    entry_session date,
    commission    numeric NOT NULL CHECK (commission = round(commission, 2)),
    dividends     numeric NOT NULL CHECK (dividends = round(dividends, 2)),
    price         numeric,
    market_value  numeric NOT NULL CHECK (market_value = round(market_value, 2)),
    PRIMARY KEY (book, session, strategy, symbol),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.positions IS 'Positions at the mark of a session, before its decision; those that were closed keep their profit';
COMMENT ON COLUMN nightdesk.positions.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.positions.session IS 'Session';
COMMENT ON COLUMN nightdesk.positions.strategy IS 'Strategy that holds it';
COMMENT ON COLUMN nightdesk.positions.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.positions.quantity IS 'Quantity, shares or coins';
COMMENT ON COLUMN nightdesk.positions.cost IS 'Cost basis of the whole position without commission, dollars and cents; it has the sign of the quantity';
COMMENT ON COLUMN nightdesk.positions.realised IS 'Profit realised so far, dollars and cents';
COMMENT ON COLUMN nightdesk.positions.entry_session IS 'Session in which the position was opened; none when it is flat';
COMMENT ON COLUMN nightdesk.positions.commission IS 'Commission paid so far, dollars and cents';
COMMENT ON COLUMN nightdesk.positions.dividends IS 'Dividends received so far, dollars and cents';
COMMENT ON COLUMN nightdesk.positions.price IS 'Price of the mark, dollars; none for a flat position of a symbol without one';
COMMENT ON COLUMN nightdesk.positions.market_value IS 'Quantity × price, dollars and cents';

CREATE TABLE nightdesk.portfolio (
    book            text NOT NULL,
    session         date NOT NULL,
    cash            numeric NOT NULL CHECK (cash = round(cash, 2)),
    positions_value numeric NOT NULL CHECK (positions_value = round(positions_value, 2)),
    nav             numeric NOT NULL CHECK (nav = cash + positions_value),
    peak_nav        numeric NOT NULL CHECK (peak_nav >= nav),
    drawdown        double precision NOT NULL,
    gross           double precision NOT NULL,
    net             double precision NOT NULL,
    day_return      double precision NOT NULL,
    PRIMARY KEY (book, session),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.portfolio IS 'The book marked at the close of a session, before its decision';
COMMENT ON COLUMN nightdesk.portfolio.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.portfolio.session IS 'Session';
COMMENT ON COLUMN nightdesk.portfolio.cash IS 'Cash, dollars and cents';
COMMENT ON COLUMN nightdesk.portfolio.positions_value IS 'Value of all positions, dollars and cents';
COMMENT ON COLUMN nightdesk.portfolio.nav IS 'Net asset value: cash + positions_value, dollars and cents';
COMMENT ON COLUMN nightdesk.portfolio.peak_nav IS 'Highest NAV so far, dollars and cents';
COMMENT ON COLUMN nightdesk.portfolio.drawdown IS '1 - nav / peak_nav, share';
COMMENT ON COLUMN nightdesk.portfolio.gross IS 'Sum of absolute position values, share of NAV';
COMMENT ON COLUMN nightdesk.portfolio.net IS 'Sum of position values, share of NAV';
COMMENT ON COLUMN nightdesk.portfolio.day_return IS 'NAV against the mark before, share; 0 at inception';

CREATE TABLE nightdesk.reconciliations (
    book         text NOT NULL,
    session      date NOT NULL,
    item         text NOT NULL,
    ledger_value numeric NOT NULL,
    broker_value numeric NOT NULL CHECK (broker_value <> ledger_value),
    PRIMARY KEY (book, session, item),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.reconciliations IS 'Differences between the ledger and the broker; no row where they agree';
COMMENT ON COLUMN nightdesk.reconciliations.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.reconciliations.session IS 'Session';
COMMENT ON COLUMN nightdesk.reconciliations.item IS 'Symbol, or cash';
COMMENT ON COLUMN nightdesk.reconciliations.ledger_value IS 'What the ledger says, shares, coins or dollars';
COMMENT ON COLUMN nightdesk.reconciliations.broker_value IS 'What the broker says, shares, coins or dollars';
