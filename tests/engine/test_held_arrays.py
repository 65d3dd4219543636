"""The arrays of what a book holds: of its ledger and no other; and which strategies are sized together."""

from dataclasses import replace

import pytest
from tests.engine.desks import SESSION, desk, state, two_strategies

from nightdesk.accounting import Ledger
from nightdesk.core.calendar import get_calendar
from nightdesk.engine.desk import Desk
from nightdesk.engine.held_arrays import NEVER, Holdings
from nightdesk.portfolio import make
from nightdesk.portfolio.sizing import Sizing

BOOK = two_strategies(desk())
HELD = state(("trend", "GLD", 30), ("carry", "SPY", -7))


def test_positions_are_spread_over_strategies_and_symbols() -> None:
    holdings = Holdings(BOOK, HELD.ledger)
    assert holdings.quantity.tolist() == [[30.0, 0.0], [0.0, -7.0]]
    assert holdings.average.tolist() == [[100.0, 0.0], [0.0, 200.0]]
    assert holdings.here.tolist() == [[True, False], [False, True]]
    assert holdings.side.tolist() == [[1.0, 0.0], [0.0, -1.0]]
    today = get_calendar(BOOK.book.calendar).index(SESSION)
    assert holdings.entered.tolist() == [[today, NEVER], [NEVER, today]]


def test_nobody_changes_them_in_place() -> None:
    holdings = Holdings(BOOK, HELD.ledger)
    for array in (holdings.quantity, holdings.average, holdings.entered):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 5


def test_a_state_keeps_those_of_its_ledger_and_brings_none_of_another() -> None:
    kept = replace(HELD, holdings=Holdings(BOOK, HELD.ledger))
    assert kept.held_by(BOOK) is kept.holdings
    empty = replace(kept, ledger=Ledger())
    assert not empty.held_by(BOOK).quantity.any()
    other = two_strategies(desk())
    assert kept.held_by(other).desk is other


def grouped(methods: dict[str, Sizing]) -> list[tuple[str, int | slice | list[int]]]:
    made: Desk = replace(BOOK, sizing=methods)
    return [(one.method.name, one.rows) for one in made.sized_together]


def test_strategies_of_the_same_method_and_parameters_are_sized_by_one_call() -> None:
    weight, parity = make("weight", path="sizing"), make("risk_parity", path="sizing")
    one, two = (make("atr_risk", {"risk": risk}, path="sizing") for risk in (0.01, 0.02))
    again = make("atr_risk", {"risk": 0.01}, path="sizing")
    assert grouped({"a": one, "b": again, "c": two}) == [("atr_risk", slice(0, 2)), ("atr_risk", slice(2, 3))]
    assert grouped({"a": one, "b": two, "c": again}) == [("atr_risk", [0, 2]), ("atr_risk", slice(1, 2))]
    assert grouped({"a": weight, "b": parity, "c": parity, "d": weight}) == [
        ("weight", [0, 3]),
        ("risk_parity", 1),
        ("risk_parity", 2),
    ]
