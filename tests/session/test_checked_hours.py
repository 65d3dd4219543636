"""The outcome of the data checks of an hourly decision: stored, read, and the same as from the bars."""

from collections.abc import Callable

import numpy as np
import pytest
from tests.session.hourly_desk import HourlyDesk, at, broken, gone, scaled
from tests.session.test_checked import bits, told

from nightdesk.session.checked import Checked
from nightdesk.session.context import Context

Change = Callable[[HourlyDesk], None]


def both(context: Context) -> tuple[Checked, Checked]:
    """What a step finds, and what it would work out of the bars."""
    other = context.at(context.as_of)
    other.examined()
    return context.checked(), other.checked()


def same(context: Context) -> None:
    found, made = both(context)
    assert told(found.day(returns=True)) == told(made.day(returns=True))
    assert bits(found.history.__dict__) == bits(made.history.__dict__)
    mine, theirs = found.usable_panel(), made.usable_panel()
    for name in ("open", "high", "low", "close", "volume"):
        assert bits(getattr(mine, name)) == bits(getattr(theirs, name))
        assert bits(getattr(mine.days, name)) == bits(getattr(theirs.days, name))


@pytest.mark.parametrize("number", [0, 3, 6], ids=["first_hour", "within", "close"])
def test_what_is_stored_of_an_hour_is_what_the_bars_give_to_the_last_bit(
    hourly_desk: HourlyDesk, number: int
) -> None:
    hourly_desk.change("AAPL", scaled(1.3), number)  # a jump beyond the limit of hours
    hourly_desk.change("BAC", broken, -2, number)
    hourly_desk.change("SPY", gone, number - 1)
    hourly_desk.run(number, last="quality")
    assert len(hourly_desk.rows("SELECT FROM nightdesk.quality_outcomes WHERE as_of = %s", at(number))) == 1
    with hourly_desk.at(number) as context:
        found, _ = both(context)
        assert found.history.withheld[-1].tolist()[:3] == [False, True, True]
        assert found.day(returns=False).market.quarantined[-1].tolist() == [False, True, True]
        assert np.isnan(found.day(returns=False).market.returns).all()
        assert np.isfinite(found.day(returns=True).market.returns[-1]).any()
        assert found.is_stored
        same(context)
        assert not context.has_examined(context.known_by())


def test_no_later_step_of_an_hour_examines_the_bars_again(
    hourly_desk: HourlyDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    hourly_desk.run(0, 1, 2)
    hourly_desk.run(3, last="quality")

    def examine(self: Context) -> None:
        raise AssertionError("a step examines the bars again")

    monkeypatch.setattr(Context, "examined", examine)
    with hourly_desk.at(3) as context:
        from nightdesk.session.steps import run_session

        done = run_session(context, first="factors")
    assert done["close"] == {"closed": 1, "silent_strategies": 0}


def change(column: str, value: str) -> Change:
    def make(desk: HourlyDesk) -> None:
        assert desk.rows(f"UPDATE nightdesk.quality_outcomes SET {column} = {value} RETURNING 1")

    return make


def another_limit(desk: HourlyDesk) -> None:
    desk.write_book(quality={"failed_share": 0.9, "hourly": {"price_jump": 0.05}})


@pytest.mark.parametrize(
    "make",
    [
        another_limit,
        change("code_version", "'0.0'"),
        change(
            "history", "set_byte(history, length(history) - 9, get_byte(history, length(history) - 9) # 1)"
        ),
    ],
    ids=["another_limit", "other_code", "damaged"],
)
def test_what_is_of_something_else_or_damaged_is_worked_out_anew(
    hourly_desk: HourlyDesk, make: Change
) -> None:
    hourly_desk.change("AAPL", scaled(1.08), 3)
    hourly_desk.run(3, last="quality")
    make(hourly_desk)
    with hourly_desk.at(3) as context:
        context.checked().usable_panel()
        assert context.has_examined(context.known_by())
        held = context.checked().day(returns=True).market.quarantined[-1]
        assert held.tolist() == [False, make is another_limit, False]


def test_an_hour_that_is_corrected_leaves_nothing_of_the_outcome_to_trust(hourly_desk: HourlyDesk) -> None:
    hourly_desk.run(3, last="quality")
    hourly_desk.run(3, last="ingest")
    with hourly_desk.at(3) as context:
        context.checked().day(returns=True)
        assert not context.has_examined(context.known_by())
    hourly_desk.change("AAPL", scaled(1.01), 2)
    hourly_desk.run(3, last="ingest")
    with hourly_desk.at(3) as context:
        context.checked().day(returns=True)
        assert context.has_examined(context.known_by())


def test_a_closed_hour_keeps_its_outcome_until_the_next_one_is_closed(hourly_desk: HourlyDesk) -> None:
    kept = "SELECT as_of FROM nightdesk.quality_outcomes ORDER BY as_of"
    hourly_desk.run(0, 1)
    assert hourly_desk.rows(kept) == [(at(1),)]
    hourly_desk.run(2, last="quality")
    assert hourly_desk.rows(kept) == [(at(1),), (at(2),)]
    done = hourly_desk.run(0)
    assert done["targets"]["differs"] == done["settle"]["differs"] == done["regime"]["differs"] == 0
