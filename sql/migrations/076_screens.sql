-- What a screen of a pool of stocks found, each attempt of each week: who is a member, why others are none, which pairs.

CREATE TABLE nightdesk.screens (
    book           text NOT NULL CHECK (book <> ''),
    screened_at    timestamptz NOT NULL,
    known_by       timestamptz NOT NULL,
    stored_at      timestamptz NOT NULL,
    outcome        text NOT NULL CHECK (outcome IN ('good', 'failed')),
    reason         text NOT NULL DEFAULT '' CHECK ((reason <> '') = (outcome = 'failed')),
    last_session   date NOT NULL,
    first_session  date NOT NULL CHECK (first_session > last_session),
    terms          jsonb NOT NULL,
    criteria       text[] NOT NULL,
    limits         text[] NOT NULL CHECK (cardinality(limits) = cardinality(criteria)),
    failures       integer[] NOT NULL CHECK (cardinality(failures) = cardinality(criteria)),
    pool           integer NOT NULL CHECK (pool >= 0),
    passed         integer NOT NULL CHECK (passed BETWEEN 0 AND pool),
    members        integer NOT NULL CHECK (members BETWEEN 0 AND pool),
    tests          integer NOT NULL DEFAULT 0 CHECK (tests >= 0),
    expected_false double precision NOT NULL DEFAULT 0,
    pairs          integer NOT NULL DEFAULT 0 CHECK (pairs >= 0),
    admitted       integer NOT NULL DEFAULT 0 CHECK (admitted BETWEEN 0 AND pairs),
    PRIMARY KEY (book, screened_at, known_by)
);
CREATE UNIQUE INDEX screens_good ON nightdesk.screens (book, screened_at) WHERE outcome = 'good';
COMMENT ON TABLE nightdesk.screens IS
    'The screens of a book''s pool of stocks, a row an attempt; the good one of an instant stands for ever';
COMMENT ON COLUMN nightdesk.screens.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.screens.screened_at IS 'The instant that it is of, a Sunday at 18:00 in New York, UTC';
COMMENT ON COLUMN nightdesk.screens.known_by IS 'Bars and facts that were stored by then count, UTC';
COMMENT ON COLUMN nightdesk.screens.stored_at IS 'When it was stored: decisions know it from then on, UTC';
COMMENT ON COLUMN nightdesk.screens.outcome IS 'good, or failed: then the last good one stays in force, for two weeks at most';
COMMENT ON COLUMN nightdesk.screens.reason IS 'Why it failed';
COMMENT ON COLUMN nightdesk.screens.last_session IS 'Newest session whose bars it reads';
COMMENT ON COLUMN nightdesk.screens.first_session IS 'First session in whose decision it is in force';
COMMENT ON COLUMN nightdesk.screens.terms IS 'What the book asks: its key universe.screen, with every default filled in';
COMMENT ON COLUMN nightdesk.screens.criteria IS 'Names of the criteria that were asked, in the order of all other lists';
COMMENT ON COLUMN nightdesk.screens.limits IS 'What each of them asks, in words';
COMMENT ON COLUMN nightdesk.screens.failures IS 'How many stocks of the pool fail each of them';
COMMENT ON COLUMN nightdesk.screens.pool IS 'Stocks of the pool';
COMMENT ON COLUMN nightdesk.screens.passed IS 'Stocks that pass all criteria';
COMMENT ON COLUMN nightdesk.screens.members IS 'Members: those that pass, up to the size of the screen, and the legs of the admitted pairs';
COMMENT ON COLUMN nightdesk.screens.tests IS 'Cointegration tests that were made; 0 where no pairs are searched';
COMMENT ON COLUMN nightdesk.screens.expected_false IS 'Pairs that so many tests would find among unrelated stocks';
COMMENT ON COLUMN nightdesk.screens.pairs IS 'Pairs that were found, admitted or not';
COMMENT ON COLUMN nightdesk.screens.admitted IS 'Pairs that may be traded';

