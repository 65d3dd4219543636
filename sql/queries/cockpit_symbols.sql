-- What the cockpit shows of one symbol, and of the versions of one bar.

-- name: symbol_candles
SELECT session, open, high, low, close, nullif(volume, 'NaN') AS volume, source, known_at, (
    SELECT count(*) FROM nightdesk.bars v
    WHERE v.symbol_id = b.symbol_id AND v.session = b.session AND v.version > 0
) AS corrections
FROM nightdesk.bars b
WHERE symbol_id = (SELECT symbol_id FROM nightdesk.symbols WHERE symbol = %(symbol)s) AND version = 0
ORDER BY session DESC LIMIT %(sessions)s;

-- name: symbol_stored
-- What is stored of a symbol; no row where nothing ever was.
SELECT s.symbol, (SELECT min(session) FROM nightdesk.bars b WHERE b.symbol_id = s.symbol_id) AS first_bar,
    (SELECT max(session) FROM nightdesk.bars b WHERE b.symbol_id = s.symbol_id) AS last_bar,
    (SELECT max(bar_end) FROM nightdesk.bars_hourly h WHERE h.symbol_id = s.symbol_id AND h.superseded_at IS NULL)
        AS last_hour
FROM nightdesk.symbols s WHERE s.symbol = %(symbol)s;

-- name: symbol_trades
-- Fills of a symbol, a row a strategy's part, each with what the decision behind it said of the part: what was held,
-- wanted and why, and the signal.
SELECT f.book, f.session, f.as_of, f.execution_id, f.client_order_id, f.side, f.price, f.account,
    o.symbol, o.as_of AS decided, o.session AS decided_session, o.purpose, o.stop_price, o.target_price, n.strategy,
    f.quantity * abs(n.quantity) / nullif(sum(abs(n.quantity)) OVER (PARTITION BY f.book, f.account, f.execution_id), 0)
        AS quantity,
    t.cause, t.stop_distance, t.target_distance, g.direction, g.confidence, g.injected,
    coalesce(p.quantity, 0) AS held, p.cost, p.price AS mark, p.multiplier, p.entry_session
FROM nightdesk.standing_fills f
JOIN nightdesk.orders o USING (client_order_id)
LEFT JOIN nightdesk.order_intents n USING (client_order_id)
LEFT JOIN nightdesk.targets t ON (t.book, t.as_of, t.strategy, t.symbol) = (o.book, o.as_of, n.strategy, o.symbol)
LEFT JOIN nightdesk.signals g ON (g.book, g.as_of, g.strategy, g.symbol) = (o.book, o.as_of, n.strategy, o.symbol)
LEFT JOIN nightdesk.positions p ON (p.book, p.as_of, p.strategy, p.symbol) = (o.book, o.as_of, n.strategy, o.symbol)
WHERE f.symbol = %(symbol)s AND f.book = ANY (%(books)s::text[]) AND f.as_of >= %(since)s AND f.session >= %(first)s
ORDER BY f.as_of DESC, f.book, f.execution_id, n.number LIMIT %(rows)s;

-- name: symbol_stops
-- Where the stop of each position in a symbol stood, decision by decision: its average entry, and how far from it the
-- close might be.
SELECT t.book, t.session, t.as_of, t.strategy, p.quantity, p.cost, p.multiplier, t.stop_distance
FROM nightdesk.targets t
JOIN nightdesk.positions p USING (book, as_of, strategy, symbol)
WHERE t.symbol = %(symbol)s AND t.book = ANY (%(books)s::text[]) AND t.as_of >= %(since)s
    AND p.quantity <> 0 AND t.stop_distance > 0 AND t.stop_distance < 'Infinity'
ORDER BY t.book, t.strategy, t.as_of;

-- name: symbol_holders
-- Positions in a symbol at the newest mark of every book, those that were closed with their profit.
SELECT b.book, p.session, p.as_of, p.strategy, p.quantity, p.cost, p.multiplier, p.realised, p.commission, p.dividends, p.borrow,
    p.entry_session, p.price, p.market_value, p.account, m.nav, t.stop_distance
FROM nightdesk.books b
CROSS JOIN LATERAL (
    SELECT f.as_of, f.nav FROM nightdesk.portfolio f WHERE f.book = b.book ORDER BY f.as_of DESC LIMIT 1
) m
JOIN nightdesk.positions p ON p.book = b.book AND p.as_of = m.as_of AND p.symbol = %(symbol)s
LEFT JOIN nightdesk.targets t ON (t.book, t.as_of, t.strategy, t.symbol) = (p.book, p.as_of, p.strategy, p.symbol)
WHERE b.book = ANY (%(books)s::text[]) ORDER BY b.book, p.strategy;

