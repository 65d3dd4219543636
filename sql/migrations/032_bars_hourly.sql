-- Hourly bars with the instants between which each version was known, a partition a month: a decision within a
-- session reads a short window, and what is older than anyone asks for can be let go a month at a time.

CREATE TABLE nightdesk.bars_hourly (
    symbol_id     integer NOT NULL,
    bar_end       timestamptz NOT NULL,
    known_at      timestamptz NOT NULL,
    superseded_at timestamptz CHECK (superseded_at > known_at),
    source        text NOT NULL,
    open          double precision NOT NULL,
    high          double precision NOT NULL,
    low           double precision NOT NULL,
    close         double precision NOT NULL,
    volume        double precision NOT NULL,
    PRIMARY KEY (bar_end, symbol_id, known_at)
) PARTITION BY RANGE (bar_end);
CREATE UNIQUE INDEX bars_hourly_newest ON nightdesk.bars_hourly (symbol_id, bar_end) WHERE superseded_at IS NULL;
COMMENT ON TABLE nightdesk.bars_hourly IS
    'Hourly bars of regular trading hours, every version ever known; a changed value is a new row, and the row before it is superseded';
COMMENT ON COLUMN nightdesk.bars_hourly.symbol_id IS 'The symbol, a number of symbols';
COMMENT ON COLUMN nightdesk.bars_hourly.bar_end IS
    'End of the bar, UTC: a full hour of the exchange''s clock, or the close of its session';
COMMENT ON COLUMN nightdesk.bars_hourly.known_at IS 'From when on this version was known, UTC';
COMMENT ON COLUMN nightdesk.bars_hourly.superseded_at IS
    'When a later version took its place, UTC; null while it is the newest';
COMMENT ON COLUMN nightdesk.bars_hourly.source IS 'Feed that gave it';
COMMENT ON COLUMN nightdesk.bars_hourly.open IS 'First price, raw dollars of its own day';
COMMENT ON COLUMN nightdesk.bars_hourly.high IS 'Highest price, raw dollars';
COMMENT ON COLUMN nightdesk.bars_hourly.low IS 'Lowest price, raw dollars';
COMMENT ON COLUMN nightdesk.bars_hourly.close IS 'Last price, raw dollars';
COMMENT ON COLUMN nightdesk.bars_hourly.volume IS 'Units traded (shares, coins); NaN where the source has none';

-- Who writes bars holds the market's lock, so that no two make one month at once.
CREATE FUNCTION nightdesk.make_months_of_hours(first timestamptz, last timestamptz) RETURNS integer
LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
    month timestamptz := date_trunc('month', first);
    made  integer := 0;
    part  text;
BEGIN
    WHILE month <= last LOOP
        part := 'bars_hourly_' || to_char(month, 'YYYY_MM');
        IF to_regclass(format('nightdesk.%I', part)) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE nightdesk.%I PARTITION OF nightdesk.bars_hourly FOR VALUES FROM (%L) TO (%L)',
                part, month, month + interval '1 month'
            );
            made := made + 1;
        END IF;
        month := month + interval '1 month';
    END LOOP;
    RETURN made;
END $$;
COMMENT ON FUNCTION nightdesk.make_months_of_hours IS
    'Makes the partitions of bars_hourly for the months from first to last that are not there; how many';
