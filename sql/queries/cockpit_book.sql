-- What the cockpit shows of one book: its history, results and decisions, and what a run of Airflow has decided.

-- name: book_history
-- The newest closed sessions, each as its last decision left it.
SELECT newest.session, newest.as_of, newest.nav, newest.cash, newest.drawdown, newest.gross, newest.net,
    r.drawdown AS level_drawdown, r.level, b.symbol AS benchmark, b.total_return AS benchmark_return,
    v.historical_var
FROM (
    SELECT DISTINCT ON (p.session) p.book, p.session, p.as_of, p.nav, p.cash, p.drawdown, p.gross, p.net
    FROM nightdesk.portfolio p JOIN nightdesk.runs d USING (book, as_of)
    WHERE p.book = %(book)s AND d.status = 'closed' AND p.as_of <= %(until)s
    ORDER BY p.session DESC, p.as_of DESC LIMIT %(sessions)s
) newest
LEFT JOIN nightdesk.risk_state r USING (book, as_of)
LEFT JOIN nightdesk.benchmarks b USING (book, as_of)
LEFT JOIN nightdesk.risk_reports v USING (book, as_of)
ORDER BY newest.session;

-- name: strategy_profits
-- What each strategy has earned by a decision: in its session, and since the book began.
SELECT strategy, sum(profit) AS profit,
    coalesce(sum(profit) FILTER (WHERE session = %(session)s), 0) AS day,
    sum(realised) AS realised, sum(dividends) AS dividends, sum(commission) AS commission, sum(borrow) AS borrow,
    sum(interest) AS interest, sum(fees) AS fees
FROM nightdesk.performance WHERE book = %(book)s AND as_of <= %(as_of)s
GROUP BY strategy ORDER BY strategy = '', strategy;

-- name: decisions_beside
SELECT
    (SELECT max(as_of) FROM nightdesk.runs WHERE book = %(book)s AND as_of < %(as_of)s) AS before,
    (SELECT min(as_of) FROM nightdesk.runs WHERE book = %(book)s AND as_of > %(as_of)s) AS after;

-- name: last_decision_of_session
SELECT max(as_of) AS as_of FROM nightdesk.runs WHERE book = %(book)s AND session = %(session)s;

-- name: fills_for_decision
SELECT f.symbol, f.session, f.client_order_id, f.side, f.quantity, f.price, f.commission
FROM nightdesk.standing_fills f JOIN nightdesk.orders o USING (client_order_id)
WHERE o.book = %(book)s AND o.as_of = %(as_of)s ORDER BY f.as_of, f.execution_id;

-- name: silent_counts
SELECT table_name, sum(silent)::bigint AS silent FROM nightdesk.silent_rows
WHERE book = %(book)s AND as_of = %(as_of)s GROUP BY table_name;

-- name: decisions_of_run
-- The newest decisions that a run of Airflow has worked on, and how many they are together.
SELECT s.as_of, s.session, r.status, count(*) OVER () AS together
FROM nightdesk.run_steps s JOIN nightdesk.runs r USING (book, as_of)
WHERE s.book = %(book)s AND starts_with(s.task, %(run)s)
GROUP BY s.as_of, s.session, r.status ORDER BY s.as_of DESC LIMIT %(newest)s;

-- name: steps_of_run
-- The newest attempt of a run of Airflow at each step of a decision.
SELECT DISTINCT ON (s.as_of, s.step) s.as_of, s.session, s.step, s.status, s.started_at, s.ended_at, s.differences,
    s.error, r.status AS decision
FROM nightdesk.run_steps s JOIN nightdesk.runs r USING (book, as_of)
WHERE s.book = %(book)s AND s.as_of = %(as_of)s AND starts_with(s.task, %(run)s)
ORDER BY s.as_of, s.step, s.run_step_id DESC;

-- name: alerts_of_run
SELECT DISTINCT a.alert_id, a.level, a.subject, a.body, a.created_at
FROM nightdesk.task_failures f JOIN nightdesk.alerts a USING (alert_key)
WHERE starts_with(f.failure_key, %(run)s) ORDER BY a.alert_id;
