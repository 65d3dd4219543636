-- What is known of a version of a book, kept to judge whether it may trade with real money.

CREATE TABLE nightdesk.gate_evidence (
    evidence_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book         text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('backtest', 'validation', 'stress', 'audit', 'code', 'paper', 'drill', 'live')),
    rules_hash   text NOT NULL,
    code_version text NOT NULL CHECK (code_version <> ''),
    figures      jsonb NOT NULL CHECK (jsonb_typeof(figures) = 'object'),
    login        text NOT NULL DEFAULT session_user,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((kind = 'code') = (book = '')),
    CHECK ((kind = 'code') = (rules_hash = ''))
);
COMMENT ON TABLE nightdesk.gate_evidence IS
    'What a backtest, a validation, a stress test, an audit, the tests of the code, days on paper, a drill or days with real money have shown; rows are added and never change';
COMMENT ON COLUMN nightdesk.gate_evidence.evidence_id IS 'Number; a later one is newer';
COMMENT ON COLUMN nightdesk.gate_evidence.book IS 'Name of the book, started or not; empty for evidence of the code, which is of no book';
COMMENT ON COLUMN nightdesk.gate_evidence.kind IS 'What has shown it: backtest, validation, stress, audit, code, paper, drill or live';
COMMENT ON COLUMN nightdesk.gate_evidence.rules_hash IS 'SHA-256 of the rules that were looked at, hexadecimal: of a configuration without name, dates, capital, sources of bars and accounts; empty for evidence of the code';
COMMENT ON COLUMN nightdesk.gate_evidence.code_version IS 'Version and digest of the code that was looked at';
COMMENT ON COLUMN nightdesk.gate_evidence.figures IS 'What was found, by name: numbers, words, yes or no; null where one is not known';
COMMENT ON COLUMN nightdesk.gate_evidence.login IS 'The database''s user who kept it';
COMMENT ON COLUMN nightdesk.gate_evidence.at IS 'When it was kept, UTC';

CREATE INDEX gate_evidence_of_book ON nightdesk.gate_evidence (book, kind, evidence_id DESC);
