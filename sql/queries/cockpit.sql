-- What the cockpit's pages read beside what the command line reads.

-- name: decision_at
SELECT session, as_of, known_by, status FROM nightdesk.runs
WHERE book = %(book)s AND (as_of = %(instant)s OR session = %(session)s)
ORDER BY as_of DESC LIMIT 1;

-- name: nav_history
SELECT * FROM (
    SELECT DISTINCT ON (session) session, as_of, nav, drawdown
    FROM nightdesk.portfolio WHERE book = %(book)s
    ORDER BY session DESC, as_of DESC LIMIT %(newest)s
) AS newest ORDER BY session;

-- name: newest_manual_actions
SELECT request, action, book, who, reason, given, asked_at, state, words, ended_at
FROM nightdesk.manual_actions
WHERE book = ANY(%(books)s) AND (%(before)s::timestamptz IS NULL OR asked_at < %(before)s)
ORDER BY asked_at DESC LIMIT %(rows)s;

-- name: manual_action
SELECT request, action, book, who, state, words FROM nightdesk.manual_actions WHERE request = %(request)s;

-- name: alerts_by_level
SELECT coalesce(book, '') AS book, level, count(*) AS alerts
FROM nightdesk.alerts WHERE acknowledged_at IS NULL AND level <> 'INFO'
    AND (level IN ('EMERGENCY', 'CRITICAL') OR created_at > clock_timestamp() - interval '7 days')
GROUP BY 1, 2;
