-- Exits by age and stop, and entries that the book's filters took away.

ALTER TABLE nightdesk.targets ADD COLUMN stop_distance double precision NOT NULL DEFAULT 0 CHECK (stop_distance >= 0);
ALTER TABLE nightdesk.targets ADD COLUMN cause smallint NOT NULL DEFAULT 0 CHECK (cause BETWEEN 0 AND 6);
COMMENT ON COLUMN nightdesk.targets.stop_distance IS
    'Dollars below its average entry at which the strategy leaves the position; 0 where it has no such stop';
COMMENT ON COLUMN nightdesk.targets.cause IS
    'Why: 0 nothing new, 1 opens, 2 left by its signal, 3 by its stop, 4 by its age; 5 superseded, 6 correlated';

CREATE TABLE nightdesk.dropped_entries (
    book         text NOT NULL,
    session      date NOT NULL,
    strategy     text NOT NULL,
    symbol       text NOT NULL,
    filter       text NOT NULL CHECK (filter IN ('superseded', 'correlated')),
    other        text NOT NULL,
    observed     double precision NOT NULL,
    filter_limit double precision NOT NULL,
    PRIMARY KEY (book, session, strategy, symbol),
    FOREIGN KEY (book, session) REFERENCES nightdesk.runs
);
COMMENT ON TABLE nightdesk.dropped_entries IS 'Entries that a filter took away before the gate';
COMMENT ON COLUMN nightdesk.dropped_entries.book IS 'Name of the book';
COMMENT ON COLUMN nightdesk.dropped_entries.session IS 'Session';
COMMENT ON COLUMN nightdesk.dropped_entries.strategy IS 'Strategy that wanted to open it';
COMMENT ON COLUMN nightdesk.dropped_entries.symbol IS 'Symbol';
COMMENT ON COLUMN nightdesk.dropped_entries.filter IS 'superseded (a more confident entry in the same symbol) or correlated (with another symbol)';
COMMENT ON COLUMN nightdesk.dropped_entries.other IS 'The strategy that superseded it, or the symbol that it moves with';
COMMENT ON COLUMN nightdesk.dropped_entries.observed IS 'Confidence of the entry, from 0 to 1, or the correlation';
COMMENT ON COLUMN nightdesk.dropped_entries.filter_limit IS 'Confidence of the other entry, from 0 to 1, or the limit of the correlation';
