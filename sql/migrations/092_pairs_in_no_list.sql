-- A pair that no list names any more has no z, so no exit of its own: it is left.
ALTER TABLE nightdesk.pair_states
    DROP CONSTRAINT pair_states_leaving_check,
    ADD CONSTRAINT pair_states_leaving_check CHECK (leaving IN ('reached', 'stop', 'age', 'sign', 'uneven', 'unlisted'));
COMMENT ON COLUMN nightdesk.pair_states.leaving IS
    'Why it is being left, from the decision that says so until neither leg is held: reached, stop, age, sign (of beta), uneven or unlisted (no list has named it for as long as z looks back); null while it is not';
