-- What the cockpit shows of screens: each attempt, what it found of each stock, who came and went, who is off.

-- name: screens_listed
-- The newest attempts of a book's screens, the newest first.
SELECT screened_at, known_by, stored_at, outcome, reason, last_session, first_session, terms, criteria, limits,
    failures, pool, passed, members, tests, expected_false, pairs, admitted
FROM nightdesk.screens WHERE book = %(book)s ORDER BY screened_at DESC, known_by DESC LIMIT %(rows)s;

-- name: screen_of_instant
-- The screen of an instant, of several attempts the good one or the last.
SELECT screened_at, known_by, stored_at, outcome, reason, last_session, first_session, terms, criteria, limits,
    failures, pool, passed, members, tests, expected_false, pairs, admitted
FROM nightdesk.screens WHERE book = %(book)s AND screened_at = %(at)s
ORDER BY outcome = 'good' DESC, known_by DESC LIMIT 1;

-- name: screen_page
-- Stocks of a screen as a page lists them: `which` is all, member, leg, came, went, passed, failed or unknown; `before`
-- are the members of the screen before; `narrowed` is the place of the criterion that failed and unknown are narrowed to;
-- `place` that of the one by whose value it is sorted; else by symbol. What is not known comes last.
SELECT symbol, sector, passed, member, leg, measured, words, outcomes, count(*) OVER () AS together
FROM nightdesk.screen_results
WHERE book = %(book)s AND screened_at = %(at)s AND known_by = %(known_by)s
    AND starts_with(symbol, %(symbol)s)
    AND CASE %(which)s
        WHEN 'member' THEN member
        WHEN 'leg' THEN leg
        WHEN 'came' THEN (member OR leg) AND symbol <> ALL (%(before)s::text[])
        WHEN 'went' THEN NOT (member OR leg) AND symbol = ANY (%(before)s::text[])
        WHEN 'passed' THEN passed
        WHEN 'failed' THEN CASE WHEN %(narrowed)s > 0 THEN outcomes[%(narrowed)s] = 'failed' ELSE NOT passed END
        WHEN 'unknown' THEN
            CASE WHEN %(narrowed)s > 0 THEN outcomes[%(narrowed)s] = 'passed_unknown' ELSE 'passed_unknown' = ANY (outcomes) END
        ELSE true
    END
ORDER BY CASE WHEN %(falling)s THEN -1 ELSE 1 END * nullif(measured[nullif(%(place)s, 0)], 'NaN') NULLS LAST,
    nullif(words[nullif(%(place)s, 0)], '') NULLS LAST, symbol
LIMIT %(rows)s OFFSET %(skipped)s;

-- name: screen_members
-- Members of the newest good screens up to an instant, the newest first.
SELECT s.screened_at, s.first_session,
    coalesce((
        SELECT array_agg(r.symbol ORDER BY r.symbol) FROM nightdesk.screen_results r
        WHERE r.book = s.book AND r.screened_at = s.screened_at AND r.known_by = s.known_by
            AND (r.member OR r.leg)
    ), '{}') AS symbols
FROM nightdesk.screens s
WHERE s.book = %(book)s AND s.outcome = 'good' AND s.screened_at <= %(at)s
ORDER BY s.screened_at DESC LIMIT %(rows)s;

-- name: screen_pairs_found
-- The pairs of a screen by rank, a page of them.
SELECT a, b, place, correlation, p, q, alpha, beta, half_life, spread_volatility, same_sector, sector, admitted, reason
FROM nightdesk.screen_pairs
WHERE book = %(book)s AND screened_at = %(at)s AND known_by = %(known_by)s
ORDER BY place LIMIT %(rows)s OFFSET %(skipped)s;

-- name: pair_in_screens
-- What the newest good screen that a decision knew, and that found a pair, says of it: legs in either order.
SELECT p.a, p.b, p.place, p.correlation, p.p, p.q, p.alpha, p.beta, p.half_life, p.spread_volatility, p.same_sector,
    p.sector, p.admitted, p.reason, p.screened_at
FROM nightdesk.screen_pairs p JOIN nightdesk.screens s USING (book, screened_at, known_by)
WHERE p.book = %(book)s AND s.outcome = 'good' AND s.screened_at <= %(until)s
    AND (p.a, p.b) IN ((%(a)s, %(b)s), (%(b)s, %(a)s))
ORDER BY s.screened_at DESC, p.a <> %(a)s LIMIT 1;

-- name: newest_open_check
SELECT session, known_by, stored_at, checked, off FROM nightdesk.open_checks
WHERE book = %(book)s ORDER BY session DESC LIMIT 1;

-- name: open_check_failures_of
SELECT symbol, reason FROM nightdesk.open_check_failures
WHERE book = %(book)s AND session = %(session)s ORDER BY symbol;

-- name: optional_pages
-- Which pages a book has beside those that every book has.
SELECT EXISTS (SELECT FROM nightdesk.screens WHERE book = %(book)s) AS screen,
    EXISTS (SELECT FROM nightdesk.pair_figures WHERE book = %(book)s) AS pairs;
