-- Synthetic signals are told apart from those of the strategies.

ALTER TABLE nightdesk.signals ADD COLUMN injected boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN nightdesk.signals.injected IS
    'Whether it was injected by a run to exercise the rest, in place of what the strategy said';
