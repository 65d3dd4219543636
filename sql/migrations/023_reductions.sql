-- What a sale that was begun is still to bring a position down to.

ALTER TABLE nightdesk.targets ADD COLUMN reduce_to double precision NOT NULL DEFAULT 0 CHECK (reduce_to >= 0);
COMMENT ON COLUMN nightdesk.targets.reduce_to IS
    'Units, absolute, down to which the strategy goes on selling the position until no more is held; 0 where no sale is to be done';
