-- Of a backtest that is kept, after how many sessions somebody was supposed to release what a rule had killed.

ALTER TABLE nightdesk.backtests ADD COLUMN release_after integer CHECK (release_after > 0);
COMMENT ON COLUMN nightdesk.backtests.release_after IS
    'Sessions after which a simulated person released a kill that a rule had set; null: nobody did';
