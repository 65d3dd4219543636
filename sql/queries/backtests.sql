-- Backtests that were kept.

-- name: backtest_rows
SELECT backtest_id AS number, book, state, asked_by, run, note, changes, first_session AS first, last_session AS last, began_at,
    ended_at, config_hash, code_version, capital, release_after, sources, figures, error
FROM nightdesk.backtests
WHERE (%(book)s::text IS NULL OR book = %(book)s) AND (%(before)s::bigint IS NULL OR backtest_id < %(before)s)
    AND (%(numbers)s::bigint[] IS NULL OR backtest_id = ANY(%(numbers)s::bigint[]))
ORDER BY backtest_id DESC LIMIT %(newest)s;

-- name: backtest_of_run
SELECT backtest_id AS number, state FROM nightdesk.backtests WHERE run = %(run)s AND book = %(book)s AND run <> '';

-- name: backtest_document
SELECT document FROM nightdesk.backtests WHERE backtest_id = %(number)s;

-- name: backtest_series
SELECT kind, strategy, sessions, dollars FROM nightdesk.backtest_series WHERE backtest_id = %(number)s ORDER BY kind, strategy;
