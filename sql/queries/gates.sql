-- The right to trade: what is known of a book.

-- name: gate_evidence_rows
SELECT evidence_id AS number, book, kind, rules_hash, code_version, figures, at
FROM nightdesk.gate_evidence
WHERE (book = %(book)s OR book = '') AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY evidence_id DESC LIMIT %(newest)s;
