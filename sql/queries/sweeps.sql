-- Sweeps that were kept.

-- name: sweep_rows
SELECT s.sweep_id AS number, s.book, s.asked_by, s.run, s.note, s.grid, s.metric, s.points, s.first_session AS first,
    s.last_session AS last, s.began_at, s.config_hash, s.code_version, s.bars_digest, s.sources,
    (SELECT count(*)::integer FROM nightdesk.sweep_points p WHERE p.sweep_id = s.sweep_id) AS tried
FROM nightdesk.sweeps s
WHERE (%(book)s::text IS NULL OR s.book = %(book)s) AND (%(number)s::bigint IS NULL OR s.sweep_id = %(number)s)
    AND (%(run)s::text IS NULL OR s.run = %(run)s)
ORDER BY s.sweep_id DESC LIMIT %(newest)s;

-- name: sweep_points
SELECT point, settings, figures, config_hash, refused FROM nightdesk.sweep_points WHERE sweep_id = %(number)s ORDER BY point;
