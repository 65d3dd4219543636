-- What is stated of options and perpetuals beside their bars.

-- name: exercise_notices_of
SELECT session, symbol, kind, quantity, reason, who, known_at FROM nightdesk.exercise_notices
WHERE book = %(book)s AND session = %(session)s ORDER BY notice_id;

-- name: exercise_notices_since
SELECT session, symbol, kind, quantity, reason, who, known_at FROM nightdesk.exercise_notices
WHERE book = %(book)s AND session >= %(first)s ORDER BY notice_id;

-- name: funding_rates_known
-- Of a decision the rates of its instants, those that came since the one before, and some days for their rhythm.
SELECT one.symbol, one.instant, one.known_at, one.rate, one.stored_at,
    EXISTS (
        SELECT FROM nightdesk.funding_rates AS earlier
        WHERE earlier.symbol = one.symbol AND earlier.source IN (asked.source, '') AND earlier.instant = one.instant
          AND (earlier.known_at, earlier.stored_at) < (one.known_at, one.stored_at)
    ) AS revised
FROM unnest(%(symbols)s::text[], %(sources)s::text[]) AS asked (symbol, source)
JOIN nightdesk.funding_rates AS one ON one.symbol = asked.symbol AND one.source IN (asked.source, '')
WHERE one.instant > %(first)s AND one.instant <= %(as_of)s
  AND one.known_at <= %(known_from)s AND one.stored_at <= %(known_by)s
  AND (one.instant > %(lately)s OR one.known_at > %(known_before)s OR one.stored_at > %(stored_before)s)
ORDER BY one.instant, one.symbol, one.known_at, one.stored_at;

-- name: funding_rates_changed
SELECT EXISTS (
    SELECT FROM unnest(%(symbols)s::text[], %(sources)s::text[]) AS asked (symbol, source)
    JOIN nightdesk.funding_rates AS one ON one.symbol = asked.symbol AND one.source IN (asked.source, '')
    WHERE one.instant <= %(as_of)s AND one.stored_at > %(since)s
) AS changed;

-- name: funding_rates_stored
SELECT one.symbol, one.instant, one.known_at, one.rate
FROM unnest(%(symbols)s::text[], %(sources)s::text[]) AS asked (symbol, source)
JOIN nightdesk.funding_rates AS one ON one.symbol = asked.symbol AND one.source IN (asked.source, '')
ORDER BY one.symbol, one.instant, one.known_at, one.stored_at;

-- name: funding_rates_reach
SELECT one.symbol, min(one.instant) AS oldest, max(one.instant) AS newest
FROM unnest(%(symbols)s::text[], %(sources)s::text[]) AS asked (symbol, source)
JOIN nightdesk.funding_rates AS one ON one.symbol = asked.symbol AND one.source IN (asked.source, '')
GROUP BY one.symbol;
