-- The desk's three roles, and what they need of the database. Run it in the desk's database as a user who may create
-- roles and who owns the database. Running it again is harmless.

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['nightdesk_owner', 'nightdesk_writer', 'nightdesk_reader'] LOOP
        IF to_regrole(wanted) IS NULL THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
    EXECUTE format('GRANT CONNECT, TEMPORARY, CREATE ON DATABASE %I TO nightdesk_owner', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO nightdesk_writer', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO nightdesk_reader', current_database());
END $$;
