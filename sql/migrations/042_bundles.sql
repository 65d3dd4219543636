-- Bundles: legs that trade together or not at all. Books without any leave all of this null.

ALTER TABLE nightdesk.signals
    ADD COLUMN bundle smallint CHECK (bundle > 0),
    ADD COLUMN ratio double precision CHECK (ratio > 0),
    ADD CONSTRAINT signals_leg_check CHECK ((bundle IS NULL) = (ratio IS NULL));
COMMENT ON COLUMN nightdesk.signals.bundle IS
    'The bundle of the strategy that the symbol is a leg of, by its code; null where it is of none';
COMMENT ON COLUMN nightdesk.signals.ratio IS 'Units of the leg for one unit of its bundle; null where it is of none';

ALTER TABLE nightdesk.targets
    ADD COLUMN bundle smallint CHECK (bundle > 0),
    ADD COLUMN ratio double precision CHECK (ratio > 0),
    ADD COLUMN uneven smallint CHECK (uneven >= 0),
    ADD CONSTRAINT targets_leg_check CHECK ((bundle IS NULL) = (ratio IS NULL) AND (bundle IS NULL) = (uneven IS NULL)),
    DROP CONSTRAINT targets_cause_check,
    ADD CONSTRAINT targets_cause_check CHECK (cause BETWEEN 0 AND 10);
COMMENT ON COLUMN nightdesk.targets.bundle IS
    'The bundle that the position is a leg of from this decision on, by its code; null where it is of none';
COMMENT ON COLUMN nightdesk.targets.ratio IS
    'Units of the leg for one unit of its bundle, as of this decision; null where it is of none';
COMMENT ON COLUMN nightdesk.targets.uneven IS
    'Decisions in a row, this one included, that found the legs of its bundle not at their ratio; null where it is of none';
COMMENT ON COLUMN nightdesk.targets.cause IS
    'Why: 0 nothing new, 1 opens, 2 left by its signal, 3 by its stop, 4 by its age; 5 superseded, 6 correlated; 7 left at its target; 8 as another leg of its bundle, 9 the bundle is repaired or ended since its legs are uneven, 10 kept since another leg is in quarantine';

ALTER TABLE nightdesk.dropped_entries
    DROP CONSTRAINT dropped_entries_filter_check,
    ADD CONSTRAINT dropped_entries_filter_check CHECK (filter IN ('superseded', 'correlated', 'bundle'));
COMMENT ON COLUMN nightdesk.dropped_entries.filter IS
    'superseded (a more confident entry in the same symbol), correlated (with another symbol) or bundle (another leg of it is not opened)';
COMMENT ON COLUMN nightdesk.dropped_entries.other IS
    'The strategy that superseded it, the symbol that it moves with, or the other leg';
COMMENT ON COLUMN nightdesk.dropped_entries.observed IS
    'Confidence of the entry, from 0 to 1; the correlation; or units of the other leg that are to be had';
COMMENT ON COLUMN nightdesk.dropped_entries.filter_limit IS
    'Confidence of the other entry, from 0 to 1; the limit of the correlation; or units of the other leg for one unit of the bundle';

ALTER TABLE nightdesk.order_intents ADD COLUMN bundle text CHECK (bundle <> ''), ADD COLUMN bundle_units integer CHECK (bundle_units > 0);
COMMENT ON COLUMN nightdesk.order_intents.bundle IS
    'Id of the bundle that it is a leg of, of all legs the same in a decision; null where it is of none';
COMMENT ON COLUMN nightdesk.order_intents.bundle_units IS
    'Whole units of the bundle that it opens; null where the legs have no whole ratio, or it closes';

CREATE OR REPLACE VIEW nightdesk.whole_orders AS
SELECT client_order_id, book, session, as_of, symbol, side, quantity, purpose, generation, order_type, time_in_force,
    limit_price, stop_price, target_price, reference_price, status, attempts, filled_quantity,
    (
        SELECT jsonb_agg(jsonb_build_array(i.strategy, i.quantity::text, coalesce(i.bundle, ''), coalesce(i.bundle_units, 0)) ORDER BY i.number)
        FROM nightdesk.order_intents i WHERE i.client_order_id = o.client_order_id
    ) AS intents
FROM nightdesk.orders o;
COMMENT ON COLUMN nightdesk.whole_orders.intents IS
    'Strategy, signed quantity, bundle (empty for none) and its whole units (0 for none) of each intent, in their order';

ALTER TABLE nightdesk.paper_orders ADD COLUMN bundle text CHECK (bundle <> ''), ADD COLUMN bundle_units integer CHECK (bundle_units > 0);
COMMENT ON COLUMN nightdesk.paper_orders.bundle IS
    'Ids of the bundles that it opens, with a space between: it fills to the share of their other legs; null where it fills by itself';
COMMENT ON COLUMN nightdesk.paper_orders.bundle_units IS
    'Equal parts that it may be filled by, so that whole units of its bundles are; null where any part will do';

ALTER TABLE nightdesk.alert_spells DROP CONSTRAINT alert_spells_kind_check;
ALTER TABLE nightdesk.alert_spells ADD CONSTRAINT alert_spells_kind_check CHECK (kind IN (
    'quarantine', 'no_bar', 'reference', 'feed', 'late_data', 'limit', 'band', 'dispute', 'book_file', 'retry', 'bundle'
));
COMMENT ON COLUMN nightdesk.alert_spells.kind IS
    'quarantine, no_bar, reference, feed, late_data, limit (near or beyond it), band (of a strategy''s results), dispute (of a position), book_file (gone or wrong), retry (a step that fails and is tried again) or bundle (its legs are uneven)';
