"""The criteria of each stage: what meets them, what is stale, and what is not known."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from nightdesk.core.stages import Stage
from nightdesk.research.gates.lived_days import LivedDays, LivedSession, apart, growth_of_sessions
from nightdesk.research.gates.stage_criteria import Criterion, Known, evaluate
from nightdesk.store.gate_evidence_rows import Evidence

NOW = datetime(2026, 12, 1, tzinfo=UTC)
CODE, RULES = "0.1.0+aaaaaaaaaaaa", "r1"

BACKTEST = {
    "first": "2018-01-02",
    "last": "2022-12-30",
    "sharpe": 0.9,
    "max_drawdown": 0.15,
    "sources": ["yahoo"],
}
GREEN = {"green": True, "data_checks": True, "persistence": True}
VALIDATION: dict[str, Any] = {
    "sources": ["yahoo"],
    "checks": {
        "deflated_sharpe": {"value": 0.97},
        "overfitting": {"value": 0.02},
        "beats_cash": {"value": 0.01},
    },
}
DRILL = {"levels": {"1": True, "2": True}, "kill_switch": True}


def row(number: int, kind: Any, figures: dict[str, Any], **other: Any) -> Evidence:
    at = NOW - timedelta(days=100 - number)
    book, rules = ("", "") if kind == "code" else ("b", RULES)
    return replace(Evidence(number, book, kind, rules, CODE, figures, at), **other)


WHOLE = (
    row(6, "code", GREEN),
    row(5, "audit", {"look_ahead_passed": True, "warm_up_passed": True}),
    row(4, "drill", DRILL),
    row(3, "validation", VALIDATION),
    row(2, "stress", {"passed": True}),
    row(1, "backtest", BACKTEST),
)


def known(*evidence: Evidence, **other: Any) -> Known:
    values: dict[str, Any] = {"levels": (1, 2), **other}
    return Known("b", RULES, CODE, NOW, evidence=evidence or WHOLE, **values)


def days(count: int, *, step: float = 0.001, book: str = "b", **changes: Any) -> LivedDays:
    """Sessions in a row in which the NAV grows, a little less every second time."""
    nav, lived = Decimal(100_000), []
    for n in range(count):
        nav *= Decimal(repr(1 + step * (1 + n % 2)))
        lived.append(LivedSession(date(2026, 1, 5) + timedelta(days=n), nav, Decimal(0)))
    return replace(LivedDays(book, tuple(lived), sources=("yahoo",)), **changes)


def unmet(criteria: tuple[Criterion, ...]) -> set[str]:
    return {one.name for one in criteria if not one.met}


def one(criteria: tuple[Criterion, ...], name: str) -> Criterion:
    return next(each for each in criteria if each.name == name)


def test_a_book_that_has_shown_everything_may_go_to_paper_and_each_criterion_names_its_evidence() -> None:
    found = evaluate(Stage.PAPER, known())

    assert unmet(found) == set()
    assert {each.name: each.evidence for each in found} == {
        "backtest_years": 1, "backtest_sharpe": 1, "backtest_drawdown": 1, "backtest_bars": 1, "stress": 2,
        "deflated_sharpe": 3, "overfitting_probability": 3, "superior_ability_p": 3,
        "look_ahead": 5, "warm_up": 5, "tests": 6, "data_checks": 6, "persistence": 6,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("figures", "lacks"),
    [
        ({"first": "2018-01-10"}, "backtest_years"),
        ({"sharpe": 0.7}, "backtest_sharpe"),
        ({"sharpe": None}, "backtest_sharpe"),
        ({"max_drawdown": 0.20}, "backtest_drawdown"),
        ({"sources": ["sample", "yahoo"]}, "backtest_bars"),
        ({"sources": []}, "backtest_bars"),
    ],
)
def test_a_limit_is_not_met_by_what_lies_on_it_or_is_not_known(figures: dict[str, Any], lacks: str) -> None:
    found = evaluate(Stage.PAPER, known(*WHOLE[:-1], row(1, "backtest", BACKTEST | figures)))

    assert unmet(found) == {lacks}


def test_evidence_of_other_rules_or_other_code_is_stale_and_says_so() -> None:
    other_rules = [row(2, "stress", {"passed": True}, rules_hash="r0"), WHOLE[-1]]
    found = one(evaluate(Stage.PAPER, known(*other_rules)), "stress")
    assert (found.met, found.value, found.evidence) == (False, None, None)
    assert (
        "stale: stress 2 of 2026-08-25 is of other rules; `nightdesk stress b --keep` makes it" in found.words
    )

    other_code = row(2, "stress", {"passed": True}, code_version="0.1.0+bbbbbbbbbbbb")
    found = one(evaluate(Stage.PAPER, known(other_code)), "stress")
    assert f"is of code 0.1.0+bbbbbbbbbbbb, this is {CODE}" in found.words

    found = one(
        evaluate(Stage.PAPER, known(row(6, "code", GREEN, code_version="0.1.0+bbbbbbbbbbbb"))), "tests"
    )
    assert not found.met
    assert "stale: the newest known tests are of code 0.1.0+bbbbbbbbbbbb" in found.words


def test_the_tests_of_a_package_count_for_a_book_with_plug_ins_of_its_own() -> None:
    found = evaluate(Stage.PAPER, replace(known(), code_version=f"{CODE}.cccccccccccc"))

    assert one(found, "tests").met
    assert not one(found, "stress").met


@pytest.mark.parametrize("kind", ["stress", "validation"])
def test_what_made_up_bars_show_counts_for_nothing(kind: str) -> None:
    figures = {"passed": True, **VALIDATION, "sources": ["sample"]}
    found = evaluate(Stage.PAPER, known(row(9, kind, figures), *WHOLE))

    assert unmet(found) == (
        {"stress"}
        if kind == "stress"
        else {"deflated_sharpe", "overfitting_probability", "superior_ability_p"}
    )
    assert any("is of the sample market, which shows nothing" in one.words for one in found)


def test_a_short_backtest_of_later_takes_nothing_from_a_long_one() -> None:
    short = row(9, "backtest", BACKTEST | {"first": "2022-01-03"})
    assert one(evaluate(Stage.PAPER, known(short, *WHOLE)), "backtest_years").evidence == 1
    worse = row(9, "backtest", BACKTEST | {"sharpe": 0.1})
    assert unmet(evaluate(Stage.PAPER, known(worse, *WHOLE))) == {"backtest_sharpe"}


def test_days_on_paper_let_a_book_trade_with_real_money() -> None:
    assert unmet(evaluate(Stage.SMALL, known(paper=days(63)))) == set()
    assert unmet(evaluate(Stage.SMALL, known(paper=days(62)))) == {"paper_sessions"}
    assert unmet(evaluate(Stage.SMALL, known(paper=days(63, step=-0.0001)))) == {"paper_sharpe"}
    assert unmet(evaluate(Stage.SMALL, known(paper=days(63, sources=("sample",))))) == {"paper_bars"}
    lacking = evaluate(Stage.SMALL, known())
    assert {name for name in unmet(lacking) if name.startswith("paper")} == unmet(lacking)
    assert len(unmet(lacking)) == 6


def test_a_crash_or_a_gap_on_paper_counts_until_63_sessions_have_passed_since() -> None:
    whole = days(80)
    for change, name in (
        ({"crashes": ("submit was cut off",)}, "paper_crashes"),
        ({"late": True}, "paper_gaps"),
        ({"faults": ("no bar of ^VIX",)}, "paper_gaps"),
    ):
        early = list(whole.lived)
        early[3] = replace(early[3], **change)
        assert name not in unmet(evaluate(Stage.SMALL, known(paper=replace(whole, lived=tuple(early)))))
        early[-5] = replace(early[-5], **change)
        found = evaluate(Stage.SMALL, known(paper=replace(whole, lived=tuple(early))))
        assert unmet(found) == {name}
        assert str(early[-5].session) in one(found, name).words
    gap = replace(whole, missing=(whole.lived[-2].session,))
    assert unmet(evaluate(Stage.SMALL, known(paper=gap))) == {"paper_gaps"}


def test_every_level_that_a_book_has_must_have_been_rehearsed() -> None:
    ready = known(paper=days(63), levels=(1, 2, 3))
    assert unmet(evaluate(Stage.SMALL, ready)) == {"levels_drilled"}
    failed = row(8, "drill", {"levels": {"1": True, "2": False}, "kill_switch": True})
    assert unmet(evaluate(Stage.SMALL, known(failed, *WHOLE, paper=days(63)))) == {"levels_drilled"}
    unstopped = row(8, "drill", DRILL | {"kill_switch": False})
    assert unmet(evaluate(Stage.SMALL, known(unstopped, *WHOLE, paper=days(63)))) == {"levels_drilled"}


def test_a_book_in_which_models_decide_asks_for_more() -> None:
    ready = known(paper=days(63), models=("ml",))
    assert unmet(evaluate(Stage.SMALL, ready)) == {"paper_sessions", "model_ic", "model_better_than_without"}
    skill = {"lowest_ic": {"value": 0.03}, "better_than_without_model": {"value": True}}
    skilled = row(7, "validation", {"checks": {**VALIDATION["checks"], **skill}})
    assert unmet(evaluate(Stage.SMALL, known(skilled, *WHOLE, paper=days(126), models=("ml",)))) == set()


def at_small(**other: Any) -> Known:
    values = {"live": days(20, book="live"), "paper": days(20), "since": NOW - timedelta(days=28), **other}
    drilled = row(99, "drill", DRILL)
    return known(drilled, *WHOLE, stage=Stage.SMALL, **values)


def test_four_weeks_of_small_money_beside_paper_let_a_book_go_on() -> None:
    assert unmet(evaluate(Stage.QUARTER, at_small())) == set()
    early = at_small(since=NOW - timedelta(days=27, hours=23))
    assert unmet(evaluate(Stage.QUARTER, early)) == {"days_at_stage"}
    apart_by = one(evaluate(Stage.QUARTER, at_small(paper=days(20, step=0.002))), "return_beside_paper")
    assert not apart_by.met
    assert apart_by.value == pytest.approx(-0.0301, abs=1e-3)
    assert unmet(evaluate(Stage.QUARTER, at_small(live=None))) == {
        "sessions_at_stage", "crashes_at_stage", "gaps_at_stage", "return_beside_paper",
    }  # fmt: skip
    assert "return_beside_paper" in unmet(evaluate(Stage.QUARTER, at_small(paper=None)))


def test_levels_are_drilled_anew_at_each_stage_with_real_money() -> None:
    drilled_before = replace(at_small(), evidence=WHOLE, since=NOW - timedelta(days=30))
    found = one(evaluate(Stage.QUARTER, drilled_before), "levels_drilled")
    assert not found.met
    assert "was before b came to small" in found.words


def test_two_weeks_are_enough_at_a_quarter_and_at_a_half() -> None:
    for stage, later in ((Stage.QUARTER, Stage.HALF), (Stage.HALF, Stage.FULL)):
        ready = replace(at_small(since=NOW - timedelta(days=14)), stage=stage, evidence=at_small().evidence)
        assert unmet(evaluate(later, ready)) == set()


def test_money_that_comes_in_is_no_return() -> None:
    lived = [
        LivedSession(date(2026, 1, 5), Decimal(1000), Decimal(1000)),
        LivedSession(date(2026, 1, 6), Decimal(1010), Decimal(0)),
        LivedSession(date(2026, 1, 7), Decimal(2020), Decimal(1010)),
        LivedSession(date(2026, 1, 8), Decimal(2222), Decimal(0)),
    ]
    assert growth_of_sessions(lived).tolist() == pytest.approx([1.0, 1.01, 1.01, 1.111])


def test_two_books_are_compared_over_the_sessions_that_both_have_lived() -> None:
    live, paper = days(10, step=0.001), days(10, step=0.001)
    later = replace(live, lived=live.lived[5:])
    assert apart(later, paper) == pytest.approx(0.0)
    assert apart(replace(live, lived=live.lived[9:]), paper) is None
