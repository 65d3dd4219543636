-- Pairs: what was measured of them, and where their strategies stood with them.

-- name: pair_figure_rows
SELECT strategy, a, b, listed, fit_month, alpha, beta, spread, z, sigma, volatility, volatility_mean,
    gap_a, gap_b, var_a, var_b, covariance
FROM nightdesk.pair_figures WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY strategy, a, b;

-- name: pair_state_rows
SELECT strategy, a, b, state, side, since, sessions, alpha, beta, z, bundle, leaving, reason
FROM nightdesk.pair_states WHERE book = %(book)s AND as_of = %(as_of)s ORDER BY strategy, a, b;

-- name: pair_states_before
SELECT strategy, a, b, state, side, since, sessions, alpha, beta, z, bundle, leaving, reason
FROM nightdesk.pair_states
WHERE book = %(book)s
    AND as_of = (SELECT max(as_of) FROM nightdesk.target_scales WHERE book = %(book)s AND as_of < %(as_of)s)
ORDER BY strategy, a, b;

-- name: pair_series
SELECT * FROM (
    SELECT f.session, f.as_of, f.spread, f.sigma, f.z, f.listed, s.state, s.side, s.z AS z_looked_at, s.reason
    FROM nightdesk.pair_figures f LEFT JOIN nightdesk.pair_states s USING (book, as_of, strategy, a, b)
    WHERE f.book = %(book)s AND f.strategy = %(strategy)s AND f.a = %(a)s AND f.b = %(b)s AND f.as_of <= %(until)s
    ORDER BY f.as_of DESC LIMIT %(newest)s
) AS newest ORDER BY as_of;
