-- The risk report of a session: what the book held at the mark, what it may lose, how far it stood from its limits.

CREATE TABLE nightdesk.risk_reports (
    book                 text NOT NULL,
    session              date NOT NULL,
    nav                  double precision NOT NULL,
    volatility           double precision NOT NULL,
    historical_var       double precision NOT NULL,
    historical_cvar      double precision NOT NULL,
    normal_var           double precision NOT NULL,
    normal_cvar          double precision NOT NULL,
    var_sessions         integer NOT NULL CHECK (var_sessions >= 0),
    herfindahl           double precision NOT NULL,
    effective_positions  double precision NOT NULL CHECK (effective_positions >= 0),
    largest              text NOT NULL,
    largest_weight       double precision NOT NULL,
    largest_group        text NOT NULL,
    largest_group_weight double precision NOT NULL CHECK (largest_group_weight >= 0),
    PRIMARY KEY (book, session),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.risk_reports IS 'Risk of a book as it is held at the mark of a session; a loss is positive, and a share of NAV times nav is in dollars';
COMMENT ON COLUMN nightdesk.risk_reports.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.risk_reports.session IS 'Session at whose mark it is measured';
COMMENT ON COLUMN nightdesk.risk_reports.nav IS 'NAV at the mark, dollars';
COMMENT ON COLUMN nightdesk.risk_reports.volatility IS 'Annualised volatility of the held weights over the book''s volatility window, share; NaN where not known';
COMMENT ON COLUMN nightdesk.risk_reports.historical_var IS 'Loss of one session at 95 %, from past returns, share of NAV; NaN with too few of them';
COMMENT ON COLUMN nightdesk.risk_reports.historical_cvar IS 'Average loss of the worst 5 % of sessions, from past returns, share of NAV; NaN with too few of them';
COMMENT ON COLUMN nightdesk.risk_reports.normal_var IS 'Loss of one session at 95 % under a normal distribution with mean 0, share of NAV; NaN where not known';
COMMENT ON COLUMN nightdesk.risk_reports.normal_cvar IS 'Average loss of the worst 5 % of sessions under it, share of NAV; NaN where not known';
COMMENT ON COLUMN nightdesk.risk_reports.var_sessions IS 'Sessions of past returns behind the losses';
COMMENT ON COLUMN nightdesk.risk_reports.herfindahl IS 'Sum of the squared shares of gross exposure, from 1 / positions to 1; NaN where nothing is held';
COMMENT ON COLUMN nightdesk.risk_reports.effective_positions IS 'Number of equal positions that would be as concentrated; 0 where nothing is held';
COMMENT ON COLUMN nightdesk.risk_reports.largest IS 'Symbol of the largest position; empty where nothing is held';
COMMENT ON COLUMN nightdesk.risk_reports.largest_weight IS 'Its weight, signed share of NAV';
COMMENT ON COLUMN nightdesk.risk_reports.largest_group IS 'Group with the largest positions together; empty where nothing is held';
COMMENT ON COLUMN nightdesk.risk_reports.largest_group_weight IS 'Their absolute weight, share of NAV';

CREATE TABLE nightdesk.risk_distances (
    book       text NOT NULL,
    session    date NOT NULL,
    place      smallint NOT NULL CHECK (place >= 0),
    rule       text NOT NULL,
    subject    text NOT NULL,
    unit       text NOT NULL CHECK (unit IN ('share', 'correlation', 'count')),
    observed   double precision NOT NULL,
    rule_limit double precision NOT NULL,
    room       double precision NOT NULL,
    room_share double precision NOT NULL,
    state      text NOT NULL CHECK (state IN ('within', 'at', 'beyond', 'unknown')),
    PRIMARY KEY (book, session, place),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.risk_distances IS 'How far a book stands from its limits at the mark of a session';
COMMENT ON COLUMN nightdesk.risk_distances.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.risk_distances.session IS 'Session at whose mark it is measured';
COMMENT ON COLUMN nightdesk.risk_distances.place IS 'Place in the report, from 0: the order of the gate';
COMMENT ON COLUMN nightdesk.risk_distances.rule IS 'Rule with the limit; volatility is the book''s target, joint_weight the cap of a pair that moves together';
COMMENT ON COLUMN nightdesk.risk_distances.subject IS 'Symbol, pair or level that it is about; empty for the whole book';
COMMENT ON COLUMN nightdesk.risk_distances.unit IS 'Unit of observed, rule_limit and room: share (of NAV, or of a price), correlation or count';
COMMENT ON COLUMN nightdesk.risk_distances.observed IS 'What was measured, in the unit; NaN where nothing was';
COMMENT ON COLUMN nightdesk.risk_distances.rule_limit IS 'What it is compared with, in the unit';
COMMENT ON COLUMN nightdesk.risk_distances.room IS 'How much is left up to the limit, in the unit; negative beyond it';
COMMENT ON COLUMN nightdesk.risk_distances.room_share IS 'Room as a share of the limit; NaN for a limit of 0';
COMMENT ON COLUMN nightdesk.risk_distances.state IS 'within, at or beyond the limit; unknown without a value';

CREATE TABLE nightdesk.risk_contributions (
    book         text NOT NULL,
    session      date NOT NULL,
    symbol       text NOT NULL,
    weight       double precision NOT NULL,
    contribution double precision NOT NULL,
    gaps         boolean NOT NULL,
    PRIMARY KEY (book, session, symbol),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.risk_contributions IS 'What each position adds to the volatility of a book at the mark of a session';
COMMENT ON COLUMN nightdesk.risk_contributions.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.risk_contributions.session IS 'Session at whose mark it is measured';
COMMENT ON COLUMN nightdesk.risk_contributions.symbol IS 'Symbol that is held';
COMMENT ON COLUMN nightdesk.risk_contributions.weight IS 'Its weight, signed share of NAV';
COMMENT ON COLUMN nightdesk.risk_contributions.contribution IS 'Annualised, share; all of a session add up to the volatility of the book; NaN where not known';
COMMENT ON COLUMN nightdesk.risk_contributions.gaps IS 'Whether returns are missing, so that it is counted as moving in step with all others';

CREATE TABLE nightdesk.risk_correlations (
    book    text NOT NULL,
    session date NOT NULL,
    symbols text[] NOT NULL,
    matrix  double precision[] NOT NULL CHECK (cardinality(matrix) = cardinality(symbols) ^ 2),
    average double precision NOT NULL,
    PRIMARY KEY (book, session),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.risk_correlations IS 'How the symbols that a book holds at the mark of a session move together';
COMMENT ON COLUMN nightdesk.risk_correlations.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.risk_correlations.session IS 'Session at whose mark it is measured';
COMMENT ON COLUMN nightdesk.risk_correlations.symbols IS 'Symbols that are held, in the order of the book';
COMMENT ON COLUMN nightdesk.risk_correlations.matrix IS 'Correlations of their returns, row by row, from -1 to 1; NaN where not known';
COMMENT ON COLUMN nightdesk.risk_correlations.average IS 'Average over the known pairs, from -1 to 1; NaN without one';
