-- Every set of parameters that was tried on history: what a result must be judged beside.

CREATE TABLE nightdesk.trials (
    number        bigint PRIMARY KEY CHECK (number > 0),
    kind          text NOT NULL CHECK (kind IN ('backtest', 'sweep', 'validation')),
    book          text NOT NULL CHECK (book <> ''),
    asked_by      text NOT NULL CHECK (asked_by <> ''),
    changes       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(changes) = 'object'),
    release_after integer CHECK (release_after > 0),
    config_hash   text NOT NULL CHECK (config_hash <> ''),
    rules_hash    text NOT NULL CHECK (rules_hash <> ''),
    code_version  text NOT NULL CHECK (code_version <> ''),
    bars_hash     text NOT NULL CHECK (bars_hash <> ''),
    first_session date NOT NULL,
    last_session  date NOT NULL CHECK (last_session >= first_session),
    feed          text NOT NULL,
    sessions      integer NOT NULL CHECK (sessions >= 0),
    sharpe        double precision,
    annual_sharpe double precision CHECK ((annual_sharpe IS NULL) = (sharpe IS NULL)),
    skewness      double precision,
    kurtosis      double precision,
    at            timestamptz NOT NULL,
    before        text NOT NULL,
    hash          text NOT NULL UNIQUE
);
CREATE INDEX trials_of_book ON nightdesk.trials (book, number DESC);
COMMENT ON TABLE nightdesk.trials IS
    'Every set of parameters that was tried on history, an asking a row; rows are added, numbered without a gap, each hashed with the one before, and never change';
COMMENT ON COLUMN nightdesk.trials.number IS 'Number, from 1, without a gap';
COMMENT ON COLUMN nightdesk.trials.kind IS 'What tried it: backtest, sweep or validation';
COMMENT ON COLUMN nightdesk.trials.book IS 'Name of the book; it need not be started';
COMMENT ON COLUMN nightdesk.trials.asked_by IS 'The person who asked for it';
COMMENT ON COLUMN nightdesk.trials.changes IS 'Values over those of the book''s file, by dotted key';
COMMENT ON COLUMN nightdesk.trials.release_after IS
    'Sessions after which a simulated person released a kill that a rule had set; null: nobody did';
COMMENT ON COLUMN nightdesk.trials.config_hash IS 'SHA-256 of all that the book decided by, its first session included, hexadecimal';
COMMENT ON COLUMN nightdesk.trials.rules_hash IS
    'SHA-256 of its rules, hexadecimal: of its configuration without name, dates, capital, sources of bars and accounts';
COMMENT ON COLUMN nightdesk.trials.code_version IS 'Version and digest of the code that decided';
COMMENT ON COLUMN nightdesk.trials.bars_hash IS 'SHA-256 of the bars and of all that came with them, hexadecimal';
COMMENT ON COLUMN nightdesk.trials.first_session IS 'First decided session, in which the book receives its capital';
COMMENT ON COLUMN nightdesk.trials.last_session IS 'Last decided session';
COMMENT ON COLUMN nightdesk.trials.feed IS 'Sources of its bars, sorted, separated by commas';
COMMENT ON COLUMN nightdesk.trials.sessions IS 'Returns that the figures are of, one a session after the first';
COMMENT ON COLUMN nightdesk.trials.sharpe IS 'Mean of the returns over their standard deviation, a session; null where they do not vary';
COMMENT ON COLUMN nightdesk.trials.annual_sharpe IS 'The same a year: times the root of 252';
COMMENT ON COLUMN nightdesk.trials.skewness IS 'Skewness of the returns; null where they do not vary';
COMMENT ON COLUMN nightdesk.trials.kurtosis IS 'Kurtosis of the returns, 3 for a normal distribution; null where they do not vary';
COMMENT ON COLUMN nightdesk.trials.at IS 'When it was noted, UTC';
COMMENT ON COLUMN nightdesk.trials.before IS 'Hash of the row before; empty for the first';
COMMENT ON COLUMN nightdesk.trials.hash IS 'SHA-256 of this row and of the hash before, hexadecimal';

CREATE FUNCTION nightdesk.follow_trials() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest record;
BEGIN
    SELECT t.number, t.hash INTO newest FROM nightdesk.trials t ORDER BY t.number DESC LIMIT 1;
    IF NEW.number <> coalesce(newest.number, 0) + 1 OR NEW.before <> coalesce(newest.hash, '') THEN
        RAISE EXCEPTION 'trial % does not follow trial %: the ledger of trials has no gap', NEW.number, coalesce(newest.number, 0)
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION nightdesk.follow_trials IS 'Refuses a trial that is not the next one';
CREATE TRIGGER follow BEFORE INSERT ON nightdesk.trials FOR EACH ROW EXECUTE FUNCTION nightdesk.follow_trials();

CREATE FUNCTION nightdesk.refuse_to_change_trials() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'trials are added and never change' USING ERRCODE = 'object_not_in_prerequisite_state';
END $$;
COMMENT ON FUNCTION nightdesk.refuse_to_change_trials IS 'Refuses to change or delete trials, whoever asks';
CREATE TRIGGER grows BEFORE UPDATE OR DELETE OR TRUNCATE ON nightdesk.trials
    FOR EACH STATEMENT EXECUTE FUNCTION nightdesk.refuse_to_change_trials();
