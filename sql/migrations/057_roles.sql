-- What the writer's role may not do by grants alone: take back what a book did, change what is sealed, make a month.
--
-- Rights themselves are in sql/roles/grants.sql, which every migration ends with: a table of later is covered too.

CREATE TABLE nightdesk.role_grants (
    document   text PRIMARY KEY,
    checksum   text NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE nightdesk.role_grants IS 'Which rights the roles of the desk were given last';
COMMENT ON COLUMN nightdesk.role_grants.document IS 'File name in sql/roles';
COMMENT ON COLUMN nightdesk.role_grants.checksum IS 'SHA-256 of the file when it was applied, hexadecimal';
COMMENT ON COLUMN nightdesk.role_grants.granted_at IS 'When it was applied, UTC';

CREATE TABLE nightdesk.taken_back (
    taken_back_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book          text NOT NULL,
    as_of         timestamptz NOT NULL,
    login         text NOT NULL DEFAULT session_user,
    entries       bigint NOT NULL,
    fills         bigint NOT NULL,
    orders        bigint NOT NULL,
    events        bigint NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE nightdesk.taken_back IS 'Each time that the decisions of a book were cleared to be made anew';
COMMENT ON COLUMN nightdesk.taken_back.taken_back_id IS 'Number';
COMMENT ON COLUMN nightdesk.taken_back.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.taken_back.as_of IS 'First decision that was cleared, UTC';
COMMENT ON COLUMN nightdesk.taken_back.login IS 'The database''s user who did it';
COMMENT ON COLUMN nightdesk.taken_back.entries IS 'Entries of the ledger that went';
COMMENT ON COLUMN nightdesk.taken_back.fills IS 'Fills that went';
COMMENT ON COLUMN nightdesk.taken_back.orders IS 'Orders that went, with their events';
COMMENT ON COLUMN nightdesk.taken_back.events IS 'Events that went of orders that stay, and facts of risk that the desk itself had stated';
COMMENT ON COLUMN nightdesk.taken_back.created_at IS 'When, UTC';

-- It runs as the owner of the tables, in the name of a writer who may not delete from them.
CREATE FUNCTION nightdesk.take_back(of_book text, first_as_of timestamptz, first_session date) RETURNS void
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
    -- A difference counts in the session that found it, a breaker from the one after it.
    DELETE FROM nightdesk.risk_events t WHERE t.book = of_book AND (
        (t.session >= first_session AND t.event_key LIKE 'reconciliation %')
        OR (t.session > first_session AND t.event_key LIKE 'breaker %'));
    GET DIAGNOSTICS facts = ROW_COUNT;
    INSERT INTO nightdesk.taken_back (book, as_of, entries, fills, orders, events)
    VALUES (of_book, first_as_of, entries, filled, placed, moves + facts);
END $$;
COMMENT ON FUNCTION nightdesk.take_back IS
    'Clears what a book on simulated accounts ordered and booked at a decision and later, and keeps that it did';
REVOKE ALL ON FUNCTION nightdesk.take_back FROM PUBLIC;

-- A step may replace what it booked until a later decision was closed. The owner may always: it migrates, and
-- `take_back` runs as the owner.
CREATE FUNCTION nightdesk.refuse_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held  record;
BEGIN
    SELECT g.book, g.as_of INTO held FROM gone g
    WHERE EXISTS (
        SELECT FROM nightdesk.runs r WHERE r.book = g.book AND r.as_of > g.as_of AND r.status = 'closed'
    ) LIMIT 1;
    IF FOUND AND NOT pg_has_role((SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RAISE EXCEPTION '% of book % at % are sealed by a later decision', TG_TABLE_NAME, held.book, held.as_of
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION nightdesk.refuse_sealed IS 'Refuses to change or delete rows of a decision after which another was closed';

CREATE TRIGGER sealed_update AFTER UPDATE ON nightdesk.ledger_entries REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION nightdesk.refuse_sealed();
CREATE TRIGGER sealed_delete AFTER DELETE ON nightdesk.ledger_entries REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION nightdesk.refuse_sealed();
CREATE TRIGGER sealed_update AFTER UPDATE ON nightdesk.fills REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION nightdesk.refuse_sealed();
CREATE TRIGGER sealed_delete AFTER DELETE ON nightdesk.fills REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION nightdesk.refuse_sealed();

CREATE FUNCTION nightdesk.refuse_sent() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held  record;
BEGIN
    SELECT g.client_order_id INTO held FROM gone g WHERE g.attempts > 0 LIMIT 1;
    IF FOUND AND NOT pg_has_role((SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RAISE EXCEPTION 'order % was sent: it is not deleted', held.client_order_id
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION nightdesk.refuse_sent IS 'Refuses to delete orders that sending was begun of';
CREATE TRIGGER sent_delete AFTER DELETE ON nightdesk.orders REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION nightdesk.refuse_sent();

-- Who writes bars need not be allowed to make tables; a part has no rights of its own, its table's count.
CREATE OR REPLACE FUNCTION nightdesk.make_months_of_hours(first timestamptz, last timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    month timestamptz := date_trunc('month', first);
    made  integer := 0;
    part  text;
BEGIN
    WHILE month <= last LOOP
        part := 'bars_hourly_' || to_char(month, 'YYYY_MM');
        IF to_regclass(format('nightdesk.%I', part)) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE nightdesk.%I PARTITION OF nightdesk.bars_hourly FOR VALUES FROM (%L) TO (%L)',
                part, month, month + interval '1 month'
            );
            IF to_regrole('nightdesk_writer') IS NOT NULL THEN
                EXECUTE format('REVOKE ALL ON nightdesk.%I FROM nightdesk_writer', part);
            END IF;
            made := made + 1;
        END IF;
        month := month + interval '1 month';
    END LOOP;
    RETURN made;
END $$;
REVOKE ALL ON FUNCTION nightdesk.make_months_of_hours FROM PUBLIC;
