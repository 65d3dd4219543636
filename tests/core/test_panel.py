"""Bars and corporate actions laid out on sessions."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.hourly import random_hours

from nightdesk.core.panel import FILL_FIELDS, Action, Bars, Column, Panel, build_panel


def days(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[D]")


def panel_of(
    rows: Sequence[tuple[int, str, float]],
    sessions: np.ndarray,
    columns: Sequence[Column],
    actions: Sequence[Action] = (),
    previous: str | None = None,
) -> Panel:
    """A panel of bars whose open is close - 1 and whose volume is 100 × close."""
    close = np.array([row[2] for row in rows], dtype=float)
    bars = Bars(
        column=np.array([row[0] for row in rows], dtype=np.intp),
        day=days(*(row[1] for row in rows)),
        open=close - 1,
        high=close + 2,
        low=close - 2,
        close=close,
        volume=close * 100,
    )
    before = np.datetime64(previous) if previous else None
    return build_panel(sessions, columns, bars, actions, previous_session=before)


WEEK = days("2024-07-01", "2024-07-02", "2024-07-03", "2024-07-05", "2024-07-08")
ETF, COIN = Column("SPY"), Column("BTC-USD", continuous=True)


def test_a_missing_bar_is_nan_and_a_bar_on_no_session_is_left_out() -> None:
    panel = panel_of([(0, "2024-07-01", 10), (0, "2024-07-04", 99), (0, "2024-07-05", 12)], WEEK, [ETF])
    assert_array_equal(panel.close[:, 0], [10, np.nan, np.nan, 12, np.nan])
    assert_array_equal(panel.last_close[:, 0], [10, 10, 10, 12, 12])
    assert_array_equal(panel.age[:, 0], [0, 1, 2, 0, 1])
    for name in FILL_FIELDS:
        assert_array_equal(getattr(panel, f"fill_{name}"), getattr(panel, name))


def test_bars_long_before_and_after_the_sessions_are_left_out_of_many_columns() -> None:
    columns = [Column(f"S{n}", continuous=n % 3 == 1) for n in range(7)]
    inside = [(n, str(day), 10.0 * n + t) for t, day in enumerate(WEEK) for n in (6, 0, 3, 1, 4)]
    far = [
        (n, day, 999.0) for n in range(7) for day in ("1950-01-03", "2024-06-01", "2024-07-09", "2199-12-31")
    ]
    panel = panel_of([*far, *inside], WEEK, columns, previous="2024-06-28")
    for n in (0, 3, 6):
        assert_array_equal(panel.close[:, n], 10.0 * n + np.arange(5))
    for n in (1, 4):  # the day of a session is gathered into the next one
        assert_array_equal(panel.close[:, n], [np.nan, *(10.0 * n + np.arange(4))])
        alone = panel_of(
            [(0, day, close) for at, day, close in inside if at == n], WEEK, [COIN], previous="2024-06-28"
        )
        for name in ("open", "high", "low", "volume", *(f"fill_{name}" for name in FILL_FIELDS)):
            assert_array_equal(getattr(panel, name)[:, n], getattr(alone, name)[:, 0])
    assert np.isnan(panel.close[:, [2, 5]]).all()


def test_rows_as_a_database_sends_them_make_the_same_panel() -> None:
    rows = [(n, str(day), 10.0 + n + t) for n in range(2) for t, day in enumerate(WEEK)]
    native = panel_of(rows, WEEK, [ETF, COIN], previous="2024-06-28")
    close = np.array([one[2] for one in rows])
    wire = np.zeros(len(rows), dtype=[(name, ">f8") for name in ("open", "high", "low", "close", "volume")])
    for name, values in zip(
        wire.dtype.names, (close - 1, close + 2, close - 2, close, close * 100), strict=True
    ):
        wire[name] = values
    bars = Bars(
        column=np.array([one[0] for one in rows], dtype=np.intp),
        day=days(*(one[1] for one in rows)),
        **{name: wire[name] for name in wire.dtype.names},
    )
    panel = build_panel(WEEK, [ETF, COIN], bars, previous_session=np.datetime64("2024-06-28"))
    for name in ("open", "high", "low", "close", "volume", *(f"fill_{name}" for name in FILL_FIELDS)):
        assert_array_equal(getattr(panel, name), getattr(native, name))
        assert getattr(panel, name).dtype == np.float64
        assert getattr(panel, name).dtype.isnative


def test_a_symbol_not_yet_listed_has_no_price_and_no_age() -> None:
    panel = panel_of([(0, "2024-07-05", 12)], WEEK, [ETF])
    assert_array_equal(panel.last_close[:, 0], [np.nan, np.nan, np.nan, 12, 12])
    assert_array_equal(panel.age[:, 0], [-1, -1, -1, 0, 1])


def test_a_continuous_market_closes_with_its_last_whole_day_and_fills_at_the_next_open() -> None:
    rows = [(0, f"2024-07-{day:02d}", 100.0 + day) for day in range(1, 9)]
    panel = panel_of(rows, WEEK, [COIN], previous="2024-06-28")
    # 07-01 would gather 06-28..06-30, 07-05 gathers 07-03 and 07-04, 07-08 gathers 07-05..07-07
    assert_array_equal(panel.close[:, 0], [np.nan, 101, 102, 104, 107])
    assert_array_equal(panel.open[:, 0], [np.nan, 100, 101, 102, 104])
    assert_array_equal(panel.high[:, 0], [np.nan, 103, 104, 106, 109])
    assert_array_equal(panel.low[:, 0], [np.nan, 99, 100, 101, 103])
    assert_array_equal(panel.volume[:, 0], [np.nan, 10100, 10200, 20700, 31800])
    # decided at 07-05: the open of Saturday 07-06; at 07-01: that of 07-02, which still runs at its close
    assert_array_equal(panel.fill_open[:, 0], [np.nan, 101, 102, 103, 105])
    assert_array_equal(panel.fill_volume[:, 0], [np.nan, 10100, 10200, 10400, 10700])


def test_of_a_continuous_market_low_and_high_are_known_only_of_whole_days_after_the_decision() -> None:
    rows = [(0, f"2024-07-{day:02d}", 100.0 + day) for day in range(1, 9)]
    panel = panel_of(rows, WEEK, [COIN], previous="2024-06-28")
    # decided at 07-03: the holiday 07-04; at 07-05: the weekend; on other days the day after still runs
    assert_array_equal(panel.fill_low[:, 0], [np.nan, np.nan, np.nan, 102, 104])
    assert_array_equal(panel.fill_high[:, 0], [np.nan, np.nan, np.nan, 106, 109])


def test_a_running_day_gives_its_open_only() -> None:
    rows = [(0, f"2024-07-{day:02d}", 100.0 + day) for day in range(1, 9)]
    changed = [*rows[:-1], (0, "2024-07-08", 999.0)]
    before, after = (panel_of(each, WEEK, [COIN], previous="2024-06-28") for each in (rows, changed))
    for name in ("open", "high", "low", "close", "volume", *(f"fill_{name}" for name in FILL_FIELDS)):
        assert_array_equal(getattr(before, name), getattr(after, name))


def test_a_split_and_a_dividend_of_one_date_change_nothing_before_it() -> None:
    rows = [
        (0, "2024-07-01", 100.0),
        (0, "2024-07-02", 102.0),
        (0, "2024-07-03", 50.0),
        (0, "2024-07-05", 51.0),
    ]
    day = np.datetime64("2024-07-03")
    actions = [Action("SPY", day, "dividend", 1.0), Action("SPY", day, "split", 2.0)]
    panel = panel_of(rows, WEEK, [ETF], actions)
    # 102 before is 51 after the split; 1 of 51 is paid out
    assert_allclose(panel.adjustment[:, 0], [1, 1, 2 * 51 / 50, 2 * 51 / 50, 2 * 51 / 50])
    assert_allclose(panel.returns[2, 0], 0.0, atol=1e-15)
    assert_array_equal(panel.dividend[:, 0], [0, 0, 1, 0, 0])
    assert_array_equal(panel.split[:, 0], [1, 1, 2, 1, 1])


def test_a_position_without_a_bar_is_marked_at_its_last_price_restated_for_a_split() -> None:
    panel = panel_of(
        [(0, "2024-07-02", 102.0), (0, "2024-07-05", 52.0)],
        WEEK,
        [ETF],
        [Action("SPY", np.datetime64("2024-07-03"), "split", 2.0)],
    )
    assert_array_equal(panel.last_close[:, 0], [np.nan, 102, 51, 52, 52])


def test_an_adjustment_becomes_the_dividend_that_explains_it() -> None:
    rows = [(0, "2024-07-01", 100.0), (0, "2024-07-02", 99.0)]
    panel = panel_of(
        rows, WEEK, [ETF], [Action("SPY", np.datetime64("2024-07-02"), "adjustment", 100 / 98.5)]
    )
    assert panel.dividend[1, 0] == pytest.approx(1.5)
    assert_allclose(panel.returns[1, 0], 99 / 98.5 - 1)


def test_an_adjustment_too_large_for_a_dividend_pays_nothing() -> None:
    rows = [(0, "2024-07-01", 100.0), (0, "2024-07-02", 103.6)]
    panel = panel_of(rows, WEEK, [ETF], [Action("SPY", np.datetime64("2024-07-02"), "adjustment", 1.43)])
    assert panel.dividend[1, 0] == 0.0
    assert panel.unexplained[1, 0] == 1.43
    assert_allclose(panel.returns[1, 0], 0.036)


def test_a_person_who_accepts_the_price_of_a_day_settles_its_adjustment() -> None:
    rows = [(0, "2024-07-01", 100.0), (0, "2024-07-02", 103.6)]
    day = np.datetime64("2024-07-02")
    actions = [Action("SPY", day, "adjustment", 1.43), Action("SPY", day, "accept", 1.0, note="a spin-off")]
    panel = panel_of(rows, WEEK, [ETF], actions)
    assert np.isnan(panel.unexplained[1, 0])
    assert panel.accepted[1, 0] == 1.0
    assert_allclose(panel.returns[1, 0], 0.036)


def test_an_action_between_sessions_counts_from_the_next_one() -> None:
    rows = [(0, "2024-07-03", 100.0), (0, "2024-07-05", 50.0)]
    panel = panel_of(rows, WEEK, [ETF], [Action("SPY", np.datetime64("2024-07-04"), "split", 2.0)])
    assert_array_equal(panel.split[:, 0], [1, 1, 1, 2, 1])


def test_what_a_session_sees_does_not_depend_on_later_ones() -> None:
    rng = np.random.default_rng(7)
    rows = [(0, str(day), float(price)) for day, price in zip(WEEK, rng.uniform(90, 110, 5), strict=True)]
    actions = [Action("SPY", day, "adjustment", 1.01) for day in WEEK[1:]]
    whole = panel_of(rows, WEEK, [ETF], actions)
    for length in range(1, 6):
        part = panel_of(rows[:length], WEEK[:length], [ETF], actions)
        for name in ("close", "adjustment", "dividend", "split", "returns", "last_close", "age"):
            assert_array_equal(getattr(whole.until(length), name), getattr(part, name), err_msg=name)
            assert_array_equal(getattr(whole, name)[:length], getattr(part, name), err_msg=name)


def test_an_unknown_symbol_is_named_with_those_there_are() -> None:
    with pytest.raises(KeyError, match="IBM is not in this panel of SPY"):
        panel_of([(0, "2024-07-01", 10)], WEEK, [ETF]).column("IBM")


def test_actions_that_change_a_position_are_listed_by_the_session_that_they_count_from() -> None:
    told = [
        Action("SPY", np.datetime64("2024-07-05"), "merger", 0.5, "B", 1.25),
        Action("SPY", np.datetime64("2024-07-04"), "return_of_capital", 0.75),
        Action("SPY", np.datetime64("2024-07-01"), "delisting", 0.0),
        Action("SPY", np.datetime64("2024-07-05"), "split", 2.0),
        Action("ELSEWHERE", np.datetime64("2024-07-05"), "delisting", 0.0),
    ]
    panel = panel_of([(0, "2024-07-01", 10)], WEEK, [ETF], told)
    kinds = [[one.kind for one in events] for events in panel.events]
    assert kinds == [[], [], [], ["return_of_capital", "merger"], []]
    assert panel.until(2).events == ((), ())


def test_the_newest_sessions_of_a_panel_are_its_last_rows() -> None:
    action = Action("SPY", np.datetime64("2024-07-08"), "split", 2.0)
    whole = panel_of([(0, str(day), 10.0 + n) for n, day in enumerate(WEEK)], WEEK, [ETF], [action])
    part = whole.newest(2)
    assert_array_equal(part.sessions, WEEK[-2:])
    assert_array_equal(part.close, whole.close[-2:])
    assert_array_equal(part.adjustment, whole.adjustment[-2:])
    assert (part.symbols, len(part.events)) == (whole.symbols, 2)
    assert part.findings == tuple(one for one in whole.findings if one.session >= WEEK[-2])
    assert_array_equal(whole.newest(99).close, whole.close)
    assert len(whole.newest(0)) == 0


def test_a_panel_since_a_session_keeps_its_dollars_and_of_hours_the_sessions_behind_them() -> None:
    whole = random_hours(5, sessions=60)
    days = whole.days.sessions
    part = whole.since(days[30])
    assert_array_equal(part.days.sessions, days[30:])
    first = int(np.searchsorted(whole.sessions, days[30]))
    assert_array_equal(part.close, whole.close[first:])
    assert_array_equal(part.adjustment, whole.adjustment[first:])
    assert part.hours is not None
    assert whole.hours is not None
    assert_array_equal(part.hours.instants, whole.hours.instants[first:])
    known = part.hours.day >= 0
    assert_array_equal(known, whole.hours.day[first:] >= 30)
    assert_array_equal(part.days.sessions[part.hours.day[known]], days[whole.hours.day[first:][known]])
    assert len(whole.since(days[0])) == len(whole)
    assert len(whole.days.since(days[-1] + np.timedelta64(1, "D"))) == 0
