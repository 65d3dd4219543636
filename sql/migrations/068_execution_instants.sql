-- When an execution happened, whether its commission is still to come, and what corrects it.
--
-- Of executions that were told until now no instant was kept. They are of books that decide once a session, whose close
-- settles all of it: they stay without one, which says the same.

ALTER TABLE nightdesk.executions
    ADD COLUMN executed_at timestamptz,
    ADD COLUMN commission_pending boolean NOT NULL DEFAULT false,
    ADD COLUMN corrects text NOT NULL DEFAULT '';
COMMENT ON COLUMN nightdesk.executions.executed_at IS
    'When it was executed, by the broker''s clock, UTC; null where that was not told: it counts at the close of its session';
COMMENT ON COLUMN nightdesk.executions.commission IS 'Dollars; 0 while it is pending';
COMMENT ON COLUMN nightdesk.executions.commission_pending IS 'Whether the broker has not told the commission yet';
COMMENT ON COLUMN nightdesk.executions.corrects IS
    'Execution in whose place it counts: what the broker told first of it; empty for one that corrects none';
COMMENT ON COLUMN nightdesk.executions.session IS
    'Session in which it counts: the first whose close is not before it, the minutes after the bell included';

ALTER TABLE nightdesk.movements ADD COLUMN moved_at timestamptz;
COMMENT ON COLUMN nightdesk.movements.moved_at IS
    'When it counts, UTC; null where only its day was told: it counts at the close of its session';

ALTER TABLE nightdesk.fills
    ADD COLUMN executed_at timestamptz,
    ADD COLUMN commission_pending boolean NOT NULL DEFAULT false,
    ADD COLUMN corrects text NOT NULL DEFAULT '',
    DROP CONSTRAINT fills_quantity_check;
ALTER TABLE nightdesk.fills ADD CONSTRAINT fills_quantity_check CHECK (quantity > 0 OR (quantity = 0 AND corrects <> ''));
COMMENT ON COLUMN nightdesk.fills.executed_at IS
    'When it was executed, by a real broker''s clock, UTC; null where it did not say so, and on paper';
COMMENT ON COLUMN nightdesk.fills.commission IS 'Commission as it was when booked, dollars and cents; 0 where it was pending';
COMMENT ON COLUMN nightdesk.fills.commission_pending IS
    'Whether the broker had not told the commission when it was booked; a later entry of the ledger completes it';
COMMENT ON COLUMN nightdesk.fills.corrects IS
    'Execution in whose place it counts, the ledger booking the difference; empty for one that corrects none';
COMMENT ON COLUMN nightdesk.fills.quantity IS
    'Executed quantity, shares or coins; 0 where a correction says that nothing was';
CREATE INDEX fills_corrections ON nightdesk.fills (book, account, corrects) WHERE corrects <> '';

CREATE VIEW nightdesk.standing_fills AS
SELECT f.* FROM nightdesk.fills f
WHERE NOT EXISTS (
    SELECT FROM nightdesk.fills c
    WHERE c.book = f.book AND c.account = f.account AND c.corrects <> ''
        AND (c.corrects = f.execution_id OR (c.corrects = f.corrects AND c.execution_id > f.execution_id))
);
COMMENT ON VIEW nightdesk.standing_fills IS
    'The executions of a book as they stand: of one that the broker has corrected its newest version alone';
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT attname, col_description(attrelid, attnum) AS words FROM pg_attribute
        WHERE attrelid = 'nightdesk.fills'::regclass AND attnum > 0 AND NOT attisdropped
    LOOP
        EXECUTE format('COMMENT ON COLUMN nightdesk.standing_fills.%I IS %L', one.attname, one.words);
    END LOOP;
END $$;

CREATE OR REPLACE VIEW nightdesk.slippage AS
SELECT book, session, execution_id, client_order_id, symbol, side, notional, expected_cost, realised_cost,
    (10000 * expected_cost / notional)::double precision AS expected_bps,
    (10000 * realised_cost / notional)::double precision AS realised_bps,
    as_of
FROM (
    SELECT f.*, quantity * multiplier * reference_price AS notional,
        quantity * multiplier * (expected_price - reference_price) * CASE side WHEN 'buy' THEN 1 ELSE -1 END AS expected_cost,
        quantity * multiplier * (price - reference_price) * CASE side WHEN 'buy' THEN 1 ELSE -1 END AS realised_cost
    FROM nightdesk.standing_fills f WHERE quantity > 0
) costs;
