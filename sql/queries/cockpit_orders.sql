-- The order diary of the cockpit: what became of orders, and what their way cost against the book's model.

-- name: diary_orders
-- A page of a book's orders, the newest decision first. A decision price is restated for splits between the decision
-- and the fill; what was filled is set against it, and against the open, in dollars: positive is a cost.
WITH page AS MATERIALIZED (
    SELECT * FROM nightdesk.orders o
    WHERE book = %(book)s
        AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
        AND (%(states)s::text[] IS NULL OR status = ANY (%(states)s::text[]))
        AND (%(rests)s::boolean IS NULL OR (time_in_force = 'gtc') = %(rests)s)
        AND (%(before)s::text IS NULL OR as_of <= (
            SELECT b.as_of FROM nightdesk.orders b WHERE b.client_order_id = %(before)s AND b.book = %(book)s
        ) AND (as_of, client_order_id) < (
            SELECT b.as_of, b.client_order_id FROM nightdesk.orders b
            WHERE b.client_order_id = %(before)s AND b.book = %(book)s
        ))
    ORDER BY as_of DESC, client_order_id DESC LIMIT %(rows)s
), terms AS (
    SELECT * FROM unnest(%(symbols)s::text[], %(commissions)s::numeric[], %(per_units)s::numeric[])
        AS stated (symbol, commission, per_unit)
), splits AS MATERIALIZED (
    SELECT s.symbol, a.session, a.value FROM nightdesk.corporate_actions a JOIN nightdesk.symbols s USING (symbol_id)
    WHERE a.kind = 'split' AND a.superseded_at IS NULL AND a.session >= (SELECT min(session) FROM page)
), executed AS MATERIALIZED (
    SELECT f.*, p.reference_price / coalesce((
            SELECT round(exp(sum(ln(x.value)))::numeric, 9) FROM splits x
            WHERE x.symbol = p.symbol AND x.session > p.session AND x.session <= f.session
        ), 1) AS decision_price,
        f.quantity * f.multiplier * CASE f.side WHEN 'buy' THEN 1 ELSE -1 END AS units
    FROM page p JOIN nightdesk.standing_fills f ON f.client_order_id = p.client_order_id
        AND f.book = %(book)s AND f.as_of >= (SELECT min(as_of) FROM page)
), filled AS (
    SELECT e.client_order_id, count(*) AS fills, min(e.session) AS first_filled, max(e.session) AS last_filled,
        sum(e.quantity * e.decision_price) / sum(e.quantity) AS decision_price,
        sum(e.quantity * e.reference_price) / sum(e.quantity) AS open_price,
        sum(e.quantity * e.price) / sum(e.quantity) AS fill_price,
        sum(abs(e.units) * e.reference_price) AS notional,
        sum(e.units * (e.reference_price - e.decision_price)) AS delay_cost,
        sum(e.units * (e.expected_price - e.reference_price)) AS expected_slippage,
        sum(e.units * (e.price - e.reference_price)) AS realised_slippage,
        sum(e.commission) AS commission,
        sum(abs(e.units) * e.price * coalesce(t.commission, %(usual_commission)s::numeric)
            + e.quantity * coalesce(t.per_unit, %(usual_per_unit)s::numeric)) AS expected_commission,
        max(x.received_at) AS told_at
    FROM executed e LEFT JOIN terms t ON t.symbol = e.symbol
    LEFT JOIN nightdesk.executions x ON (x.book, x.account, x.execution_id) = (e.book, e.account, e.execution_id)
    GROUP BY e.client_order_id
)
SELECT p.client_order_id, p.as_of, p.session, p.symbol, p.side, p.quantity, p.purpose, p.order_type, p.limit_price,
    p.stop_price, p.target_price, p.reference_price, p.time_in_force, p.status, p.attempts, p.filled_quantity, p.account,
    i.strategies, i.bundles, v.planned_at, v.sent_at, v.ended_at, v.cause,
    f.fills, f.first_filled, f.last_filled, f.decision_price, f.open_price, f.fill_price, f.notional, f.delay_cost,
    f.expected_slippage, f.realised_slippage, f.commission, f.expected_commission, f.told_at
