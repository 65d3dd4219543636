-- name: book_record
SELECT book, inception, origin, initial_capital, broker, account FROM nightdesk.books WHERE book = %(book)s;

-- name: kept_book
SELECT b.book, b.inception, b.origin, b.initial_capital, b.broker, b.account
FROM nightdesk.books b JOIN nightdesk.taxpayers t USING (book)
WHERE b.book = %(book)s AND b.document::text = %(document)s
  AND (t.taxpayer, t.lots, t.sales, t.crypto, t.wash_sales_of_crypto)
      = (%(taxpayer)s, %(lots)s, %(sales)s::jsonb, %(crypto)s::text[], %(wash_sales_of_crypto)s::boolean);

-- name: started_books
SELECT book, inception, origin, initial_capital, broker, account FROM nightdesk.books ORDER BY book;

-- name: book_document
SELECT document FROM nightdesk.books WHERE book = %(book)s;

-- name: account_owner
SELECT book FROM nightdesk.books WHERE broker = %(broker)s AND account = %(account)s;

-- name: run
SELECT book, session, as_of, known_by, status, code_version, config_hash
FROM nightdesk.runs WHERE book = %(book)s AND session = %(session)s;

-- name: lock_run
SELECT FROM nightdesk.runs WHERE book = %(book)s AND session = %(session)s FOR NO KEY UPDATE;

-- name: begin_step
-- The attempt begins when the run is found as it stands, held by nobody: an ingest that moved it came before, and one
-- that moves it later finds the attempt older.
WITH found AS (
    INSERT INTO nightdesk.runs AS held (book, session, as_of, code_version, config_hash)
    VALUES (%(book)s, %(session)s, %(as_of)s, %(code_version)s, %(config_hash)s)
    ON CONFLICT (book, session) DO UPDATE
    SET status = CASE WHEN held.status = 'failed' THEN 'open' ELSE held.status END
    RETURNING book, session, as_of, known_by, status, code_version, config_hash
), begun AS (
    INSERT INTO nightdesk.run_steps (book, session, step, status, task)
    SELECT book, session, %(step)s, 'running', %(task)s FROM found RETURNING run_step_id
)
SELECT run_step_id, found.* FROM found, begun;

-- name: take_turn
SELECT CASE WHEN status = 'closed' THEN pg_try_advisory_lock(%(key)s) END AS taken
FROM nightdesk.runs WHERE book = %(book)s AND session = %(session)s;

-- name: sealed
SELECT
    r.status = 'closed' AS closed,
    EXISTS (
        SELECT FROM nightdesk.orders o WHERE o.book = r.book AND o.session = r.session AND o.attempts > 0
    ) AS sent,
    (
        SELECT min(later.session) FROM nightdesk.runs later
        WHERE later.book = r.book AND later.session > r.session AND (
            later.status = 'closed'
            OR EXISTS (SELECT FROM nightdesk.portfolio p WHERE p.book = later.book AND p.session = later.session)
            OR EXISTS (SELECT FROM nightdesk.targets t WHERE t.book = later.book AND t.session = later.session)
            OR EXISTS (SELECT FROM nightdesk.orders o WHERE o.book = later.book AND o.session = later.session)
        )
    ) AS later
FROM nightdesk.runs r WHERE r.book = %(book)s AND r.session = %(session)s;

-- name: newest_attempts
SELECT step, status, started_at, ended_at, counts, differences, error, task
FROM (
    SELECT DISTINCT ON (step) * FROM nightdesk.run_steps
    WHERE book = %(book)s AND session = %(session)s ORDER BY step, run_step_id DESC
) newest ORDER BY run_step_id;

-- name: outdated_steps
SELECT step FROM nightdesk.run_steps JOIN nightdesk.runs r USING (book, session)
WHERE book = %(book)s AND session = %(session)s AND step <> 'ingest' AND run_steps.status = 'done'
GROUP BY step, r.known_by HAVING max(started_at) < r.known_by ORDER BY max(run_step_id);

-- name: latest_closed
SELECT session FROM nightdesk.runs WHERE book = %(book)s AND status = 'closed' ORDER BY session DESC LIMIT 1;

-- name: closed_sessions
SELECT session FROM nightdesk.runs WHERE book = %(book)s AND status = 'closed';

