-- The ledgers of a taxpayer's books.

-- name: tax_books
SELECT book, taxpayer, lots, sales, crypto, wash_sales_of_crypto
FROM nightdesk.taxpayers WHERE taxpayer = %(taxpayer)s ORDER BY book;

-- name: keep_tax_terms
INSERT INTO nightdesk.taxpayers AS held (book, taxpayer, lots, sales, crypto, wash_sales_of_crypto)
VALUES (%(book)s, %(taxpayer)s, %(lots)s, %(sales)s::jsonb, %(crypto)s::text[], %(wash_sales_of_crypto)s)
ON CONFLICT (book) DO UPDATE SET
    taxpayer = excluded.taxpayer, lots = excluded.lots, sales = excluded.sales, crypto = excluded.crypto,
    wash_sales_of_crypto = excluded.wash_sales_of_crypto
WHERE (held.taxpayer, held.lots, held.sales, held.crypto, held.wash_sales_of_crypto)
    IS DISTINCT FROM
    (excluded.taxpayer, excluded.lots, excluded.sales, excluded.crypto, excluded.wash_sales_of_crypto);

-- name: tax_entries
SELECT book, session, kind, strategy, symbol, quantity, price, cash, commission, reference, cost, since
FROM nightdesk.ledger_entries
WHERE book = ANY (%(books)s::text[]) AND as_of <= %(last)s
    AND kind IN ('fill', 'split', 'adjustment', 'return_of_capital', 'exchange', 'redemption')
ORDER BY book, as_of, number;

-- name: splits_since
SELECT s.symbol, a.session, a.value
FROM nightdesk.corporate_actions a JOIN nightdesk.symbols s USING (symbol_id)
WHERE s.symbol = ANY (%(symbols)s::text[]) AND a.session BETWEEN %(first)s AND %(last)s
    AND a.kind = 'split' AND a.superseded_at IS NULL
ORDER BY a.session, s.symbol;

-- name: tax_view
SELECT losses, opened_today, day_trades FROM nightdesk.tax_views WHERE book = %(book)s AND as_of = %(as_of)s;
