-- What brokers told, what people said of differences, and how the brokers can be reached.

-- name: executions_since
SELECT execution_id, client_order_id, symbol, side, quantity, price, commission, session, reference_price, multiplier,
    executed_at, commission_pending, corrects
FROM nightdesk.executions WHERE book = %(book)s AND account = %(account)s AND session > %(after)s ORDER BY session, execution_id;

-- name: commissions_told
SELECT execution_id FROM nightdesk.executions
WHERE book = %(book)s AND account = %(account)s AND execution_id = ANY (%(executions)s) AND NOT commission_pending;

-- name: refuse_execution
UPDATE nightdesk.executions SET refused = %(reason)s
WHERE book = %(book)s AND account = %(account)s AND execution_id = %(execution_id)s AND refused IS DISTINCT FROM %(reason)s;

-- name: movements_since
SELECT movement_id, kind, symbol, quantity, cash, session, words, moved_at
FROM nightdesk.movements WHERE book = %(book)s AND account = %(account)s AND session > %(after)s ORDER BY session, movement_id;

-- name: references_booked
SELECT DISTINCT reference FROM nightdesk.ledger_entries
WHERE book = %(book)s AND account = %(account)s AND as_of BETWEEN %(first)s AND %(last)s;

-- name: late_commissions
SELECT reference, sum(commission) AS commission FROM nightdesk.ledger_entries
WHERE book = %(book)s AND account = %(account)s AND as_of BETWEEN %(first)s AND %(last)s AND reference LIKE '%% commission'
GROUP BY reference;

-- name: movements_booked_in
SELECT DISTINCT m.movement_id, m.kind, m.session, m.words, m.moved_at,
    CASE m.kind WHEN 'corporate_action' THEN e.symbol ELSE m.symbol END AS symbol,
    CASE m.kind WHEN 'corporate_action' THEN 0 ELSE m.quantity END AS quantity,
    CASE m.kind WHEN 'corporate_action' THEN e.cash ELSE m.cash END AS cash
FROM nightdesk.movements m JOIN nightdesk.ledger_entries e ON e.book = m.book AND e.account = m.account AND e.reference = m.movement_id
WHERE m.book = %(book)s AND m.account = %(account)s AND e.as_of = %(as_of)s ORDER BY m.session, m.movement_id;

-- name: payments_booked
SELECT session, kind, strategy, symbol, quantity, price, cash, commission, reference, cost, since, account
FROM nightdesk.ledger_entries
WHERE book = %(book)s AND account = %(account)s AND as_of BETWEEN %(first)s AND %(last)s
    AND kind IN ('dividend', 'capital_gain', 'return_of_capital', 'exchange', 'redemption', 'adjustment')
ORDER BY as_of, number;

-- name: adjustments_of
SELECT adjustment_id, item, amount, reason, who, account FROM nightdesk.adjustments
WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY adjustment_id;

-- name: newest_differences
SELECT r.as_of, r.session, r.account, r.item, r.ledger_value, r.broker_value FROM nightdesk.reconciliations r
WHERE r.book = %(book)s AND r.outcome = 'asked'
    AND r.as_of = (SELECT max(as_of) FROM nightdesk.portfolio WHERE book = %(book)s)
ORDER BY r.account, r.item;

-- name: broker_health
SELECT book, failing_since, last_success, last_error, account FROM nightdesk.broker_health
WHERE book = %(book)s AND account = %(account)s;

-- name: working_orders
SELECT * FROM nightdesk.whole_orders o
WHERE book = %(book)s AND attempts > 0 AND status IN ('planned', 'submitted', 'partially_filled')
ORDER BY as_of, client_order_id;

-- name: unbooked_orders
SELECT o.*, coalesce(f.quantity, 0) AS booked FROM nightdesk.whole_orders o
LEFT JOIN (
    SELECT client_order_id, sum(quantity) AS quantity FROM nightdesk.standing_fills
    WHERE book = %(book)s AND symbol = %(symbol)s GROUP BY client_order_id
) f USING (client_order_id)
WHERE o.book = %(book)s AND o.symbol = %(symbol)s AND o.attempts > 0 AND (
    o.status IN ('planned', 'submitted', 'partially_filled') OR o.filled_quantity > coalesce(f.quantity, 0)
)
ORDER BY o.as_of, o.client_order_id;

-- name: orders_due
SELECT count(*) AS orders FROM nightdesk.orders
WHERE book = %(book)s AND (%(account)s::text IS NULL OR account = %(account)s)
    AND status IN ('planned', 'submitted', 'partially_filled') AND (%(resting)s OR time_in_force <> 'gtc');

-- name: steps_cut_off
UPDATE nightdesk.run_steps SET status = 'failed', ended_at = clock_timestamp(), error = %(error)s
WHERE book = %(book)s AND status = 'running' AND step = ANY (%(steps)s)
RETURNING as_of, session, step;

-- name: latest_marked
SELECT as_of FROM nightdesk.portfolio WHERE book = %(book)s ORDER BY as_of DESC LIMIT 1;

-- name: newest_begun
SELECT as_of FROM nightdesk.runs WHERE book = %(book)s ORDER BY as_of DESC LIMIT 1;

-- name: open_decisions
SELECT as_of FROM nightdesk.runs WHERE book = %(book)s AND status <> 'closed' ORDER BY as_of;

-- name: foreign_orders
SELECT client_order_id, origin, symbol, side, quantity, executed, received_at, account FROM nightdesk.foreign_orders
WHERE book = %(book)s AND (%(account)s::text IS NULL OR account = %(account)s) AND gone_at IS NULL AND claimed_at IS NULL ORDER BY client_order_id;

-- name: unsent_orders
SELECT o.client_order_id, o.symbol, o.side, o.quantity, o.status, o.account, e.cause, EXISTS (
    SELECT FROM nightdesk.order_events earlier
    WHERE earlier.client_order_id = o.client_order_id AND earlier.status = 'submitted'
) AS accepted
FROM nightdesk.orders o JOIN LATERAL (
    SELECT cause FROM nightdesk.order_events e
    WHERE e.client_order_id = o.client_order_id ORDER BY number DESC LIMIT 1
) e ON true
WHERE o.book = %(book)s AND o.as_of = %(as_of)s AND o.filled_quantity = 0
    AND (o.status IN ('suppressed', 'rejected') OR (o.status = 'expired' AND o.attempts = 0))
    AND o.client_order_id NOT LIKE '%%/exits' -- they are told with their entry
ORDER BY o.symbol, o.side, o.generation;

-- name: kept_contract
SELECT symbol, contract_id, primary_exchange, tick, size_increment, asked_at FROM nightdesk.broker_contracts
WHERE broker = %(broker)s AND symbol = %(symbol)s;

-- name: note_statement
INSERT INTO nightdesk.statement_health AS held (book, account, asked_at, failing_since, last_error)
VALUES (
    %(book)s, %(account)s, %(at)s, CASE WHEN %(error)s::text <> '' THEN %(at)s::timestamptz END, %(error)s
)
ON CONFLICT (book, account) DO UPDATE SET asked_at = excluded.asked_at, last_error = excluded.last_error,
    failing_since = CASE
        WHEN excluded.last_error <> '' THEN coalesce(held.failing_since, excluded.failing_since)
    END;

-- name: statement_standing
SELECT max(s.last_day) AS last_day, max(h.asked_at) AS asked_at, max(h.failing_since) AS failing_since
FROM nightdesk.statement_health h FULL JOIN nightdesk.broker_statements s USING (book, account)
WHERE book = %(book)s AND account = %(account)s;
