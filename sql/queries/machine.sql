-- name: session_summaries
SELECT
    r.as_of,
    r.session,
    r.status,
    g.regime,
    g.vix,
    p.nav,
    p.day_return,
    coalesce(
        (
            SELECT array_agg(o.side || ' ' || o.quantity || ' ' || o.symbol ORDER BY o.side DESC, o.symbol)
            FROM nightdesk.orders o WHERE o.book = r.book AND o.as_of = r.as_of
        ),
        '{}'
    ) AS orders
FROM nightdesk.runs r
LEFT JOIN nightdesk.regimes g USING (book, as_of)
LEFT JOIN nightdesk.portfolio p USING (book, as_of)
WHERE r.book = %(book)s AND r.session BETWEEN %(first)s AND %(last)s
ORDER BY r.as_of;
