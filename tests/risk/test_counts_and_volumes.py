"""Groups, volumes, periods, drawdown and stops: each rule on what is held and wanted, long and short.

Symbols are GLD at 100, SPY at 50 and BTC-USD at 10,000 dollars in a book of 100,000.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from nightdesk.core.drawdown_levels import MaxDrawdownLimit
from nightdesk.core.errors import Refused
from nightdesk.risk import (
    Entering,
    LevelChange,
    PeriodLows,
    Protection,
    Rule,
    Standing,
    make_rules,
    pass_gate,
    period_lows,
    verdicts,
    words,
)
from nightdesk.risk.distances import distances
from nightdesk.risk.moves import describe
from nightdesk.testing.situations import SYMBOLS, measured, situation


def rule_of(name: str, params: dict[str, Any]) -> Rule:
    return next(one for one in make_rules({name: params}) if one.name == name)


def leaves(
    name: str, params: dict[str, Any], held: list[float], wanted: list[float], **changed: Any
) -> list[float]:
    """What the rule leaves; asked again of that, it changes nothing."""
    rule, now, had = rule_of(name, params), situation(**changed), np.array(held, float)
    after = rule.apply(np.array(wanted, float), had, now).after
    np.testing.assert_array_equal(rule.apply(after, had, now).after, after)
    return after.tolist()


def told(name: str, params: dict[str, Any], wanted: list[float], **changed: Any) -> dict[str, str]:
    """The rule's verdicts in words, by symbol."""
    rules = [rule_of(name, params)]
    passage = pass_gate(rules, np.array(wanted, float), np.zeros(3), situation(**changed))
    return {one.symbol: words(one) for one in verdicts(passage, SYMBOLS)}


GROUPS = {"groups": np.array([0, 0, 1]), "group_names": ("fund", "crypto")}


@pytest.mark.parametrize(
    ("limit", "opens", "here", "held", "wanted", "left"),
    [
        (1, [1, 1, 1], [0, 0, 0], [0, 0, 0], [10, 10, 1], [10, 0, 1]),
        (1, [1, 1, 1], [0, 0, 0], [0, 0, 0], [-10, -10, -1], [-10, 0, -1]),
        (2, [1, 1, 1], [0, 0, 0], [0, 0, 0], [10, 10, 1], [10, 10, 1]),
        (2, [0, 1, 0], [2, 0, 0], [10, 0, 0], [15, 10, 0], [15, 0, 0]),  # adding takes no place
        (3, [2, 2, 0], [0, 0, 0], [0, 0, 0], [10, 10, 0], [10, 0, 0]),
        (0, [0, 0, 1], [1, 0, 0], [10, 0, 0], [10, 0, 1], [10, 0, 0]),  # what is held is kept
    ],
)
def test_so_many_positions_in_a_group(
    limit: int, opens: list[int], here: list[int], held: list[float], wanted: list[float], left: list[float]
) -> None:
    entering = replace(
        Entering.nothing(3),
        confidence=np.array([0.9, 0.8, 0.7]),
        opens=np.array(opens),
        open_here=np.array(here),
    )
    assert leaves("group_count", {"limit": limit}, held, wanted, entering=entering, **GROUPS) == left


def test_a_position_whose_exit_is_held_back_keeps_its_place() -> None:
    """GLD is left for SPY, but the exit is too large for the day's turnover: SPY finds no place."""
    entering = replace(
        Entering.nothing(3),
        confidence=np.array([0.0, 0.9, 0.0]),
        opens=np.array([0, 1, 0]),
        asked=np.array([0.0, 10.0, 0.0]),
        closes=np.array([1, 0, 0]),
    )
    now = situation(entering=entering, **GROUPS)
    held, wanted = np.array([500.0, 0, 0]), np.array([0.0, 10.0, 0])
    for limits in ({"position_count": {"limit": 1}}, {"group_count": {"limit": 1}}):
        free = pass_gate(make_rules(limits), wanted, held, now).quantity
        assert free.tolist() == [0, 10, 0]
        slow = make_rules({**limits, "turnover_per_day": {"limit": 0.1}})
        assert pass_gate(slow, wanted, held, now).quantity.tolist() == [400, 0, 0]


