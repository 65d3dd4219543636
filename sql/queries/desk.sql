-- name: book_record
SELECT book, inception, origin, initial_capital, broker, account, accounts FROM nightdesk.whole_books WHERE book = %(book)s;

-- name: kept_book
SELECT b.book, b.inception, b.origin, b.initial_capital, b.broker, b.account, b.accounts
FROM nightdesk.whole_books b JOIN nightdesk.taxpayers t USING (book)
WHERE b.book = %(book)s AND b.document::text = %(document)s
  AND (t.taxpayer, t.lots, t.sales, t.crypto, t.wash_sales_of_crypto)
      = (%(taxpayer)s, %(lots)s, %(sales)s::jsonb, %(crypto)s::text[], %(wash_sales_of_crypto)s::boolean);

-- name: started_books
SELECT book, inception, origin, initial_capital, broker, account, accounts FROM nightdesk.whole_books ORDER BY book;

-- name: book_document
SELECT document FROM nightdesk.books WHERE book = %(book)s;

-- name: account_owner
SELECT book FROM nightdesk.book_accounts WHERE broker = %(broker)s AND account = %(account)s
UNION SELECT book FROM nightdesk.books WHERE broker = %(broker)s AND account = %(account)s;

-- name: run
SELECT book, session, as_of, known_by, status, code_version, config_hash
FROM nightdesk.runs WHERE book = %(book)s AND as_of = %(as_of)s;

-- name: lock_run
SELECT FROM nightdesk.runs WHERE book = %(book)s AND as_of = %(as_of)s FOR NO KEY UPDATE;

-- name: begin_step
-- The attempt begins when the run is found as it stands, held by nobody: an ingest that moved it came before, and one
-- that moves it later finds the attempt older.
WITH found AS (
    INSERT INTO nightdesk.runs AS held (book, session, as_of, code_version, config_hash)
    VALUES (%(book)s, %(session)s, %(as_of)s, %(code_version)s, %(config_hash)s)
    ON CONFLICT (book, as_of) DO UPDATE
    SET status = CASE WHEN held.status = 'failed' THEN 'open' ELSE held.status END
    RETURNING book, session, as_of, known_by, status, code_version, config_hash
), begun AS (
    INSERT INTO nightdesk.run_steps (book, as_of, session, step, status, task)
    SELECT book, as_of, session, %(step)s, 'running', %(task)s FROM found RETURNING run_step_id
)
SELECT run_step_id, found.*, code.current_code, code.is_known FROM found, begun, (
    SELECT
        (SELECT code_version FROM nightdesk.code_versions ORDER BY current_since DESC LIMIT 1) AS current_code,
        EXISTS (SELECT FROM nightdesk.code_versions WHERE code_version = %(package)s) AS is_known
) code;

-- name: attempt_in_turn
-- The attempt that this connection has just begun, with the book's lock where the decision before is closed and nobody
-- has it. A statement of its own: it sees what the beginning of the attempt has waited for.
SELECT s.run_step_id, r.book, r.session, r.as_of, r.known_by, r.status, r.code_version, r.config_hash,
    (SELECT code_version FROM nightdesk.code_versions ORDER BY current_since DESC LIMIT 1) AS current_code,
    EXISTS (SELECT FROM nightdesk.code_versions WHERE code_version = %(package)s) AS is_known,
    (
        SELECT CASE WHEN earlier.status = 'closed' THEN pg_try_advisory_lock(%(key)s) END
        FROM nightdesk.runs earlier WHERE earlier.book = %(book)s AND earlier.as_of = %(before)s
    ) AS has_turn
FROM nightdesk.run_steps s JOIN nightdesk.runs r USING (book, as_of)
WHERE s.run_step_id = currval(pg_get_serial_sequence('nightdesk.run_steps', 'run_step_id'));

-- name: sealed
SELECT
    r.status = 'closed' AS closed,
    EXISTS (
        SELECT FROM nightdesk.orders o WHERE o.book = r.book AND o.as_of = r.as_of AND o.attempts > 0
    ) AS sent,
    following.as_of AS later,
    following.session AS later_session,
    r.session
