-- What a strategy goes on wanting between two decisions of its sizing: the state of monthly allocations.

ALTER TABLE nightdesk.targets ADD COLUMN allocation double precision NOT NULL DEFAULT 0;
COMMENT ON COLUMN nightdesk.targets.allocation IS
    'Share of the strategy''s capital that it wants until it allocates anew; 0 where its sizing makes no allocations';
