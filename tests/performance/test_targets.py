"""Targets of a book: met, acceptable or missed."""

import math
from datetime import date

import pytest

from nightdesk.core.reporting_terms import Target
from nightdesk.performance import judge_targets

RETURN = Target(above=0.10, acceptable=0.07)
DRAWDOWN = Target(below=0.15, acceptable=0.20)


@pytest.mark.parametrize(
    ("figure", "target", "value", "outcome"),
    [
        ("annual_return", RETURN, 0.1001, "met"),
        ("annual_return", RETURN, 0.10, "acceptable"),  # above means above
        ("annual_return", RETURN, 0.07, "acceptable"),  # at least 7 %
        ("annual_return", RETURN, 0.0699, "missed"),
        ("annual_return", RETURN, -0.2, "missed"),
        ("annual_return", Target(above=0.10), 0.09, "missed"),
        ("max_drawdown", DRAWDOWN, 0.1499, "met"),
        ("max_drawdown", DRAWDOWN, 0.15, "acceptable"),
        ("max_drawdown", DRAWDOWN, 0.20, "acceptable"),
        ("max_drawdown", DRAWDOWN, 0.2001, "missed"),
        ("sharpe", Target(above=1.0), math.nan, "unknown"),
    ],
)
def test_a_bound(figure, target, value, outcome):
    (judged,) = judge_targets({figure: target}, {figure: value})
    assert (judged.outcome, judged.beyond) == (outcome, False)


@pytest.mark.parametrize(
    ("figure", "value", "outcome", "beyond"),
    [
        ("annual_return", 0.05, "met", False),
        ("annual_return", 0.15, "met", False),
        ("annual_return", 0.049, "missed", False),
        ("annual_return", 0.20, "met", True),
        ("max_drawdown", 0.02, "met", True),
        ("max_drawdown", 0.16, "missed", False),
        ("trades_monthly", 0.02, "missed", False),
        ("trades_monthly", 0.20, "missed", False),
    ],
)
def test_a_range_is_met_between_its_ends_and_beyond_the_better_one(figure, value, outcome, beyond):
    target = Target(above=0.05, below=0.15)
    (judged,) = judge_targets({figure: target}, {figure: value})
    assert (judged.outcome, judged.beyond) == (outcome, beyond)


def test_every_target_is_told_and_the_missed_ones_first():
    targets = {name: Target(above=1.0, acceptable=0.5) for name in ("calmar", "sharpe", "sortino", "beta")}
    figures = {"calmar": 2.0, "sharpe": 0.7, "sortino": 0.1, "beta": math.nan}
    judged = judge_targets(targets, figures)
    assert [(one.figure, one.outcome) for one in judged] == [
        ("sortino", "missed"), ("beta", "unknown"), ("sharpe", "acceptable"), ("calmar", "met"),
    ]  # fmt: skip


EUROS = Target(above=50.0, acceptable=40.0, eur_rate=1.08, eur_rate_of=date(2026, 11, 30))


@pytest.mark.parametrize(
    ("dollars", "outcome"), [(54.01, "met"), (54.0, "acceptable"), (43.2, "acceptable"), (43.19, "missed")]
)
def test_a_target_in_euros_is_judged_in_dollars_by_the_rate_that_it_states(dollars, outcome):
    (judged,) = judge_targets({"profit_daily": EUROS}, {"profit_daily": dollars})
    assert (judged.value, judged.outcome) == (dollars, outcome)


@pytest.mark.parametrize("rate", [108, 0.0108])
def test_what_no_euro_was_ever_worth_is_no_rate(rate):
    with pytest.raises(ValueError, match=f"found {rate:g}, and a euro is between 0.5 and 2 dollars"):
        Target(above=50.0, eur_rate=rate, eur_rate_of=date(2026, 11, 30))


def test_a_rate_comes_with_its_day():
    for half in ({"eur_rate": 1.08}, {"eur_rate_of": date(2026, 11, 30)}):
        with pytest.raises(ValueError, match="a rate and its day go together"):
            Target(above=50.0, **half)
