-- Signals say of which side they speak, positions are left at targets; what was stored before spoke of longs, and had none.

ALTER TABLE nightdesk.signals ADD COLUMN side text NOT NULL DEFAULT 'long' CHECK (side IN ('long', 'short', 'either'));
ALTER TABLE nightdesk.signals ADD COLUMN action text NOT NULL GENERATED ALWAYS AS (
    CASE
        WHEN direction = 0 THEN 'hold'
        WHEN side = 'either' OR (direction > 0) <> (side = 'long') THEN 'leave'
        ELSE 'enter'
    END
) STORED;
COMMENT ON COLUMN nightdesk.signals.side IS
    'Positions that it speaks of: long or short; either where it leaves whatever is held';
COMMENT ON COLUMN nightdesk.signals.action IS
    'enter (open or add), hold or leave, as direction and side say together';

ALTER TABLE nightdesk.targets ADD COLUMN target_distance double precision NOT NULL DEFAULT 0 CHECK (target_distance >= 0);
ALTER TABLE nightdesk.targets DROP CONSTRAINT targets_cause_check, ADD CONSTRAINT targets_cause_check CHECK (cause BETWEEN 0 AND 7);
COMMENT ON COLUMN nightdesk.targets.stop_distance IS
    'Dollars against the position, from its average entry, at which the strategy leaves it; 0 where it has no such stop';
COMMENT ON COLUMN nightdesk.targets.target_distance IS
    'Dollars for the position, from its average entry, at which the strategy leaves it; 0 where it has no target';
COMMENT ON COLUMN nightdesk.targets.cause IS
    'Why: 0 nothing new, 1 opens, 2 left by its signal, 3 by its stop, 4 by its age; 5 superseded, 6 correlated; 7 left at its target';
