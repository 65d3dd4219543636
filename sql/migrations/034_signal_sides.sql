-- Signals say of which side they speak; what was stored before spoke of longs.

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
