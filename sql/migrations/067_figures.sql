-- Figures that a person sees of a symbol: what a strategy measured, and what its sizing made of that.

ALTER TABLE nightdesk.signals ADD COLUMN figures jsonb CHECK (jsonb_typeof(figures) = 'object');
COMMENT ON COLUMN nightdesk.signals.figures IS
    'What the strategy shows of the symbol, by name: numbers, texts, null for what is missing; null where it shows nothing or the signal was injected';

ALTER TABLE nightdesk.targets ADD COLUMN figures jsonb CHECK (jsonb_typeof(figures) = 'object');
COMMENT ON COLUMN nightdesk.targets.figures IS
    'What the sizing shows of the position that it wanted, by name: numbers, texts, null for what is missing; null where it shows nothing';
