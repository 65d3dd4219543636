-- Hands the desk's tables over to nightdesk_owner: whoever belongs to that role migrates them, and nobody else. Run it
-- in the desk's database as a superuser, or as their present owner who belongs to nightdesk_owner too. Running it again
-- is harmless; without tables it does nothing.

DO $$
DECLARE
    found record;
BEGIN
    IF to_regnamespace('nightdesk') IS NULL THEN
        RETURN;
    END IF;
    ALTER SCHEMA nightdesk OWNER TO nightdesk_owner;
    FOR found IN
        SELECT c.oid::regclass AS named, CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind
        FROM pg_class c
        WHERE c.relnamespace = 'nightdesk'::regnamespace AND c.relkind IN ('r', 'p', 'v')
          AND c.relowner <> 'nightdesk_owner'::regrole
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO nightdesk_owner', found.kind, found.named);
    END LOOP;
    FOR found IN
        SELECT p.oid::regprocedure AS named FROM pg_proc p
        WHERE p.pronamespace = 'nightdesk'::regnamespace AND p.proowner <> 'nightdesk_owner'::regrole
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO nightdesk_owner', found.named);
    END LOOP;
END $$;
