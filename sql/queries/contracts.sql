-- What is stated of options and perpetuals beside their bars.

-- name: exercise_notices_of
SELECT session, symbol, kind, quantity, reason, who, known_at FROM nightdesk.exercise_notices
WHERE book = %(book)s AND session = %(session)s ORDER BY notice_id;

-- name: exercise_notices_since
SELECT session, symbol, kind, quantity, reason, who, known_at FROM nightdesk.exercise_notices
WHERE book = %(book)s AND session >= %(first)s ORDER BY notice_id;

-- name: funding_rates_known
-- Of a decision the rates of its instants, those that came since the one before, and some days for their rhythm.
SELECT symbol, instant, known_at, rate, stored_at FROM nightdesk.funding_rates
WHERE symbol = ANY(%(symbols)s::text[]) AND instant > %(first)s AND instant <= %(as_of)s
  AND known_at <= %(known_from)s AND stored_at <= %(known_by)s
  AND (instant > %(lately)s OR known_at > %(known_before)s OR stored_at > %(stored_before)s)
ORDER BY instant, symbol, known_at, stored_at;

-- name: funding_rates_changed
SELECT EXISTS (
    SELECT FROM nightdesk.funding_rates
    WHERE symbol = ANY(%(symbols)s::text[]) AND instant <= %(as_of)s AND stored_at > %(since)s
) AS changed;

-- name: funding_rates_stored
SELECT symbol, instant, known_at, rate FROM nightdesk.funding_rates
WHERE symbol = ANY(%(symbols)s::text[]) ORDER BY symbol, instant, known_at, stored_at;

-- name: funding_rates_reach
SELECT symbol, min(instant) AS oldest, max(instant) AS newest FROM nightdesk.funding_rates
WHERE symbol = ANY(%(symbols)s::text[]) GROUP BY symbol;
