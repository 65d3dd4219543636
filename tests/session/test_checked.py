"""The outcome of the data checks: stored once, read by later steps, never trusted where it is another's."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from tests.session.kept_desk import DeskAfter
from tests.session.small_desk import SmallDesk, session

from nightdesk.core.withheld import BadOpens
from nightdesk.engine import Market
from nightdesk.engine.market import HourRows
from nightdesk.session.checked import Checked, CheckedDay
from nightdesk.session.context import Context

Change = Callable[[SmallDesk], None]


def bits(value: Any) -> Any:
    """A value that equals another only where all its numbers are the same to the last bit."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {name: bits(one) for name, one in value.items()}
    if isinstance(value, BadOpens | HourRows):
        return [bits(getattr(value, one.name)) for one in fields(value)]
    return value


def told(day: CheckedDay) -> dict[str, Any]:
    market = {one.name: getattr(day.market, one.name) for one in fields(Market) if one.name != "signals"}
    parts = {one.name: getattr(day, one.name) for one in fields(CheckedDay) if one.name != "market"}
    return {name: bits(value) for name, value in (market | parts).items() if name != "desk"}


def both(context: Context) -> tuple[Checked, Checked]:
    """What a step finds, and what it would work out of the bars."""
    found = context.checked()
    other = context.at(context.session)
    other.examined()
    return found, other.checked()


def change(column: str, value: str) -> Change:
    def make(desk: SmallDesk) -> None:
        with desk.connection() as conn, conn.cursor() as cur:
            cur.execute(f"UPDATE nightdesk.quality_outcomes SET {column} = {value}")
            assert cur.rowcount

    return make


def test_what_is_stored_is_what_the_bars_give_to_the_last_bit(desk_after: DeskAfter) -> None:
    desk = desk_after(2)
    desk.change_bar("GLD", session(2), 1.8)  # a jump, so that something is withheld and an open is bad
    desk.run_steps(2, "ingest", "quality")
    with desk.at(2) as context:
        found, made = both(context)
        assert found.history.withheld[-1].any()
        assert len(found.day(returns=False).market.bad_opens.row)
        assert np.isnan(found.day(returns=False).market.returns).all()
        assert told(found.day(returns=True)) == told(made.day(returns=True))
        assert bits(found.history.__dict__) == bits(made.history.__dict__)
        assert not context.has_examined(context.known_by())


@pytest.mark.parametrize(
    "make",
    [
        change("known_by", "known_by - interval '1 second'"),
        change("config_hash", "'another'"),
        change("code_version", "'0.0'"),
        change("day", "set_byte(day, length(day) - 9, get_byte(day, length(day) - 9) # 1)"),
    ],
    ids=["other_bars", "other_book", "other_code", "damaged"],
)
def test_what_is_of_something_else_or_damaged_is_worked_out_anew(desk_after: DeskAfter, make: Change) -> None:
    desk = desk_after(2)
    desk.run_steps(2, "ingest", "quality")
    with desk.at(2) as context:
        before = told(context.checked().day(returns=True))
    make(desk)
    with desk.at(2) as context:
        assert told(context.checked().day(returns=True)) == before
        assert context.has_examined(context.known_by())


def test_a_later_ingest_that_brings_a_correction_leaves_nothing_of_the_outcome_to_trust(
    desk_after: DeskAfter,
) -> None:
    desk = desk_after(2)
    desk.run_steps(2, "ingest", "quality")
    desk.change_bar("GLD", session(1), 1.01)
    desk.run_steps(2, "ingest", "ingest")
    with desk.at(2) as context:
        context.checked().day(returns=True)
        assert context.has_examined(context.known_by())


def test_a_closed_session_keeps_its_outcome_until_the_next_one_is_closed(desk_after: DeskAfter) -> None:
    desk = desk_after(2)
    kept = "SELECT session FROM nightdesk.quality_outcomes ORDER BY session"
    assert desk.rows(kept) == [(session(1),)]
    desk.run_steps(2, "ingest", "quality")
    assert desk.rows(kept) == [(session(1),), (session(2),)]


def test_a_session_that_was_closed_long_ago_is_verified_from_the_bars(desk_after: DeskAfter) -> None:
    desk = desk_after(2)
    done = desk.run(0)
    assert done["targets"]["differs"] == done["settle"]["differs"] == done["regime"]["differs"] == 0
    assert len(desk.rows("SELECT FROM nightdesk.quality_outcomes")) == 1