FROM nightdesk.runs r LEFT JOIN LATERAL (
    SELECT later.as_of, later.session FROM nightdesk.runs later
    WHERE later.book = r.book AND later.as_of > r.as_of AND (
        later.status = 'closed'
        OR EXISTS (SELECT FROM nightdesk.portfolio p WHERE p.book = later.book AND p.as_of = later.as_of)
        OR EXISTS (SELECT FROM nightdesk.targets t WHERE t.book = later.book AND t.as_of = later.as_of)
        OR EXISTS (SELECT FROM nightdesk.orders o WHERE o.book = later.book AND o.as_of = later.as_of)
    )
    ORDER BY later.as_of LIMIT 1
) following ON true WHERE r.book = %(book)s AND r.as_of = %(as_of)s;

-- name: newest_attempts
SELECT step, status, started_at, ended_at, counts, differences, error, task
FROM (
    SELECT DISTINCT ON (step) * FROM nightdesk.run_steps
    WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY step, run_step_id DESC
) newest ORDER BY run_step_id;

-- name: outdated_steps
SELECT step FROM nightdesk.run_steps JOIN nightdesk.runs r USING (book, as_of)
WHERE book = %(book)s AND as_of = %(as_of)s AND step <> 'ingest' AND run_steps.status = 'done'
GROUP BY step, r.known_by HAVING max(started_at) < r.known_by ORDER BY max(run_step_id);

-- name: latest_closed
SELECT as_of FROM nightdesk.runs WHERE book = %(book)s AND status = 'closed' ORDER BY as_of DESC LIMIT 1;

-- name: closed_decisions
SELECT as_of FROM nightdesk.runs WHERE book = %(book)s AND status = 'closed';

-- name: newest_progress
SELECT greatest(b.created_at, (SELECT max(closed_at) FROM nightdesk.runs r WHERE r.book = b.book)) AS at
FROM nightdesk.books b WHERE b.book = %(book)s;

-- name: newest_decisions
SELECT r.session, r.as_of, r.known_by, r.status, g.regime, p.nav, p.cash, p.day_return, p.drawdown,
    (SELECT count(*) FROM nightdesk.orders o WHERE o.book = r.book AND o.as_of = r.as_of) AS orders
FROM nightdesk.runs r
LEFT JOIN nightdesk.regimes g USING (book, as_of)
LEFT JOIN nightdesk.portfolio p USING (book, as_of)
WHERE r.book = %(book)s ORDER BY r.as_of DESC LIMIT %(newest)s;

-- name: ingested_before
SELECT 1 AS found FROM nightdesk.runs
WHERE book = %(book)s AND config_hash = %(config_hash)s AND known_by IS NOT NULL LIMIT 1;

-- name: factor_rows
SELECT f.symbol, s.names, f.factor_values
FROM nightdesk.factors f JOIN nightdesk.factor_sets s USING (factor_set_id)
WHERE f.book = %(book)s AND f.as_of = %(as_of)s;

-- name: factor_set
SELECT factor_set_id FROM nightdesk.factor_sets WHERE names = %(names)s;

-- name: regime_row
SELECT band, regime, vix, vix_age FROM nightdesk.regimes WHERE book = %(book)s AND as_of = %(as_of)s;

-- name: session_quality
SELECT entries_allowed, reason, quarantined FROM nightdesk.session_quality
WHERE book = %(book)s AND as_of = %(as_of)s;

-- name: quality_outcome_day
SELECT day FROM nightdesk.quality_outcomes
WHERE book = %(book)s AND as_of = %(as_of)s
  AND known_by = %(known_by)s AND config_hash = %(config_hash)s AND code_version = %(code_version)s;

-- name: quality_outcome_recent
SELECT recent FROM nightdesk.quality_outcomes
WHERE book = %(book)s AND as_of = %(as_of)s
  AND known_by = %(known_by)s AND config_hash = %(config_hash)s AND code_version = %(code_version)s;

-- name: quality_outcome_history
SELECT history FROM nightdesk.quality_outcomes
WHERE book = %(book)s AND as_of = %(as_of)s
  AND known_by = %(known_by)s AND config_hash = %(config_hash)s AND code_version = %(code_version)s;

-- name: signal_rows
SELECT strategy, symbol, direction, side, action, strength, confidence, reason, injected, bundle, ratio, figures FROM nightdesk.signals
WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY strategy, symbol;