-- name: newest_progress
SELECT greatest(b.created_at, (SELECT max(closed_at) FROM nightdesk.runs r WHERE r.book = b.book)) AS at
FROM nightdesk.books b WHERE b.book = %(book)s;

-- name: decided_sessions
SELECT r.session, r.as_of, r.known_by, r.status, g.regime, p.nav, p.cash, p.day_return, p.drawdown,
    (SELECT count(*) FROM nightdesk.orders o WHERE o.book = r.book AND o.session = r.session) AS orders
FROM nightdesk.runs r
LEFT JOIN nightdesk.regimes g USING (book, session)
LEFT JOIN nightdesk.portfolio p USING (book, session)
WHERE r.book = %(book)s ORDER BY r.session DESC LIMIT %(newest)s;

-- name: ingested_before
SELECT 1 AS found FROM nightdesk.runs
WHERE book = %(book)s AND config_hash = %(config_hash)s AND known_by IS NOT NULL LIMIT 1;

-- name: factor_rows
SELECT f.symbol, s.names, f.factor_values
FROM nightdesk.factors f JOIN nightdesk.factor_sets s USING (factor_set_id)
WHERE f.book = %(book)s AND f.session = %(session)s;

-- name: factor_set
SELECT factor_set_id FROM nightdesk.factor_sets WHERE names = %(names)s;

-- name: regime_row
SELECT band, regime, vix, vix_age FROM nightdesk.regimes WHERE book = %(book)s AND session = %(session)s;

-- name: second_closes
SELECT session, symbol, close FROM nightdesk.second_closes
WHERE book = %(book)s AND session BETWEEN %(first)s AND %(last)s;

-- name: session_quality
SELECT entries_allowed, reason, quarantined FROM nightdesk.session_quality
WHERE book = %(book)s AND session = %(session)s;

-- name: quality_outcome_day
SELECT day FROM nightdesk.quality_outcomes
WHERE book = %(book)s AND session = %(session)s
  AND known_by = %(known_by)s AND config_hash = %(config_hash)s AND code_version = %(code_version)s;

-- name: quality_outcome_recent
SELECT recent FROM nightdesk.quality_outcomes
WHERE book = %(book)s AND session = %(session)s
  AND known_by = %(known_by)s AND config_hash = %(config_hash)s AND code_version = %(code_version)s;

-- name: quality_outcome_history
SELECT history FROM nightdesk.quality_outcomes
WHERE book = %(book)s AND session = %(session)s
  AND known_by = %(known_by)s AND config_hash = %(config_hash)s AND code_version = %(code_version)s;

-- name: signal_rows
SELECT strategy, symbol, direction, side, action, strength, confidence, reason, injected FROM nightdesk.signals
WHERE book = %(book)s AND session = %(session)s ORDER BY strategy, symbol;

-- name: signal_rows_before
SELECT s.strategy, s.symbol, s.direction, s.side, s.strength, s.confidence, s.reason
FROM unnest(%(strategies)s::text[]) AS wanted (strategy)
CROSS JOIN LATERAL (
    SELECT max(session) AS session FROM nightdesk.signals
    WHERE book = %(book)s AND session < %(session)s AND strategy = wanted.strategy
) AS newest
JOIN nightdesk.signals s ON s.book = %(book)s AND s.session = newest.session AND s.strategy = wanted.strategy;

-- name: target_rows
SELECT strategy, symbol, held, quantity, weight, confidence, allocation, stop_distance, target_distance, reduce_to, cause FROM nightdesk.targets
WHERE book = %(book)s AND session = %(session)s ORDER BY strategy, symbol;

-- name: dropped_entries_of
SELECT strategy, symbol, filter, other, observed, filter_limit FROM nightdesk.dropped_entries
WHERE book = %(book)s AND session = %(session)s AND symbol = %(symbol)s ORDER BY strategy;

-- name: dropped_entries
SELECT strategy, symbol, filter, other, observed, filter_limit FROM nightdesk.dropped_entries
WHERE book = %(book)s AND session = %(session)s ORDER BY symbol, strategy;

-- name: carried_rows_before
SELECT * FROM nightdesk.targets
WHERE book = %(book)s AND session = (
    SELECT max(session) FROM nightdesk.targets WHERE book = %(book)s AND session < %(session)s
);

