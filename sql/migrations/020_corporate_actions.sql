-- Actions that change what a position is, and a person's word on a price: one table for all that is dated and known.

ALTER TABLE nightdesk.corporate_actions DROP CONSTRAINT corporate_actions_kind_check;
ALTER TABLE nightdesk.corporate_actions ADD CONSTRAINT corporate_actions_kind_check CHECK (kind IN (
    'split', 'dividend', 'capital_gain', 'return_of_capital', 'adjustment', 'accept',
    'symbol_change', 'merger', 'spin_off', 'delisting'
));
ALTER TABLE nightdesk.corporate_actions ADD COLUMN other text NOT NULL DEFAULT '';
ALTER TABLE nightdesk.corporate_actions ADD COLUMN cash double precision NOT NULL DEFAULT 0 CHECK (cash >= 0);
ALTER TABLE nightdesk.corporate_actions ADD COLUMN note text NOT NULL DEFAULT '';
COMMENT ON TABLE nightdesk.corporate_actions IS
    'Corporate actions, changes of a source''s adjustment and accepted prices, every version ever known';
COMMENT ON COLUMN nightdesk.corporate_actions.kind IS
    'split, dividend, capital_gain, return_of_capital, adjustment, accept, symbol_change, merger, spin_off or delisting';
COMMENT ON COLUMN nightdesk.corporate_actions.source IS 'Feed that gave it; person where somebody stated it';
COMMENT ON COLUMN nightdesk.corporate_actions.value IS
    'split, symbol_change, merger, spin_off: shares after (of the other) for one; dividend, capital_gain, return_of_capital: dollars a share; adjustment: ratio by which adj_close / close grew; accept: 1; delisting: 0';
COMMENT ON COLUMN nightdesk.corporate_actions.other IS
    'symbol_change, merger, spin_off: the other symbol; empty where there is none';
COMMENT ON COLUMN nightdesk.corporate_actions.cash IS
    'merger, delisting: dollars a share paid; spin_off: dollars that one share of the other was worth; else 0';
COMMENT ON COLUMN nightdesk.corporate_actions.note IS
    'Who stated it and why, or how it was inferred; empty where a source just gives it';
