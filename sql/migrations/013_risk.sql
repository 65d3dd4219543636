-- Where a book's risk stands after each decision: its drawdown level, cuts that are still to be done, the moves.

CREATE TABLE nightdesk.risk_state (
    book                text NOT NULL,
    session             date NOT NULL,
    level               smallint NOT NULL CHECK (level BETWEEN 0 AND 4),
    peak_nav            numeric NOT NULL CHECK (peak_nav > 0),
    highest_nav         numeric NOT NULL CHECK (highest_nav >= peak_nav),
    drawdown            numeric NOT NULL,
    since               date,
    sessions            integer NOT NULL CHECK (sessions >= 0),
    deepest             numeric NOT NULL,
    since_low           integer NOT NULL CHECK (since_low >= 0),
    calm                integer NOT NULL CHECK (calm >= 0),
    answered_by         text NOT NULL DEFAULT '',
    recovery            integer CHECK (recovery >= 0),
    volatility          double precision NOT NULL,
    average_correlation double precision NOT NULL,
    lowest_correlation  double precision NOT NULL,
    PRIMARY KEY (book, session),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.risk_state IS 'Where a book''s risk stands after the decision of a session; the next decision begins from there';
COMMENT ON COLUMN nightdesk.risk_state.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.risk_state.session IS 'Session that decided';
COMMENT ON COLUMN nightdesk.risk_state.level IS 'Drawdown level, 0 (none) to 4 (liquidated)';
COMMENT ON COLUMN nightdesk.risk_state.peak_nav IS 'NAV that the drawdown is measured from, dollars; reset when recovery begins';
COMMENT ON COLUMN nightdesk.risk_state.highest_nav IS 'Highest NAV ever, dollars; never reset';
COMMENT ON COLUMN nightdesk.risk_state.drawdown IS '1 - NAV / peak_nav, share';
COMMENT ON COLUMN nightdesk.risk_state.since IS 'Session that entered the level; none at the level 0 that a book begins with';
COMMENT ON COLUMN nightdesk.risk_state.sessions IS 'Decisions since then, that one not counted';
COMMENT ON COLUMN nightdesk.risk_state.deepest IS 'Largest drawdown since then, share';
COMMENT ON COLUMN nightdesk.risk_state.since_low IS 'Decisions since it was reached';
COMMENT ON COLUMN nightdesk.risk_state.calm IS 'Decisions running whose wanted portfolio was under the volatility target';
COMMENT ON COLUMN nightdesk.risk_state.answered_by IS 'Who reviewed or confirmed; empty while nobody has';
COMMENT ON COLUMN nightdesk.risk_state.recovery IS 'Decisions since recovery began; none outside of one';
COMMENT ON COLUMN nightdesk.risk_state.volatility IS 'Annualised volatility of the wanted portfolio over the window of the levels, share; NaN where not known';
COMMENT ON COLUMN nightdesk.risk_state.average_correlation IS 'Average over the pairs of held and wanted symbols, from -1 to 1; NaN without one';
COMMENT ON COLUMN nightdesk.risk_state.lowest_correlation IS 'Lowest of them, from -1 to 1; NaN without one';

CREATE TABLE nightdesk.risk_caps (
    book      text NOT NULL,
    session   date NOT NULL,
    symbol    text NOT NULL,
    level_cap double precision CHECK (level_cap >= 0),
    stop_cap  double precision CHECK (stop_cap >= 0),
    halved    boolean NOT NULL,
    PRIMARY KEY (book, session, symbol),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.risk_caps IS 'Symbols of which a cut is still to be done after the decision of a session, or that a stop has halved';
COMMENT ON COLUMN nightdesk.risk_caps.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.risk_caps.session IS 'Session that decided';
COMMENT ON COLUMN nightdesk.risk_caps.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.risk_caps.level_cap IS 'Most shares or coins that the cut of a drawdown level leaves; none where no cut waits';
COMMENT ON COLUMN nightdesk.risk_caps.stop_cap IS 'Most shares or coins that a stop leaves; none where no cut waits';
COMMENT ON COLUMN nightdesk.risk_caps.halved IS 'Whether a stop has halved the position that is held';

CREATE TABLE nightdesk.level_changes (
    book         text NOT NULL,
    session      date NOT NULL,
    level_before smallint NOT NULL CHECK (level_before BETWEEN 0 AND 4),
    level_after  smallint NOT NULL CHECK (level_after BETWEEN 0 AND 4),
    cause        text NOT NULL CHECK (cause IN ('drawdown', 'correlation', 'person', 'recovered', 'way back')),
    drawdown     numeric NOT NULL,
    nav          numeric NOT NULL,
    peak_nav     numeric NOT NULL,
    who          text NOT NULL,
    sessions     integer NOT NULL CHECK (sessions >= 0),
    PRIMARY KEY (book, session),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.level_changes IS 'Moves between drawdown levels, each with the numbers that made it';
COMMENT ON COLUMN nightdesk.level_changes.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.level_changes.session IS 'Session whose decision moved';
COMMENT ON COLUMN nightdesk.level_changes.level_before IS 'Level before, 0 to 4';
COMMENT ON COLUMN nightdesk.level_changes.level_after IS 'Level after, 0 to 4';
COMMENT ON COLUMN nightdesk.level_changes.cause IS 'What asked for it: drawdown, correlation, person, recovered (end of level 1) or way back (end of levels 2 to 4)';
COMMENT ON COLUMN nightdesk.level_changes.drawdown IS 'Drawdown from the peak before, share';
COMMENT ON COLUMN nightdesk.level_changes.nav IS 'NAV at the mark, dollars';
COMMENT ON COLUMN nightdesk.level_changes.peak_nav IS 'Peak that it was measured from, dollars';
COMMENT ON COLUMN nightdesk.level_changes.who IS 'Who set the level, or reviewed or confirmed; empty where nobody was asked';
COMMENT ON COLUMN nightdesk.level_changes.sessions IS 'Decisions since the level before was entered';

ALTER TABLE nightdesk.risk_events ADD COLUMN level smallint CHECK (level BETWEEN 1 AND 4);
COMMENT ON COLUMN nightdesk.risk_events.level IS 'Drawdown level that is set; none for other kinds';
ALTER TABLE nightdesk.risk_events DROP CONSTRAINT risk_events_kind_check;
ALTER TABLE nightdesk.risk_events ADD CONSTRAINT risk_events_kind_check CHECK (
    kind IN ('kill', 'halt', 'release', 'review', 'confirm', 'reject', 'ask', 'level')
);
ALTER TABLE nightdesk.risk_events ADD CONSTRAINT risk_events_level_of_kind CHECK ((kind = 'level') = (level IS NOT NULL));
COMMENT ON TABLE nightdesk.risk_events IS 'Dated facts that decisions read as inputs: the kill switch, drawdown levels that people set, answers for books that wait';
COMMENT ON COLUMN nightdesk.risk_events.kind IS 'kill (nothing is opened), halt (nothing leaves at all), release; review, confirm or reject (of a book that waits), ask (a person was asked), level (a level is set)';
