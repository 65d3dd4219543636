-- What the cockpit shows of pairs: where they stand, what was made of each, and what is held of their legs.

-- name: pair_standings
-- The pairs of a decision: where its strategy stands with each, and what was measured of it.
SELECT strategy, a, b, coalesce(f.listed, false) AS listed, s.state, s.side, s.since, s.sessions, s.z, s.reason, s.leaving,
    f.z AS month_z, coalesce(s.beta, f.beta) AS beta, f.sigma, f.volatility, f.volatility_mean, f.fit_month
FROM (SELECT * FROM nightdesk.pair_states WHERE book = %(book)s AND as_of = %(as_of)s) s
FULL JOIN (SELECT * FROM nightdesk.pair_figures WHERE book = %(book)s AND as_of = %(as_of)s) f USING (strategy, a, b)
ORDER BY array_position('{open,cooling,candidate}', s.state), abs(coalesce(s.z, f.z)) DESC NULLS LAST, strategy, a, b;

-- name: pair_stays
-- Each stay in a pair, from the decision that entered it to the first one that holds neither leg, or to `until`: what
-- its legs made between the two marks, dollars. A symbol is in one open pair of a strategy at most.
WITH open AS (
    SELECT strategy, a, b, since, side, min(as_of) AS entered_at, max(as_of) AS last_open, max(sessions) AS sessions,
        (array_agg(z ORDER BY as_of))[1] AS z_in, (array_agg(z ORDER BY as_of DESC))[1] AS z_out,
        (array_agg(leaving ORDER BY as_of DESC))[1] AS leaving,
        (array_agg(reason ORDER BY as_of))[1] AS why_in,
        (array_agg(reason ORDER BY as_of) FILTER (WHERE leaving IS NOT NULL))[1] AS why_out
    FROM nightdesk.pair_states
    WHERE book = %(book)s AND state = 'open' AND as_of <= %(until)s AND since >= %(first)s
        AND coalesce((strategy, a, b) = (%(strategy)s, %(a)s, %(b)s), true)
    GROUP BY strategy, a, b, since, side
), whole AS (
    SELECT open.*, after.as_of AS left_at, after.session AS left_session, after.reason AS after_reason
    FROM open LEFT JOIN LATERAL (
        SELECT s.as_of, s.session, s.reason FROM nightdesk.pair_states s
        WHERE (s.book, s.strategy, s.a, s.b) = (%(book)s, open.strategy, open.a, open.b)
            AND s.as_of > open.last_open AND s.as_of <= %(until)s
        ORDER BY s.as_of LIMIT 1
    ) after ON true
)
SELECT strategy, a, b, since, side, entered_at, left_at, left_session, sessions, z_in, z_out, leaving, why_in,
    coalesce(why_out, after_reason) AS why_out,
    (SELECT coalesce(sum(CASE WHEN p.as_of = w.entered_at THEN -1 ELSE 1 END
            * (p.realised + p.market_value - p.cost + p.dividends - p.commission - p.borrow)), 0)
        FROM nightdesk.positions p
        WHERE p.book = %(book)s AND p.strategy = w.strategy AND p.symbol IN (w.a, w.b)
            AND p.as_of IN (w.entered_at, coalesce(w.left_at, %(until)s))) AS profit
FROM whole w ORDER BY entered_at DESC, strategy, a, b LIMIT %(rows)s;

-- name: pair_legs
-- What is held of two symbols at the mark of a decision, by strategy; what was closed with its profit.
SELECT strategy, symbol, quantity, cost, price, market_value, realised, dividends, commission, borrow, multiplier,
    entry_session, account
FROM nightdesk.positions
WHERE book = %(book)s AND as_of = %(as_of)s AND symbol IN (%(a)s, %(b)s) ORDER BY symbol, strategy;
