"""Positions from flat to flat: what each moved, and that nothing is lost between them."""

from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.accounting import Entry
from nightdesk.performance.round_trips import all_trips, round_trips


def entry(day: int, quantity: int, cash: int, kind: str = "fill", symbol: str = "A") -> Entry:
    return Entry(
        date(2024, 1, day), kind, "s", symbol, Decimal(quantity), None, Decimal(cash), Decimal(0), f"{day}"
    )  # type: ignore[arg-type]


def test_a_dividend_that_comes_after_the_end_is_of_the_next_position() -> None:
    ledger = [
        entry(2, 10, -100),
        entry(3, -10, 120),
        entry(4, 0, 5, "dividend"),
        entry(8, -4, 40),
        entry(9, 4, -30),
    ]
    first, second = round_trips(ledger)
    assert (first.side, first.opened, first.closed, first.profit) == (
        1,
        date(2024, 1, 2),
        date(2024, 1, 3),
        20,
    )
    assert (second.side, second.opened, second.closed, second.profit) == (
        -1,
        date(2024, 1, 8),
        date(2024, 1, 9),
        15,
    )
    assert (second.opened_by, second.closed_by) == (3, 4)
    assert (second.entry_price, second.exit_price) == (10, Decimal("7.5"))


TRADES = st.lists(st.tuples(st.sampled_from("AB"), st.integers(-9, 9), st.integers(1, 20)), max_size=25)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(TRADES)
def test_what_all_positions_moved_is_what_the_ledger_moved(trades: list[tuple[str, int, int]]) -> None:
    ledger = [
        entry(
            2, quantity, -quantity * price if quantity else price, "fill" if quantity else "dividend", symbol
        )
        for symbol, quantity, price in trades
    ]
    closed, going, positions = all_trips(ledger)
    assert sum(one.profit for one in (*closed, *going.values())) == sum(one.cash for one in ledger)
    for trip in closed:
        assert trip.opened_by < trip.closed_by
        assert trip.entered == trip.left
    for key, trip in going.items():
        assert trip.side * (trip.entered - trip.left) == positions[key].quantity