-- name: target_scale
SELECT volatility, scale FROM nightdesk.target_scales WHERE book = %(book)s AND session = %(session)s;

-- name: gated_rows
SELECT strategy, symbol, quantity FROM nightdesk.gated WHERE book = %(book)s AND session = %(session)s;

-- name: verdict_rows
SELECT step, symbol, rule, action, observed, rule_limit, quantity_held, quantity_before, quantity_after
FROM nightdesk.verdicts WHERE book = %(book)s AND session = %(session)s ORDER BY step, symbol;

-- name: order_rows
SELECT * FROM nightdesk.whole_orders o WHERE book = %(book)s AND session = %(session)s ORDER BY symbol, side, purpose, generation;

-- name: order_by_id
SELECT * FROM nightdesk.whole_orders o WHERE client_order_id = %(client_order_id)s;

-- name: order_event_rows
SELECT e.client_order_id, e.number, e.session, e.status, e.cause, e.answer, e.recorded_at
FROM nightdesk.order_events e JOIN nightdesk.orders o USING (client_order_id)
WHERE o.book = %(book)s AND o.session = %(session)s ORDER BY e.client_order_id, e.number;

-- name: orders_to_settle
SELECT * FROM nightdesk.whole_orders o
WHERE book = %(book)s AND session < %(session)s AND (
    status IN ('planned', 'submitted', 'partially_filled')
    OR EXISTS (
        SELECT FROM nightdesk.order_events e
        WHERE e.client_order_id = o.client_order_id AND e.session >= %(session)s
    )
    OR (
        attempts > 0 AND status IN ('suppressed', 'expired', 'rejected')
        AND session = (SELECT max(r.session) FROM nightdesk.runs r WHERE r.book = o.book AND r.session < %(session)s)
    )
    OR (
        attempts > 0 AND status IN ('suppressed', 'expired', 'rejected') AND session >= %(first)s
        AND symbol IN (
            SELECT d.symbol FROM nightdesk.disputed_positions d
            WHERE d.book = o.book
                AND d.session = (SELECT max(r.session) FROM nightdesk.runs r WHERE r.book = o.book AND r.session < %(session)s)
        )
    )
)
ORDER BY session, client_order_id;

-- name: fill_rows
SELECT execution_id, client_order_id, symbol, side, quantity, price, commission, session, reference_price
FROM nightdesk.fills WHERE book = %(book)s AND session BETWEEN %(first)s AND %(last)s ORDER BY session, execution_id;

-- name: slippage_rows
SELECT notional, expected_cost, realised_cost FROM nightdesk.slippage
WHERE book = %(book)s AND session = %(session)s ORDER BY execution_id;

-- name: cross_rows
SELECT session, symbol, strategy, quantity, price FROM nightdesk.crosses
WHERE book = %(book)s AND session BETWEEN %(first)s AND %(last)s ORDER BY session, symbol, number;

-- name: filled_before
SELECT client_order_id, sum(quantity) AS quantity FROM nightdesk.fills
WHERE book = %(book)s AND session < %(session)s AND client_order_id = ANY (%(orders)s)
GROUP BY client_order_id;

-- name: entry_rows
SELECT session, kind, strategy, symbol, quantity, price, cash, commission, reference, cost, since
FROM nightdesk.ledger_entries
WHERE book = %(book)s AND session BETWEEN %(first)s AND %(last)s ORDER BY session, number;

-- name: position_rows
SELECT strategy, symbol, quantity, cost, realised, entry_session, commission, dividends, borrow, price, market_value
FROM nightdesk.positions WHERE book = %(book)s AND session = %(session)s ORDER BY strategy, symbol;

-- name: portfolio_row
SELECT session, cash, positions_value, nav, peak_nav, drawdown, gross, net, day_return
FROM nightdesk.portfolio WHERE book = %(book)s AND session = %(session)s;

-- name: portfolio_rows
SELECT session, cash, positions_value, nav, peak_nav, drawdown, gross, net, day_return
FROM nightdesk.portfolio WHERE book = %(book)s AND session BETWEEN %(first)s AND %(last)s ORDER BY session;

