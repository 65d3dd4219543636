-- Real brokers: what they tell before it is booked, what people say of differences, how they can be reached.

ALTER TABLE nightdesk.orders
    ADD COLUMN stop_price   numeric CHECK (stop_price > 0 AND stop_price = round(stop_price, 6)),
    ADD COLUMN target_price numeric CHECK (target_price > 0 AND target_price = round(target_price, 6));
COMMENT ON COLUMN nightdesk.orders.stop_price IS
    'Where a stop order, or the stop of a bracket, becomes a market order, raw dollars; null for other types';
COMMENT ON COLUMN nightdesk.orders.target_price IS 'Where a bracket takes its profit, raw dollars; null for other types';

CREATE VIEW nightdesk.whole_orders AS
SELECT client_order_id, book, session, as_of, symbol, side, quantity, purpose, generation, order_type, time_in_force,
    limit_price, stop_price, target_price, reference_price, status, attempts, filled_quantity,
    (
        SELECT jsonb_agg(jsonb_build_array(i.strategy, i.quantity::text) ORDER BY i.number)
        FROM nightdesk.order_intents i WHERE i.client_order_id = o.client_order_id
    ) AS intents
FROM nightdesk.orders o;
COMMENT ON VIEW nightdesk.whole_orders IS 'Orders, each with the intents of the strategies behind it';
COMMENT ON COLUMN nightdesk.whole_orders.client_order_id IS 'Our key at the broker';
COMMENT ON COLUMN nightdesk.whole_orders.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.whole_orders.session IS 'Session that decided it; it is meant for the next open';
COMMENT ON COLUMN nightdesk.whole_orders.as_of IS 'Market instant of the decision, UTC';
COMMENT ON COLUMN nightdesk.whole_orders.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.whole_orders.side IS 'buy or sell';
COMMENT ON COLUMN nightdesk.whole_orders.quantity IS 'Ordered quantity, shares or coins';
COMMENT ON COLUMN nightdesk.whole_orders.purpose IS 'What it is for';
COMMENT ON COLUMN nightdesk.whole_orders.generation IS '0, or the number of a deliberate second try';
COMMENT ON COLUMN nightdesk.whole_orders.order_type IS 'market or limit';
COMMENT ON COLUMN nightdesk.whole_orders.time_in_force IS 'How long it stands at the broker';
COMMENT ON COLUMN nightdesk.whole_orders.limit_price IS 'Limit, dollars; none for a market order';
COMMENT ON COLUMN nightdesk.whole_orders.stop_price IS
    'Where a stop order, or the stop of a bracket, becomes a market order, raw dollars; null for other types';
COMMENT ON COLUMN nightdesk.whole_orders.target_price IS
    'Where a bracket takes its profit, raw dollars; null for other types';
COMMENT ON COLUMN nightdesk.whole_orders.reference_price IS 'Price at the decision, dollars';
COMMENT ON COLUMN nightdesk.whole_orders.status IS 'Newest state of its events; it only moves forward';
COMMENT ON COLUMN nightdesk.whole_orders.attempts IS 'Times that sending it was begun';
COMMENT ON COLUMN nightdesk.whole_orders.filled_quantity IS
    'Quantity of its fills, shares or coins of the day of the fill (a split may lie between)';
COMMENT ON COLUMN nightdesk.whole_orders.intents IS 'Pairs of strategy and signed quantity, in the order of the intents';

CREATE TABLE nightdesk.executions (
    book            text NOT NULL REFERENCES nightdesk.books,
    execution_id    text NOT NULL,
    client_order_id text NOT NULL,
    session         date NOT NULL,
    symbol          text NOT NULL,
    side            text NOT NULL,
    quantity        numeric NOT NULL,
    price           numeric NOT NULL,
    commission      numeric NOT NULL,
    reference_price numeric,
    refused         text,
    received_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (book, execution_id)
);
CREATE INDEX executions_by_session ON nightdesk.executions (book, session);
COMMENT ON TABLE nightdesk.executions IS
    'Every execution that a broker told of, as it told it, once; the settling of its session books those not refused';
COMMENT ON COLUMN nightdesk.executions.book IS 'Whose account it happened in';
COMMENT ON COLUMN nightdesk.executions.execution_id IS 'The broker''s own key of the execution';
COMMENT ON COLUMN nightdesk.executions.client_order_id IS 'Our key of its order; empty where the order is not ours';
COMMENT ON COLUMN nightdesk.executions.session IS 'Session in which it counts: the first whose close is not before it';
COMMENT ON COLUMN nightdesk.executions.symbol IS 'Symbol, as books name it';
COMMENT ON COLUMN nightdesk.executions.side IS 'buy or sell, as it came';
COMMENT ON COLUMN nightdesk.executions.quantity IS 'Units, as they came';
COMMENT ON COLUMN nightdesk.executions.price IS 'Dollars a unit, as they came';
COMMENT ON COLUMN nightdesk.executions.commission IS 'Dollars';
COMMENT ON COLUMN nightdesk.executions.reference_price IS 'Price before slippage, where the broker knows one, dollars';
COMMENT ON COLUMN nightdesk.executions.refused IS 'Why it is not booked; null where it is, or will be';
COMMENT ON COLUMN nightdesk.executions.received_at IS 'When it was first told, UTC';

