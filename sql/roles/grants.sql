-- What the desk's roles may do in its tables. `nightdesk db migrate` applies it as their owner, after new migrations and
-- whenever this file has changed. A table that only grows is named here beside those that do.

GRANT ALL ON SCHEMA nightdesk TO nightdesk_owner;
GRANT USAGE ON SCHEMA nightdesk TO nightdesk_writer, nightdesk_reader;
GRANT ALL ON ALL TABLES IN SCHEMA nightdesk TO nightdesk_owner;
GRANT ALL ON ALL SEQUENCES IN SCHEMA nightdesk TO nightdesk_owner;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA nightdesk TO nightdesk_writer;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA nightdesk TO nightdesk_writer;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA nightdesk TO nightdesk_writer;
GRANT SELECT ON ALL TABLES IN SCHEMA nightdesk TO nightdesk_reader;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA nightdesk TO nightdesk_reader;

-- Tables of later, from whoever makes them here.
ALTER DEFAULT PRIVILEGES IN SCHEMA nightdesk GRANT ALL ON TABLES TO nightdesk_owner;
ALTER DEFAULT PRIVILEGES IN SCHEMA nightdesk GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO nightdesk_writer;
ALTER DEFAULT PRIVILEGES IN SCHEMA nightdesk GRANT SELECT ON TABLES TO nightdesk_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA nightdesk GRANT ALL ON SEQUENCES TO nightdesk_owner;
ALTER DEFAULT PRIVILEGES IN SCHEMA nightdesk GRANT USAGE, SELECT ON SEQUENCES TO nightdesk_writer;
ALTER DEFAULT PRIVILEGES IN SCHEMA nightdesk GRANT SELECT ON SEQUENCES TO nightdesk_reader;

-- What the owner alone writes.
REVOKE INSERT, UPDATE, DELETE ON nightdesk.migrations, nightdesk.role_grants, nightdesk.installation,
    nightdesk.taken_back FROM nightdesk_writer;

-- Tables that only grow: facts, and what people and brokers said.
REVOKE UPDATE, DELETE ON nightdesk.order_events, nightdesk.risk_events, nightdesk.book_versions,
    nightdesk.factor_sets, nightdesk.symbols, nightdesk.recoveries, nightdesk.adjustments, nightdesk.transfers,
    nightdesk.exercise_notices, nightdesk.funding_rates, nightdesk.headline_scores, nightdesk.task_failures,
    nightdesk.macro, nightdesk.positioning, nightdesk.earnings, nightdesk.listings, nightdesk.quotes_eod,
    nightdesk.second_closes, nightdesk.overrides, nightdesk.override_ends, nightdesk.rebuilds,
    nightdesk.broker_statements, nightdesk.screens, nightdesk.screen_results, nightdesk.screen_pairs,
    nightdesk.open_checks, nightdesk.open_check_failures, nightdesk.gate_evidence, nightdesk.trials,
    nightdesk.gate_promotions, nightdesk.gate_evaluations FROM nightdesk_writer;

-- Tables whose rows are brought up to date and never go.
REVOKE DELETE ON nightdesk.alerts, nightdesk.alert_deliveries, nightdesk.alert_spells, nightdesk.books,
    nightdesk.book_accounts, nightdesk.executions, nightdesk.movements, nightdesk.foreign_orders,
    nightdesk.broker_health, nightdesk.broker_contracts, nightdesk.statement_health, nightdesk.taxpayers, nightdesk.news_reach, nightdesk.fact_reach,
    nightdesk.manual_actions, nightdesk.mails, nightdesk.backtests, nightdesk.code_versions FROM nightdesk_writer;

-- The past of the market: a version ends, its values stay.
REVOKE UPDATE, DELETE ON nightdesk.bars, nightdesk.bars_hourly, nightdesk.corporate_actions, nightdesk.headlines,
    nightdesk.members FROM nightdesk_writer;
GRANT UPDATE (superseded_at, version) ON nightdesk.bars TO nightdesk_writer;
GRANT UPDATE (superseded_at) ON nightdesk.bars_hourly, nightdesk.headlines, nightdesk.members TO nightdesk_writer;
GRANT UPDATE (superseded_at, note) ON nightdesk.corporate_actions TO nightdesk_writer;

-- An alert's words stay; that it was sent, and who acknowledged it, comes later.
REVOKE UPDATE ON nightdesk.alerts FROM nightdesk_writer;
GRANT UPDATE (sent_at, acknowledged_at, acknowledged_by) ON nightdesk.alerts TO nightdesk_writer;

-- A part of a table has no rights of its own: those of its table count, unless it is named itself.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT i.inhrelid::regclass AS named FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE c.relnamespace = 'nightdesk'::regnamespace AND c.relkind = 'r'
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM nightdesk_writer', found.named);
    END LOOP;
END $$;

-- A first history of bars is counted at once, before it is read; older servers do that by themselves, a minute later.
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 170000 THEN
        GRANT MAINTAIN ON nightdesk.bars TO nightdesk_writer;
    END IF;
END $$;