-- name: signal_rows_before
SELECT s.strategy, s.symbol, s.direction, s.side, s.strength, s.confidence, s.reason
FROM unnest(%(strategies)s::text[]) AS wanted (strategy)
CROSS JOIN LATERAL (
    SELECT max(as_of) AS as_of FROM (
        SELECT max(as_of) AS as_of FROM nightdesk.signals
        WHERE book = %(book)s AND as_of < %(as_of)s AND strategy = wanted.strategy
        UNION ALL
        SELECT max(as_of) FROM nightdesk.silent_rows
        WHERE book = %(book)s AND as_of < %(as_of)s AND table_name = 'signals' AND strategy = wanted.strategy
    ) AS spoken
) AS newest
JOIN nightdesk.signals s ON s.book = %(book)s AND s.as_of = newest.as_of AND s.strategy = wanted.strategy;

-- name: target_rows
SELECT strategy, symbol, held, quantity, weight, confidence, allocation, stop_distance, target_distance, reduce_to, cause, bundle, ratio, uneven, figures FROM nightdesk.targets
WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY strategy, symbol;

-- name: dropped_entries_of
SELECT strategy, symbol, filter, other, observed, filter_limit, words FROM nightdesk.dropped_entries
WHERE book = %(book)s AND as_of = %(as_of)s AND symbol = %(symbol)s ORDER BY strategy;

-- name: dropped_entries
SELECT strategy, symbol, filter, other, observed, filter_limit, words FROM nightdesk.dropped_entries
WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY symbol, strategy;

-- name: carried_rows_before
SELECT * FROM nightdesk.targets
WHERE book = %(book)s AND as_of = greatest(
    (SELECT max(as_of) FROM nightdesk.targets WHERE book = %(book)s AND as_of < %(as_of)s),
    (SELECT max(as_of) FROM nightdesk.silent_rows
     WHERE book = %(book)s AND as_of < %(as_of)s AND table_name = 'targets')
);

-- name: target_scale
SELECT volatility, scale FROM nightdesk.target_scales WHERE book = %(book)s AND as_of = %(as_of)s;

-- name: gated_rows
SELECT strategy, symbol, quantity FROM nightdesk.gated WHERE book = %(book)s AND as_of = %(as_of)s;

-- name: verdict_rows
SELECT step, symbol, rule, action, observed, rule_limit, quantity_held, quantity_before, quantity_after
FROM nightdesk.verdicts WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY step, symbol;

-- name: order_rows
SELECT * FROM nightdesk.whole_orders o WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY symbol, side, purpose, generation;

-- name: order_by_id
SELECT * FROM nightdesk.whole_orders o WHERE client_order_id = %(client_order_id)s;

-- name: order_event_rows
SELECT e.client_order_id, e.number, e.session, e.as_of, e.status, e.cause, e.answer, e.recorded_at
FROM nightdesk.order_events e JOIN nightdesk.orders o USING (client_order_id)
WHERE o.book = %(book)s AND o.as_of = %(as_of)s ORDER BY e.client_order_id, e.number;

-- name: orders_to_settle
SELECT * FROM nightdesk.whole_orders o
WHERE book = %(book)s AND as_of < %(as_of)s AND (
    status IN ('planned', 'submitted', 'partially_filled')
    OR EXISTS (
        SELECT FROM nightdesk.order_events e
        WHERE e.client_order_id = o.client_order_id AND e.as_of >= %(as_of)s
    )
    OR (
        attempts > 0 AND status IN ('suppressed', 'expired', 'rejected')
        AND as_of = (SELECT max(r.as_of) FROM nightdesk.runs r WHERE r.book = o.book AND r.as_of < %(as_of)s)
    )
    OR (
        attempts > 0 AND status IN ('suppressed', 'expired', 'rejected') AND session >= %(first)s
        AND symbol IN (
            SELECT d.symbol FROM nightdesk.disputed_positions d
            WHERE d.book = o.book
                AND d.as_of = (SELECT max(r.as_of) FROM nightdesk.runs r WHERE r.book = o.book AND r.as_of < %(as_of)s)
        )
    )
)
-- What rests is booked after what met the open, as the market fills it.
ORDER BY time_in_force = 'gtc', CASE WHEN time_in_force = 'gtc' THEN NULL ELSE as_of END, client_order_id COLLATE "C";

