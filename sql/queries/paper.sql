-- name: paper_state
SELECT newest.as_of, newest.session, newest.cash, held.symbol, held.quantity, held.cost
FROM (
    SELECT as_of, session, cash FROM nightdesk.paper_accounts WHERE account = %(account)s ORDER BY as_of DESC LIMIT 1
) AS newest
LEFT JOIN nightdesk.paper_positions held ON held.account = %(account)s AND held.as_of = newest.as_of
ORDER BY held.symbol;

-- name: paper_open_orders
SELECT client_order_id, as_of, session, symbol, side, quantity, order_type, time_in_force, limit_price, stop_price, target_price,
    reference_price, status, reason, bundle, bundle_units,
    coalesce((SELECT sum(f.quantity) FROM nightdesk.paper_fills f WHERE (f.account, f.client_order_id) = (o.account, o.client_order_id)), 0) AS filled
FROM nightdesk.paper_orders o WHERE account = %(account)s AND status = 'accepted' ORDER BY received;

-- name: paper_order
SELECT client_order_id, as_of, session, symbol, side, quantity, order_type, time_in_force, limit_price, stop_price, target_price,
    reference_price, status, reason, bundle, bundle_units,
    coalesce((SELECT sum(f.quantity) FROM nightdesk.paper_fills f WHERE (f.account, f.client_order_id) = (o.account, o.client_order_id)), 0) AS filled
FROM nightdesk.paper_orders o WHERE account = %(account)s AND client_order_id = %(client_order_id)s;

-- name: receive_paper_order
-- At the newest period of the account; no row where the account was never funded, or the id is taken.
WITH received AS (
    INSERT INTO nightdesk.paper_orders (
        account, as_of, session, status, client_order_id, symbol, side, quantity, order_type, time_in_force,
        limit_price, stop_price, target_price, reference_price, bundle, bundle_units
    )
    SELECT account, as_of, session, 'accepted', %(client_order_id)s, %(symbol)s, %(side)s, %(quantity)s,
        %(order_type)s, %(time_in_force)s, %(limit_price)s::numeric, %(stop_price)s::numeric, %(target_price)s::numeric,
        %(reference_price)s,
        %(bundle)s, %(bundle_units)s
    FROM nightdesk.paper_accounts WHERE account = %(account)s ORDER BY as_of DESC LIMIT 1
    ON CONFLICT DO NOTHING
    RETURNING client_order_id, as_of, session, symbol, side, quantity, order_type, time_in_force, limit_price,
        stop_price, target_price, reference_price, status, reason
)
SELECT received.*, 0::numeric AS filled FROM received;

-- name: paper_orders_received
SELECT count(*) AS received FROM nightdesk.paper_orders o WHERE account = %(account)s AND as_of >= %(as_of)s;

-- name: paper_fills_since
SELECT execution_id, client_order_id, symbol, side, quantity, price, commission, session, reference_price, multiplier
FROM nightdesk.paper_fills WHERE account = %(account)s AND as_of > %(as_of)s ORDER BY as_of, execution_id;
