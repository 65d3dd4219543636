-- Quantities and prices are rounded once, before they are written: a second rounding cannot hide in a table.

ALTER TABLE nightdesk.targets
    ADD CHECK (held = round(held, 8)), ADD CHECK (quantity = round(quantity, 8));
ALTER TABLE nightdesk.gated
    ADD CHECK (quantity = round(quantity, 8));
ALTER TABLE nightdesk.orders
    ADD CHECK (quantity = round(quantity, 8)), ADD CHECK (filled_quantity = round(filled_quantity, 8)),
    ADD CHECK (limit_price = round(limit_price, 6)), ADD CHECK (reference_price = round(reference_price, 6));
ALTER TABLE nightdesk.order_intents
    ADD CHECK (quantity = round(quantity, 8));
ALTER TABLE nightdesk.fills
    ADD CHECK (quantity = round(quantity, 8)), ADD CHECK (reference_price = round(reference_price, 6));
ALTER TABLE nightdesk.ledger_entries
    ADD CHECK (quantity = round(quantity, 8)),
    ADD CHECK (kind = 'split' OR price = round(price, 6));
ALTER TABLE nightdesk.positions
    ADD CHECK (quantity = round(quantity, 8));
ALTER TABLE nightdesk.paper_positions
    ADD CHECK (quantity = round(quantity, 8));
ALTER TABLE nightdesk.paper_orders
    ADD CHECK (quantity = round(quantity, 8));
ALTER TABLE nightdesk.paper_fills
    ADD CHECK (quantity = round(quantity, 8)), ADD CHECK (price = round(price, 6)),
    ADD CHECK (commission = round(commission, 2));

COMMENT ON COLUMN nightdesk.runs.code_version IS
    'Version of the package with a digest of its source, at the newest ingest';
COMMENT ON COLUMN nightdesk.runs.known_by IS
    'Instant up to which the decision used what was known, UTC; none before its first ingest, later only where the market changed';