-- name: resting_orders
-- By what was settled up to the decision: its own sending, and what was collected since, come later.
SELECT o.*, coalesce((
    SELECT sum(f.quantity) FROM nightdesk.fills f
    WHERE f.book = o.book AND f.client_order_id = o.client_order_id AND f.as_of <= %(as_of)s AND NOT EXISTS (
        SELECT FROM nightdesk.fills c
        WHERE c.book = f.book AND c.account = f.account AND c.as_of <= %(as_of)s AND c.corrects <> ''
            AND (c.corrects = f.execution_id OR (c.corrects = f.corrects AND c.execution_id > f.execution_id))
    )
), 0) AS executed
FROM nightdesk.whole_orders o
WHERE book = %(book)s AND time_in_force = 'gtc' AND as_of < %(as_of)s AND attempts > 0 AND purpose LIKE 'protect %%'
    AND (
        SELECT e.status FROM nightdesk.order_events e
        WHERE e.client_order_id = o.client_order_id AND e.as_of <= %(as_of)s ORDER BY e.number DESC LIMIT 1
    ) IN ('planned', 'submitted', 'partially_filled')
ORDER BY as_of, client_order_id;

-- name: protection_rows
SELECT strategy, symbol, action, held, wanted, resting, placed, words FROM nightdesk.protections
WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY strategy, symbol, resting;

-- name: fill_rows
SELECT as_of, execution_id, client_order_id, symbol, side, quantity, price, commission, session, reference_price, multiplier,
    executed_at, commission_pending, corrects
FROM nightdesk.fills WHERE book = %(book)s AND as_of BETWEEN %(first)s AND %(last)s ORDER BY as_of, execution_id;

-- name: account_fill_rows
SELECT as_of, execution_id, client_order_id, symbol, side, quantity, price, commission, session, reference_price, multiplier,
    executed_at, commission_pending, corrects
FROM nightdesk.fills WHERE book = %(book)s AND account = %(account)s AND as_of BETWEEN %(first)s AND %(last)s
ORDER BY as_of, execution_id;

-- name: slippage_rows
SELECT notional, expected_cost, realised_cost FROM nightdesk.slippage
WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY execution_id;

-- name: cross_rows
SELECT as_of, session, symbol, strategy, quantity, price FROM nightdesk.crosses
WHERE book = %(book)s AND as_of BETWEEN %(first)s AND %(last)s ORDER BY as_of, symbol, number;

-- name: move_orders
-- With `only_from` an order in another state is passed over; a move of an order that is not there breaks a foreign key.
WITH move AS (
    SELECT * FROM json_to_recordset(%(moves)s) AS move
        (client_order_id text, status text, cause text, filled numeric, answer jsonb)
), moved AS (
    UPDATE nightdesk.orders o
    SET status = move.status, filled_quantity = coalesce(move.filled, o.filled_quantity)
    FROM move
    WHERE o.client_order_id = move.client_order_id
      AND (%(only_from)s::text IS NULL OR o.status = %(only_from)s::text)
    RETURNING o.client_order_id, o.as_of, o.session
)
INSERT INTO nightdesk.order_events (client_order_id, number, as_of, session, status, cause, answer)
SELECT client_order_id,
    (SELECT count(*) FROM nightdesk.order_events known WHERE known.client_order_id = move.client_order_id),
    coalesce(%(as_of)s::timestamptz, moved.as_of), coalesce(%(session)s::date, moved.session),
    move.status, move.cause, move.answer
FROM move LEFT JOIN moved USING (client_order_id)
WHERE %(only_from)s::text IS NULL OR moved.as_of IS NOT NULL;

-- name: filled_before
-- Of an execution that was corrected by then its newest version counts.
SELECT client_order_id, sum(quantity) AS quantity FROM nightdesk.fills f
WHERE book = %(book)s AND as_of < %(as_of)s AND client_order_id = ANY (%(orders)s) AND NOT EXISTS (
    SELECT FROM nightdesk.fills c
    WHERE c.book = f.book AND c.account = f.account AND c.as_of < %(as_of)s AND c.corrects <> ''
        AND (c.corrects = f.execution_id OR (c.corrects = f.corrects AND c.execution_id > f.execution_id))
)
GROUP BY client_order_id;

-- name: entry_rows
SELECT as_of, session, kind, strategy, symbol, quantity, price, cash, commission, reference, cost, since, account
FROM nightdesk.ledger_entries
WHERE book = %(book)s AND as_of BETWEEN %(first)s AND %(last)s ORDER BY as_of, number;

-- name: position_rows
SELECT strategy, symbol, quantity, cost, realised, entry_session, commission, dividends, borrow, price, multiplier, on_margin, market_value,
    account
FROM nightdesk.positions WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY strategy, symbol;

