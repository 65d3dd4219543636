-- What is shown to Prometheus: the desk as it stands, a query a kind of figure, all books together.

-- name: metric_marks
-- The newest mark of each book, and the last one of the session before.
SELECT b.book, m.as_of, m.session, m.nav, m.cash, m.peak_nav, m.drawdown, m.gross, m.net, f.nav AS nav_before
FROM nightdesk.books b
JOIN LATERAL (SELECT * FROM nightdesk.portfolio p WHERE p.book = b.book ORDER BY p.as_of DESC LIMIT 1) m ON true
LEFT JOIN LATERAL (
    SELECT p.nav FROM nightdesk.portfolio p
    WHERE p.book = b.book AND p.session < m.session AND p.as_of < m.as_of ORDER BY p.as_of DESC LIMIT 1
) f ON true
ORDER BY b.book;

-- name: metric_positions
-- What each book holds at its newest mark, all strategies and accounts together.
SELECT p.book, p.symbol, sum(p.market_value) AS market_value
FROM nightdesk.books b
JOIN LATERAL (SELECT as_of FROM nightdesk.portfolio o WHERE o.book = b.book ORDER BY as_of DESC LIMIT 1) m ON true
JOIN nightdesk.positions p ON p.book = b.book AND p.as_of = m.as_of
WHERE p.quantity <> 0
GROUP BY p.book, p.symbol ORDER BY p.book, abs(sum(p.market_value)) DESC, p.symbol;

-- name: metric_levels
SELECT b.book, r.level, v.historical_var, v.historical_cvar
FROM nightdesk.books b
LEFT JOIN LATERAL (
    SELECT level FROM nightdesk.risk_state s WHERE s.book = b.book ORDER BY s.as_of DESC LIMIT 1
) r ON true
LEFT JOIN LATERAL (
    SELECT historical_var, historical_cvar FROM nightdesk.risk_reports t
    WHERE t.book = b.book ORDER BY t.as_of DESC LIMIT 1
) v ON true
ORDER BY b.book;

-- name: metric_strategies
-- The profit of each strategy since its book began, as the newest report has kept it.
SELECT p.book, p.strategy, p.profit
FROM nightdesk.books b
JOIN LATERAL (SELECT as_of FROM nightdesk.performance o WHERE o.book = b.book ORDER BY as_of DESC LIMIT 1) m ON true
JOIN nightdesk.performance p ON p.book = b.book AND p.as_of = m.as_of
ORDER BY p.book, p.strategy;

-- name: metric_orders
-- Orders by state: all of them, and those of each book's newest session.
SELECT o.book, o.status, count(*) AS orders, count(*) FILTER (WHERE o.session = n.session) AS of_newest
FROM nightdesk.orders o
JOIN (SELECT book, max(session) AS session FROM nightdesk.runs GROUP BY book) n USING (book)
GROUP BY o.book, o.status ORDER BY o.book, o.status;

-- name: metric_verdicts
SELECT book, action, rule, count(*) AS verdicts FROM nightdesk.verdicts
WHERE action <> 'approve' GROUP BY book, action, rule ORDER BY book, action, rule;

-- name: metric_fills
SELECT s.book, s.side, count(*) AS fills, sum(s.notional) AS notional, sum(s.expected_cost) AS expected_cost,
    sum(s.realised_cost) AS realised_cost, sum(f.commission) AS commission
FROM nightdesk.slippage s JOIN nightdesk.fills f USING (book, execution_id)
GROUP BY s.book, s.side ORDER BY s.book, s.side;

-- name: metric_progress
-- Where each book stands: its newest closed decision, its newest ingest, its kill switch, what differs from its broker.
SELECT b.book, b.inception, b.created_at, c.as_of AS closed, c.opened_at, c.closed_at, i.as_of AS ingested,
    coalesce(k.kind <> 'release', false) AS stopped,
    (SELECT count(*) FROM nightdesk.runs r WHERE r.book = b.book AND r.status = 'failed') AS failed,
    (
        SELECT count(*) FROM nightdesk.reconciliations d
        WHERE d.book = b.book AND d.outcome = 'asked' AND d.as_of = m.as_of
    ) AS differences,
    (SELECT count(*) FROM nightdesk.disputed_positions d WHERE d.book = b.book AND d.as_of = m.as_of) AS disputed,
    (
        SELECT count(*) FROM nightdesk.foreign_orders o
        WHERE o.book = b.book AND o.gone_at IS NULL AND o.claimed_at IS NULL
    ) AS foreign_orders
