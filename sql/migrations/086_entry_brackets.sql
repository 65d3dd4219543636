-- Orders that open a position and bring its exits with them.

COMMENT ON COLUMN nightdesk.orders.order_type IS
    'market, limit, stop, bracket (enters, and brings its exits with it) or oco; the exits of a bracket are a stop or an oco under its id with /exits behind it';
COMMENT ON COLUMN nightdesk.orders.target_price IS
    'Where a bracket or an oco takes its profit, raw dollars; null for other types, and of a bracket that brings a stop alone';
COMMENT ON COLUMN nightdesk.paper_orders.order_type IS
    'market, limit, stop, bracket (enters, and brings its exits with it) or oco (a stop and a target, of which one cancels the other)';
COMMENT ON COLUMN nightdesk.paper_orders.stop_price IS
    'Where a stop, or the stop of a bracket or an oco, becomes a market order, raw dollars; null for other types';
COMMENT ON COLUMN nightdesk.paper_orders.target_price IS
    'Where a bracket or an oco takes its profit, raw dollars; null for other types, and of a bracket that brings a stop alone';
