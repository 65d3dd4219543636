"""The splits that the store knows, for a feed that divides its prices by them and states none."""

from datetime import timedelta

import numpy as np
from tests.session.small_desk import ORIGIN, SmallDesk, session

from nightdesk.core.calendar import get_calendar
from nightdesk.core.panel import Action
from nightdesk.session.known_splits import splits_in_store
from nightdesk.store.action_rows import state_action


def test_splits_are_known_since_the_first_day_that_a_feed_with_splits_has_told(desk: SmallDesk) -> None:
    desk.run_steps(0, "ingest", "ingest")
    day = session(0) - timedelta(days=30)
    first = get_calendar().shift(ORIGIN, -1)
    with desk.connection() as conn:
        known = splits_in_store(conn)
        assert known("NOSUCH") is None
        before = known("SPY")
        assert before is not None
        assert (before.first, before.ratios) == (first, {})
        state_action(conn, Action("SPY", np.datetime64(day), "split", 4.0, "", 0.0, "told by hand"))
        after = known("SPY")
        assert after is not None
        assert after.ratios == {day: 4.0}


def test_what_only_a_feed_without_splits_has_told_knows_none(desk: SmallDesk) -> None:
    desk.run_steps(0, "ingest", "ingest")
    with desk.connection() as conn, conn.cursor() as cursor:
        cursor.execute("UPDATE nightdesk.bars SET source = 'ibkr'")
        assert splits_in_store(conn)("SPY") is None
