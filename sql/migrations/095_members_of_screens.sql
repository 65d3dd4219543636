-- Members are a tenth of what a screen looks at, and are what pages and decisions ask it for.

CREATE INDEX screen_results_members ON nightdesk.screen_results (book, screened_at, known_by, symbol)
    WHERE member OR leg;
COMMENT ON INDEX nightdesk.screen_results_members IS 'Members of a screen, without a look at the rest of its pool';