def test_the_fullest_group_is_told() -> None:
    what = measured(0.1, 0.1, 0.1, groups=("fund", "fund", "crypto"), positions_in=np.array([1, 2, 1]))
    (one,) = distances([rule_of("group_count", {"limit": 4})], what)
    assert (one.subject, one.value, one.room, one.unit) == ("fund", 3.0, 1.0, "count")
    assert list(distances([rule_of("group_count", {"limit": 4})], measured(0.0, 0.0, 0.0))) == []


VOLUME = {"factors": {"adv_20": np.array([1_000.0, np.nan, 0.5])}}


@pytest.mark.parametrize(
    ("held", "wanted", "left"),
    [
        ([0, 0, 0], [80, 0, 0.04], [80, 0, 0.04]),
        ([0, 0, 0], [150, 0, 0.06], [100, 0, 0.05]),
        ([0, 0, 0], [-150, 0, -0.06], [-100, 0, -0.05]),
        ([130, 0, 0], [150, 0, 0], [130, 0, 0]),  # volume dried up: nothing is added, nothing forced out
        ([130, 0, 0], [120, 0, 0], [120, 0, 0]),
        ([130, 0, 0], [-150, 0, 0], [-100, 0, 0]),
        ([0, 5, 0], [0, 8, 0], [0, 5, 0]),  # a volume that is not known carries nothing more
        ([0, 5, 0], [0, 2, 0], [0, 2, 0]),
    ],
)
def test_a_position_is_bought_up_to_a_share_of_its_volume(
    held: list[float], wanted: list[float], left: list[float]
) -> None:
    assert leaves("liquidity", {"limit": 0.1}, held, wanted, **VOLUME) == left


def test_the_verdict_on_volume_says_what_was_wanted_and_what_volume_allows() -> None:
    said = told("liquidity", {"limit": 0.1}, [15_000, 3, 0], factors={"adv_20": np.array([1e5, np.nan, 1.0])})
    assert said["GLD"] == (
        "GLD: buy 15000 cut to a purchase of 10000 by liquidity: a position of 15,000 units wanted, 10,000 "
        "are what its average volume allows"
    )
    assert said["SPY"] == "SPY: buy 3 rejected by liquidity: its average volume is not known"


def test_the_position_that_is_the_largest_share_of_its_volume_is_told() -> None:
    what = measured(0.1, -0.1, 0.1, volume_share=np.array([0.02, 0.08, np.nan]))
    (one,) = distances([rule_of("liquidity", {"limit": 0.1})], what)
    assert (one.subject, one.value, round(one.room, 12)) == ("SPY", 0.08, 0.02)
    assert list(distances([rule_of("liquidity", {"limit": 0.1})], measured(0.1, 0, 0))) == []


def marks(*rows: tuple[str, int]) -> list[tuple[date, Decimal]]:
    return [(date.fromisoformat(day), Decimal(nav)) for day, nav in rows]


@pytest.mark.parametrize(
    ("rows", "week", "month"),
    [
        # a holiday on Monday 2024-05-27: the week is measured from Friday, the month from April
        ([("2024-04-30", 100), ("2024-05-24", 110), ("2024-05-28", 99)], -0.1, -0.01),
        # a gain after the low opens nothing again
        ([("2024-04-30", 100), ("2024-05-24", 100), ("2024-05-28", 94), ("2024-05-29", 101)], -0.06, -0.06),
        # a new month within a week
        ([("2024-05-24", 100), ("2024-05-28", 90), ("2024-05-31", 95)], -0.1, -0.1),
        ([("2024-05-24", 100), ("2024-05-28", 90), ("2024-05-31", 90), ("2024-06-03", 90)], 0.0, 0.0),
        ([("2024-05-31", 100), ("2024-06-28", 90), ("2024-07-01", 99)], 0.0, 0.0),
        ([("2024-07-26", 100), ("2024-07-31", 90), ("2024-08-01", 95)], -0.1, 0.0),
        # the first NAV of a book stands for the one before
        ([("2024-05-28", 100), ("2024-05-29", 95)], -0.05, -0.05),
        ([("2024-05-28", 100)], 0.0, 0.0),
    ],
)
def test_the_lowest_nav_of_a_week_and_a_month(rows: list[tuple[str, int]], week: float, month: float) -> None:
    known = marks(*rows)
    found = period_lows(known, known[-1][0])
    assert (found.week, found.month) == (pytest.approx(week), pytest.approx(month))


