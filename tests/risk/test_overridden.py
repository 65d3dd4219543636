"""What a person limits by hand: which decisions it counts in, what it leaves, and what the verdict says."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from nightdesk.core.panel import Floats
from nightdesk.risk import (
    Override,
    Situation,
    in_force,
    limits_by_hand,
    make_rules,
    pass_gate,
    verdicts,
    words,
)
from nightdesk.testing.situations import SYMBOLS, situation

BEGINS = datetime(2024, 3, 4, 21, tzinfo=UTC)
LATER = datetime(2024, 3, 6, 21, tzinfo=UTC)
NONE = np.zeros(3)


def said(symbol: str | None = "GLD", kind: str = "close_only", **changed: Any) -> Override:
    fields: dict[str, Any] = {
        "begins": BEGINS,
        "since": date(2024, 3, 4),
        "until": date(2024, 3, 8),
        "who": "ann",
        "reason": "the fund closes",
        **changed,
    }
    return Override(symbol, kind, **fields)  # type: ignore[arg-type]


def now(*facts: Override) -> Situation:
    return situation(by_hand=limits_by_hand(facts, SYMBOLS))


def left(wanted: list[float], held: list[float], *facts: Override) -> list[float]:
    return pass_gate(make_rules({}), np.array(wanted), np.array(held), now(*facts)).quantity.tolist()


def gate_words(wanted: Floats, held: Floats, *facts: Override) -> list[str]:
    passage = pass_gate(make_rules({}), wanted, held, now(*facts))
    return [words(one) for one in verdicts(passage, SYMBOLS) if one.rule.startswith("override")]


def test_it_counts_from_its_first_decision_through_its_last_session() -> None:
    fact = said()
    assert not fact.holds(datetime(2024, 3, 1, 21, tzinfo=UTC), date(2024, 3, 1))
    assert fact.holds(BEGINS, date(2024, 3, 4))
    assert fact.holds(datetime(2024, 3, 8, 21, tzinfo=UTC), date(2024, 3, 8))
    assert not fact.holds(datetime(2024, 3, 11, 20, tzinfo=UTC), date(2024, 3, 11))
    ended = said(ends=LATER, number=2)
    assert ended.holds(datetime(2024, 3, 5, 21, tzinfo=UTC), date(2024, 3, 5))
    assert not ended.holds(LATER, date(2024, 3, 6))
    assert in_force([ended, fact], LATER, date(2024, 3, 6)) == (fact,)


@pytest.mark.parametrize(
    ("held", "wanted", "close_only", "no_new_entries"),
    [
        (0.0, 100.0, 0.0, 0.0),
        (0.0, -100.0, 0.0, 0.0),
        (100.0, 150.0, 100.0, 150.0),
        (-100.0, -150.0, -100.0, -150.0),
        (100.0, 40.0, 40.0, 40.0),
        (-100.0, 0.0, 0.0, 0.0),
        (100.0, -50.0, 0.0, 0.0),
        (-100.0, 50.0, 0.0, 0.0),
    ],
    ids=["opens", "opens_short", "adds", "adds_short", "reduces", "closes_short", "turns", "turns_short"],
)
def test_entries_are_barred_and_exits_pass_on_both_sides(
    held: float, wanted: float, close_only: float, no_new_entries: float
) -> None:
    assert left([wanted, 7.0, 0.0], [held, 0.0, 0.0], said()) == [close_only, 7.0, 0.0]
    assert left([wanted, 7.0, 0.0], [held, 0.0, 0.0], said(kind="no_new_entries")) == [
        no_new_entries,
        7.0,
        0.0,
    ]


def test_one_of_the_whole_book_bars_all_symbols() -> None:
    assert left([10.0, -20.0, 0.5], [0.0, -30.0, 0.0], said(None)) == [0.0, -20.0, 0.0]


# A unit of GLD is 0.1 % of NAV, of SPY 0.05 %.
@pytest.mark.parametrize(
    ("held", "wanted", "capped", "reduced"),
    [
        (0.0, 100.0, 50.0, 50.0),
        (0.0, -100.0, -50.0, -50.0),
        (30.0, 80.0, 50.0, 50.0),
        (80.0, 120.0, 80.0, 50.0),
        (80.0, 80.0, 80.0, 50.0),
        (-80.0, -90.0, -80.0, -50.0),
        (80.0, 60.0, 60.0, 50.0),
        (80.0, -80.0, -50.0, -50.0),
        (80.0, 0.0, 0.0, 0.0),
    ],
)
def test_a_size_caps_additions_and_reduces_only_where_it_says_so(
    held: float, wanted: float, capped: float, reduced: float
) -> None:
    asked = ([wanted, 7.0, 0.0], [held, 0.0, 0.0])
    assert left(*asked, said(kind="max_size", size=0.05)) == [capped, 7.0, 0.0]
    assert left(*asked, said(kind="max_size", size=0.05, reduces=True)) == [reduced, 7.0, 0.0]


def test_a_size_of_nothing_that_reduces_closes_the_position() -> None:
    assert left([80.0, 0.0, 0.0], [80.0, 0.0, 0.0], said(kind="max_size", size=0.0, reduces=True))[0] == 0.0


def test_the_smallest_of_several_sizes_counts_for_purchases_and_that_which_reduces_for_sales() -> None:
    own = said(kind="max_size", size=0.03)
    whole = said(None, "max_size", size=0.05, reduces=True, who="bob")
    assert left([80.0, 120.0, 0.0], [0.0, 120.0, 0.0], own, whole) == [30.0, 100.0, 0.0]
    (bought, sold) = gate_words(np.array([80.0, 120.0, 0.0]), np.array([0.0, 120.0, 0.0]), own, whole)
    assert "by ann" in bought
    assert "by bob" in sold


def test_a_reduction_passes_limits_on_trades_but_not_that_of_a_mere_drift() -> None:
    fact = said(kind="max_size", size=0.05, reduces=True)
    rules = make_rules({"trades_per_day": {"limit": 0}})
    far, near = np.array([80.0, 0.0, 0.0]), np.array([51.0, 0.0, 0.0])
    assert pass_gate(rules, far, far, now(fact)).quantity[0] == 50.0
    assert pass_gate(rules, near, near, now(fact)).quantity[0] == 51.0


def test_a_verdict_says_who_since_when_until_when_and_why() -> None:
    asked = (np.array([10.0, 0.0, 0.0]), NONE)
    assert gate_words(*asked, said()) == [
        "GLD: buy 10 rejected by overrides: close-only by ann from 2024-03-04 until 2024-03-08 "
        "(the fund closes): nothing is added to what is held"
    ]
    assert gate_words(*asked, said(None, "no_new_entries", reason="{0} by all.")) == [
        "GLD: buy 10 rejected by overrides: no-new-entries of the whole book by ann from 2024-03-04 until "
        "2024-03-08 ({0} by all.): nothing is opened"
    ]
    asked = (np.array([100.0, 0.0, 0.0]), NONE)
    assert gate_words(*asked, said(kind="max_size", size=0.05))[0] == (
        "GLD: buy 100 cut to a purchase of 50 by override_size: weight of 10.00%, at most 5.00%: max-size of "
        "5.00% by ann from 2024-03-04 until 2024-03-08 (the fund closes)"
    )


def test_a_contract_counts_with_what_a_unit_of_it_moves() -> None:
    fact = said(kind="max_size", size=0.05, reduces=True)
    options = situation(by_hand=limits_by_hand((fact,), SYMBOLS), multiplier=np.array([100.0, 1.0, 1.0]))
    for wanted, held, left_over in ((3.0, 0.0, 0.0), (-3.0, 0.0, 0.0), (0.0, -2.0, 0.0), (-2.0, -2.0, 0.0)):
        passage = pass_gate(make_rules({}), np.array([wanted, 0, 0]), np.array([held, 0, 0]), options)
        assert passage.quantity[0] == left_over, "a contract is a tenth of the book"


def test_where_nobody_limits_anything_the_gate_is_not_asked() -> None:
    assert limits_by_hand((), SYMBOLS) is None
    assert limits_by_hand((said("GONE"),), SYMBOLS) is None
    passage = pass_gate(make_rules({}), np.array([10.0, 0.0, 0.0]), NONE, situation())
    assert not any(one.rule.startswith("override") for one in passage.records)