-- name: symbol_factors
SELECT f.book, f.session, f.as_of, s.names, f.factor_values
FROM nightdesk.books b
CROSS JOIN LATERAL (SELECT max(as_of) AS as_of FROM nightdesk.factors x WHERE x.book = b.book) newest
JOIN nightdesk.factors f ON f.book = b.book AND f.as_of = newest.as_of AND f.symbol = %(symbol)s
JOIN nightdesk.factor_sets s USING (factor_set_id)
WHERE b.book = ANY (%(books)s::text[]) ORDER BY f.book;

-- name: symbol_figures
-- What strategies, and their sizing, show of a symbol at the newest decision of each book that has any.
SELECT g.book, g.as_of, g.strategy, g.figures AS said, t.figures AS sized, t.held, t.quantity, a.quantity AS allowed
FROM nightdesk.books b
CROSS JOIN LATERAL (SELECT max(as_of) AS as_of FROM nightdesk.signals x WHERE x.book = b.book) newest
JOIN nightdesk.signals g ON g.book = b.book AND g.as_of = newest.as_of AND g.symbol = %(symbol)s
LEFT JOIN nightdesk.targets t ON (t.book, t.as_of, t.strategy, t.symbol) = (g.book, g.as_of, g.strategy, g.symbol)
LEFT JOIN nightdesk.gated a ON (a.book, a.as_of, a.strategy, a.symbol) = (g.book, g.as_of, g.strategy, g.symbol)
WHERE b.book = ANY (%(books)s::text[]) AND (g.figures IS NOT NULL OR t.figures IS NOT NULL)
ORDER BY g.book, g.strategy;

-- name: symbol_actions
SELECT session, kind, value, other, cash, note, source, known_at FROM nightdesk.corporate_actions
WHERE symbol_id = (SELECT symbol_id FROM nightdesk.symbols WHERE symbol = %(symbol)s) AND superseded_at IS NULL
ORDER BY session DESC, kind LIMIT %(rows)s;

-- name: symbol_quarantines
SELECT q.book, q.session, q.as_of, q.check_name, q.value, q.limit_value, q.detail
FROM nightdesk.books b JOIN nightdesk.quality_runs q ON q.book = b.book
WHERE q.symbol = %(symbol)s AND q.outcome = 'quarantined' AND b.book = ANY (%(books)s::text[])
ORDER BY q.as_of DESC, q.book, q.check_name LIMIT %(rows)s;

-- name: symbol_headlines
SELECT published_at, headline, source, url, feed FROM nightdesk.headlines
WHERE symbol_id = (SELECT symbol_id FROM nightdesk.symbols WHERE symbol = %(symbol)s) AND superseded_at IS NULL
ORDER BY published_at DESC LIMIT %(rows)s;

-- name: bar_seen_by
-- Which decisions saw a version of a session's bar: those whose known_by it was known at.
SELECT v.known_at, r.book, count(*) AS decisions, min(r.as_of) AS first, max(r.as_of) AS last
FROM nightdesk.bars v JOIN nightdesk.runs r ON r.session >= v.session AND r.known_by >= v.known_at
    AND (v.superseded_at IS NULL OR r.known_by < v.superseded_at)
WHERE v.symbol_id = (SELECT symbol_id FROM nightdesk.symbols WHERE symbol = %(symbol)s) AND v.session = %(session)s
    AND r.book = ANY (%(books)s::text[])
GROUP BY v.known_at, r.book ORDER BY v.known_at, r.book;

-- name: hours_of_bar
SELECT bar_end, known_at, superseded_at, source, open, high, low, close, nullif(volume, 'NaN') AS volume
FROM nightdesk.bars_hourly
WHERE symbol_id = (SELECT symbol_id FROM nightdesk.symbols WHERE symbol = %(symbol)s)
    AND bar_end >= %(session)s::date::timestamptz AND bar_end < (%(session)s::date + 2)::timestamptz
    AND (bar_end AT TIME ZONE 'America/New_York')::date = %(session)s::date
ORDER BY bar_end, known_at;

-- name: second_close_versions
SELECT source, close, known_at, stored_at FROM nightdesk.second_closes
WHERE symbol = %(symbol)s AND session = %(session)s ORDER BY source, known_at, stored_at;

-- name: bar_neighbours
SELECT (
    SELECT max(session) FROM nightdesk.bars WHERE symbol_id = s.symbol_id AND session < %(session)s
) AS before, (
    SELECT min(session) FROM nightdesk.bars WHERE symbol_id = s.symbol_id AND session > %(session)s
) AS after
FROM nightdesk.symbols s WHERE s.symbol = %(symbol)s;