LOSSES = {"week": -0.05, "month": -0.10}


@pytest.mark.parametrize(
    ("week", "month", "opens"),
    [(-0.05, -0.10, True), (-0.051, -0.02, False), (-0.02, -0.11, False), (0.0, 0.0, True)],
)
def test_a_loss_of_the_week_or_the_month_opens_nothing(week: float, month: float, opens: bool) -> None:
    lows = {"periods": PeriodLows(week, month)}
    assert leaves("period_loss", LOSSES, [10, -20, 0], [30, -40, 0], **lows) == (
        [30, -40, 0] if opens else [10, -20, 0]
    )
    assert leaves("period_loss", LOSSES, [10, -20, 0], [5, -10, 0], **lows) == [5, -10, 0]


def test_a_loss_of_a_period_is_told_with_its_numbers_once_a_period() -> None:
    lows = PeriodLows(week=-0.06, month=-0.12)
    said = told("period_loss", LOSSES, [10, 0, 0], periods=lows)["GLD"]
    assert said == (
        "GLD: buy 10 rejected by period_loss.month: NAV moved -12.00% up to its lowest of this month, "
        "entries stop below -10.00% until the next"
    )
    rule = rule_of("period_loss", LOSSES)
    breach = rule.breach(np.zeros(3), situation(periods=lows, session=date(2024, 5, 30)))
    assert breach is not None
    assert (breach.key, breach.level, breach.kills) == ("month 2024-05-01", "CRITICAL", False)
    only_week = rule.breach(
        np.zeros(3), situation(periods=replace(lows, month=-0.02), session=date(2024, 5, 30))
    )
    assert only_week is not None
    assert only_week.key == "week 2024-05-27"
    assert rule.breach(np.zeros(3), situation()) is None


def test_each_period_has_its_distance() -> None:
    found = list(
        distances([rule_of("period_loss", LOSSES)], measured(0, 0, 0, periods=PeriodLows(-0.06, -0.02)))
    )
    assert [(one.subject, one.value, one.state) for one in found] == [
        ("month", -0.02, "within"),
        ("week", -0.06, "beyond"),
    ]
    assert [
        one.subject for one in distances([rule_of("period_loss", {"week": -0.05})], measured(0, 0, 0))
    ] == ["week"]


def test_beyond_its_drawdown_a_book_only_reduces() -> None:
    waits = {"standing": replace(Standing.calm(3), level=4), "drawdown": 0.16}
    assert leaves("max_drawdown", {"limit": 0.15}, [10, -20, 0], [30, -10, 1], **waits) == [10, -10, 0]
    assert leaves("max_drawdown", {"limit": 0.15}, [10, -20, 0], [30, -40, 1]) == [30, -40, 1]
    assert told("max_drawdown", {"limit": 0.15}, [10, 0, 0], **waits)["GLD"] == (
        "GLD: buy 10 rejected by max_drawdown: drawdown of 16.00% from the peak, from 15.00% on nothing is "
        "opened until the way back"
    )
    (one,) = distances([rule_of("max_drawdown", {"limit": 0.15})], measured(0, 0, 0, drawdown=0.12))
    assert (one.limit, round(one.room, 12)) == (0.15, 0.03)


def test_a_largest_drawdown_brings_its_way_back_and_not_the_rules_of_levels() -> None:
    names = {
        rule.name
        for rule in make_rules({"max_drawdown": {"limit": 0.15}}, also=("drawdown_level", "level_cut"))
    }
    assert {"max_drawdown", "recovery", "recovery_leverage"} <= names
    assert not {"drawdown_level", "level_cut"} & names


def protection(**changed: Any) -> dict[str, Any]:
    return {"protection": replace(Protection.none(3), **changed)}


def test_nothing_is_opened_without_a_stop_on_either_side() -> None:
    bare = protection(bare_entry=np.array([True, False, False]))
    assert leaves("stop_required", {}, [0, 0, 0], [10, 10, 0], **bare) == [0, 10, 0]
    assert leaves("stop_required", {}, [5, 0, 0], [-10, -10, 0], **bare) == [0, -10, 0]
    assert leaves("stop_required", {}, [10, 0, 0], [5, 0, 0], **bare) == [5, 0, 0]
    assert told("stop_required", {}, [10, 0, 0], **bare)["GLD"].endswith(
        "rejected by stop_required: without a stop at 1 (1 is so): nothing may be opened without one"
    )
    (one,) = distances([rule_of("stop_required", {})], measured(0.1, 0, 0, bare=1))
    assert (one.value, one.limit, one.state) == (1.0, 0.0, "beyond")


