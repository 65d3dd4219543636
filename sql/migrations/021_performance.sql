-- What each session earned by strategy, and what the benchmark made since the book began.

CREATE TABLE nightdesk.performance (
    book       text NOT NULL,
    session    date NOT NULL,
    strategy   text NOT NULL,
    realised   numeric NOT NULL CHECK (realised = round(realised, 2)),
    unrealised numeric NOT NULL CHECK (unrealised = round(unrealised, 2)),
    dividends  numeric NOT NULL CHECK (dividends = round(dividends, 2)),
    commission numeric NOT NULL CHECK (commission = round(commission, 2)),
    interest   numeric NOT NULL CHECK (interest = round(interest, 2)),
    fees       numeric NOT NULL CHECK (fees = round(fees, 2)),
    other      numeric NOT NULL CHECK (other = round(other, 2)),
    profit     numeric NOT NULL CHECK (
        profit = realised + unrealised + dividends - commission + interest + fees + other
    ),
    PRIMARY KEY (book, session, strategy),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.performance IS
    'The profit of a session by strategy; the rows of a session add up to NAV less that of the mark before, without capital paid in';
COMMENT ON COLUMN nightdesk.performance.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.performance.session IS 'Session';
COMMENT ON COLUMN nightdesk.performance.strategy IS 'Strategy; empty for what no strategy moved';
COMMENT ON COLUMN nightdesk.performance.realised IS 'Of what was closed, against its average cost and without commission, dollars and cents';
COMMENT ON COLUMN nightdesk.performance.unrealised IS 'Change of what open positions are worth above their cost, dollars and cents';
COMMENT ON COLUMN nightdesk.performance.dividends IS 'Dividends received, dollars and cents';
COMMENT ON COLUMN nightdesk.performance.commission IS 'Commission paid, positive, dollars and cents';
COMMENT ON COLUMN nightdesk.performance.interest IS 'Interest on the book''s cash, dollars and cents; 0 for a strategy';
COMMENT ON COLUMN nightdesk.performance.fees IS 'Fees of the account, negative, dollars and cents; 0 for a strategy';
COMMENT ON COLUMN nightdesk.performance.other IS 'What is left of the book''s profit and none of the above, dollars and cents; 0 for a strategy';
COMMENT ON COLUMN nightdesk.performance.profit IS 'All of it together, dollars and cents';

CREATE TABLE nightdesk.benchmarks (
    book         text NOT NULL,
    session      date NOT NULL,
    symbol       text NOT NULL,
    since        date NOT NULL,
    sessions     integer NOT NULL CHECK (sessions >= 0),
    total_return double precision NOT NULL,
    PRIMARY KEY (book, session),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.benchmarks IS 'What a book''s benchmark made from its inception to a session, by the bars that the session knew';
COMMENT ON COLUMN nightdesk.benchmarks.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.benchmarks.session IS 'Session up to whose close it is';
COMMENT ON COLUMN nightdesk.benchmarks.symbol IS 'The benchmark';
COMMENT ON COLUMN nightdesk.benchmarks.since IS 'The book''s inception: bought at its close';
COMMENT ON COLUMN nightdesk.benchmarks.sessions IS 'Sessions in between, the first not counted';
COMMENT ON COLUMN nightdesk.benchmarks.total_return IS 'With dividends reinvested and no costs, share; NaN where it had no bar by then';
