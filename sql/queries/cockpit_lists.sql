-- What the cockpit lists of all books: data, alerts, answers of people, versions of books.

-- name: open_quarantines
-- Symbols that the newest decision of a book found bad, each with its checks and since when without a break.
SELECT q.book, q.symbol, q.session, q.as_of, q.check_name, q.value, q.limit_value, q.detail, spell.since
FROM nightdesk.books b
CROSS JOIN LATERAL (SELECT max(x.as_of) AS as_of FROM nightdesk.quality_runs x WHERE x.book = b.book) newest
JOIN nightdesk.quality_runs q ON q.book = b.book AND q.as_of = newest.as_of AND q.outcome = 'quarantined'
CROSS JOIN LATERAL (
    SELECT min(f.session) AS since FROM nightdesk.quality_runs f
    WHERE f.book = q.book AND f.symbol = q.symbol AND f.outcome = 'quarantined' AND f.as_of > coalesce((
        SELECT r.as_of FROM nightdesk.runs r
        WHERE r.book = q.book AND r.as_of <= q.as_of AND r.known_by IS NOT NULL AND NOT EXISTS (
            SELECT FROM nightdesk.quality_runs h
            WHERE h.book = r.book AND h.as_of = r.as_of AND h.symbol = q.symbol AND h.outcome = 'quarantined'
        )
        ORDER BY r.as_of DESC LIMIT 1
    ), '-infinity')
) spell
WHERE q.book = ANY (%(books)s::text[])
ORDER BY spell.since, q.book, q.symbol, q.check_name;

-- name: past_quarantines
-- Whole decisions only: the page ends with the decision that the last of `rows` belongs to.
SELECT book, symbol, session, as_of, check_name, value, limit_value, detail FROM (
    SELECT *, rank() OVER (ORDER BY as_of DESC) AS place FROM nightdesk.quality_runs
    WHERE outcome = 'quarantined' AND book = ANY (%(books)s::text[])
        AND (%(before)s::timestamptz IS NULL OR as_of < %(before)s)
) ranked
WHERE place <= %(rows)s ORDER BY as_of DESC, book, symbol, check_name;

-- name: newest_findings
-- What the newest decision of each book found that did not pass and holds no symbol back.
SELECT q.book, q.symbol, q.session, q.as_of, q.check_name, q.value, q.limit_value, q.outcome, q.detail
FROM nightdesk.books b
CROSS JOIN LATERAL (SELECT max(x.as_of) AS as_of FROM nightdesk.quality_runs x WHERE x.book = b.book) newest
JOIN nightdesk.quality_runs q ON q.book = b.book AND q.as_of = newest.as_of AND q.outcome IN ('warned', 'stopped')
WHERE q.book = ANY (%(books)s::text[])
ORDER BY q.outcome = 'warned', q.book, q.symbol, q.check_name;

-- name: newest_ingests
-- The newest decision of each book that fetched its data: when it was due, and when the data was ready.
SELECT b.book, i.session, i.as_of, i.started_at, i.ended_at, i.status, i.error
FROM nightdesk.books b
CROSS JOIN LATERAL (
    SELECT s.session, s.as_of, s.started_at, s.ended_at, s.status, s.error FROM nightdesk.run_steps s
    WHERE s.book = b.book AND s.step = 'ingest' ORDER BY s.as_of DESC, s.run_step_id DESC LIMIT 1
) i
WHERE b.book = ANY (%(books)s::text[]) ORDER BY b.book;

-- name: facts_reached
-- Up to when the facts of each book were asked for and answered, the oldest first.
SELECT book, kind, source, count(*) AS subjects, min(until) AS oldest, max(until) AS newest,
    (array_agg(subject ORDER BY until, subject))[1:3] AS behind
FROM nightdesk.fact_reach WHERE book = ANY (%(books)s::text[])
GROUP BY book, kind, source ORDER BY oldest, book, kind, source;

-- name: news_reached
SELECT book, feed, until FROM nightdesk.news_reach WHERE book = ANY (%(books)s::text[])
ORDER BY until, book, feed;

-- name: alert_page
SELECT alert_id, alert_key, level, book, session, subject, body, created_at, sent_at, acknowledged_at, acknowledged_by
FROM nightdesk.alerts
WHERE (book IS NULL OR book = ANY (%(books)s::text[])) AND (%(book)s::text IS NULL OR book = %(book)s)
    AND (%(level)s::text IS NULL OR level = %(level)s)
    AND (%(acknowledged)s::boolean IS NULL OR (acknowledged_at IS NOT NULL) = %(acknowledged)s)
    AND (%(before)s::bigint IS NULL OR alert_id < %(before)s)
ORDER BY alert_id DESC LIMIT %(rows)s;

-- name: told_books
SELECT DISTINCT book FROM nightdesk.alerts WHERE book IS NOT NULL ORDER BY book;

-- name: unacknowledged_alerts
SELECT level, count(*) AS alerts FROM nightdesk.alerts WHERE acknowledged_at IS NULL AND (book IS NULL OR book = ANY (%(books)s::text[])) GROUP BY level;

-- name: answers_of_people
-- What people said of levels, and when they were asked; kill switches stand elsewhere.
SELECT risk_event_id, book, session, kind, reason, who, created_at, level FROM nightdesk.risk_events
WHERE kind IN ('ask', 'review', 'confirm', 'reject', 'level') AND book = ANY (%(books)s::text[])
    AND (%(before)s::bigint IS NULL OR risk_event_id < %(before)s)
ORDER BY risk_event_id DESC LIMIT %(rows)s;

-- name: configuration_spans
-- The versions of a book that decided, each run of decisions of one version, the newest first.
SELECT config_hash, min(session) AS first_session, max(session) AS last_session, count(*) AS decisions,
    min(as_of) AS first, array_agg(DISTINCT code_version ORDER BY code_version) AS code_versions
FROM (
    SELECT config_hash, code_version, session, as_of,
        row_number() OVER (ORDER BY as_of) - row_number() OVER (PARTITION BY config_hash ORDER BY as_of) AS spell
    FROM nightdesk.runs WHERE book = %(book)s AND known_by IS NOT NULL
) placed
GROUP BY config_hash, spell ORDER BY min(as_of) DESC LIMIT %(rows)s;

-- name: configurations
SELECT config_hash, configuration, created_at FROM nightdesk.book_versions
WHERE book = %(book)s AND config_hash = ANY (%(hashes)s::text[]);