@pytest.mark.parametrize(
    ("held", "wanted", "left"),
    [
        ([0, 0, 0], [1000, 0, 0], [1000, 0, 0]),  # 5 dollars each: 5 %
        ([0, 0, 0], [1000, 500, 0], [1000, 500, 0]),  # and 2 dollars each: 1 %
        ([0, 0, 0], [1000, 800, 0], [1000, 500, 0]),  # the less confident is cut
        ([0, 0, 0], [-1000, -800, 0], [-1000, -500, 0]),
        ([2000, 0, 0], [2000, 500, 0], [2000, 500, 0]),  # held at 2.5 dollars each: 5 %
        ([3000, 0, 0], [3000, 500, 0], [3000, 0, 0]),  # what is held is not forced out
        ([3000, 0, 0], [2000, 500, 0], [2000, 500, 0]),
    ],
)
def test_the_loss_at_all_stops_is_limited(held: list[float], wanted: list[float], left: list[float]) -> None:
    risk = protection(held_risk=np.array([2.5, 2.0, 0.0]), added_risk=np.array([5.0, 2.0, 500.0]))
    entering = replace(Entering.nothing(3), confidence=np.array([0.9, 0.8, 0.7]))
    assert leaves("stop_heat", {"limit": 0.06}, held, wanted, entering=entering, **risk) == left


def test_the_heat_of_stops_is_told_with_its_numbers() -> None:
    risk = protection(added_risk=np.array([5.0, 2.0, 0.0]))
    assert told("stop_heat", {"limit": 0.06}, [1500, 0, 0], **risk)["GLD"] == (
        "GLD: buy 1500 cut to a purchase of 1200 by stop_heat: a loss of 7.50% of NAV where every stop is "
        "hit, at most 6.00%"
    )
    (one,) = distances([rule_of("stop_heat", {"limit": 0.06})], measured(0.1, 0, 0, loss_at_stops=0.045))
    assert round(one.room, 12) == 0.015


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"period_loss": {}}, r"limits\.period_loss: .*give week, month or both"),
        ({"period_loss": {"week": 0.05}}, r"limits\.period_loss\.week: found 0\.05"),
        ({"max_drawdown": {}}, r"limits\.max_drawdown\.limit: missing"),
        ({"max_drawdown": {"limit": 0.0}}, r"limits\.max_drawdown\.limit: found 0\.0"),
        ({"liquidity": {"limit": 10}}, r"limits\.liquidity\.limit: found 10"),
        ({"group_count": {"limit": -1}}, r"limits\.group_count\.limit: found -1"),
        ({"stop_heat": {}}, r"limits\.stop_heat\.limit: missing"),
        (
            {"stop_required": {"limit": 1}},
            r"limits\.stop_required\.limit: unknown key; .* knows no parameters",
        ),
        ({"net_leverage": {"limit": 0}}, r"limits\.net_leverage\.limit: found 0"),
        ({"leverage_reduction": {"tolerance": -1}}, r"limits\.leverage_reduction\.tolerance: found -1"),
        ({"maintenance_margin": {"buffer": 1}}, r"limits\.maintenance_margin\.buffer: found 1"),
    ],
)
def test_numbers_that_cannot_be_are_refused_with_the_path_of_their_key(
    limits: dict[str, Any], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        make_rules(limits)


def test_the_move_to_a_largest_drawdown_is_told_without_a_sale() -> None:
    levels = MaxDrawdownLimit(limit=0.15).levels
    nav, peak = Decimal(84_000), Decimal(100_000)
    said = describe(LevelChange(date(2020, 3, 16), 0, 4, "drawdown", Decimal("0.16"), nav, peak), levels)
    assert said.endswith(
        "NAV 84,000.00 is 16.00% below the peak of 100,000.00 dollars. Nothing is opened until the way back, "
        "which a person has to confirm."
    )
