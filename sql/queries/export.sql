-- name: export_tables
SELECT relname FROM pg_class
WHERE relnamespace = 'nightdesk'::regnamespace AND relkind IN ('r', 'v', 'p') AND has_table_privilege(oid, 'SELECT')
ORDER BY relname;

-- name: export_columns
SELECT attname, typname
FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'nightdesk'::regnamespace AND relkind IN ('r', 'v', 'p') AND relname = %(table)s
    AND attnum > 0 AND NOT attisdropped
ORDER BY attnum;

-- name: export_key
SELECT attname
FROM pg_index
JOIN pg_class ON pg_class.oid = indrelid
CROSS JOIN LATERAL unnest(indkey::smallint[]) WITH ORDINALITY AS part (number, place)
JOIN pg_attribute ON attrelid = indrelid AND attnum = part.number
WHERE relnamespace = 'nightdesk'::regnamespace AND relname = %(table)s AND indisprimary
ORDER BY place;