FROM page p
LEFT JOIN filled f USING (client_order_id)
LEFT JOIN LATERAL (
    SELECT array_agg(n.strategy ORDER BY n.number) AS strategies,
        array_agg(DISTINCT n.bundle) FILTER (WHERE n.bundle IS NOT NULL) AS bundles
    FROM nightdesk.order_intents n WHERE n.client_order_id = p.client_order_id
) i ON true
LEFT JOIN LATERAL (
    SELECT min(e.recorded_at) FILTER (WHERE e.status = 'planned') AS planned_at,
        min(e.recorded_at) FILTER (WHERE e.status = 'submitted') AS sent_at,
        max(e.recorded_at) FILTER (WHERE e.status NOT IN ('planned', 'submitted', 'partially_filled')) AS ended_at,
        (array_agg(e.cause ORDER BY e.number DESC))[1] AS cause
    FROM nightdesk.order_events e WHERE e.client_order_id = p.client_order_id
) v ON true
ORDER BY p.as_of DESC, p.client_order_id DESC;

-- name: diary_sums
-- What the fills of a span of settlings cost, by month and strategy. Strategies of one order may trade against each
-- other, so each has two parts of it, which add up to one over its strategies: of what prices cost, by the units that
-- the ledger booked to it with their sign (who trades against the order gains what the order pays), and of notional and
-- the model's commission, by their size. Commissions are those of the ledger.
WITH terms AS (
    SELECT * FROM unnest(%(symbols)s::text[], %(commissions)s::numeric[], %(per_units)s::numeric[])
        AS stated (symbol, commission, per_unit)
), splits AS MATERIALIZED (
    SELECT s.symbol, a.session, a.value FROM nightdesk.corporate_actions a JOIN nightdesk.symbols s USING (symbol_id)
    WHERE a.kind = 'split' AND a.superseded_at IS NULL
        AND a.session BETWEEN %(first_session)s::date AND %(last_session)s::date
), executed AS (
    SELECT f.client_order_id, f.as_of, f.session, sum(u.units / f.multiplier) AS quantity,
        sum(f.quantity * f.multiplier * f.reference_price) AS notional,
        sum(u.units * (f.reference_price - o.reference_price / coalesce((
            SELECT round(exp(sum(ln(x.value)))::numeric, 9) FROM splits x
            WHERE x.symbol = o.symbol AND x.session > o.session AND x.session <= f.session
        ), 1))) AS delay_cost,
        sum(u.units * (f.expected_price - f.reference_price)) AS expected_slippage,
        sum(u.units * (f.price - f.reference_price)) AS realised_slippage,
        sum(f.quantity * f.multiplier * f.price * coalesce(t.commission, %(usual_commission)s::numeric)
            + f.quantity * coalesce(t.per_unit, %(usual_per_unit)s::numeric)) AS expected_commission
    FROM nightdesk.standing_fills f JOIN nightdesk.orders o USING (client_order_id)
    CROSS JOIN LATERAL (
        SELECT f.quantity * f.multiplier * CASE f.side WHEN 'buy' THEN 1 ELSE -1 END AS units
    ) u
    LEFT JOIN terms t ON t.symbol = f.symbol
    WHERE f.book = %(book)s AND f.as_of BETWEEN %(first)s AND %(last)s
    GROUP BY f.client_order_id, f.as_of, f.session
), booked AS (
    SELECT e.reference AS client_order_id, e.as_of, e.session, e.strategy, sum(e.quantity) AS quantity,
        sum(abs(e.quantity)) AS units, sum(sum(abs(e.quantity))) OVER (PARTITION BY e.reference, e.as_of, e.session) AS all_units,
        sum(e.commission) AS commission
    FROM nightdesk.ledger_entries e
    WHERE e.book = %(book)s AND e.kind = 'fill' AND e.as_of BETWEEN %(first)s AND %(last)s
    GROUP BY e.reference, e.as_of, e.session, e.strategy
)
SELECT date_trunc('month', b.session)::date AS month, b.strategy, count(DISTINCT b.client_order_id) AS orders,
    sum(x.notional * s.size) AS notional, sum(x.delay_cost * s.share) AS delay_cost,
    sum(x.expected_slippage * s.share) AS expected_slippage, sum(x.realised_slippage * s.share) AS realised_slippage,
    sum(b.commission) AS commission, sum(x.expected_commission * s.size) AS expected_commission
