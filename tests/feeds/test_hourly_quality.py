"""The checks of hourly bars."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.feeds.test_quality import book_of
from tests.hourly import HOURLY, random_hours

from nightdesk.core.calendar import as_instant
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Panel
from nightdesk.core.withheld import Withheld
from nightdesk.feeds.hourly_quality import HourlyQuality, examine_hours, withheld_by_hours

ROW = 120
BOOK = book_of()


def quiet() -> Panel:
    return random_hours(1, sessions=40, split=None, gaps=0.0)


def spoilt(**changed: float) -> Panel:
    """Hours of which the bar of BBB in `ROW` is changed by the given factors."""
    panel = quiet()
    arrays = {name: getattr(panel, name).copy() for name in changed}
    for name, factor in changed.items():
        arrays[name][ROW, 1] *= factor
    return replace(panel, **arrays)


def failing(quality: HourlyQuality, t: int) -> set[tuple[str, str, str]]:
    return {(one.check, one.symbol, one.outcome) for one in quality.findings(t)}


@pytest.mark.parametrize(
    ("panel", "check"),
    [
        (spoilt(high=np.nan), "nulls"),
        (spoilt(low=-1.0), "not_positive"),
        (spoilt(open=1.01), "out_of_range"),
        (spoilt(open=1.2, high=1.2, low=1.2, close=1.2), "price_jump"),
        (spoilt(open=0.83, high=0.83, low=0.83, close=0.83), "price_jump"),
    ],
)
def test_a_faulty_hour_is_quarantined_and_no_bar(panel: Panel, check: str) -> None:
    quality = examine_hours(panel, BOOK)
    assert (check, "BBB", "quarantine") in failing(quality, ROW)
    for flags in (quality.withheld.quarantined, quality.withheld.bars, quality.withheld.prices):
        assert flags[ROW].tolist() == [False, True, False]
        assert not flags[ROW + 1].any()


def test_a_move_within_the_limit_of_hours_is_no_jump_and_the_limit_is_the_book_s() -> None:
    panel = spoilt(open=1.12, high=1.12, low=1.12, close=1.12)
    assert not examine_hours(panel, BOOK).withheld.quarantined[ROW].any()
    strict = book_of(hourly={"price_jump": 0.1})
    assert examine_hours(panel, strict).withheld.quarantined[ROW].tolist() == [False, True, False]
    assert strict.config_hash != BOOK.config_hash == book_of(hourly={"price_jump": 0.15}).config_hash


def test_a_split_is_no_jump() -> None:
    quality = examine_hours(random_hours(1, sessions=40, split=20, gaps=0.0), BOOK)
    assert not quality.failed["price_jump"].any()


def test_three_unchanged_hours_are_warned_of_and_quarantine_nothing() -> None:
    panel = quiet()
    bars = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close")}
    bars["close"][ROW : ROW + 4, 0] = bars["close"][ROW, 0]
    bars["open"][ROW : ROW + 4, 0] = bars["close"][ROW, 0]
    bars["high"][ROW : ROW + 4, 0], bars["low"][ROW : ROW + 4, 0] = 200.0, 1.0
    quality = examine_hours(replace(panel, **bars), BOOK)
    said = [("unchanged", "AAA", "warn") in failing(quality, ROW + k) for k in range(4)]
    assert said == [False, False, False, True]
    assert not quality.withheld.quarantined[ROW + 3].any()


def without(panel: Panel, rows: slice) -> Panel:
    bars = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for one in bars.values():
        one[rows, 2] = np.nan
    return replace(panel, **bars)


def test_an_hour_without_a_bar_quarantines_nothing_until_too_many_are_missing() -> None:
    quality = examine_hours(without(quiet(), slice(ROW, ROW + 1)), BOOK)
    assert failing(quality, ROW) == {("no_bar", "SPY", "warn")}
    (one,) = quality.findings(ROW)
    assert (one.value, quality.findings(ROW + 1)) == (1.0, [])
    assert "no bar of this hour" in quality.explain(one, ROW, HOURLY, BOOK.name)
    many = examine_hours(without(quiet(), slice(ROW, ROW + 30)), BOOK)
    assert ("missing_share", "SPY", "quarantine") in failing(many, ROW + 30)
    assert many.withheld.quarantined[ROW + 30].tolist() == [False, False, True]
    assert not many.withheld.bars[ROW + 30].any()


@pytest.mark.parametrize("length", [1, 7, ROW, ROW + 1, 270])
def test_what_is_said_of_an_hour_never_depends_on_later_ones(length: int) -> None:
    panel = spoilt(open=1.2, high=1.2, low=1.2, close=1.2)
    whole, cut = examine_hours(panel, BOOK), examine_hours(panel.until(length), BOOK)
    for name, flags in cut.failed.items():
        assert np.array_equal(flags, whole.failed[name][:length]), name


def test_the_quarantine_of_a_session_holds_in_the_hours_after_its_close() -> None:
    panel = quiet()
    assert panel.hours is not None
    held = np.zeros(panel.days.close.shape, dtype=bool)
    held[10, 1] = True
    days = replace(Withheld.nothing(panel.days), quarantined=held)
    both = withheld_by_hours(Withheld.nothing(panel), days, panel)
    assert np.array_equal(np.flatnonzero(both.quarantined[:, 1]), np.flatnonzero(panel.hours.day == 10))
    assert not both.quarantined[:, [0, 2]].any()


def test_sessions_are_refused_where_hours_are_to_be_checked() -> None:
    check: Callable[..., HourlyQuality] = examine_hours
    with pytest.raises(Refused, match="given a panel of sessions"):
        check(quiet().days, BOOK)


def test_a_spell_of_hours_names_its_decisions_its_checks_and_its_reason() -> None:
    panel = quiet()
    prices = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close")}
    for array in prices.values():
        array[ROW : ROW + 3, 1] *= 1.3
    spells = examine_hours(replace(panel, **prices), BOOK).spells(ROW - 5, HOURLY, "swing")
    assert panel.hours is not None
    (spell,) = spells
    ends = [as_instant(one) for one in panel.hours.instants[ROW : ROW + 3]]
    assert spell.decisions == tuple(ends)
    assert spell.named == (HOURLY.name_of(ends[0]), HOURLY.name_of(ends[-1]))
    assert (spell.symbol, spell.checks, spell.ongoing) == ("BBB", ("h:price_jump",), False)
    assert "is 30.5% away from the last accepted price" in spell.reason
    assert f"nightdesk accept swing BBB --session {panel.sessions[ROW]}" in spell.reason
    told = spell.document()
    assert told["decisions"] == 3
    assert told["first_as_of"] == f"{ends[0]:%Y-%m-%dT%H:%M:%SZ}"


def test_a_spell_of_hours_that_goes_on_is_ongoing_and_one_that_began_before_is_cut() -> None:
    panel = quiet()
    prices = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close")}
    for array in prices.values():
        array[ROW:, 1] *= 1.3
    (spell,) = examine_hours(replace(panel, **prices), BOOK).spells(ROW + 2, HOURLY, "swing")
    assert spell.ongoing
    assert len(spell.decisions) == len(panel) - ROW - 2
    assert spell.sessions == len(np.unique(panel.sessions[ROW + 2 :]))


def test_an_hour_that_is_a_split_and_a_move_beyond_two_percent_asks_with_the_ratio() -> None:
    """As AAPL on 2020-08-31, which opened 2.3 % higher on its 4:1."""
    panel = quiet()
    prices = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close")}
    for array in prices.values():
        array[ROW:, 1] *= 0.256
    quality = examine_hours(replace(panel, **prices), BOOK)
    (finding,) = [one for one in quality.findings(ROW) if one.check == "price_jump"]
    words = quality.explain(finding, ROW, HOURLY, "swing")
    assert f"--session {panel.sessions[ROW]} --ratio 4:1" in words
    assert "A split of 4:1 would leave a move of +2." in words
