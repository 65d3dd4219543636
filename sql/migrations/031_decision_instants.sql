-- A decision is named by its instant: what is decided is keyed by (book, as_of), and the session is an attribute.
--
-- A book that decides once a session has one instant for each, the session's close. Of sessions that rows name and
-- that no run began the code gives the closes, which only its calendars know, in pg_temp.closes_without_run.

CREATE TEMPORARY TABLE IF NOT EXISTS closes_without_run (book text, session date, as_of timestamptz);

CREATE TEMPORARY TABLE instants ON COMMIT DROP AS
SELECT book, session, as_of FROM nightdesk.runs
UNION ALL
SELECT book, session, as_of FROM pg_temp.closes_without_run;
CREATE UNIQUE INDEX ON instants (book, session);
ANALYZE instants;

CREATE FUNCTION pg_temp.add_instant(tab text, why text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE nightdesk.%I ADD COLUMN IF NOT EXISTS as_of timestamptz', tab);
    EXECUTE format(
        'UPDATE nightdesk.%I t SET as_of = i.as_of FROM instants i '
        'WHERE (i.book, i.session) = (t.book, t.session) AND t.as_of IS DISTINCT FROM i.as_of', tab
    );
    EXECUTE format('ALTER TABLE nightdesk.%I ALTER COLUMN as_of SET NOT NULL', tab);
    EXECUTE format('COMMENT ON COLUMN nightdesk.%I.as_of IS %L', tab, why);
END $$;

-- The primary key of a table with the instant in place of the session.
CREATE FUNCTION pg_temp.key_by_instant(tab text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    columns text;
BEGIN
    SELECT string_agg(quote_ident(CASE attname WHEN 'session' THEN 'as_of' ELSE attname END), ', ' ORDER BY place)
    INTO columns
    FROM pg_index, unnest(indkey) WITH ORDINALITY AS part (attnum, place) JOIN pg_attribute USING (attnum)
    WHERE indisprimary AND indrelid = ('nightdesk.' || quote_ident(tab))::regclass AND attrelid = indrelid;
    EXECUTE format('ALTER TABLE nightdesk.%I DROP CONSTRAINT %I', tab, tab || '_pkey');
    EXECUTE format('ALTER TABLE nightdesk.%I ADD CONSTRAINT %I PRIMARY KEY (%s)', tab, tab || '_pkey', columns);
END $$;

-- What refers to a run: by its instant, and with the session that the run says.
CREATE TEMPORARY TABLE decided ON COMMIT DROP AS
SELECT c.relname::text AS tab, k.conname::text AS reference, EXISTS (
    SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = c.oid AND i.indisprimary AND a.attname = 'session'
) AS keyed
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.confrelid = 'nightdesk.runs'::regclass AND k.contype = 'f';

SELECT pg_temp.add_instant(tab, 'Market instant of the decision, UTC; the session''s close for a daily book') FROM decided;

DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT * FROM decided LOOP
        EXECUTE format('ALTER TABLE nightdesk.%I DROP CONSTRAINT %I', one.tab, one.reference);
    END LOOP;
END $$;

SELECT pg_temp.key_by_instant('runs');
ALTER TABLE nightdesk.runs ADD CONSTRAINT runs_session_key UNIQUE (book, as_of, session);
CREATE INDEX runs_by_session ON nightdesk.runs (book, session);
COMMENT ON TABLE nightdesk.runs IS 'One decision of a book: what made the rows of (book, as_of)';
COMMENT ON COLUMN nightdesk.runs.as_of IS
    'Market instant of the decision, UTC: the session''s close for a daily book, a bar''s end for an hourly one';
COMMENT ON COLUMN nightdesk.runs.session IS 'Session that the instant lies in';

SELECT pg_temp.key_by_instant(tab) FROM decided WHERE keyed;
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT * FROM decided LOOP
        EXECUTE format(
            'ALTER TABLE nightdesk.%I ADD CONSTRAINT %I FOREIGN KEY (book, as_of, session) '
            'REFERENCES nightdesk.runs (book, as_of, session)', one.tab, one.tab || '_decision_fkey'
        );
    END LOOP;
END $$;

COMMENT ON COLUMN nightdesk.fills.as_of IS 'Decision whose settling booked it, UTC';
COMMENT ON COLUMN nightdesk.ledger_entries.as_of IS 'Decision whose settling booked it, UTC';
COMMENT ON COLUMN nightdesk.models.as_of IS 'Decision whose run fitted it, UTC';

ALTER TABLE nightdesk.orders DROP CONSTRAINT orders_book_session_symbol_side_purpose_generation_key;
ALTER TABLE nightdesk.orders ADD CONSTRAINT orders_decision_symbol_side_purpose_generation_key
    UNIQUE (book, as_of, symbol, side, purpose, generation);
DROP INDEX nightdesk.orders_open;
CREATE INDEX orders_open ON nightdesk.orders (book, as_of)
    WHERE status IN ('planned', 'submitted', 'partially_filled');
DROP INDEX nightdesk.fills_by_session;
CREATE INDEX fills_by_decision ON nightdesk.fills (book, as_of);
DROP INDEX nightdesk.models_of_session;
CREATE INDEX models_of_decision ON nightdesk.models (book, as_of);
DROP INDEX nightdesk.run_steps_by_session;
CREATE INDEX run_steps_by_decision ON nightdesk.run_steps (book, as_of, step, run_step_id);

-- What refers to no run.
SELECT pg_temp.add_instant('quality_runs', 'Market instant of the decision, UTC');
SELECT pg_temp.key_by_instant('quality_runs');
DROP INDEX nightdesk.quality_runs_quarantined;
CREATE INDEX quality_runs_quarantined ON nightdesk.quality_runs (book, symbol, as_of) WHERE outcome = 'quarantined';
SELECT pg_temp.add_instant('order_intents', 'Market instant of the decision, UTC');
DROP INDEX nightdesk.order_intents_by_session;
CREATE INDEX order_intents_by_decision ON nightdesk.order_intents (book, as_of);
SELECT pg_temp.add_instant('adjustments', 'Decision whose settling books it, UTC');
DROP INDEX nightdesk.adjustments_by_session;
CREATE INDEX adjustments_by_decision ON nightdesk.adjustments (book, as_of);

ALTER TABLE nightdesk.order_events ADD COLUMN as_of timestamptz;
UPDATE nightdesk.order_events e SET as_of = i.as_of
FROM nightdesk.orders o JOIN instants i USING (book)
WHERE o.client_order_id = e.client_order_id AND i.session = e.session;
ALTER TABLE nightdesk.order_events ALTER COLUMN as_of SET NOT NULL;
COMMENT ON COLUMN nightdesk.order_events.as_of IS 'Decision whose run, or whose settling to come, it belongs to, UTC';

-- The paper broker's accounts: their clock is the instant that they have lived through last.
ALTER TABLE nightdesk.paper_positions DROP CONSTRAINT paper_positions_account_session_fkey;
ALTER TABLE nightdesk.paper_orders DROP CONSTRAINT paper_orders_account_session_fkey;
ALTER TABLE nightdesk.paper_fills DROP CONSTRAINT paper_fills_account_session_fkey;
ALTER TABLE nightdesk.paper_orders ADD COLUMN ended_as_of timestamptz;
DO $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['paper_accounts', 'paper_positions', 'paper_orders', 'paper_fills'] LOOP
        EXECUTE format('ALTER TABLE nightdesk.%I ADD COLUMN as_of timestamptz', tab);
        EXECUTE format(
            'UPDATE nightdesk.%I t SET as_of = i.as_of FROM instants i JOIN nightdesk.books b USING (book) '
            'WHERE b.broker = ''paper'' AND b.account = t.account AND i.session = t.session', tab
        );
        EXECUTE format('ALTER TABLE nightdesk.%I ALTER COLUMN as_of SET NOT NULL', tab);
    END LOOP;
END $$;
UPDATE nightdesk.paper_orders t SET ended_as_of = i.as_of
FROM instants i JOIN nightdesk.books b USING (book)
WHERE b.broker = 'paper' AND b.account = t.account AND i.session = t.ended;
ALTER TABLE nightdesk.paper_orders
    DROP COLUMN ended,
    ADD CONSTRAINT paper_orders_ended_check CHECK ((status = 'accepted') = (ended_as_of IS NULL));
SELECT pg_temp.key_by_instant('paper_accounts');
SELECT pg_temp.key_by_instant('paper_positions');
ALTER TABLE nightdesk.paper_positions ADD CONSTRAINT paper_positions_account_as_of_fkey
    FOREIGN KEY (account, as_of) REFERENCES nightdesk.paper_accounts ON DELETE CASCADE;
ALTER TABLE nightdesk.paper_orders ADD CONSTRAINT paper_orders_account_as_of_fkey
    FOREIGN KEY (account, as_of) REFERENCES nightdesk.paper_accounts;
ALTER TABLE nightdesk.paper_fills ADD CONSTRAINT paper_fills_account_as_of_fkey
    FOREIGN KEY (account, as_of) REFERENCES nightdesk.paper_accounts;
COMMENT ON TABLE nightdesk.paper_accounts IS
    'An account after every period that the paper market has lived through; the newest is its clock';
COMMENT ON COLUMN nightdesk.paper_accounts.as_of IS 'Instant at which the period ends, UTC: that of a decision';
COMMENT ON COLUMN nightdesk.paper_positions.as_of IS 'Instant at which the period ends, UTC';
COMMENT ON COLUMN nightdesk.paper_orders.as_of IS 'The broker''s clock when it was received, UTC';
COMMENT ON COLUMN nightdesk.paper_orders.ended_as_of IS
    'End of the period in which it left the status accepted, UTC; null while it is accepted';
COMMENT ON COLUMN nightdesk.paper_fills.as_of IS 'End of the period in which it was executed, UTC';

-- The views say the instant too.
CREATE OR REPLACE VIEW nightdesk.factors_tall AS
SELECT f.book, f.session, f.symbol, pair.factor, pair.factor_value, f.as_of
FROM nightdesk.factors f
JOIN nightdesk.factor_sets s USING (factor_set_id)
CROSS JOIN LATERAL unnest(s.names, f.factor_values) AS pair (factor, factor_value);
COMMENT ON VIEW nightdesk.factors_tall IS 'One row a factor, symbol and decision';
COMMENT ON COLUMN nightdesk.factors_tall.as_of IS 'Market instant of the decision, UTC';

CREATE OR REPLACE VIEW nightdesk.quarantine AS
WITH checked AS (
    SELECT book, as_of, row_number() OVER (PARTITION BY book ORDER BY as_of) AS place
    FROM (SELECT DISTINCT book, as_of FROM nightdesk.quality_runs) AS decision
), failed AS (
    SELECT book, symbol, session, as_of, place,
           place - dense_rank() OVER (PARTITION BY book, symbol ORDER BY as_of) AS spell,
           check_name, detail
    FROM nightdesk.quality_runs JOIN checked USING (book, as_of)
    WHERE outcome = 'quarantined'
)
SELECT book, symbol,
       string_agg(DISTINCT check_name, ', ' ORDER BY check_name) AS reason,
       min(session) AS first_session,
       max(session) AS last_session,
       max(place) = (SELECT max(place) FROM checked WHERE checked.book = failed.book) AS ongoing,
       count(DISTINCT session)::integer AS sessions,
       (array_agg(detail ORDER BY as_of DESC, check_name))[1] AS detail
FROM failed
GROUP BY book, symbol, spell;
COMMENT ON VIEW nightdesk.quarantine IS 'Spells of quarantine: runs of decisions at which a symbol failed a check';

CREATE OR REPLACE VIEW nightdesk.slippage AS
SELECT book, session, execution_id, client_order_id, symbol, side, notional, expected_cost, realised_cost,
    (10000 * expected_cost / notional)::double precision AS expected_bps,
    (10000 * realised_cost / notional)::double precision AS realised_bps,
    as_of
FROM (
    SELECT f.*, quantity * reference_price AS notional,
        quantity * (expected_price - reference_price) * CASE side WHEN 'buy' THEN 1 ELSE -1 END AS expected_cost,
        quantity * (price - reference_price) * CASE side WHEN 'buy' THEN 1 ELSE -1 END AS realised_cost
    FROM nightdesk.fills f
) costs;
COMMENT ON COLUMN nightdesk.slippage.as_of IS 'Decision whose settling booked it, UTC';

DROP FUNCTION pg_temp.add_instant;
DROP FUNCTION pg_temp.key_by_instant;
DROP TABLE pg_temp.closes_without_run;
