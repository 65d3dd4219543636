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
            FROM nightdesk.orders o WHERE o.book = r.book AND o.as_of = r.as_of AND o.purpose NOT LIKE 'protect %%'
        ),
        '{}'
    ) AS orders,
    -- What is placed to rest trades at no open: it waits beside a position.
    coalesce(
        (
            SELECT array_agg(
                o.side || ' ' || o.quantity || ' ' || o.symbol || concat(
                    ' stop ' || trim_scale(o.stop_price), ' target ' || trim_scale(o.target_price)
                ) ORDER BY o.symbol, o.client_order_id COLLATE "C"
            )
            FROM nightdesk.orders o WHERE o.book = r.book AND o.as_of = r.as_of AND o.purpose LIKE 'protect %%'
        ),
        '{}'
    ) AS resting
FROM nightdesk.runs r
LEFT JOIN nightdesk.regimes g USING (book, as_of)
LEFT JOIN nightdesk.portfolio p USING (book, as_of)
WHERE r.book = %(book)s AND r.session BETWEEN %(first)s AND %(last)s
ORDER BY r.as_of;

-- name: applied_migrations
SELECT name, checksum FROM nightdesk.migrations ORDER BY name COLLATE "C";

-- name: primary_keys
SELECT relname::text AS table_name, array_agg(attname::text ORDER BY position) AS columns
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid,
    unnest(indkey) WITH ORDINALITY AS part (attnum, position) JOIN pg_attribute USING (attnum)
WHERE indisprimary AND relnamespace = 'nightdesk'::regnamespace AND attrelid = indrelid
GROUP BY relname;

-- name: clocks
-- The server's own clock beside the one that the desk reads.
SELECT pg_catalog.clock_timestamp() AS server, clock_timestamp() AS desk;

-- name: rebuild_of_run
SELECT dag_id, run_id, book, from_as_of, who, reason, decisions FROM nightdesk.rebuilds
WHERE dag_id = %(dag_id)s AND run_id = %(run_id)s;
