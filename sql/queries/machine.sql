-- name: session_summaries
SELECT
    r.session,
    r.status,
    g.regime,
    g.vix,
    p.nav,
    p.day_return,
    coalesce(
        (
            SELECT array_agg(o.side || ' ' || o.quantity || ' ' || o.symbol ORDER BY o.side DESC, o.symbol)
            FROM nightdesk.orders o WHERE o.book = r.book AND o.session = r.session
        ),
        '{}'
    ) AS orders
FROM nightdesk.runs r
LEFT JOIN nightdesk.regimes g USING (book, session)
LEFT JOIN nightdesk.portfolio p USING (book, session)
WHERE r.book = %(book)s AND r.session BETWEEN %(first)s AND %(last)s
ORDER BY r.session;
