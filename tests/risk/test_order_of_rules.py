"""Pair by pair: which rule may cut after which, whose sales pass whom, and when the first must cut again.

One ask serves all pairs. Each rule has one entry in `CASES`: numbers and a situation in which it binds, made
so that it still binds on what any rule before it leaves.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from nightdesk.core.panel import Floats
from nightdesk.core.portfolio_terms import Band
from nightdesk.portfolio import Units
from nightdesk.risk import (
    Correlations,
    Entering,
    Passage,
    PeriodLows,
    Protection,
    Rule,
    Situation,
    Standing,
    make_rules,
    pass_gate,
    rule_names,
)
from nightdesk.risk.by_hand import ByHand
from nightdesk.risk.rule import rule_class
from nightdesk.testing.situations import situation

#: The desk's written order; the place in it is the ten of a rule's order.
WRITTEN_ORDER = {
    0: ("overrides", "override_size"),
    1: (
        *("member", "kill_switch", "daily_loss", "period_loss"),
        *("quarantine", "staleness", "references", "regime"),
    ),
    2: ("drawdown_level", "level_cut", "recovery", "max_drawdown"),
    3: ("stop_loss", "leverage_reduction", "maintenance_margin", "stop_required", "strategy_stop"),
    4: ("correlation",),
    5: ("liquidity", "max_weight", "position_count", "group_count"),
    7: ("heat", "stop_heat"),
    8: ("gross_leverage", "recovery_leverage", "net_leverage", "cash_buffer", "cash"),
    9: ("trades_per_day", "turnover_per_day"),
    10: ("smallest_trade", "rebalance_threshold"),
    11: ("wash_sale", "pattern_day_trader"),
}
#: Rules that bring a whole book back, so that nothing is left for others; see `test_reduction`.
OF_WHAT_IS_HELD = {"leverage_reduction", "maintenance_margin"}
#: Rules that cut nothing themselves; see `test_strategy_stops`.
CUTS_NOTHING = {"strategy_stop"}
WRITTEN = tuple(name for group in WRITTEN_ORDER.values() for name in group)
NAMES = tuple(name for name in WRITTEN if name not in OF_WHAT_IS_HELD | CUTS_NOTHING)
GROUP = {name: ten for ten, group in WRITTEN_ORDER.items() for name in group}

#: With one of these no purchase is left to judge.
STOPS_EVERY_ENTRY = {"kill_switch", "daily_loss", "period_loss", "references", "regime", "max_drawdown"}
#: Rules that speak of entries alone, so never of a sale.
OF_ENTRIES = {
    *STOPS_EVERY_ENTRY,
    "overrides",
    "member",
    "quarantine",
    "staleness",
    "drawdown_level",
    "recovery",
    "stop_required",
    "position_count",
    "group_count",
    "liquidity",
    "heat",
    "stop_heat",
    "gross_leverage",
    "recovery_leverage",
    "net_leverage",
    "cash_buffer",
    "cash",
    "wash_sale",
}
#: Rules whose sales pass everything from group 5 on.
EXEMPT = {"level_cut", "stop_loss"}
#: Rules that may hold a sale back,
OF_TRADES = {
    "trades_per_day",
    "turnover_per_day",
    "smallest_trade",
    "rebalance_threshold",
    "pattern_day_trader",
}
#: and those before them that let a purchase through on account of a sale, so that they cut it again then.
OF_THE_WHOLE = {
    *("correlation", "heat", "stop_heat", "gross_leverage", "recovery_leverage", "net_leverage"),
    *("cash_buffer", "cash"),
}

NAV = 200_000.0
#: Symbol: thousands of dollars held and wanted, and the largest weight. All cost one dollar.
ASK = {
    "NEW": (0.0, 20.0, 0.09995),
    "MORE": (10.0, 45.0, 0.45),
    "DAY": (17.0, 10.0, 0.45),
    "TRIM": (12.0, 6.0, 0.56),
    "LESS": (20.0, 15.0, 0.73),
    "DUST": (5.0, 4.8, 0.52),
    "KEPT": (20.0, 20.0, 0.095),
    "TWIN": (5.0, 5.0, 0.385),
    "ALSO": (0.0, 0.03, 0.45),
    "BAD": (0.0, 0.03, 0.45),
    "GONE": (0.0, 0.03, 0.45),
    "OLD": (0.0, 0.03, 0.45),
    "LAST": (0.0, 0.03, 0.45),
    "HAND": (0.0, 0.03, 0.45),
}
SYMBOLS = tuple(ASK)
N = len(SYMBOLS)
HELD, WANTED, MAX_WEIGHT = (np.array(column) for column in zip(*ASK.values(), strict=True))
HELD, WANTED = HELD * 1000.0, WANTED * 1000.0
KEPT = SYMBOLS.index("KEPT")
SALES = WANTED < HELD


def of(default: float, **given: float) -> Floats:
    """An array by symbol."""
    return np.array([given.get(symbol, default) for symbol in SYMBOLS])


def protection() -> Protection:
    """Five cents of each dollar up to the stops, but for LAST, which would have none."""
    risk, none = of(0.05), np.zeros(N, dtype=bool)
    return Protection(risk, risk, none, of(0, LAST=1).astype(bool))


def pairs(**given: float) -> Correlations:
    """Correlations by `ONE_OTHER`; not known for the other pairs."""
    out = np.full((N, N), np.nan)
    for names, strength in given.items():
        i, j = (SYMBOLS.index(one) for one in names.split("_"))
        out[i, j] = out[j, i] = strength
    return Correlations.given(out)


@dataclass(frozen=True)
class Case:
    """Where a rule binds: its numbers, those for an ask without purchases, what it needs of the situation."""

    params: dict[str, Any] = field(default_factory=dict)
    of_sales: dict[str, Any] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)
    standing: dict[str, Any] = field(default_factory=dict)


#: Each in a group of its own.
ALONE = {name: float(n) for n, name in enumerate(SYMBOLS) if name not in ("ALSO", "TWIN", "NEW")}


def by_hand(barred: str = "", **size: float) -> ByHand:
    """Nothing added to one symbol, and others reduced to shares of NAV."""
    shares, none = of(np.inf, **size), ("",) * N
    flags = of(0, **{barred: 1} if barred else {}).astype(bool)
    words = tuple("max-size by ann" if one < np.inf else "" for one in shares)
    said = tuple("close-only by ann" if one else "" for one in flags)
    return ByHand(flags, np.zeros(N, dtype=bool), shares, shares, said, none, words)


CASES = {
    "overrides": Case(changed={"by_hand": by_hand("HAND", KEPT=19_700 / NAV)}),
    "override_size": Case(changed={"by_hand": by_hand("HAND", KEPT=19_700 / NAV)}),
    "member": Case(changed={"member": of(1, GONE=0).astype(bool)}),
    "kill_switch": Case(changed={"kill_switch": True}),
    "daily_loss": Case({"limit": -0.02}, changed={"day_return": -0.05}),
    "period_loss": Case({"week": -0.05}, changed={"periods": PeriodLows(week=-0.06)}),
    "quarantine": Case(changed={"quarantined": of(0, BAD=1).astype(bool)}),
    "staleness": Case(changed={"age": of(0, OLD=3).astype(np.int64)}),
    "references": Case(changed={"entries_allowed": False}),
    "regime": Case(changed={"band": Band(name="EXTREME", entries=False, heat=0.616), "vix": 45.0}),
    "drawdown_level": Case(standing={"level": 1, "sure": of(np.inf, NEW=19_900.0, MORE=34_900.0)}),
    "level_cut": Case(standing={"level_cap": of(np.inf, KEPT=19_500.0)}),
    "recovery": Case(standing={"size_cap": of(np.inf, NEW=19_800.0, MORE=44_800.0)}),
    "max_drawdown": Case({"limit": 0.15}, standing={"level": 4}),
    "stop_required": Case(changed={"protection": protection()}),
    "stop_loss": Case(standing={"stop_cap": of(np.inf, KEPT=19_400.0)}),
    "correlation": Case(
        {"joint_cap": 0.25},
        standing={"correlations": pairs(MORE_TRIM=0.95, MORE_LESS=0.90, MORE_DUST=0.85, KEPT_TWIN=0.80)},
    ),
    "max_weight": Case(),
    "position_count": Case({"limit": 11}),
    "group_count": Case(
        {"limit": 1},
        changed={"groups": of(0, ALSO=1, TWIN=1, **ALONE).astype(np.int64), "group_names": SYMBOLS},
    ),
    "liquidity": Case({"limit": 0.1}, changed={"factors": {"adv_20": of(1e9, MORE=430_000.0)}}),
    "heat": Case(changed={"band": Band(name="NORMAL", heat=0.616)}),
    "stop_heat": Case({"limit": 0.030775}, changed={"protection": protection()}),
    "gross_leverage": Case({"limit": 0.615}),
    "recovery_leverage": Case(standing={"leverage_limit": 0.614}),
    "net_leverage": Case({"limit": 0.6135}),
    "cash_buffer": Case({"limit": 1 - 0.613}),
    "cash": Case({"reserve": 0.388}),  # of 111,000 dollars of cash, and 18,200 of sales, 51,600 may be spent
    "trades_per_day": Case({"limit": 5}, of_sales={"limit": 2}),
    "turnover_per_day": Case({"limit": 0.345}, of_sales={"limit": 0.05}),
    "smallest_trade": Case({"limit": 5_500.0}),
    "rebalance_threshold": Case({"limit": 0.0325}),
    "wash_sale": Case({"purchases": "refuse"}, changed={"wash_loss": of(0.0, NEW=50.0)}),
    "pattern_day_trader": Case(
        {"equity": 1e6},
        changed={"opened_today": of(0.0, DAY=1.0, TRIM=1.0, LESS=1.0, KEPT=1.0), "day_trades": 3},
    ),
}


def made(name: str, *, sales_only: bool = False) -> Rule:
    """The rule with its numbers."""
    case = CASES[name]
    params = (sales_only and case.of_sales) or case.params
    return next(one for one in make_rules({name: params}) if one.name == name)


def binding(*names: str) -> Situation:
    """The situation in which all of these rules bind."""
    changed: dict[str, Any] = {}
    standing: dict[str, Any] = {}
    for name in reversed(names):
        changed |= CASES[name].changed
        standing |= CASES[name].standing
    return situation(
        nav=NAV,
        price=np.ones(N),
        max_weight=MAX_WEIGHT,
        units=Units.of([Decimal(1)] * N),
        rank=np.argsort(np.argsort(np.array(SYMBOLS))),
        **{"age": np.zeros(N, dtype=np.int64), "quarantined": np.zeros(N, dtype=bool), **changed},
        standing=replace(Standing.calm(N), **standing),
        entering=Entering(
            confidence=of(0.5, NEW=0.9, MORE=0.8),
            opens=((HELD == 0.0) & (WANTED != 0.0)).astype(np.int64),
            open_here=(HELD != 0.0).astype(np.int64),
            open_positions=int(np.count_nonzero(HELD)),
            cash=NAV - float(HELD.sum()),
            costs=np.zeros(N),
        ),
    )


def asked(passage: Passage, name: str) -> list[tuple[Floats, Floats]]:
    """What a rule was asked and what it left, round by round."""
    return [(one.before, one.after) for one in passage.records if one.rule == name]


def added(quantity: Floats) -> Floats:
    """Units bought."""
    return np.maximum(quantity - HELD, 0.0)


PAIRS = list(combinations(NAMES, 2))


def test_every_rule_stands_in_the_written_order_and_has_a_case_here() -> None:
    assert rule_names() == WRITTEN
    assert {name: rule_class(name).order // 10 for name in WRITTEN} == GROUP
    assert set(CASES) == set(NAMES)
    assert len(PAIRS) == len(NAMES) * (len(NAMES) - 1) // 2


def test_every_rule_says_what_it_may_make_smaller() -> None:
    said = {rule.name: rule.subject for rule in map(made, NAMES)}
    assert {name for name, subject in said.items() if subject == "entries"} == OF_ENTRIES
    assert {name for name, subject in said.items() if subject == "trades"} == OF_TRADES


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_binds_alone(name: str) -> None:
    left = pass_gate([made(name)], WANTED, HELD, binding(name)).quantity
    assert (left != WANTED).any()
    assert name not in OF_ENTRIES or (left[SALES] == WANTED[SALES]).all()


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_second_cuts_what_the_first_left_or_has_nothing_to_say(first: str, second: str) -> None:
    silent = first in STOPS_EVERY_ENTRY and second in OF_ENTRIES
    rules = [made(first), made(second, sales_only=first in STOPS_EVERY_ENTRY)]
    passage = pass_gate(rules, WANTED, HELD, binding(first, second))
    assert [one.rule for one in passage.records[:2]] == ([first] if silent else [first, second])
    before, after = asked(passage, first)[0]
    np.testing.assert_array_equal(before, WANTED)
    assert (after != before).any(), "the first rule does not bind"
    words = asked(passage, second)
    if silent:
        assert not words
        return
    np.testing.assert_array_equal(words[0][0], after)
    assert (words[0][0] != words[0][1]).any(), "the second rule does not bind on what the first left"
    if second in OF_ENTRIES:
        np.testing.assert_array_equal(words[0][1][SALES], words[0][0][SALES])


@pytest.mark.parametrize(
    ("first", "second"), [(one, other) for one, other in PAIRS if one in EXEMPT and GROUP[other] >= 5]
)
def test_an_exempt_sale_passes_what_would_touch_it_and_is_not_counted(first: str, second: str) -> None:
    now = binding(first, second)
    both = pass_gate([made(first), made(second)], WANTED, HELD, now).quantity
    alone = pass_gate([made(first)], WANTED, HELD, now).quantity
    assert both[KEPT] == alone[KEPT] < HELD[KEPT]
    if second not in OF_ENTRIES:
        as_a_wish = pass_gate([made(second)], alone, HELD, now).quantity
        assert as_a_wish[KEPT] != alone[KEPT], "the second rule would not have touched the sale"
    if second in OF_TRADES:
        without = pass_gate([made(second)], WANTED, HELD, now).quantity
        others = np.arange(N) != KEPT
        np.testing.assert_array_equal(both[others], without[others])


@pytest.mark.parametrize(
    ("first", "second"),
    [("level_cut", "stop_loss"), ("level_cut", "correlation"), ("stop_loss", "correlation")],
)
def test_what_a_level_or_a_stop_leaves_is_cut_further_before_group_five(first: str, second: str) -> None:
    now = binding(first, second)
    both = pass_gate([made(first), made(second)], WANTED, HELD, now).quantity
    assert both[KEPT] < pass_gate([made(first)], WANTED, HELD, now).quantity[KEPT]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_first_cuts_again_where_the_second_holds_back_a_sale_that_it_counted_on(
    first: str, second: str
) -> None:
    rules = [made(first), made(second, sales_only=first in STOPS_EVERY_ENTRY)]
    passage = pass_gate(rules, WANTED, HELD, binding(first, second))
    again = [added(after) < added(before) for before, after in asked(passage, first)[1:]]
    assert any(one.any() for one in again) == (first in OF_THE_WHOLE and second in OF_TRADES)
    alone = pass_gate(rules[:1], WANTED, HELD, binding(first, second)).quantity
    assert (added(passage.quantity) <= added(alone)).all(), "a purchase grew on what the second rule freed"
