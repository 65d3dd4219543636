-- Orders that rest at the embedded paper broker until they fill or are cancelled.

ALTER TABLE nightdesk.paper_orders
    ADD COLUMN stop_price   numeric CHECK (stop_price > 0),
    ADD COLUMN target_price numeric CHECK (target_price > 0);
COMMENT ON COLUMN nightdesk.paper_orders.stop_price IS
    'Where a stop, or the stop of an oco, becomes a market order, raw dollars; null for other types';
COMMENT ON COLUMN nightdesk.paper_orders.target_price IS 'Where an oco takes its profit, raw dollars; null for other types';
COMMENT ON COLUMN nightdesk.paper_orders.order_type IS 'market, limit, stop or oco (a stop and a target, of which one cancels the other)';
COMMENT ON COLUMN nightdesk.paper_orders.status IS
    'accepted until the market opens, then filled or expired (whole or for its rest); one that rests stays accepted; or cancelled';
COMMENT ON COLUMN nightdesk.paper_orders.reason IS 'Why it ended without being filled, or what is to be known of its execution; else empty';
COMMENT ON COLUMN nightdesk.orders.order_type IS 'market, limit, stop, bracket or oco';
COMMENT ON COLUMN nightdesk.orders.stop_price IS
    'Where a stop, or the stop of a bracket or an oco, becomes a market order, raw dollars; null for other types';
COMMENT ON COLUMN nightdesk.orders.target_price IS 'Where a bracket or an oco takes its profit, raw dollars; null for other types';
