-- The ledger of trials.

-- name: newest_trial
SELECT number, hash, clock_timestamp() AS now FROM (SELECT 1) AS always
LEFT JOIN LATERAL (SELECT number, hash FROM nightdesk.trials ORDER BY number DESC LIMIT 1) AS newest ON true;

-- name: trial_chain
SELECT number, kind, book, asked_by, changes, release_after, config_hash, rules_hash, code_version, bars_hash, first_session, last_session, feed,
    sessions, sharpe, annual_sharpe, skewness, kurtosis, at, before, hash
FROM nightdesk.trials ORDER BY number;

-- name: trial_rows
SELECT number, kind, book, asked_by, changes, release_after, config_hash, rules_hash, code_version, bars_hash, first_session AS first,
    last_session AS last, feed, sessions, sharpe, annual_sharpe, skewness, kurtosis, at
FROM nightdesk.trials
WHERE %(book)s::text IS NULL OR book = %(book)s
ORDER BY number DESC LIMIT %(newest)s;

-- name: trial_counts
SELECT book, count(*) AS asked,
    count(DISTINCT (config_hash, release_after, code_version, bars_hash, first_session, last_session, feed)) AS count,
    count(DISTINCT (rules_hash, release_after)) AS rules
FROM nightdesk.trials
WHERE %(book)s::text IS NULL OR book = %(book)s
GROUP BY book ORDER BY book;

-- name: trial_spread
SELECT coalesce(var_samp(sharpe), 'NaN') AS variance FROM (
    SELECT DISTINCT ON (rules_hash, release_after) sharpe FROM nightdesk.trials
    WHERE book = %(book)s AND sharpe IS NOT NULL ORDER BY rules_hash, release_after, number DESC
) AS newest;
