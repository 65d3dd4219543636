"""Hourly bars laid out on decision instants, and the sessions that were over at each."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.hourly import instants_of, panel_of_hours

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Action, Column

NAN = np.nan
#: From the Wednesday before Thanksgiving 2019 to the Monday after; the Friday closes at 13:00.
FIRST, LAST = date(2019, 11, 27), date(2019, 12, 2)
SPY, COIN = Column("SPY"), Column("BTC-USD", continuous=True)


def test_rows_are_the_hours_of_the_sessions_and_know_which_session_was_over() -> None:
    hours = panel_of_hours([], [SPY], FIRST, LAST)
    assert hours.hours is not None
    assert len(hours) == 7 + 4 + 7
    assert_array_equal(hours.hours.instants, instants_of(FIRST, LAST))
    assert_array_equal(hours.hours.day, [-1] * 6 + [0] * 4 + [1] * 7 + [2])
    assert_array_equal(np.flatnonzero(hours.hours.opens), [0, 7, 11])
    assert_array_equal(np.flatnonzero(hours.hours.closes), [6, 10, 17])
    assert_array_equal(np.unique(hours.sessions), hours.days.sessions)
    assert (hours.periods_a_year, hours.days.periods_a_year) == (252.0 * 7, 252.0)


def test_the_newest_sessions_are_asked_of_the_days_and_not_of_the_hours() -> None:
    hours = panel_of_hours([], [SPY], FIRST, LAST)
    with pytest.raises(Refused, match="those of its days"):
        hours.newest(2)
    assert_array_equal(hours.days.newest(2).sessions, hours.days.sessions[-2:])


def test_a_bar_stands_where_it_ends_and_one_that_ends_at_no_instant_is_left_out() -> None:
    rows = [
        (0, "2019-11-29T18:00", 10.0),  # the early close
        (0, "2019-11-29T19:00", 99.0),
        (0, "2019-12-02T14:50", 99.0),
        (0, "2019-12-02T15:00", 12.0),
    ]
    hours = panel_of_hours(rows, [SPY], FIRST, LAST)
    assert_array_equal(np.flatnonzero(np.isfinite(hours.close[:, 0])), [10, 11])
    assert_array_equal(hours.close[10:12, 0], [10.0, 12.0])
    assert_array_equal(hours.last_close[10:, 0], [10.0] + [12.0] * 7)
    assert_array_equal(hours.age[10:14, 0], [0, 0, 1, 2])
    assert hours.hours is not None
    assert_allclose(hours.hours.mean[10, 0], (9.0 + 12.0 + 8.0 + 10.0) / 4)


def test_a_market_that_never_closes_gathers_its_hours_and_its_orders_meet_the_first_of_them() -> None:
    rows = [(0, f"2019-11-27T{hour}:00", 100.0 + hour) for hour in range(14, 24)]
    hours = panel_of_hours(rows, [COIN], FIRST, LAST)
    assert_array_equal(hours.close[:8, 0], [115.0, 116.0, 117.0, 118.0, 119.0, 120.0, 121.0, 123.0])
    night = {name: float(getattr(hours, name)[7, 0]) for name in ("open", "high", "low", "volume")}
    assert night == {"open": 121.0, "high": 125.0, "low": 120.0, "volume": 12200.0 + 12300.0}
    assert (hours.fill_open[7, 0], hours.fill_volume[7, 0]) == (121.0, 12200.0)
    assert hours.hours is not None
    assert hours.hours.mean[7, 0] == (121.0 + 124.0 + 120.0 + 122.0) / 4


def rows_at(price: Sequence[float]) -> list[tuple[int, str, float]]:
    ends = instants_of(FIRST, LAST)
    return [(0, str(end), one) for end, one in zip(ends, price, strict=True)]


def test_an_action_counts_in_the_first_hour_of_its_session() -> None:
    split = Action("SPY", np.datetime64("2019-11-29"), "split", 2.0)
    paid = Action("SPY", np.datetime64("2019-12-02"), "dividend", 0.5)
    prices = [100.0] * 7 + [50.0] * 11
    hours = panel_of_hours(rows_at(prices), [SPY], FIRST, LAST, [split, paid])
    assert_array_equal(np.argwhere(hours.split != 1.0), [[7, 0]])
    assert_array_equal(np.argwhere(hours.dividend), [[11, 0]])
    assert hours.split[7, 0] == 2.0
    assert_array_equal(hours.adjustment[:7, 0], 1.0)
    assert_array_equal(hours.adjustment[7:11, 0], 2.0)
    assert_allclose(hours.adjustment[11:, 0], 2.0 / (1 - 0.5 / 50.0))
    assert_allclose(hours.returns[7, 0], 0.0)


def test_a_cut_panel_of_hours_knows_no_session_that_was_not_over() -> None:
    hours = panel_of_hours(rows_at([100.0] * 18), [SPY], FIRST, LAST)
    for length, over in ((0, 0), (6, 0), (7, 1), (10, 1), (11, 2), (17, 2), (18, 3)):
        cut = hours.until(length)
        assert (len(cut), len(cut.days)) == (length, over)
        assert cut.hours is not None
        assert len(cut.hours.mean) == len(cut.hours.instants) == length


def test_what_is_known_of_sessions_is_spread_over_the_hours_that_follow_their_closes() -> None:
    hours = panel_of_hours([], [SPY], FIRST, LAST)
    of_days = np.array([1.0, 2.0, 3.0])
    assert_array_equal(hours.by_row(of_days, NAN), [NAN] * 6 + [1.0] * 4 + [2.0] * 7 + [3.0])
    assert hours.days.by_row(of_days, NAN) is of_days
    assert_array_equal(hours.until(3).by_row(of_days[:0], NAN), [NAN] * 3)
