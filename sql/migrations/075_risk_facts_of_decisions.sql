-- What people and the desk say of a book's risk counts from one decision on: where a session holds several, the
-- earlier ones of it never read it.

ALTER TABLE nightdesk.risk_events ADD COLUMN after_as_of timestamptz;
COMMENT ON COLUMN nightdesk.risk_events.after_as_of IS 'The decision after which it counts, UTC; none: all decisions of its session read it';
COMMENT ON COLUMN nightdesk.risk_events.session IS 'Session of the first decision that reads it';

CREATE OR REPLACE FUNCTION nightdesk.take_back(of_book text, first_as_of timestamptz, first_session date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entries bigint; filled bigint; placed bigint; moves bigint; facts bigint;
BEGIN
    IF EXISTS (SELECT FROM nightdesk.book_accounts a WHERE a.book = of_book AND a.broker <> 'paper') THEN
        RAISE EXCEPTION 'book % trades with a broker that is not simulated: what it did cannot be taken back', of_book
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    DELETE FROM nightdesk.order_events e USING nightdesk.orders o
    WHERE o.client_order_id = e.client_order_id AND o.book = of_book AND e.as_of >= first_as_of AND o.as_of < first_as_of;
    GET DIAGNOSTICS moves = ROW_COUNT;
    DELETE FROM nightdesk.ledger_entries t WHERE t.book = of_book AND t.as_of >= first_as_of;
    GET DIAGNOSTICS entries = ROW_COUNT;
    DELETE FROM nightdesk.fills t WHERE t.book = of_book AND t.as_of >= first_as_of;
    GET DIAGNOSTICS filled = ROW_COUNT;
    DELETE FROM nightdesk.orders t WHERE t.book = of_book AND t.as_of >= first_as_of;
    GET DIAGNOSTICS placed = ROW_COUNT;
    -- A difference counts in the decision that found it, a breaker from the one after it.
    DELETE FROM nightdesk.risk_events t WHERE t.book = of_book AND (
        (t.session >= first_session AND t.event_key LIKE 'reconciliation %')
        OR (t.event_key LIKE 'breaker %' AND (t.session > first_session OR t.after_as_of >= first_as_of)));
    GET DIAGNOSTICS facts = ROW_COUNT;
    INSERT INTO nightdesk.taken_back (book, as_of, entries, fills, orders, events)
    VALUES (of_book, first_as_of, entries, filled, placed, moves + facts);
END $$;