-- name: portfolio_row
SELECT session, cash, positions_value, nav, peak_nav, drawdown, gross, net, day_return, (
    SELECT jsonb_object_agg(a.account, a.cash::text) FROM nightdesk.account_marks a
    WHERE a.book = p.book AND a.as_of = p.as_of
) AS cash_by_account
FROM nightdesk.portfolio p WHERE book = %(book)s AND as_of = %(as_of)s;

-- name: account_marks
SELECT account, cash, positions_value FROM nightdesk.account_marks
WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY account;

-- name: account_marks_between
SELECT as_of, account, cash, positions_value FROM nightdesk.account_marks
WHERE book = %(book)s AND as_of BETWEEN %(first)s AND %(last)s ORDER BY as_of, account;

-- name: orders_by_account
SELECT account, count(*) AS orders FROM nightdesk.orders
WHERE book = %(book)s AND status IN ('planned', 'submitted', 'partially_filled') GROUP BY account ORDER BY account;

-- name: purchases_by_account
-- Dollars that purchases which have not been filled yet are expected to cost.
SELECT account, sum((quantity - filled_quantity) * reference_price) AS dollars FROM nightdesk.orders
WHERE book = %(book)s AND side = 'buy' AND status IN ('planned', 'submitted', 'partially_filled') GROUP BY account;

-- name: transfers_of
SELECT transfer_id AS number, as_of, from_account AS source, to_account AS target, amount FROM nightdesk.transfers
WHERE book = %(book)s AND as_of BETWEEN %(first)s AND %(last)s ORDER BY transfer_id;

-- name: portfolio_rows
SELECT as_of, session, cash, positions_value, nav, peak_nav, drawdown, gross, net, day_return
FROM nightdesk.portfolio WHERE book = %(book)s AND as_of BETWEEN %(first)s AND %(last)s ORDER BY as_of;

-- name: reconciliation_rows
SELECT account, item, ledger_value, broker_value, outcome FROM nightdesk.reconciliations
WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY account, item;

-- name: disputed_positions
SELECT account, symbol, reason FROM nightdesk.disputed_positions
WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY symbol;

-- name: kill_switch
SELECT kind, reason, who, session, after_as_of, created_at FROM nightdesk.risk_events
WHERE book = %(book)s AND session <= %(session)s AND (after_as_of IS NULL OR after_as_of < %(as_of)s)
    AND kind IN ('kill', 'halt', 'release')
ORDER BY session DESC, after_as_of DESC NULLS LAST, risk_event_id DESC LIMIT 1;

-- name: alert_rows
SELECT alert_id, alert_key, level, book, session, subject, body, created_at, sent_at, acknowledged_at, acknowledged_by
FROM nightdesk.alerts a
WHERE (%(book)s::text IS NULL OR book = %(book)s)
    AND (%(mails)s OR NOT EXISTS (SELECT FROM nightdesk.mails m WHERE m.alert_id = a.alert_id))
ORDER BY alert_id DESC LIMIT %(newest)s;

-- name: grave_alert_rows
SELECT alert_id, alert_key, level, book, session, subject, body, created_at, sent_at, acknowledged_at, acknowledged_by
FROM nightdesk.alerts
WHERE acknowledged_at IS NULL AND level IN ('EMERGENCY', 'CRITICAL')
    AND (%(book)s::text IS NULL OR book = %(book)s)
ORDER BY level = 'EMERGENCY' DESC, alert_id DESC LIMIT %(newest)s;

-- name: report_html
SELECT html FROM nightdesk.reports WHERE book = %(book)s AND as_of = %(as_of)s;

-- name: session_completeness
SELECT
    (SELECT count(*) FROM nightdesk.factors WHERE book = r.book AND as_of = r.as_of) AS factors,
    (SELECT count(*) FROM nightdesk.risk_state WHERE book = r.book AND as_of = r.as_of) AS risk_state,
    (SELECT count(*) FROM nightdesk.risk_reports WHERE book = r.book AND as_of = r.as_of) AS risk_reports,
    (SELECT count(*) FROM nightdesk.regimes WHERE book = r.book AND as_of = r.as_of) AS regimes,
    (SELECT count(*) FROM nightdesk.session_quality WHERE book = r.book AND as_of = r.as_of) AS session_quality,
    (SELECT count(*) FROM nightdesk.portfolio WHERE book = r.book AND as_of = r.as_of) AS portfolio,
    (SELECT count(*) FROM nightdesk.targets WHERE book = r.book AND as_of = r.as_of)
        + (SELECT coalesce(sum(silent), 0)::bigint FROM nightdesk.silent_rows
           WHERE book = r.book AND as_of = r.as_of AND table_name = 'targets') AS targets,
    (SELECT count(*) FROM nightdesk.gated WHERE book = r.book AND as_of = r.as_of)
        + (SELECT coalesce(sum(silent), 0)::bigint FROM nightdesk.silent_rows
           WHERE book = r.book AND as_of = r.as_of AND table_name = 'gated') AS gated,
    (SELECT count(*) FROM nightdesk.reports WHERE book = r.book AND as_of = r.as_of) AS reports
