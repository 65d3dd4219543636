-- Who has let which book trade with how much real money, and on what: read by the one exit for orders.

CREATE TABLE nightdesk.gate_promotions (
    promotion_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book         text NOT NULL CHECK (book <> ''),
    previous     bigint NOT NULL,
    from_stage   text NOT NULL CHECK (from_stage IN ('backtest', 'paper', 'small', 'quarter', 'half', 'full')),
    to_stage     text NOT NULL CHECK (to_stage IN ('backtest', 'paper', 'small', 'quarter', 'half', 'full')),
    rules_hash   text NOT NULL CHECK (rules_hash <> ''),
    code_version text NOT NULL CHECK (code_version <> ''),
    reason       text NOT NULL CHECK (reason <> ''),
    who          text NOT NULL CHECK (who <> ''),
    login        text NOT NULL DEFAULT session_user,
    evidence     bigint[] NOT NULL DEFAULT '{}',
    criteria     jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(criteria) = 'array'),
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (book, previous)
);
COMMENT ON TABLE nightdesk.gate_promotions IS
    'Promotions of books to a stage and back, by people; the newest row of a book says where it stands. Rows are added and never change';
COMMENT ON COLUMN nightdesk.gate_promotions.promotion_id IS 'Number; a later one is newer';
COMMENT ON COLUMN nightdesk.gate_promotions.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.gate_promotions.previous IS 'Number of the book''s row before this one, 0 for its first: two people at once cannot both follow the same one';
COMMENT ON COLUMN nightdesk.gate_promotions.from_stage IS 'Where it stood: backtest, paper, small, quarter, half or full';
COMMENT ON COLUMN nightdesk.gate_promotions.to_stage IS 'Where it stands from then on; real money from small on';
COMMENT ON COLUMN nightdesk.gate_promotions.rules_hash IS 'SHA-256 of the rules that were promoted, hexadecimal; the right is theirs alone';
COMMENT ON COLUMN nightdesk.gate_promotions.code_version IS 'Version and digest of the code that was promoted';
COMMENT ON COLUMN nightdesk.gate_promotions.reason IS 'Why, in the person''s words';
COMMENT ON COLUMN nightdesk.gate_promotions.who IS 'The person';
COMMENT ON COLUMN nightdesk.gate_promotions.login IS 'The database''s user';
COMMENT ON COLUMN nightdesk.gate_promotions.evidence IS 'Rows of gate_evidence that it rests on; none for a way back';
COMMENT ON COLUMN nightdesk.gate_promotions.criteria IS 'Each criterion as it was met: name, value, limit, words; empty for a way back';
COMMENT ON COLUMN nightdesk.gate_promotions.at IS 'When, UTC';

CREATE TABLE nightdesk.gate_evaluations (
    evaluation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book          text NOT NULL CHECK (book <> ''),
    stage         text NOT NULL CHECK (stage IN ('backtest', 'paper', 'small', 'quarter', 'half', 'full')),
    next_stage    text CHECK (next_stage IN ('paper', 'small', 'quarter', 'half', 'full')),
    is_met        boolean NOT NULL,
    standing      text NOT NULL,
    rules_hash    text NOT NULL,
    code_version  text NOT NULL,
    criteria      jsonb NOT NULL CHECK (jsonb_typeof(criteria) = 'array'),
    at            timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE nightdesk.gate_evaluations IS
    'What each look at a book''s right to trade has found; rows are added when something changed';
COMMENT ON COLUMN nightdesk.gate_evaluations.evaluation_id IS 'Number; a later one is newer';
COMMENT ON COLUMN nightdesk.gate_evaluations.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.gate_evaluations.stage IS 'Where the book stands: backtest, paper, small, quarter, half or full';
COMMENT ON COLUMN nightdesk.gate_evaluations.next_stage IS 'The stage whose criteria were looked at; null at the last';
COMMENT ON COLUMN nightdesk.gate_evaluations.is_met IS 'Whether all of them are met: a person may promote it';
COMMENT ON COLUMN nightdesk.gate_evaluations.standing IS 'The book''s right in words';
COMMENT ON COLUMN nightdesk.gate_evaluations.rules_hash IS 'SHA-256 of the book''s rules, hexadecimal';
COMMENT ON COLUMN nightdesk.gate_evaluations.code_version IS 'Version and digest of the code';
COMMENT ON COLUMN nightdesk.gate_evaluations.criteria IS 'Each criterion: name, value, limit, met, words, number and time of its evidence';
COMMENT ON COLUMN nightdesk.gate_evaluations.at IS 'When, UTC';

CREATE INDEX gate_evaluations_of_book ON nightdesk.gate_evaluations (book, evaluation_id DESC);

-- Of a version of the code the tests are asked for with every order that goes to a live account.
CREATE INDEX gate_evidence_of_code ON nightdesk.gate_evidence (code_version, evidence_id DESC) WHERE kind = 'code';
