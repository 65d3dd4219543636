-- What the desk thought of a session: factors, regime, signals, targets, verdicts, and the facts people gave.

CREATE TABLE nightdesk.factor_sets (
    factor_set_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    names         text[] NOT NULL UNIQUE
);
COMMENT ON TABLE nightdesk.factor_sets IS 'Names of the factors behind an array of values, in its order';
COMMENT ON COLUMN nightdesk.factor_sets.factor_set_id IS 'Number of the set';
COMMENT ON COLUMN nightdesk.factor_sets.names IS 'Factor names, in the order of the values';

CREATE TABLE nightdesk.factors (
    book          text NOT NULL,
    session       date NOT NULL,
    symbol        text NOT NULL,
    factor_set_id integer NOT NULL REFERENCES nightdesk.factor_sets,
    factor_values double precision[] NOT NULL,
    PRIMARY KEY (book, session, symbol),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.factors IS 'All factors of a symbol at a session as one array; factors_tall has one row a factor';
COMMENT ON COLUMN nightdesk.factors.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.factors.session IS 'Session at whose close they hold';
COMMENT ON COLUMN nightdesk.factors.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.factors.factor_set_id IS 'Names of the values';
COMMENT ON COLUMN nightdesk.factors.factor_values IS 'Values, each in its factor''s own unit; NaN where the look-back is incomplete';

CREATE VIEW nightdesk.factors_tall AS
SELECT f.book, f.session, f.symbol, pair.factor, pair.factor_value
FROM nightdesk.factors f
JOIN nightdesk.factor_sets s USING (factor_set_id)
CROSS JOIN LATERAL unnest(s.names, f.factor_values) AS pair (factor, factor_value);
COMMENT ON VIEW nightdesk.factors_tall IS 'One row a factor, symbol and session';
COMMENT ON COLUMN nightdesk.factors_tall.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.factors_tall.session IS 'Session at whose close it holds';
COMMENT ON COLUMN nightdesk.factors_tall.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.factors_tall.factor IS 'Name of the factor';
COMMENT ON COLUMN nightdesk.factors_tall.factor_value IS 'Value in the factor''s own unit; NaN where the look-back is incomplete';

CREATE TABLE nightdesk.regimes (
    book    text NOT NULL,
    session date NOT NULL,
    band    smallint NOT NULL CHECK (band >= 0),
    regime  text NOT NULL,
    vix     double precision NOT NULL,
    vix_age integer NOT NULL CHECK (vix_age >= 0),
    PRIMARY KEY (book, session),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.regimes IS 'The market state of a session';
COMMENT ON COLUMN nightdesk.regimes.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.regimes.session IS 'Session';
COMMENT ON COLUMN nightdesk.regimes.band IS 'Index of the band in the book''s list, from 0';
COMMENT ON COLUMN nightdesk.regimes.regime IS 'Name of the band';
COMMENT ON COLUMN nightdesk.regimes.vix IS 'Newest close of the volatility index, annualised volatility in percent';
COMMENT ON COLUMN nightdesk.regimes.vix_age IS 'Sessions since that close, 0 when it is of the session';

CREATE TABLE nightdesk.second_closes (
    book    text NOT NULL,
    session date NOT NULL,
    symbol  text NOT NULL,
    source  text NOT NULL,
    close   double precision NOT NULL,
    PRIMARY KEY (book, session, symbol),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.second_closes IS 'Closes of a second source, which the first one''s are compared with';
COMMENT ON COLUMN nightdesk.second_closes.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.second_closes.session IS 'Session';
COMMENT ON COLUMN nightdesk.second_closes.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.second_closes.source IS 'The second source';
COMMENT ON COLUMN nightdesk.second_closes.close IS 'Its close, raw dollars';

CREATE TABLE nightdesk.session_quality (
    book            text NOT NULL,
    session         date NOT NULL,
    entries_allowed boolean NOT NULL,
    reason          text NOT NULL,
    quarantined     text[] NOT NULL,
    PRIMARY KEY (book, session),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.session_quality IS 'What the checks of the data mean for the decision of a session';
COMMENT ON COLUMN nightdesk.session_quality.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.session_quality.session IS 'Session';
COMMENT ON COLUMN nightdesk.session_quality.entries_allowed IS 'False while the benchmark or the volatility index is absent';
COMMENT ON COLUMN nightdesk.session_quality.reason IS 'Why no entry is allowed; empty when it is';
COMMENT ON COLUMN nightdesk.session_quality.quarantined IS 'Symbols that open no position, in the order of the book';

CREATE TABLE nightdesk.signals (
    book       text NOT NULL,
    session    date NOT NULL,
    strategy   text NOT NULL,
    symbol     text NOT NULL,
    direction  smallint NOT NULL CHECK (direction BETWEEN -2 AND 2),
    strength   double precision NOT NULL CHECK (strength BETWEEN -1 AND 1),
    confidence double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    reason     smallint NOT NULL,
    PRIMARY KEY (book, session, strategy, symbol),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.signals IS 'What a strategy says of a symbol; the words are rendered from these codes when read';
COMMENT ON COLUMN nightdesk.signals.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.signals.session IS 'Session';
COMMENT ON COLUMN nightdesk.signals.strategy IS 'Name of the strategy';
COMMENT ON COLUMN nightdesk.signals.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.signals.direction IS '-2 strong sell, -1 sell, 0 hold, 1 buy, 2 strong buy';
COMMENT ON COLUMN nightdesk.signals.strength IS 'From -1 to 1, without a unit';
COMMENT ON COLUMN nightdesk.signals.confidence IS 'From 0 to 1, without a unit';
COMMENT ON COLUMN nightdesk.signals.reason IS 'Index of the strategy''s clause that fired';

CREATE TABLE nightdesk.targets (
    book       text NOT NULL,
    session    date NOT NULL,
    strategy   text NOT NULL,
    symbol     text NOT NULL,
    held       numeric NOT NULL,
    quantity   numeric NOT NULL,
    weight     double precision NOT NULL,
    confidence double precision NOT NULL,
    PRIMARY KEY (book, session, strategy, symbol),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.targets IS 'The position a strategy wants after sizing, before the gate';
COMMENT ON COLUMN nightdesk.targets.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.targets.session IS 'Session';
COMMENT ON COLUMN nightdesk.targets.strategy IS 'Name of the strategy';
COMMENT ON COLUMN nightdesk.targets.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.targets.held IS 'Quantity held before the decision, shares or coins';
COMMENT ON COLUMN nightdesk.targets.quantity IS 'Wanted quantity, shares or coins';
COMMENT ON COLUMN nightdesk.targets.weight IS 'Wanted value at the session''s price, share of NAV';
COMMENT ON COLUMN nightdesk.targets.confidence IS 'Confidence of the entry after the regime''s factor, from 0 to 1; 0 where the signal is none to enter by';

CREATE TABLE nightdesk.target_scales (
    book       text NOT NULL,
    session    date NOT NULL,
    volatility double precision NOT NULL,
    scale      double precision NOT NULL,
    PRIMARY KEY (book, session),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.target_scales IS 'How the wanted portfolio was brought down to the book''s volatility target';
COMMENT ON COLUMN nightdesk.target_scales.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.target_scales.session IS 'Session';
COMMENT ON COLUMN nightdesk.target_scales.volatility IS 'Annualised volatility of the wanted portfolio before scaling, share';
COMMENT ON COLUMN nightdesk.target_scales.scale IS 'Factor on all wanted positions, at most 1';

CREATE TABLE nightdesk.verdicts (
    book            text NOT NULL,
    session         date NOT NULL,
    step            integer NOT NULL,
    symbol          text NOT NULL,
    rule            text NOT NULL,
    action          text NOT NULL CHECK (action IN ('approve', 'cut', 'reject')),
    observed        double precision NOT NULL,
    rule_limit      double precision NOT NULL,
    quantity_held   numeric NOT NULL,
    quantity_before numeric NOT NULL,
    quantity_after  numeric NOT NULL,
    PRIMARY KEY (book, session, step, symbol),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.verdicts IS 'What the gate said of every wanted trade, rule by rule; the words are rendered from these numbers when read';
COMMENT ON COLUMN nightdesk.verdicts.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.verdicts.session IS 'Session';
COMMENT ON COLUMN nightdesk.verdicts.step IS 'Place in the sequence of the gate''s work';
COMMENT ON COLUMN nightdesk.verdicts.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.verdicts.rule IS 'Name of the rule';
COMMENT ON COLUMN nightdesk.verdicts.action IS 'approve, cut or reject';
COMMENT ON COLUMN nightdesk.verdicts.observed IS 'The number the rule looked at, in the rule''s unit; NaN where it has none';
COMMENT ON COLUMN nightdesk.verdicts.rule_limit IS 'The number it was held against, in the rule''s unit; NaN where it has none';
COMMENT ON COLUMN nightdesk.verdicts.quantity_held IS 'Quantity held before the decision, shares or coins';
COMMENT ON COLUMN nightdesk.verdicts.quantity_before IS 'Wanted quantity before the rule, shares or coins';
COMMENT ON COLUMN nightdesk.verdicts.quantity_after IS 'Quantity after the rule, shares or coins';

CREATE TABLE nightdesk.gated (
    book     text NOT NULL,
    session  date NOT NULL,
    strategy text NOT NULL,
    symbol   text NOT NULL,
    quantity numeric NOT NULL,
    PRIMARY KEY (book, session, strategy, symbol),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.gated IS 'The position that the gate left to a strategy; orders lead there';
COMMENT ON COLUMN nightdesk.gated.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.gated.session IS 'Session';
COMMENT ON COLUMN nightdesk.gated.strategy IS 'Name of the strategy';
COMMENT ON COLUMN nightdesk.gated.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.gated.quantity IS 'Quantity, shares or coins';

CREATE TABLE nightdesk.risk_events (
    risk_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    book          text NOT NULL REFERENCES nightdesk.books,
    session       date NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('kill', 'release')),
    reason        text NOT NULL CHECK (reason <> ''),
    who           text NOT NULL CHECK (who <> ''),
    event_key     text NOT NULL UNIQUE,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX risk_events_by_session ON nightdesk.risk_events (book, session, risk_event_id);
COMMENT ON TABLE nightdesk.risk_events IS 'Dated facts that decisions read as inputs: the kill switch and its release';
COMMENT ON COLUMN nightdesk.risk_events.risk_event_id IS 'Number of the event; the newest one of a session counts';
COMMENT ON COLUMN nightdesk.risk_events.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.risk_events.session IS 'First session whose decision reads it';
COMMENT ON COLUMN nightdesk.risk_events.kind IS 'kill (no entries until released) or release';
COMMENT ON COLUMN nightdesk.risk_events.reason IS 'Why';
COMMENT ON COLUMN nightdesk.risk_events.who IS 'The person, or the step of the desk, that said so';
COMMENT ON COLUMN nightdesk.risk_events.event_key IS 'Names the event, so that telling it twice is harmless';
COMMENT ON COLUMN nightdesk.risk_events.created_at IS 'When it was told, UTC';
