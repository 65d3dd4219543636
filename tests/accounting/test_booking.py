"""Corporate actions and fills as ledger entries."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from nightdesk.accounting import (
    Entry,
    Ledger,
    corporate_actions,
    cross_entries,
    fill_entries,
    fold,
    restate,
)
from nightdesk.orders import Cross, Fill, Intent, Order

DAY = date(2020, 3, 17)
ONE = Decimal(1)


def held(**quantities: str) -> Ledger:
    """A ledger whose strategies hold GLD at 100 dollars."""
    return fold(
        Entry(DAY, "fill", name, "GLD", Decimal(q), Decimal(100), -Decimal(q) * 100, Decimal(0), name)
        for name, q in quantities.items()
    )


def act(ledger: Ledger, split: float = 1.0, dividend: float = 0.0, price: float = 50.0) -> Ledger:
    entries = corporate_actions(ledger, DAY, {"GLD": split}, {"GLD": dividend}, {"GLD": price}, {"GLD": ONE})
    return ledger.apply(entries)


@pytest.mark.parametrize(
    ("quantity", "split", "price", "after", "cost", "cash"),
    [
        ("10", 2.0, 50.0, "20", "1000", "0"),
        ("7", 1.5, 66.0, "10", "666.67", "33.00"),
        ("7", 0.1, 1000.0, "0", "0", "700.00"),
        ("-7", 1.5, 66.0, "-10", "-666.67", "-33.00"),
    ],
)
def test_a_split_restates_the_quantity_and_pays_the_fraction_in_cash(
    quantity: str, split: float, price: float, after: str, cost: str, cash: str
) -> None:
    before = held(trend=quantity)
    ledger = act(before, split=split, price=price)
    position = ledger.positions["trend", "GLD"]
    assert (position.quantity, position.cost) == (Decimal(after), Decimal(cost))
    assert ledger.cash - before.cash == Decimal(cash)


def test_a_split_shares_what_the_account_keeps_among_its_strategies() -> None:
    before = held(trend="3", carry="4")
    ledger = act(before, split=1.5, price=66.0)
    assert ledger.net() == {"GLD": 10}
    assert ledger.cash - before.cash == Decimal("33.00")


def test_a_dividend_of_the_date_of_a_split_is_paid_on_the_units_after_it() -> None:
    before = held(trend="10")
    assert act(before, split=2.0, dividend=0.25).cash - before.cash == Decimal("5.00")


def test_a_dividend_is_shared_to_the_cent_of_what_the_account_receives() -> None:
    before = held(trend="1", carry="1", swing="1")
    ledger = act(before, dividend=0.335)
    paid = [ledger.positions[name, "GLD"].dividends for name in ("trend", "carry", "swing")]
    assert sum(paid) == ledger.cash - before.cash == Decimal("1.00")
    assert sorted(paid) == [Decimal("0.33"), Decimal("0.33"), Decimal("0.34")]


def test_who_holds_nothing_receives_nothing() -> None:
    assert corporate_actions(Ledger(), DAY, {"GLD": 2.0}, {"GLD": 1.0}, {"GLD": 1.0}, {"GLD": ONE}) == ()


def order(**intents: str) -> Order:
    total = sum(Decimal(one) for one in intents.values())
    return Order(
        client_order_id="id",
        book="two",
        session=date(2020, 3, 16),
        as_of=datetime(2020, 3, 16, 20, tzinfo=UTC),
        symbol="GLD",
        side="buy" if total > 0 else "sell",
        quantity=abs(total),
        purpose="rebalance",
        reference_price=Decimal(100),
        intents=tuple(Intent(name, "GLD", Decimal(quantity)) for name, quantity in intents.items()),
    )


def fill(quantity: str, price: str, commission: str, side: str = "buy", execution: str = "x") -> Fill:
    return Fill(
        execution,
        "id",
        "GLD",
        side,
        Decimal(quantity),
        Decimal(price),
        Decimal(commission),
        DAY,
        Decimal(price),
    )  # type: ignore[arg-type]


def test_an_open_order_is_restated_for_a_split() -> None:
    after = restate(order(trend="3", carry="2"), 1.5, ONE)
    assert (after.quantity, after.reference_price) == (7, Decimal("66.666667"))
    assert sum(one.quantity for one in after.intents) == 7
    assert (after.limit_price, after.stop_price, after.target_price) == (None, None, None)


def test_the_prices_of_an_open_order_are_restated_for_a_split() -> None:
    prices = {"limit_price": Decimal(99), "stop_price": Decimal(90), "target_price": Decimal(120)}
    after = restate(replace(order(trend="4"), **prices), 3.0, ONE)
    assert (after.limit_price, after.stop_price, after.target_price) == (33, 30, 40)


def test_a_fill_moves_cash_by_its_notional_and_commission() -> None:
    (entry,) = fill_entries(order(trend="10"), [fill("10", "100.05", "1.00")], ONE)
    assert (entry.quantity, entry.cash, entry.commission) == (10, Decimal("-1001.50"), Decimal("1.00"))


def test_shares_of_a_fill_add_up_to_the_brokers_figures() -> None:
    entries = fill_entries(order(trend="7", carry="2", swing="1"), [fill("10", "33.333333", "0.34")], ONE)
    assert sum(one.cash for one in entries) == Decimal("-333.67")
    assert sum(one.commission for one in entries) == Decimal("0.34")
    assert {one.strategy: one.quantity for one in entries} == {"trend": 7, "carry": 2, "swing": 1}


@pytest.mark.parametrize("cuts", [["10"], ["1", "9"], ["3", "3", "4"], ["9", "1"]])
def test_positions_do_not_depend_on_how_the_broker_cuts_its_fills(cuts: list[str]) -> None:
    sent, booked, entries = order(trend="7", carry="3"), Decimal(0), ()
    for at, quantity in enumerate(cuts):
        entries += fill_entries(sent, [fill(quantity, "50", "0", execution=str(at))], ONE, booked)
        booked += Decimal(quantity)
    positions = fold(entries).positions
    assert (positions["trend", "GLD"].quantity, positions["carry", "GLD"].quantity) == (7, 3)


def test_intents_against_each_other_change_hands_at_the_price_of_the_fill() -> None:
    entries = fill_entries(order(trend="15", carry="-5"), [fill("10", "20", "0.20")], ONE)
    ledger = fold(entries)
    assert {one.strategy: one.quantity for one in entries} == {"trend": 15, "carry": -5}
    assert ledger.cash == Decimal("-200.20")


def test_a_sale_brings_cash_less_commission() -> None:
    sold = replace(fill("4", "50", "0.20"), side="sell")
    (entry,) = fill_entries(order(trend="-4"), [sold], ONE)
    assert (entry.quantity, entry.cash) == (-4, Decimal("199.80"))


def test_the_last_cent_of_a_dividend_does_not_depend_on_the_order_of_the_ledger() -> None:
    one, other = held(trend="1", carry="1"), held(carry="1", trend="1")
    assert (
        act(one, dividend=0.335).positions["carry", "GLD"]
        == act(other, dividend=0.335).positions["carry", "GLD"]
    )


def test_what_changes_hands_inside_the_book_comes_before_the_dividend_of_the_next_morning() -> None:
    before = held(trend="10")
    crossed = Cross(
        date(2020, 3, 16),
        "GLD",
        Decimal(110),
        (Intent("carry", "GLD", Decimal(10)), Intent("trend", "GLD", Decimal(-10))),
    )
    ledger = act(before.apply(cross_entries([crossed], DAY)), dividend=0.25)
    trend, carry = ledger.positions["trend", "GLD"], ledger.positions["carry", "GLD"]
    assert (trend.quantity, trend.realised, trend.dividends) == (0, 100, 0)
    assert (carry.quantity, carry.cost, carry.entry_session) == (10, 1100, DAY)
    assert carry.dividends == Decimal("2.50") == ledger.cash - before.cash


def test_cents_of_a_cross_are_shared_so_that_the_cash_stays() -> None:
    wanted = {"a": "1", "b": "1", "c": "1", "d": "-3"}
    intents = tuple(Intent(name, "GLD", Decimal(quantity)) for name, quantity in wanted.items())
    entries = cross_entries([Cross(date(2020, 3, 16), "GLD", Decimal("33.335"), intents)], DAY)
    assert [one.cash for one in entries] == [Decimal(x) for x in ("-33.33", "-33.33", "-33.34", "100.00")]
    assert {one.reference for one in entries} == {"cross-GLD-2020-03-16"}


def test_crosses_of_a_symbol_that_one_session_decides_and_books_have_each_a_reference() -> None:
    intents = (Intent("a", "GLD", Decimal(1)), Intent("b", "GLD", Decimal(-1)))
    hours = [datetime(2020, 3, 17, 14, tzinfo=UTC), datetime(2020, 3, 17, 15, tzinfo=UTC)]
    within = [Cross(date(2020, 3, 17), "GLD", Decimal(100), intents)]
    said = [{one.reference for one in cross_entries(within, date(2020, 3, 17), at)} for at in hours]
    assert said == [{"cross-GLD-2020-03-17T1400"}, {"cross-GLD-2020-03-17T1500"}]
    overnight = cross_entries(within, date(2020, 3, 18), datetime(2020, 3, 18, 14, tzinfo=UTC))
    assert {one.reference for one in overnight} == {"cross-GLD-2020-03-17"}


def test_the_fills_of_a_session_are_booked_at_their_average_price() -> None:
    told = [fill("3", "10.00", "0.30", execution="a"), fill("1", "12.00", "0.10", execution="b")]
    entries = fill_entries(order(trend="2", carry="2"), told, ONE)
    assert [(one.quantity, one.price, one.cash, one.commission) for one in entries] == [
        (2, Decimal("10.5"), Decimal("-21.20"), Decimal("0.20"))
    ] * 2
    assert {one.reference for one in entries} == {"id"}
