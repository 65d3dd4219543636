"""A drawdown level in words."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from nightdesk.core.drawdown_levels import Levels
from nightdesk.risk import RiskState, Signs, advance
from nightdesk.risk.moves import in_short, stands

CALM = RiskState(level=0, peak=Decimal(100_000), highest=Decimal(100_000), drawdown=Decimal("0.0125"))
SINCE = date(2020, 3, 9)
LEVELS = Levels(havens=("GLD", "TLT"), first_out=("BTC-USD",))


def test_a_calm_book_says_only_how_far_it_is_below_its_peak() -> None:
    assert stands(CALM, LEVELS) == (
        "Drawdown level 0: the book is 1.25% below its highest NAV of 100,000.00 dollars."
    )


def test_after_a_reset_both_drawdowns_are_told_with_what_each_is_measured_from() -> None:
    """90,000 dollars: 10 % under the 100,000 once reached, 4 % under the 93,750 of the recovery."""
    state = replace(CALM, peak=Decimal(93_750), drawdown=Decimal("0.04"), recovery=3)
    assert state.drawdown_from_highest == Decimal("0.10")
    assert (
        "the book is 4.00% below 93,750.00 dollars, the peak since the last recovery began, from which the "
        "levels count, and 10.00% below its highest NAV of 100,000.00 dollars."
    ) in stands(state, LEVELS)


def test_level_one_says_when_it_ends() -> None:
    said = stands(replace(CALM, level=1, since=SINCE, drawdown=Decimal("0.06")), LEVELS)
    assert "Drawdown level 1 since 2020-03-09: the book is 6.00% below" in said
    assert "Entries need a confidence of 0.6" in said
    end = (
        "It ends when the drawdown is under 4% and the correlation of what is held and wanted is at most 0.5"
    )
    assert said.endswith(f"{end} on average (no pair of them is known now).")


def test_level_one_by_correlation_says_what_keeps_it_and_not_only_the_drawdown() -> None:
    """The book is 1.25 % below its peak: the drawdown is under 4 % already, and the level holds."""
    said = stands(replace(CALM, level=1, since=SINCE), LEVELS, 0.614)
    assert "the correlation of what is held and wanted is at most 0.5 on average (now 0.61)." in said
    signs = Signs(session=SINCE, nav=Decimal(98_750), held={}, calm=True, average_correlation=0.614)
    assert advance(LEVELS, replace(CALM, level=1, since=SINCE), signs)[0].level == 1
    apart = replace(signs, average_correlation=0.5)
    assert advance(LEVELS, replace(CALM, level=1, since=SINCE), apart)[0].level == 0


@pytest.mark.parametrize(
    ("level", "answered", "said"),
    [
        (2, "", "The way back has 3 of 5 calm sessions running, 10 of 10 without a new low."),
        (3, "", "10 of 10 without a new low, and a person's word, not given yet."),
        (3, "anna", "10 of 10 without a new low, and a person's word, given by anna."),
    ],
)
def test_a_lasting_level_says_what_the_way_back_still_wants(level: int, answered: str, said: str) -> None:
    state = replace(CALM, level=level, since=SINCE, calm=3, since_low=14, answered_by=answered)
    assert stands(state, LEVELS).endswith(said)


def test_a_recovery_says_its_size_and_its_leverage() -> None:
    said = stands(replace(CALM, recovery=6, since=SINCE), LEVELS)
    assert said.startswith("Drawdown level 0, in recovery for 6 sessions: ")
    assert "Sizes are 50% of normal and grow by 25% of it every 5 sessions" in said
    assert "nothing is opened beyond a gross exposure of 100% of NAV" in said


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (CALM, "drawdown level 0"),
        (replace(CALM, level=2, since=SINCE), "drawdown level 2 since 2020-03-09"),
        (
            replace(CALM, level=4, since=SINCE),
            "drawdown level 4 since 2020-03-09, waits for a person to confirm",
        ),
        (replace(CALM, level=4, since=SINCE, answered_by="anna"), "drawdown level 4 since 2020-03-09"),
        (replace(CALM, recovery=1), "drawdown level 0, in recovery for 1 session"),
    ],
)
def test_in_short(state: RiskState, said: str) -> None:
    assert in_short(state) == said
