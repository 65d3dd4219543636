-- A pair that would have been entered gives way to another one that has a symbol of it.

ALTER TABLE nightdesk.dropped_entries
    DROP CONSTRAINT dropped_entries_filter_check,
    ADD CONSTRAINT dropped_entries_filter_check CHECK (filter IN ('superseded', 'correlated', 'bundle', 'condition', 'pair'));
COMMENT ON COLUMN nightdesk.dropped_entries.words IS
    'What was found of a condition, or of a pair, with its values; null of other filters, whose numbers say it';
COMMENT ON COLUMN nightdesk.dropped_entries.filter IS
    'superseded (a more confident entry in the same symbol), correlated (with another symbol), bundle (another leg of it is not opened), condition (one on entries does not hold) or pair (another one has a symbol of it)';
COMMENT ON COLUMN nightdesk.dropped_entries.other IS
    'The strategy that superseded it, the symbol that it moves with, the other leg, the condition, or the symbol that the other pair has';
COMMENT ON COLUMN nightdesk.dropped_entries.observed IS
    'Confidence of the entry, from 0 to 1; the correlation; units of the other leg that are to be had; 0 of a condition; or abs(z) of the pair';
COMMENT ON COLUMN nightdesk.dropped_entries.filter_limit IS
    'Confidence of the other entry, from 0 to 1; the limit of the correlation; units of the other leg for one unit of the bundle; 1 of a condition; or abs(z) of the other pair, 0 where it is held already';
