-- The right to trade: what is known of a book.

-- name: gate_evidence_rows
SELECT evidence_id AS number, book, kind, rules_hash, code_version, figures, at
FROM nightdesk.gate_evidence
WHERE (book = %(book)s OR book = '' OR rules_hash = %(rules_hash)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY evidence_id DESC LIMIT %(newest)s;

-- name: gate_promotion_rows
SELECT promotion_id AS number, book, from_stage, to_stage, rules_hash, code_version, reason, who, evidence, criteria, at
FROM nightdesk.gate_promotions WHERE book = %(book)s ORDER BY promotion_id DESC LIMIT %(newest)s;

-- name: gate_evaluation_row
SELECT evaluation_id AS number, book, stage, next_stage, is_met, standing, rules_hash, code_version, criteria, at
FROM nightdesk.gate_evaluations WHERE book = %(book)s ORDER BY evaluation_id DESC LIMIT 1;

-- name: standing_promotion
SELECT p.to_stage, p.rules_hash, p.code_version, p.who, p.at,
    coalesce((
        SELECT (e.figures ->> 'green')::boolean FROM nightdesk.gate_evidence e
        WHERE e.kind = 'code' AND e.code_version = %(package)s ORDER BY e.evidence_id DESC LIMIT 1
    ), false) AS is_tested
FROM nightdesk.gate_promotions p WHERE p.book = %(book)s ORDER BY p.promotion_id DESC LIMIT 1;

-- name: tested_packages
SELECT DISTINCT ON (code_version) code_version, coalesce((figures ->> 'green')::boolean, false) AS green
FROM nightdesk.gate_evidence WHERE kind = 'code' ORDER BY code_version, evidence_id DESC;

-- name: lived_decisions
SELECT r.as_of, r.session, r.closed_at, r.code_version, r.config_hash, p.nav,
    coalesce((
        SELECT sum(l.cash) FROM nightdesk.ledger_entries l
        WHERE l.book = r.book AND l.as_of = r.as_of AND l.kind IN ('capital', 'adjustment')
    ), 0) AS flow,
    CASE WHEN q.entries_allowed THEN '' ELSE coalesce(q.reason, 'its data was not checked') END AS fault,
    ARRAY(
        SELECT DISTINCT s.step || ' was cut off' FROM nightdesk.run_steps s
        WHERE s.book = r.book AND s.as_of = r.as_of
            AND (s.ended_at IS NULL AND s.status = 'running' OR starts_with(s.error, 'cut off:'))
    ) AS cut_off,
    ARRAY(
        SELECT a.subject FROM nightdesk.alerts a
        WHERE a.book = r.book AND a.session = r.session AND starts_with(a.alert_key, 'task:') ORDER BY a.alert_id
    ) AS failures
FROM nightdesk.runs r
JOIN nightdesk.portfolio p ON p.book = r.book AND p.as_of = r.as_of
LEFT JOIN nightdesk.session_quality q ON q.book = r.book AND q.as_of = r.as_of
WHERE r.book = %(book)s AND r.status = 'closed' ORDER BY r.as_of;

-- name: newest_configurations
SELECT DISTINCT ON (r.book) r.book, r.config_hash, v.configuration
FROM nightdesk.runs r JOIN nightdesk.book_versions v ON v.book = r.book AND v.config_hash = r.config_hash
ORDER BY r.book, r.as_of DESC;

-- name: sources_of_bars
SELECT DISTINCT b.source FROM nightdesk.bars b JOIN nightdesk.symbols s USING (symbol_id)
WHERE s.symbol = ANY(%(symbols)s::text[]) AND b.session BETWEEN %(first)s AND %(last)s AND b.superseded_at IS NULL
ORDER BY b.source;
