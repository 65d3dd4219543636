-- What people look at beside what the steps read.

-- name: open_orders
SELECT as_of, session, client_order_id, symbol, side, quantity, reference_price,
    CASE WHEN order_type <> 'bracket' THEN stop_price END AS stop_price, CASE WHEN order_type <> 'bracket' THEN target_price END AS target_price, status, account, (
    SELECT string_agg(DISTINCT i.bundle, ' ') FROM nightdesk.order_intents i WHERE i.client_order_id = o.client_order_id
) AS bundle
FROM nightdesk.orders o
WHERE book = %(book)s AND status IN ('planned', 'submitted', 'partially_filled') ORDER BY as_of, symbol, side;

-- name: bars_as_known
SELECT b.session, b.open, b.high, b.low, b.close, nullif(b.volume, 'NaN') AS volume, b.source, b.known_at
FROM nightdesk.bars b JOIN nightdesk.symbols s USING (symbol_id)
WHERE s.symbol = %(symbol)s AND b.session BETWEEN %(first)s AND %(last)s
    AND b.known_at <= %(known_by)s AND (b.superseded_at IS NULL OR b.superseded_at > %(known_by)s)
ORDER BY b.session;

-- name: hours_as_known
SELECT b.bar_end, b.open, b.high, b.low, b.close, nullif(b.volume, 'NaN') AS volume, b.source, b.known_at
FROM nightdesk.bars_hourly b JOIN nightdesk.symbols s USING (symbol_id)
WHERE s.symbol = %(symbol)s AND b.bar_end > %(after)s AND b.bar_end <= %(until)s
    AND b.known_at <= %(known_by)s AND (b.superseded_at IS NULL OR b.superseded_at > %(known_by)s)
ORDER BY b.bar_end;

-- name: actions_as_known
SELECT a.session, a.kind, a.value, a.source, a.known_at
FROM nightdesk.corporate_actions a JOIN nightdesk.symbols s USING (symbol_id)
WHERE s.symbol = %(symbol)s AND a.session BETWEEN %(first)s AND %(last)s
    AND a.known_at <= %(known_by)s AND (a.superseded_at IS NULL OR a.superseded_at > %(known_by)s)
ORDER BY a.session, a.kind;

-- name: fills_of_decision
SELECT f.session, f.as_of, f.client_order_id, f.execution_id, f.side, f.quantity, f.price, f.commission, f.reference_price,
    f.expected_price, s.expected_bps, s.realised_bps
FROM nightdesk.standing_fills f JOIN nightdesk.orders o USING (client_order_id)
JOIN nightdesk.slippage s ON (s.book, s.execution_id) = (f.book, f.execution_id)
WHERE o.book = %(book)s AND o.as_of = %(as_of)s AND o.symbol = %(symbol)s ORDER BY f.as_of, f.execution_id;

-- name: position_span
SELECT as_of, session, strategy, symbol, quantity, cost, realised, entry_session, commission, dividends, borrow,
    multiplier, on_margin, market_value, account
FROM nightdesk.positions WHERE book = %(book)s ORDER BY as_of, strategy, symbol;
