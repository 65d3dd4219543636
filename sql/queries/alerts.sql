-- Alerts on their way to people, and what the sweep compares.

-- name: alerts_to_send
SELECT alert_id, level, book, session, subject, body, created_at, sent_at
FROM nightdesk.alerts
WHERE acknowledged_at IS NULL
    AND (level = 'EMERGENCY' OR (sent_at IS NULL AND created_at > clock_timestamp() - %(patience)s::interval))
ORDER BY array_position(ARRAY['EMERGENCY', 'CRITICAL', 'WARNING', 'INFO'], level), alert_id;

-- name: emergency_waits
SELECT EXISTS (
    SELECT FROM nightdesk.alerts a
    WHERE a.level = 'EMERGENCY' AND a.acknowledged_at IS NULL AND a.sent_at IS NULL
        AND NOT EXISTS (SELECT FROM nightdesk.alert_deliveries d WHERE d.alert_id = a.alert_id AND d.attempts > 0)
) AS waits;

-- name: deliveries
SELECT alert_id, route, receiver, attempts, failures, last_attempt_at, times_sent, sent_at, last_error
FROM nightdesk.alert_deliveries WHERE alert_id = ANY (%(alerts)s) ORDER BY alert_id, route, receiver;

-- name: alert_by_number
SELECT alert_id, alert_key, level, book, session, subject, body, created_at, sent_at, acknowledged_at, acknowledged_by
FROM nightdesk.alerts WHERE alert_id = %(alert_id)s;

-- name: failures_told
SELECT failure_key, created_at FROM nightdesk.task_failures WHERE starts_with(failure_key, %(task)s);

-- name: told_for_the_same_reason
-- A task that has failed since is news again: somebody has cleared it. The spell lasts while the reason comes
-- back within the window.
SELECT f.alert_key FROM nightdesk.task_failures f
WHERE f.cause = %(cause)s AND f.failure_key = f.alert_key
    AND EXISTS (
        SELECT FROM nightdesk.task_failures newest
        WHERE newest.cause = f.cause AND newest.created_at > clock_timestamp() - %(window)s::interval
    )
    AND NOT EXISTS (
        SELECT FROM nightdesk.task_failures own
        WHERE starts_with(own.failure_key, %(task)s) AND own.created_at >= f.created_at
    )
ORDER BY f.created_at DESC LIMIT 1;

-- name: attempts_of_task
SELECT task, status, started_at, error FROM nightdesk.run_steps
WHERE book = %(book)s AND starts_with(task, %(task)s) ORDER BY run_step_id;

-- name: tasks_in_doubt
WITH newest AS (
    SELECT DISTINCT ON (book, as_of, step) book, as_of, task, status
    FROM nightdesk.run_steps
    WHERE task IS NOT NULL AND started_at > clock_timestamp() - %(window)s::interval
    ORDER BY book, as_of, step, run_step_id DESC
)
SELECT DISTINCT n.book, r.session, r.as_of, split_part(n.task, '/', 1) AS dag_id,
    split_part(n.task, '/', 2) AS run_id
FROM newest n JOIN nightdesk.runs r USING (book, as_of)
WHERE r.status <> 'closed' OR n.status NOT IN ('done', 'compared')
ORDER BY 4, 5;

-- name: session_told
WITH runs AS (
    SELECT DISTINCT split_part(task, '/', 1) || '/' || split_part(task, '/', 2) || '/' AS run
    FROM nightdesk.run_steps WHERE book = %(book)s AND session = %(session)s AND task IS NOT NULL
)
SELECT EXISTS (
    SELECT FROM nightdesk.alerts a
    WHERE a.book = %(book)s AND starts_with(a.alert_key, 'task:')
        AND (%(since)s::timestamptz IS NULL OR a.created_at >= %(since)s)
        -- One that stopped the book is of the session from which that counts.
        AND (a.session = %(session)s OR EXISTS (SELECT FROM runs WHERE starts_with(a.alert_key, 'task:' || run)))
) AS told;

-- name: decision_standing
SELECT b.inception, b.created_at, r.status, r.opened_at
FROM nightdesk.books b LEFT JOIN nightdesk.runs r ON r.book = b.book AND r.as_of = %(as_of)s
WHERE b.book = %(book)s;

-- name: open_spells
SELECT spell_id, kind, subject, level, session, created_at FROM nightdesk.alert_spells
WHERE book = %(book)s AND kind = ANY (%(kinds)s::text[]) AND closed_at IS NULL ORDER BY kind, subject;