FROM nightdesk.books b
LEFT JOIN LATERAL (
    SELECT as_of, opened_at, closed_at FROM nightdesk.runs r
    WHERE r.book = b.book AND r.status = 'closed' ORDER BY as_of DESC LIMIT 1
) c ON true
LEFT JOIN LATERAL (
    SELECT r.as_of FROM nightdesk.runs r
    WHERE r.book = b.book AND EXISTS (
        SELECT FROM nightdesk.run_steps s
        WHERE s.book = r.book AND s.as_of = r.as_of AND s.step = 'ingest' AND s.status = 'done'
    )
    ORDER BY r.as_of DESC LIMIT 1
) i ON true
LEFT JOIN LATERAL (SELECT as_of FROM nightdesk.portfolio p WHERE p.book = b.book ORDER BY as_of DESC LIMIT 1) m ON true
LEFT JOIN LATERAL (
    SELECT kind FROM nightdesk.risk_events e
    WHERE e.book = b.book AND e.kind IN ('kill', 'halt', 'release')
    ORDER BY e.session DESC, e.after_as_of DESC NULLS LAST, e.risk_event_id DESC LIMIT 1
) k ON true
ORDER BY b.book;

-- name: metric_steps
-- How long the newest attempt took that did each step of each book's newest closed decision.
SELECT DISTINCT ON (s.book, s.step) s.book, s.step, extract(epoch FROM s.ended_at - s.started_at) AS seconds
FROM nightdesk.books b
JOIN LATERAL (
    SELECT as_of FROM nightdesk.runs r WHERE r.book = b.book AND r.status = 'closed' ORDER BY as_of DESC LIMIT 1
) c ON true
JOIN nightdesk.run_steps s ON s.book = b.book AND s.as_of = c.as_of
WHERE s.status = 'done' AND s.ended_at IS NOT NULL
ORDER BY s.book, s.step, s.run_step_id DESC;

-- name: metric_findings
-- What the checks of each book's newest checked decision found.
SELECT q.book, q.outcome, count(*) AS findings
FROM nightdesk.books b
JOIN LATERAL (SELECT as_of FROM nightdesk.quality_runs o WHERE o.book = b.book ORDER BY as_of DESC LIMIT 1) m ON true
JOIN nightdesk.quality_runs q ON q.book = b.book AND q.as_of = m.as_of
WHERE q.outcome <> 'passed'
GROUP BY q.book, q.outcome ORDER BY q.book, q.outcome;

-- name: metric_alerts
-- What nobody has acknowledged; an INFO asks for nothing.
SELECT coalesce(book, '') AS book, level, count(*) AS alerts, min(created_at) AS oldest
FROM nightdesk.alerts WHERE acknowledged_at IS NULL AND level <> 'INFO' GROUP BY 1, 2 ORDER BY 1, 2;

-- name: metric_deliveries
SELECT count(*) AS failing FROM nightdesk.alert_deliveries WHERE times_sent = 0 AND failures > 0;

-- name: metric_brokers
SELECT book, account, failing_since IS NOT NULL AS failing, last_success FROM nightdesk.broker_health
ORDER BY book, account;

-- name: metric_tables
-- Size and rows of tables, partitions counted with the table that they are of; rows as the last ANALYZE counted them.
SELECT coalesce(parent.relname, c.relname)::text AS table_name, sum(pg_total_relation_size(c.oid)) AS bytes,
    sum(CASE WHEN c.reltuples >= 0 THEN c.reltuples ELSE coalesce(s.n_live_tup, 0) END) AS rows
FROM pg_class c
LEFT JOIN pg_inherits h ON h.inhrelid = c.oid
LEFT JOIN pg_class parent ON parent.oid = h.inhparent
LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relnamespace = 'nightdesk'::regnamespace AND c.relkind = 'r'
    AND coalesce(parent.relname, c.relname) = ANY (%(tables)s::text[])
GROUP BY 1 ORDER BY 1;

-- name: metric_database
SELECT pg_database_size(current_database()) AS bytes,
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections;