CREATE TABLE nightdesk.movements (
    book        text NOT NULL REFERENCES nightdesk.books,
    movement_id text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('dividend', 'fee', 'interest', 'transfer', 'other')),
    symbol      text NOT NULL,
    quantity    numeric NOT NULL,
    cash        numeric NOT NULL,
    session     date NOT NULL,
    words       text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (book, movement_id)
);
CREATE INDEX movements_by_session ON nightdesk.movements (book, session);
COMMENT ON TABLE nightdesk.movements IS
    'What moved an account beside executions, as its broker told it, once; fees and interest are booked, the rest compared';
COMMENT ON COLUMN nightdesk.movements.book IS 'Whose account';
COMMENT ON COLUMN nightdesk.movements.movement_id IS 'The broker''s own key of it';
COMMENT ON COLUMN nightdesk.movements.kind IS 'dividend, fee, interest, transfer (a deposit or withdrawal) or other';
COMMENT ON COLUMN nightdesk.movements.symbol IS 'What it is about; empty for the account as a whole';
COMMENT ON COLUMN nightdesk.movements.quantity IS 'Signed units, such as a fee taken in a coin; 0 where only cash moves';
COMMENT ON COLUMN nightdesk.movements.cash IS 'Signed dollars';
COMMENT ON COLUMN nightdesk.movements.session IS 'Session in which it counts';
COMMENT ON COLUMN nightdesk.movements.words IS 'The broker''s own description';
COMMENT ON COLUMN nightdesk.movements.received_at IS 'When it was first told, UTC';

CREATE TABLE nightdesk.adjustments (
    adjustment_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book          text NOT NULL REFERENCES nightdesk.books,
    session       date NOT NULL,
    item          text NOT NULL,
    amount        numeric NOT NULL CHECK (amount <> 0),
    reason        text NOT NULL CHECK (reason <> ''),
    who           text NOT NULL CHECK (who <> ''),
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX adjustments_by_session ON nightdesk.adjustments (book, session);
COMMENT ON TABLE nightdesk.adjustments IS
    'Differences to the broker that a person took over into the ledger; the settling of their session books them';
COMMENT ON COLUMN nightdesk.adjustments.adjustment_id IS 'Number of the adjustment';
COMMENT ON COLUMN nightdesk.adjustments.book IS 'Whose ledger';
COMMENT ON COLUMN nightdesk.adjustments.session IS 'Session in which it is booked';
COMMENT ON COLUMN nightdesk.adjustments.item IS 'cash, or a symbol';
COMMENT ON COLUMN nightdesk.adjustments.amount IS 'Signed dollars of cash, or signed units of the symbol';
COMMENT ON COLUMN nightdesk.adjustments.reason IS 'Why';
COMMENT ON COLUMN nightdesk.adjustments.who IS 'The person who said so';
COMMENT ON COLUMN nightdesk.adjustments.created_at IS 'When it was said, UTC';

ALTER TABLE nightdesk.reconciliations ADD COLUMN outcome text NOT NULL DEFAULT 'asked'
    CHECK (outcome IN ('asked', 'tolerated'));
COMMENT ON COLUMN nightdesk.reconciliations.outcome IS
    'asked (a person; the book only reduces) or tolerated (within the book''s tolerance: booked, marked as such)';

ALTER TABLE nightdesk.ledger_entries DROP CONSTRAINT ledger_entries_kind_check;
ALTER TABLE nightdesk.ledger_entries ADD CONSTRAINT ledger_entries_kind_check
    CHECK (kind IN ('capital', 'fill', 'dividend', 'split', 'adjustment', 'fee', 'interest'));

ALTER TABLE nightdesk.risk_events DROP CONSTRAINT risk_events_kind_check;
ALTER TABLE nightdesk.risk_events ADD CONSTRAINT risk_events_kind_check CHECK (kind IN ('kill', 'halt', 'release'));
COMMENT ON COLUMN nightdesk.risk_events.kind IS
    'kill (nothing that adds risk until released), halt (nothing at all until released) or release';

CREATE TABLE nightdesk.broker_health (
    book          text PRIMARY KEY REFERENCES nightdesk.books,
    failing_since timestamptz,
    last_success  timestamptz,
    last_error    text NOT NULL DEFAULT ''
);
COMMENT ON TABLE nightdesk.broker_health IS 'Whether the broker of a book answers, kept between processes';
COMMENT ON COLUMN nightdesk.broker_health.book IS 'Whose broker';
COMMENT ON COLUMN nightdesk.broker_health.failing_since IS 'First failure after the last answer, UTC; null while it answers';
COMMENT ON COLUMN nightdesk.broker_health.last_success IS 'When it last answered, UTC';
COMMENT ON COLUMN nightdesk.broker_health.last_error IS 'Words of its newest failure; empty when there was none';

CREATE TABLE nightdesk.recoveries (
    recovery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book        text NOT NULL REFERENCES nightdesk.books,
    began_at    timestamptz NOT NULL,
    ended_at    timestamptz NOT NULL,
    found       jsonb NOT NULL
);
COMMENT ON TABLE nightdesk.recoveries IS 'What each recovery after a crash found and put right';
COMMENT ON COLUMN nightdesk.recoveries.recovery_id IS 'Number of the recovery';
COMMENT ON COLUMN nightdesk.recoveries.book IS 'Whose';
COMMENT ON COLUMN nightdesk.recoveries.began_at IS 'When it began, UTC';
COMMENT ON COLUMN nightdesk.recoveries.ended_at IS 'When it ended, UTC';
COMMENT ON COLUMN nightdesk.recoveries.found IS 'What it did, by kind: client order ids, execution ids, steps that were cut off';