-- name: step_is_retried
SELECT EXISTS (
    SELECT FROM nightdesk.alert_spells WHERE kind = 'retry' AND subject = %(step)s AND closed_at IS NULL
) AS retried;

-- name: got_through
SELECT s.spell_id, s.book, s.session, s.subject AS step, min(r.ended_at) AS ended_at
FROM nightdesk.alert_spells s JOIN nightdesk.run_steps r
    ON r.book = s.book AND r.session = s.session AND r.step = s.subject
    AND r.status IN ('done', 'compared') AND r.ended_at > s.created_at
WHERE s.kind = 'retry' AND s.closed_at IS NULL
GROUP BY s.spell_id ORDER BY s.spell_id;

-- name: newest_spell_session
SELECT max(session) AS session FROM nightdesk.alert_spells WHERE book = %(book)s;

-- name: ingested_at
SELECT max(ended_at) AS ended_at FROM nightdesk.run_steps
WHERE book = %(book)s AND as_of = %(as_of)s AND step = 'ingest' AND status = 'done';

-- name: strategy_bands
SELECT strategy, config_hash, sessions, windows, low, high, first_session, last_session, sources, created_at
FROM nightdesk.strategy_bands WHERE book = %(book)s ORDER BY strategy;

-- name: strategy_results
-- Dollars that each strategy had gained up to the mark of a session, since its book began.
SELECT p.as_of, p.strategy,
    sum(p.realised + p.market_value - p.cost + p.dividends - p.commission - p.borrow) AS profit,
    bool_or(p.quantity <> 0) AS held
FROM nightdesk.positions p
WHERE p.book = %(book)s AND p.as_of BETWEEN %(first)s AND %(last)s
GROUP BY p.as_of, p.strategy ORDER BY p.as_of, p.strategy;

-- name: mails_of_decision
SELECT book, kind, session, as_of, subject, summary, body, html, equity, drawdown
FROM nightdesk.mails WHERE book = %(book)s AND as_of = %(as_of)s AND alert_id IS NULL ORDER BY kind, session;

-- name: mail_of_alert
SELECT book, kind, session, as_of, subject, summary, body, html, equity, drawdown
FROM nightdesk.mails WHERE alert_id = %(alert_id)s;

-- name: mails_raised
-- Of the last session of a week or month: whether its summary was raised, and whether any mail was before.
SELECT
    EXISTS (
        SELECT FROM nightdesk.mails
        WHERE book = %(book)s AND kind = %(kind)s AND session = %(session)s AND alert_id IS NOT NULL
    ) AS it_was,
    EXISTS (
        SELECT FROM nightdesk.mails WHERE book = %(book)s AND session < %(session)s AND alert_id IS NOT NULL
    ) AS one_before;

-- name: failed_attempts
SELECT step, count(*) FILTER (WHERE status = 'failed') AS failures,
    (array_agg(error ORDER BY run_step_id DESC) FILTER (WHERE status = 'failed'))[1] AS error,
    (array_agg(status ORDER BY run_step_id DESC))[1] IN ('done', 'compared') AS came_through
FROM nightdesk.run_steps WHERE book = %(book)s AND as_of = %(as_of)s
GROUP BY step HAVING bool_or(status = 'failed') ORDER BY min(run_step_id);

-- name: warnings_of_session
SELECT level, subject FROM nightdesk.alerts
WHERE book = %(book)s AND session = %(session)s AND level <> 'INFO'
ORDER BY array_position(ARRAY['EMERGENCY', 'CRITICAL', 'WARNING'], level), alert_id;

-- name: period_profits
SELECT session, strategy, sum(profit) AS profit, sum(commission) AS commission
FROM nightdesk.performance WHERE book = %(book)s AND session BETWEEN %(first)s AND %(last)s
GROUP BY session, strategy ORDER BY session, strategy = '', strategy;

-- name: period_trades
SELECT f.session, count(*) AS trades, sum(f.commission) AS commission, coalesce(sum(s.notional), 0) AS notional,
    coalesce(sum(s.expected_cost), 0) AS expected, coalesce(sum(s.realised_cost), 0) AS realised
FROM nightdesk.standing_fills f LEFT JOIN nightdesk.slippage s USING (book, as_of, execution_id)
WHERE f.book = %(book)s AND f.session BETWEEN %(first)s AND %(last)s
GROUP BY f.session ORDER BY f.session;

-- name: benchmark_by
SELECT total_return FROM nightdesk.benchmarks
WHERE book = %(book)s AND session <= %(session)s ORDER BY as_of DESC LIMIT 1;