CREATE TABLE nightdesk.screen_results (
    book        text NOT NULL,
    screened_at timestamptz NOT NULL,
    known_by    timestamptz NOT NULL,
    symbol      text NOT NULL,
    sector      text NOT NULL DEFAULT '',
    passed      boolean NOT NULL,
    member      boolean NOT NULL,
    leg         boolean NOT NULL,
    measured    double precision[] NOT NULL,
    words       text[] NOT NULL CHECK (cardinality(words) = cardinality(measured)),
    outcomes    text[] NOT NULL CHECK (outcomes <@ ARRAY['passed', 'failed', 'passed_unknown']),
    PRIMARY KEY (book, screened_at, known_by, symbol),
    FOREIGN KEY (book, screened_at, known_by) REFERENCES nightdesk.screens (book, screened_at, known_by)
);
COMMENT ON TABLE nightdesk.screen_results IS 'What a screen found of each stock of its pool';
COMMENT ON COLUMN nightdesk.screen_results.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.screen_results.screened_at IS 'The instant that the screen is of, UTC';
COMMENT ON COLUMN nightdesk.screen_results.known_by IS 'Which attempt it was, see screens';
COMMENT ON COLUMN nightdesk.screen_results.symbol IS 'Stock';
COMMENT ON COLUMN nightdesk.screen_results.sector IS 'Sector of its listing; empty where unknown';
COMMENT ON COLUMN nightdesk.screen_results.passed IS 'Whether it passes all criteria';
COMMENT ON COLUMN nightdesk.screen_results.member IS 'Whether it passes all and is among the largest, as many as the screen takes';
COMMENT ON COLUMN nightdesk.screen_results.leg IS 'Whether it is a leg of an admitted pair, and a member for that';
COMMENT ON COLUMN nightdesk.screen_results.measured IS
    'What was measured by criterion, in the order of screens.criteria; NaN where it is not known, or a word';
COMMENT ON COLUMN nightdesk.screen_results.words IS
    'The same of criteria that compare words, such as its exchange; empty where it is not known, or a number';
COMMENT ON COLUMN nightdesk.screen_results.outcomes IS
    'By criterion: passed, failed, or passed_unknown: its value is not known, and that is no fault';

CREATE TABLE nightdesk.screen_pairs (
    book              text NOT NULL,
    screened_at       timestamptz NOT NULL,
    known_by          timestamptz NOT NULL,
    a                 text NOT NULL,
    b                 text NOT NULL CHECK (b <> a),
    place             integer NOT NULL CHECK (place > 0),
    correlation       double precision NOT NULL,
    p                 double precision NOT NULL,
    q                 double precision NOT NULL,
    alpha             double precision NOT NULL,
    beta              double precision NOT NULL,
    half_life         double precision NOT NULL,
    spread_volatility double precision NOT NULL,
    same_sector       boolean NOT NULL,
    sector            text NOT NULL DEFAULT '',
    cap_a             double precision NOT NULL,
    cap_b             double precision NOT NULL,
    admitted          boolean NOT NULL,
    reason            text NOT NULL DEFAULT '' CHECK ((reason = '') = admitted),
    PRIMARY KEY (book, screened_at, known_by, a, b),
    FOREIGN KEY (book, screened_at, known_by) REFERENCES nightdesk.screens (book, screened_at, known_by)
);
COMMENT ON TABLE nightdesk.screen_pairs IS 'The pairs that a screen found';
COMMENT ON COLUMN nightdesk.screen_pairs.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.screen_pairs.screened_at IS 'The instant that the screen is of, UTC';
COMMENT ON COLUMN nightdesk.screen_pairs.known_by IS 'Which attempt it was, see screens';
COMMENT ON COLUMN nightdesk.screen_pairs.a IS 'The dependent leg: log a = alpha + beta log b';
COMMENT ON COLUMN nightdesk.screen_pairs.b IS 'The other leg';
COMMENT ON COLUMN nightdesk.screen_pairs.place IS 'Rank among the pairs found, from 1';
COMMENT ON COLUMN nightdesk.screen_pairs.correlation IS 'Of the daily log returns';
COMMENT ON COLUMN nightdesk.screen_pairs.p IS 'Of the Engle-Granger test, the better direction of two';
COMMENT ON COLUMN nightdesk.screen_pairs.q IS 'The same corrected for the number of tests (Benjamini-Hochberg)';
COMMENT ON COLUMN nightdesk.screen_pairs.alpha IS 'Intercept of the fit on log prices';
COMMENT ON COLUMN nightdesk.screen_pairs.beta IS 'Hedge ratio of the fit on log prices';
COMMENT ON COLUMN nightdesk.screen_pairs.half_life IS 'Of the spread, sessions; infinite or NaN where it does not revert';
COMMENT ON COLUMN nightdesk.screen_pairs.spread_volatility IS 'Deviation of the log spread over its last 60 sessions';
COMMENT ON COLUMN nightdesk.screen_pairs.same_sector IS 'Whether both legs are known to be of one sector';
COMMENT ON COLUMN nightdesk.screen_pairs.sector IS 'The sector of both legs; empty where they differ or none is known';
COMMENT ON COLUMN nightdesk.screen_pairs.cap_a IS 'Market capitalisation of a, dollars; NaN where unknown';
COMMENT ON COLUMN nightdesk.screen_pairs.cap_b IS 'Market capitalisation of b, dollars; NaN where unknown';
COMMENT ON COLUMN nightdesk.screen_pairs.admitted IS 'Whether it may be traded';
COMMENT ON COLUMN nightdesk.screen_pairs.reason IS 'Why it may not; empty where it may';