-- name: reconciliation_rows
SELECT item, ledger_value, broker_value, outcome FROM nightdesk.reconciliations
WHERE book = %(book)s AND session = %(session)s ORDER BY item;

-- name: disputed_positions
SELECT symbol, reason FROM nightdesk.disputed_positions
WHERE book = %(book)s AND session = %(session)s ORDER BY symbol;

-- name: kill_switch
SELECT kind, reason, who, session, created_at FROM nightdesk.risk_events
WHERE book = %(book)s AND session <= %(session)s AND kind IN ('kill', 'halt', 'release')
ORDER BY session DESC, risk_event_id DESC LIMIT 1;

-- name: alert_rows
SELECT alert_id, alert_key, level, book, session, subject, body, created_at, sent_at, acknowledged_at, acknowledged_by
FROM nightdesk.alerts WHERE %(book)s::text IS NULL OR book = %(book)s ORDER BY alert_id DESC LIMIT %(newest)s;

-- name: grave_alert_rows
SELECT alert_id, alert_key, level, book, session, subject, body, created_at, sent_at, acknowledged_at, acknowledged_by
FROM nightdesk.alerts
WHERE acknowledged_at IS NULL AND level IN ('EMERGENCY', 'CRITICAL')
    AND (%(book)s::text IS NULL OR book = %(book)s)
ORDER BY level = 'EMERGENCY' DESC, alert_id DESC LIMIT %(newest)s;

-- name: report_html
SELECT html FROM nightdesk.reports WHERE book = %(book)s AND session = %(session)s;

-- name: session_completeness
SELECT
    (SELECT count(*) FROM nightdesk.factors WHERE book = r.book AND session = r.session) AS factors,
    (SELECT count(*) FROM nightdesk.risk_state WHERE book = r.book AND session = r.session) AS risk_state,
    (SELECT count(*) FROM nightdesk.risk_reports WHERE book = r.book AND session = r.session) AS risk_reports,
    (SELECT count(*) FROM nightdesk.regimes WHERE book = r.book AND session = r.session) AS regimes,
    (SELECT count(*) FROM nightdesk.session_quality WHERE book = r.book AND session = r.session) AS session_quality,
    (SELECT count(*) FROM nightdesk.portfolio WHERE book = r.book AND session = r.session) AS portfolio,
    (SELECT count(*) FROM nightdesk.targets WHERE book = r.book AND session = r.session) AS targets,
    (SELECT count(*) FROM nightdesk.gated WHERE book = r.book AND session = r.session) AS gated,
    (SELECT count(*) FROM nightdesk.reports WHERE book = r.book AND session = r.session) AS reports
FROM nightdesk.runs r WHERE r.book = %(book)s AND r.session = %(session)s;

-- name: signals_count
SELECT count(*) AS rows FROM nightdesk.signals
WHERE book = %(book)s AND session = %(session)s AND strategy = %(strategy)s;

-- name: silent_strategies
SELECT DISTINCT t.strategy FROM nightdesk.targets t
WHERE t.book = %(book)s AND t.session = %(session)s AND NOT EXISTS (
    SELECT FROM nightdesk.signals s WHERE (s.book, s.session, s.strategy) = (t.book, t.session, t.strategy))
ORDER BY 1;

-- name: lock_runs_from
SELECT session FROM nightdesk.runs WHERE book = %(book)s AND session >= %(session)s ORDER BY session FOR UPDATE;

-- name: performance_rows
SELECT strategy, realised, unrealised, dividends, commission, borrow, interest, fees, other
FROM nightdesk.performance WHERE book = %(book)s AND session = %(session)s ORDER BY strategy = '', strategy;

-- name: profit_by_session
SELECT session, sum(profit) AS profit FROM nightdesk.performance WHERE book = %(book)s GROUP BY session;

-- name: newest_benchmark
SELECT session, symbol, since, sessions, total_return
FROM nightdesk.benchmarks WHERE book = %(book)s ORDER BY session DESC LIMIT 1;

-- name: stale_holdings_of
SELECT symbol, quantity, price, market_value, last_bar, sessions
FROM nightdesk.stale_holdings WHERE book = %(book)s AND session = %(session)s ORDER BY symbol;

-- name: book_version
SELECT configuration FROM nightdesk.book_versions WHERE book = %(book)s AND config_hash = %(config_hash)s;
