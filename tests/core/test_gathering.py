"""A coin's bar of a session, gathered from its hours."""

from collections.abc import Iterable
from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.core.gathering import HourlyBars
from nightdesk.core.hours import session_hours
from nightdesk.core.panel import Bars, Column, Panel, build_panel
from nightdesk.core.schedule import HOUR, daily

XNYS = get_calendar()
SCHEDULE = daily(XNYS)
COIN = [Column("BTC-USD", continuous=True, hours=3)]
FIELDS = ("open", "high", "low", "close", "volume")


def hours_between(first: str, last: str, without: Iterable[str] = ()) -> HourlyBars:
    """Each hour that ends from `first` to `last`; the hour that ends at X opens at the hours since 2019."""
    end = np.arange(np.datetime64(first, "s"), np.datetime64(last, "s") + HOUR, HOUR)
    end = end[~np.isin(end, np.array(list(without), "datetime64[s]"))]
    open_ = price_at(end - HOUR)
    values = {"open": open_, "high": open_ + 2, "low": open_ - 1, "close": open_ + 1, "volume": open_ / 10}
    return HourlyBars(column=np.zeros(len(end), np.intp), end=end, **values)


def price_at(moment: np.ndarray) -> np.ndarray:
    return ((moment - np.datetime64("2019-01-01", "s")) / HOUR).astype(float)


def price(moment: str) -> float:
    return float(price_at(np.array([moment], "datetime64[s]"))[0])


def panel_of(
    hours: HourlyBars, first: date, last: date, columns: list[Column] = COIN, days: Bars | None = None
) -> Panel:
    before = XNYS.shift(first, -1)
    nothing = {name: np.zeros(0) for name in FIELDS}
    none = Bars(column=np.zeros(0, np.intp), day=np.zeros(0, "datetime64[D]"), **nothing)
    return build_panel(
        XNYS.between(first, last),
        columns,
        days or none,
        previous_session=np.datetime64(before),
        hours=session_hours(SCHEDULE, before, last, hours),
    )


def test_a_session_gathers_the_hours_from_close_to_close_over_a_weekend_and_a_change_of_the_clocks():
    # clocks go back on 3 November: New York closes at 20:00 UTC on Friday, at 21:00 on Monday
    panel = panel_of(hours_between("2019-10-31T01", "2019-11-05T23"), date(2019, 10, 31), date(2019, 11, 5))
    assert [str(one) for one in panel.sessions] == ["2019-10-31", "2019-11-01", "2019-11-04", "2019-11-05"]
    # the hours reach back to no close before the first session, whose window is not whole
    assert np.isnan(panel.close[0, 0])
    friday, monday = 1, 2
    assert panel.close[friday, 0] == price("2019-11-01T20")
    assert panel.open[friday, 0] == price("2019-10-31T20")
    assert panel.close[monday, 0] == price("2019-11-04T21")
    assert panel.open[monday, 0] == price("2019-11-01T20")
    assert panel.high[monday, 0] == price("2019-11-04T20") + 2
    assert panel.low[monday, 0] == price("2019-11-01T20") - 1
    count = 3 * 24 + 1
    assert panel.volume[monday, 0] == pytest.approx(
        sum(price("2019-11-01T20") + k for k in range(count)) / 10
    )


def test_an_early_close_ends_the_session_at_its_own_hour():
    panel = panel_of(hours_between("2019-11-26T01", "2019-12-02T23"), date(2019, 11, 27), date(2019, 12, 2))
    assert [str(one) for one in panel.sessions] == ["2019-11-27", "2019-11-29", "2019-12-02"]
    assert panel.close[:, 0].tolist() == [
        price("2019-11-27T21"),
        price("2019-11-29T18"),
        price("2019-12-02T21"),
    ]
    assert panel.open[2, 0] == price("2019-11-29T18")


def test_an_order_fills_at_the_first_hour_that_opens_when_its_decision_is_made_or_later():
    # decided at 21:00 + 30 minutes: the hour from 21:00 has opened at a price that is past
    hours = hours_between("2019-11-26T01", "2019-12-02T23")
    panel = panel_of(hours, date(2019, 11, 27), date(2019, 12, 2))
    assert panel.fill_open[1, 0] == price("2019-11-27T22")
    assert panel.fill_volume[1, 0] == price("2019-11-27T22") / 10
    assert panel.fill_low[1, 0] == price("2019-11-27T22") - 1
    assert panel.fill_high[1, 0] == price("2019-11-29T17") + 2
    lost = hours_between("2019-11-26T01", "2019-12-02T23", ["2019-11-27T23"])
    assert panel_of(lost, date(2019, 11, 27), date(2019, 12, 2)).fill_open[1, 0] == price("2019-11-27T23")


