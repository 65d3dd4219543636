-- Pairs: what was measured of each, and where its strategy stood with it after a decision.

CREATE TABLE nightdesk.pair_figures (
    book            text NOT NULL,
    as_of           timestamptz NOT NULL,
    session         date NOT NULL,
    strategy        text NOT NULL,
    a               text NOT NULL,
    b               text NOT NULL CHECK (b <> a),
    listed          boolean NOT NULL,
    fit_month       date,
    alpha           double precision,
    beta            double precision,
    spread          double precision,
    z               double precision,
    sigma           double precision CHECK (sigma > 0),
    volatility      double precision CHECK (volatility >= 0),
    volatility_mean double precision CHECK (volatility_mean >= 0),
    gap_a           double precision,
    gap_b           double precision,
    var_a           double precision CHECK (var_a >= 0),
    var_b           double precision CHECK (var_b >= 0),
    covariance      double precision,
    PRIMARY KEY (book, as_of, strategy, a, b),
    FOREIGN KEY (book, as_of, session) REFERENCES nightdesk.runs (book, as_of, session),
    CONSTRAINT pair_figures_fit_check CHECK ((fit_month IS NULL) = (beta IS NULL) AND (beta IS NULL) = (alpha IS NULL))
);
CREATE INDEX pair_figures_of_a_pair ON nightdesk.pair_figures (book, strategy, a, b, as_of);
COMMENT ON TABLE nightdesk.pair_figures IS
    'What a decision measured of each pair that is listed, or was lately; it depends on no position';
COMMENT ON COLUMN nightdesk.pair_figures.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.pair_figures.as_of IS 'Market instant of the decision, UTC';
COMMENT ON COLUMN nightdesk.pair_figures.session IS 'Session that the decision lies in';
COMMENT ON COLUMN nightdesk.pair_figures.strategy IS 'Strategy that trades the pair';
COMMENT ON COLUMN nightdesk.pair_figures.a IS 'The dependent leg: log A = alpha + beta log B';
COMMENT ON COLUMN nightdesk.pair_figures.b IS 'The other leg';
COMMENT ON COLUMN nightdesk.pair_figures.listed IS 'Whether the pair is in the list that is in force, so that it may be entered';
COMMENT ON COLUMN nightdesk.pair_figures.fit_month IS 'Session of the fit: the first of the month in which both legs have a bar; null without a fit';
COMMENT ON COLUMN nightdesk.pair_figures.alpha IS 'Intercept of the month''s fit on log adjusted closes; null without a fit';
COMMENT ON COLUMN nightdesk.pair_figures.beta IS 'Slope of the month''s fit; null without a fit';
COMMENT ON COLUMN nightdesk.pair_figures.spread IS 'log A - alpha - beta log B at the close; null where a leg has no bar, or without a fit';
COMMENT ON COLUMN nightdesk.pair_figures.z IS 'Spread less its mean over the window, in its deviations, by the month''s fit; null where it is not known';
COMMENT ON COLUMN nightdesk.pair_figures.sigma IS 'Deviation of the spread over the window (ddof 1), by the month''s fit';
COMMENT ON COLUMN nightdesk.pair_figures.volatility IS 'Deviation of the spread''s changes over its window (ddof 1), by the month''s fit';
COMMENT ON COLUMN nightdesk.pair_figures.volatility_mean IS 'Mean of that deviation over the long window of sessions before, by the same fit';
COMMENT ON COLUMN nightdesk.pair_figures.gap_a IS 'log A less its mean over the window of z: with the four below it gives z by any fit';
COMMENT ON COLUMN nightdesk.pair_figures.gap_b IS 'log B less its mean over the window of z';
COMMENT ON COLUMN nightdesk.pair_figures.var_a IS 'Variance of log A over the window of z (ddof 1)';
COMMENT ON COLUMN nightdesk.pair_figures.var_b IS 'Variance of log B over the window of z (ddof 1)';
COMMENT ON COLUMN nightdesk.pair_figures.covariance IS 'Covariance of log A and log B over the window of z (ddof 1)';

CREATE TABLE nightdesk.pair_states (
    book     text NOT NULL,
    as_of    timestamptz NOT NULL,
    session  date NOT NULL,
    strategy text NOT NULL,
    a        text NOT NULL,
    b        text NOT NULL CHECK (b <> a),
    state    text NOT NULL CHECK (state IN ('candidate', 'open', 'cooling')),
    side     text CHECK (side IN ('long', 'short')),
    since    date NOT NULL,
    sessions integer NOT NULL CHECK (sessions >= 0),
    alpha    double precision,
    beta     double precision,
    z        double precision,
    bundle   smallint CHECK (bundle > 0),
    leaving  text CHECK (leaving IN ('reached', 'stop', 'age', 'sign', 'uneven')),
    reason   text NOT NULL CHECK (reason <> ''),
    PRIMARY KEY (book, as_of, strategy, a, b),
    FOREIGN KEY (book, as_of, session) REFERENCES nightdesk.runs (book, as_of, session),
    CONSTRAINT pair_states_open_check CHECK (
        (state = 'open') = (side IS NOT NULL) AND (side IS NULL) = (bundle IS NULL) AND (side IS NULL) = (beta IS NULL)
        AND (beta IS NULL) = (alpha IS NULL) AND (state = 'open' OR leaving IS NULL)
    )
);
CREATE INDEX pair_states_of_a_pair ON nightdesk.pair_states (book, strategy, a, b, as_of);
COMMENT ON TABLE nightdesk.pair_states IS
    'Where a strategy stands with each of its pairs after a decision: the next one goes on from it';
COMMENT ON COLUMN nightdesk.pair_states.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.pair_states.as_of IS 'Market instant of the decision, UTC';
COMMENT ON COLUMN nightdesk.pair_states.session IS 'Session that the decision lies in';
COMMENT ON COLUMN nightdesk.pair_states.strategy IS 'Strategy that trades the pair';
COMMENT ON COLUMN nightdesk.pair_states.a IS 'The dependent leg: log A = alpha + beta log B';
COMMENT ON COLUMN nightdesk.pair_states.b IS 'The other leg';
COMMENT ON COLUMN nightdesk.pair_states.state IS
    'candidate (may be entered), open (entered, until neither leg is held) or cooling (not entered before z has come back)';
COMMENT ON COLUMN nightdesk.pair_states.side IS
    'long (A bought, B sold) or short (A sold, B bought) while it is open; else null';
COMMENT ON COLUMN nightdesk.pair_states.since IS 'Session of the decision in which the state began';
COMMENT ON COLUMN nightdesk.pair_states.sessions IS
    'Sessions since the one that decided the entry, while it is open; else 0';
COMMENT ON COLUMN nightdesk.pair_states.alpha IS 'Intercept of the fit by which it was entered, while it is open; else null';
COMMENT ON COLUMN nightdesk.pair_states.beta IS 'Slope of the fit by which it was entered, while it is open; else null';
COMMENT ON COLUMN nightdesk.pair_states.z IS
    'z that was looked at: by the fit of the entry while it is open, else by that of the month; null where it is not known';
COMMENT ON COLUMN nightdesk.pair_states.bundle IS 'Code of the bundle of its two legs while it is open; else null';
COMMENT ON COLUMN nightdesk.pair_states.leaving IS
    'Why it is being left, from the decision that says so until neither leg is held: reached, stop, age, sign (of beta) or uneven; null while it is not';
COMMENT ON COLUMN nightdesk.pair_states.reason IS 'What was found and what follows from it, in words';