FROM booked b JOIN executed x USING (client_order_id, as_of, session)
CROSS JOIN LATERAL (SELECT b.quantity / x.quantity AS share, b.units / b.all_units AS size) s
GROUP BY 1, 2 ORDER BY 1 DESC, 2;

-- name: diary_filled
SELECT count(DISTINCT client_order_id) AS orders FROM nightdesk.standing_fills
WHERE book = %(book)s AND as_of BETWEEN %(first)s AND %(last)s;

-- name: order_of_book
SELECT client_order_id FROM nightdesk.orders WHERE book = %(book)s AND client_order_id = %(client_order_id)s;

-- name: diary_states
SELECT status, count(*) AS orders FROM nightdesk.orders
WHERE book = %(book)s AND as_of BETWEEN %(first)s AND %(last)s GROUP BY status ORDER BY status;

-- name: newest_span
-- The span of a book's newest sessions that were begun: what a page of history shows.
SELECT min(as_of) AS first, max(as_of) AS last, min(session) AS first_session, max(session) AS last_session,
    count(DISTINCT session) AS sessions, (SELECT count(DISTINCT session) FROM nightdesk.runs WHERE book = %(book)s) AS all_sessions
FROM nightdesk.runs WHERE book = %(book)s AND session >= (
    SELECT coalesce(min(session), '-infinity') FROM (
        SELECT DISTINCT session FROM nightdesk.runs WHERE book = %(book)s ORDER BY session DESC LIMIT %(sessions)s
    ) newest
);

-- name: standing_protections
-- Of a decision's positions what works for each now, or why nothing does: the newest order that was sent, else one that is
-- to be sent, among that which rested and those that the decision placed.
SELECT DISTINCT ON (p.strategy, p.symbol) p.strategy, p.symbol, p.action, p.words, p.held, p.wanted,
    o.client_order_id, o.status, o.quantity - o.filled_quantity AS quantity, o.side, o.stop_price, o.target_price, o.account, o.as_of AS placed_as_of, o.session AS placed_session, m.price,
    coalesce(r.status, '') AS refused, coalesce(r.cause, '') AS refused_why
FROM nightdesk.protections p
LEFT JOIN nightdesk.positions m ON (m.book, m.as_of, m.strategy, m.symbol) = (p.book, p.as_of, p.strategy, p.symbol)
LEFT JOIN LATERAL (
    SELECT x.* FROM nightdesk.orders x
    WHERE x.book = p.book AND x.symbol = p.symbol AND x.status IN ('planned', 'submitted', 'partially_filled')
        AND (x.client_order_id = p.resting OR x.as_of = p.as_of AND x.purpose = 'protect ' || p.strategy)
    ORDER BY x.status = 'planned', x.as_of DESC, x.generation DESC LIMIT 1
) o ON true
LEFT JOIN LATERAL (
    SELECT x.status, (
        SELECT e.cause FROM nightdesk.order_events e WHERE e.client_order_id = x.client_order_id ORDER BY e.number DESC LIMIT 1
    ) AS cause
    FROM nightdesk.orders x WHERE x.client_order_id = p.placed AND x.status IN ('suppressed', 'rejected', 'expired', 'cancelled')
) r ON true
WHERE p.book = %(book)s AND p.as_of = %(as_of)s ORDER BY p.strategy, p.symbol, p.action = 'cancel', p.resting;
