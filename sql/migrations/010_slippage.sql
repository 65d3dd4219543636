-- What each execution was expected to cost, beside what it cost.

ALTER TABLE nightdesk.fills ADD COLUMN expected_price numeric CHECK (expected_price = round(expected_price, 6));
-- Until now every fill was one of the paper broker, which fills at the modelled price itself.
UPDATE nightdesk.fills SET expected_price = price;
ALTER TABLE nightdesk.fills ALTER COLUMN expected_price SET NOT NULL;
COMMENT ON COLUMN nightdesk.fills.expected_price IS
    'Reference price moved by the slippage that the book models, never beyond the order''s limit; dollars, at most 6 decimals';

CREATE VIEW nightdesk.slippage AS
SELECT book, session, execution_id, client_order_id, symbol, side, notional, expected_cost, realised_cost,
    (10000 * expected_cost / notional)::double precision AS expected_bps,
    (10000 * realised_cost / notional)::double precision AS realised_bps
FROM (
    SELECT f.*, quantity * reference_price AS notional,
        quantity * (expected_price - reference_price) * CASE side WHEN 'buy' THEN 1 ELSE -1 END AS expected_cost,
        quantity * (price - reference_price) * CASE side WHEN 'buy' THEN 1 ELSE -1 END AS realised_cost
    FROM nightdesk.fills f
) costs;
COMMENT ON VIEW nightdesk.slippage IS
    'Slippage of each execution, expected and realised; positive is a cost, negative a better price than the reference';
COMMENT ON COLUMN nightdesk.slippage.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.slippage.session IS 'Session in which it was executed, and settled';
COMMENT ON COLUMN nightdesk.slippage.execution_id IS 'The broker''s key of the execution';
COMMENT ON COLUMN nightdesk.slippage.client_order_id IS 'Order that was filled';
COMMENT ON COLUMN nightdesk.slippage.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.slippage.side IS 'buy or sell';
COMMENT ON COLUMN nightdesk.slippage.notional IS 'Quantity × reference price, dollars';
COMMENT ON COLUMN nightdesk.slippage.expected_cost IS 'What the book''s model makes the execution cost, dollars';
COMMENT ON COLUMN nightdesk.slippage.realised_cost IS 'What it cost, dollars';
COMMENT ON COLUMN nightdesk.slippage.expected_bps IS 'Expected cost, basis points of the notional';
COMMENT ON COLUMN nightdesk.slippage.realised_bps IS 'Realised cost, basis points of the notional';
