-- Screens of a book's pool of stocks, and the checks of their members before an open.

-- name: good_screens
SELECT screened_at, first_session FROM nightdesk.screens
WHERE book = %(book)s AND outcome = 'good' AND stored_at <= %(known_by)s
ORDER BY screened_at;

-- name: screened_members
SELECT s.first_session, r.symbol, r.sector, NOT r.member AS leg
FROM nightdesk.screens s JOIN nightdesk.screen_results r USING (book, screened_at, known_by)
WHERE s.book = %(book)s AND s.outcome = 'good' AND (r.member OR r.leg)
ORDER BY s.first_session, r.symbol;

-- name: screened_pairs
SELECT s.first_session, p.a, p.b, p.sector
FROM nightdesk.screens s JOIN nightdesk.screen_pairs p USING (book, screened_at, known_by)
WHERE s.book = %(book)s AND s.outcome = 'good' AND s.stored_at <= %(known_by)s AND p.admitted
ORDER BY s.first_session, p.a, p.b;

-- name: screened_legs
SELECT s.first_session, r.symbol, r.sector
FROM nightdesk.screens s JOIN nightdesk.screen_results r USING (book, screened_at, known_by)
WHERE s.book = %(book)s AND s.outcome = 'good' AND s.stored_at <= %(known_by)s AND r.leg AND NOT r.member
ORDER BY s.first_session, r.symbol;

-- name: off_members
SELECT f.symbol, f.session, f.reason
FROM nightdesk.open_checks c JOIN nightdesk.open_check_failures f USING (book, session)
WHERE c.book = %(book)s AND c.stored_at <= %(known_by)s
ORDER BY f.session, f.symbol;

-- name: open_check
SELECT session, known_by, stored_at, checked, off FROM nightdesk.open_checks
WHERE book = %(book)s AND session = %(session)s;

-- name: screens_changed
SELECT EXISTS (
    SELECT FROM nightdesk.screens
    WHERE book = %(book)s AND outcome = 'good' AND stored_at > %(since)s AND first_session <= %(session)s
) OR EXISTS (
    SELECT FROM nightdesk.open_checks
    WHERE book = %(book)s AND stored_at > %(since)s AND session <= %(session)s
) AS changed;

-- name: newest_screens
-- Up to an instant: the newest good screen, and the attempts of later ones, newest first.
WITH attempts AS (
    SELECT screened_at, known_by, stored_at, outcome, reason, last_session, first_session, terms, criteria, limits,
        failures, pool, passed, members, tests, expected_false, pairs, admitted,
        max(screened_at) FILTER (WHERE outcome = 'good') OVER () AS newest
    FROM nightdesk.screens
    WHERE book = %(book)s AND screened_at <= %(screened_by)s AND stored_at <= %(known_by)s
)
SELECT screened_at, known_by, stored_at, outcome, reason, last_session, first_session, terms, criteria, limits, failures,
    pool, passed, members, tests, expected_false, pairs, admitted
FROM attempts
WHERE newest IS NULL OR screened_at > newest OR (screened_at = newest AND outcome = 'good')
ORDER BY screened_at DESC, known_by DESC;

-- name: results_of_screen
SELECT symbol, sector, passed, member, leg, measured, words, outcomes
FROM nightdesk.screen_results
WHERE book = %(book)s AND screened_at = %(screened_at)s AND known_by = %(known_by)s
ORDER BY symbol;

-- name: pairs_of_screen
SELECT a, b, place, correlation, p, q, alpha, beta, half_life, spread_volatility, same_sector, sector, cap_a, cap_b,
    admitted, reason
FROM nightdesk.screen_pairs
WHERE book = %(book)s AND screened_at = %(screened_at)s AND known_by = %(known_by)s
ORDER BY place;

-- name: off_in_session
SELECT f.symbol, f.reason
FROM nightdesk.open_checks c JOIN nightdesk.open_check_failures f USING (book, session)
WHERE c.book = %(book)s AND c.session = %(session)s AND c.stored_at <= %(known_by)s
ORDER BY f.symbol;
