-- What is stated of options and perpetuals beside their bars.

-- name: exercise_notices_of
SELECT session, symbol, kind, quantity, reason, who, known_at FROM nightdesk.exercise_notices
WHERE book = %(book)s AND session = %(session)s ORDER BY notice_id;

-- name: exercise_notices_since
SELECT session, symbol, kind, quantity, reason, who, known_at FROM nightdesk.exercise_notices
WHERE book = %(book)s AND session >= %(first)s ORDER BY notice_id;
