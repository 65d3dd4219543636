-- Entries that a condition of the book forbids, with the words of what was found: its values need not be known later.

ALTER TABLE nightdesk.targets
    DROP CONSTRAINT targets_cause_check,
    ADD CONSTRAINT targets_cause_check CHECK (cause BETWEEN 0 AND 11);
COMMENT ON COLUMN nightdesk.targets.cause IS
    'Why: 0 nothing new, 1 opens, 2 left by its signal, 3 by its stop, 4 by its age; 5 superseded, 6 correlated; 7 left at its target; 8 as another leg of its bundle, 9 the bundle is repaired or ended since its legs are uneven, 10 kept since another leg is in quarantine; 11 not opened, since a condition on entries does not hold';

ALTER TABLE nightdesk.dropped_entries
    ADD COLUMN words text CHECK (words <> ''),
    DROP CONSTRAINT dropped_entries_filter_check,
    ADD CONSTRAINT dropped_entries_filter_check CHECK (filter IN ('superseded', 'correlated', 'bundle', 'condition'));
COMMENT ON COLUMN nightdesk.dropped_entries.words IS
    'What was found of a condition, with its values; null of other filters, whose numbers say it';
COMMENT ON COLUMN nightdesk.dropped_entries.filter IS
    'superseded (a more confident entry in the same symbol), correlated (with another symbol), bundle (another leg of it is not opened) or condition (one on entries does not hold)';
COMMENT ON COLUMN nightdesk.dropped_entries.other IS
    'The strategy that superseded it, the symbol that it moves with, the other leg, or the condition';
COMMENT ON COLUMN nightdesk.dropped_entries.observed IS
    'Confidence of the entry, from 0 to 1; the correlation; units of the other leg that are to be had; or 0 of a condition';
COMMENT ON COLUMN nightdesk.dropped_entries.filter_limit IS
    'Confidence of the other entry, from 0 to 1; the limit of the correlation; units of the other leg for one unit of the bundle; or 1 of a condition';