@pytest.mark.parametrize(("lost", "there"), [(0, True), (1, True), (3, True), (4, False)])
def test_an_older_hour_counts_within_the_bound_and_beyond_it_there_is_no_bar(lost: int, there: bool):
    gone = [f"2019-11-29T{18 - k:02d}" for k in range(lost)]
    panel = panel_of(
        hours_between("2019-11-26T01", "2019-12-02T23", gone), date(2019, 11, 27), date(2019, 12, 2)
    )
    if there:
        assert panel.close[1, 0] == price(f"2019-11-29T{18 - lost:02d}")
        assert panel.age[1, 0] == 0
    else:
        assert np.isnan([panel.open[1, 0], panel.high[1, 0], panel.close[1, 0], panel.volume[1, 0]]).all()
        assert panel.age[1, 0] == 1
        assert panel.last_close[1, 0] == price("2019-11-27T21")
    # what an order meets does not hang on the close
    assert panel.fill_open[1, 0] == price("2019-11-27T22")
    # and the session after gathers only what came after the close
    assert panel.open[2, 0] == price("2019-11-29T18")


def test_before_the_hours_reach_back_to_a_close_the_days_stay():
    day = np.arange(np.datetime64("2019-11-19"), np.datetime64("2019-12-03"))
    value = np.arange(1.0, len(day) + 1)
    days = Bars(np.zeros(len(day), np.intp), day, value, value + 2, value - 0.5, value + 1, value * 10)
    plain = [Column("BTC-USD", continuous=True)]
    hours = hours_between("2019-11-26T03", "2019-12-02T23")
    span = date(2019, 11, 20), date(2019, 12, 2)
    mixed, of_days = panel_of(hours, *span, days=days), panel_of(hours, *span, columns=plain, days=days)
    reached = mixed.sessions.tolist().index(date(2019, 11, 27))
    for name in (*FIELDS, "fill_open", "fill_low", "fill_high", "fill_volume"):
        mine, theirs = getattr(mixed, name), getattr(of_days, name)
        assert np.array_equal(mine[:reached], theirs[:reached], equal_nan=True), name
    assert mixed.close[reached:, 0].tolist() == [
        price(f"{one}T{hour}") for one, hour in (("2019-11-27", 21), ("2019-11-29", 18), ("2019-12-02", 21))
    ]
    assert not np.isnan(of_days.close).any()


def test_an_hour_that_is_no_bar_stands_for_its_session():
    hours = hours_between("2019-11-26T01", "2019-12-02T23")
    wrong = int(np.flatnonzero(hours.end == np.datetime64("2019-11-29T05", "s"))[0])
    hours.low[wrong] = hours.high[wrong] + 5
    panel = panel_of(hours, date(2019, 11, 27), date(2019, 12, 2))
    assert panel.low[1, 0] > panel.high[1, 0]
    assert panel.close[1, 0] == hours.close[wrong]
    assert panel.close[2, 0] == price("2019-12-02T21")


def test_nothing_of_a_row_hangs_on_later_hours():
    rng = np.random.default_rng(7)
    gone = [str(one) for one in rng.choice(hours_between("2019-10-25T01", "2019-12-06T23").end, 850, False)]
    hours = hours_between("2019-10-25T01", "2019-12-06T23", gone)
    first, last = date(2019, 10, 28), date(2019, 12, 6)
    whole = panel_of(hours, first, last)
    assert 0 < np.isnan(whole.close).sum() < len(whole)
    names = (*FIELDS, "fill_open", "fill_low", "fill_high", "fill_volume")
    for length, session in enumerate(whole.sessions.tolist(), 1):
        known = hours.end <= np.datetime64(XNYS.close_at(session).replace(tzinfo=None), "s")
        cut = HourlyBars(
            hours.column[known], hours.end[known], *(getattr(hours, one)[known] for one in FIELDS)
        )
        short = panel_of(cut, first, session)
        for name in names:
            assert np.array_equal(getattr(short, name), getattr(whole, name)[:length], equal_nan=True), name
    assert all(a < b for a, b in pairwise(whole.sessions))