FROM nightdesk.runs r WHERE r.book = %(book)s AND r.as_of = %(as_of)s;

-- name: signals_count
SELECT
    (SELECT count(*) FROM nightdesk.signals
     WHERE book = %(book)s AND as_of = %(as_of)s AND strategy = %(strategy)s)
    + (SELECT coalesce(sum(silent), 0)::bigint FROM nightdesk.silent_rows
       WHERE book = %(book)s AND as_of = %(as_of)s AND strategy = %(strategy)s AND table_name = 'signals') AS rows;

-- name: silent_count
SELECT count(*) AS strategies FROM nightdesk.silent_rows
WHERE book = %(book)s AND as_of = %(as_of)s AND table_name = %(table_name)s;

-- name: silent_strategies
SELECT DISTINCT t.strategy FROM (
    SELECT book, as_of, strategy FROM nightdesk.targets WHERE book = %(book)s AND as_of = %(as_of)s
    UNION ALL
    SELECT book, as_of, strategy FROM nightdesk.silent_rows
    WHERE book = %(book)s AND as_of = %(as_of)s AND table_name = 'targets'
) t WHERE NOT EXISTS (
    SELECT FROM nightdesk.signals s WHERE (s.book, s.as_of, s.strategy) = (t.book, t.as_of, t.strategy)
) AND NOT EXISTS (
    SELECT FROM nightdesk.silent_rows s
    WHERE (s.book, s.as_of, s.strategy) = (t.book, t.as_of, t.strategy) AND s.table_name = 'signals')
ORDER BY 1;

-- name: lock_runs_from
SELECT as_of FROM nightdesk.runs WHERE book = %(book)s AND as_of >= %(as_of)s ORDER BY as_of FOR UPDATE;

-- name: performance_so_far
-- The profits of the decisions of a session up to one of them, together.
SELECT strategy, sum(realised) AS realised, sum(unrealised) AS unrealised, sum(dividends) AS dividends,
    sum(commission) AS commission, sum(borrow) AS borrow, sum(interest) AS interest, sum(fees) AS fees, sum(other) AS other
FROM nightdesk.performance WHERE book = %(book)s AND session = %(session)s AND as_of <= %(until)s
GROUP BY strategy ORDER BY strategy = '', strategy;

-- name: profit_by_decision
SELECT as_of, sum(profit) AS profit FROM nightdesk.performance WHERE book = %(book)s GROUP BY as_of;

-- name: newest_benchmark
SELECT session, symbol, since, sessions, total_return
FROM nightdesk.benchmarks WHERE book = %(book)s ORDER BY as_of DESC LIMIT 1;

-- name: stale_holdings_of
SELECT symbol, quantity, price, market_value, last_bar, sessions
FROM nightdesk.stale_holdings WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY symbol;

-- name: book_version
SELECT configuration FROM nightdesk.book_versions WHERE book = %(book)s AND config_hash = %(config_hash)s;

-- name: known_code
SELECT
    (SELECT code_version FROM nightdesk.code_versions ORDER BY current_since DESC LIMIT 1) AS current_code,
    EXISTS (SELECT FROM nightdesk.code_versions WHERE code_version = %(package)s) AS is_known;

-- name: announce_code
INSERT INTO nightdesk.code_versions AS known (code_version) VALUES (%(package)s)
ON CONFLICT (code_version) DO UPDATE SET current_since = clock_timestamp()
WHERE EXISTS (SELECT FROM nightdesk.code_versions other WHERE other.current_since > known.current_since);

-- name: first_seen_code
INSERT INTO nightdesk.code_versions (code_version) VALUES (%(package)s) ON CONFLICT DO NOTHING;
