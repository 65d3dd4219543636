-- What each decision does for the protection of its positions.

CREATE TABLE nightdesk.protections (
    book     text NOT NULL,
    as_of    timestamptz NOT NULL,
    session  date NOT NULL,
    strategy text NOT NULL,
    symbol   text NOT NULL,
    resting  text NOT NULL DEFAULT '',
    action   text NOT NULL CHECK (action IN ('place', 'keep', 'replace', 'cancel', 'none')),
    held     numeric NOT NULL,
    wanted   numeric NOT NULL,
    placed   text,
    words    text NOT NULL,
    PRIMARY KEY (book, as_of, strategy, symbol, resting),
    FOREIGN KEY (book, as_of, session) REFERENCES nightdesk.runs (book, as_of, session),
    CHECK ((placed IS NOT NULL) = (action IN ('place', 'replace'))),
    CHECK ((resting <> '') = (action IN ('keep', 'replace', 'cancel')))
);
COMMENT ON TABLE nightdesk.protections IS
    'Of each decision the positions that are protected, and the orders that rest for them: placed, kept, replaced, cancelled, or why none';
COMMENT ON COLUMN nightdesk.protections.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.protections.as_of IS 'Market instant of the decision, UTC';
COMMENT ON COLUMN nightdesk.protections.session IS 'Session that it lies in';
COMMENT ON COLUMN nightdesk.protections.strategy IS 'Strategy that holds the position';
COMMENT ON COLUMN nightdesk.protections.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.protections.resting IS 'Client order id of the order that rested at the decision; empty for none';
COMMENT ON COLUMN nightdesk.protections.action IS
    'place an order, keep the one that rests, replace it (cancelled, then placed anew), cancel it, or none: nothing rests';
COMMENT ON COLUMN nightdesk.protections.held IS 'Units held at the decision, shares or coins; negative for a short';
COMMENT ON COLUMN nightdesk.protections.wanted IS 'Units that the gate let through, shares or coins; negative for a short';
COMMENT ON COLUMN nightdesk.protections.placed IS 'Client order id of the order that is placed; null where none is';
COMMENT ON COLUMN nightdesk.protections.words IS 'Where it rests, or why nothing does';

CREATE INDEX orders_resting ON nightdesk.orders (book, as_of) WHERE time_in_force = 'gtc';
