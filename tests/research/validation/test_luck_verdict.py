"""All tests together: strategies without skill fail, an edge passes; what cannot be judged is refused."""

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.research.validation.noise import noise, planted

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Bars, Column, Panel, build_panel
from nightdesk.performance.return_moments import moments_of_nav
from nightdesk.research.sweep.set_course import SetCourse
from nightdesk.research.sweep.trials import SweepSpan, Trial
from nightdesk.research.validation.candidate_sets import CandidateSets, candidate_sets
from nightdesk.research.validation.luck_verdict import TriedBefore, ValidationPlan, validate

FIRST = date(2015, 1, 2)
PLAN = ValidationPlan()


def panel(sessions: int) -> Panel:
    """A benchmark that rises a little, with noise of its own."""
    days = get_calendar("XNYS").between(FIRST, date(2024, 12, 31))[: sessions + 1]
    close = 100 * np.cumprod(np.append(1.0, 1.0001 + noise(77, 1, sessions)[:, 0] * 0.2))
    flat = [close, close * 1.01, close * 0.99, close, np.full(len(days), 1e6)]
    return build_panel(days, [Column("SPY")], Bars(np.zeros(len(days), dtype=int), days, *flat), ())


def sets(
    returns: np.ndarray, own: int | None = None, navs: dict[int, np.ndarray] | None = None
) -> CandidateSets:
    trials = []
    for n, some in enumerate(returns.T):
        nav = (navs or {}).get(n, 1e5 * np.cumprod(np.append(1.0, 1 + some)))
        course = SetCourse(nav, some[::5])
        moments = moments_of_nav(nav)
        trials.append(Trial({"a": f"{n}"}, {"sharpe": 1.0}, f"c{n}", "", f"r{n}", "v", moments, course))
    whole = panel(len(returns))
    span = SweepSpan(whole, FIRST, FIRST, date(2030, 1, 1))
    return candidate_sets(trials, span, like_book(f"r{own}"), "sharpe")


def like_book(rules: str) -> Any:
    """What is read of a book: its rules, its benchmark, what its cash earns."""
    return SimpleNamespace(rules_hash=rules, benchmark="SPY", rates=SimpleNamespace(credit_rate=0.02))


def tried(count: int = 50) -> TriedBefore:
    return TriedBefore(count, float("nan"), from_ledger=False)


def outcome(found) -> dict[str, bool]:
    return {one.name: one.passed for one in found.checks}


def test_the_best_of_50_strategies_without_skill_is_not_passed() -> None:
    found = validate(sets(noise(1, 50)), PLAN, tried())
    passed = outcome(found)
    assert not found.passed
    for name in ("deflated_sharpe", "overfitting", "beats_cash", "walk_forward_efficiency"):
        assert not passed[name], name
    assert passed["probabilistic_sharpe"], "alone it looks like skill"


def test_an_edge_among_them_passes_every_test() -> None:
    found = validate(sets(planted(1, 50, sharpe=5.0)), PLAN, tried())
    assert outcome(found) == dict.fromkeys(outcome(found), True)
    assert found.passed


def test_the_books_own_set_is_judged_where_the_grid_holds_it() -> None:
    both = sets(planted(1, 20), own=3)
    assert (both.best, both.own, both.judged) == (7, 3, 3)
    found = validate(both, PLAN, tried(20))
    assert not outcome(found)["deflated_sharpe"]
    assert sets(planted(1, 20), own=99).judged == 7


def test_a_wider_spread_of_what_was_tried_before_counts() -> None:
    some = sets(planted(1, 20, sharpe=2.0))
    alone, beside = (
        validate(some, PLAN, TriedBefore(20, variance, True)).deflated for variance in (0.0, 0.01)
    )
    assert alone.luck < beside.luck
    assert alone.deflated > beside.deflated


def test_the_steps_are_counted_and_the_same_seed_says_the_same() -> None:
    some, seen = sets(noise(3, 5)), []
    first = validate(some, PLAN, tried(5), lambda: seen.append(1))
    again = validate(some, PLAN, tried(5))
    assert len(seen) == 7
    assert (first.beside_cash, first.of_returns.growth) == (again.beside_cash, again.of_returns.growth)
    other = validate(some, replace(PLAN, seed=2), tried(5))
    assert other.of_returns.growth != first.of_returns.growth


def test_a_set_that_never_trades_is_not_judged_and_no_number_is_refused() -> None:
    returns = noise(1, 4, 900)
    returns[:, 2] = 0.0
    with pytest.raises(Refused, match="a=2 never trades in this span"):
        validate(sets(returns, own=2), PLAN, tried(4))
    assert validate(sets(returns), PLAN, tried(4)).sessions == 901
    broken = np.full(901, 1e5)
    broken[450:] = np.nan
    with pytest.raises(Refused, match="the return of a=1 is no number in the session of 2016-10-14"):
        sets(returns, navs={1: broken})
    nothing = np.full(901, 1e5)
    nothing[10:] = 0.0
    with pytest.raises(Refused, match="the return of a=0 is no number"):
        sets(returns, navs={0: nothing})


def test_sets_of_which_none_has_a_result_are_refused_with_the_reason() -> None:
    span = SimpleNamespace()
    refused = [Trial({"a": "1"}, {}, refused="no such window")]
    with pytest.raises(Refused, match="none of the 1 sets has a result: no such window"):
        candidate_sets(refused, span, like_book("r"), "sharpe")  # type: ignore[arg-type]
