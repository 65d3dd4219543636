"""Lots through ends and changes of identity: dates, cost, and totals that are those of the ledger."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.accounting import Entry, Ledger, corporate_actions
from nightdesk.accounting.tax import TaxLedger, TaxTerms, form_8949, in_order, trades_of
from nightdesk.core.panel import Action

BOUGHT, LATER, DAY, SOLD = date(2020, 3, 2), date(2021, 5, 4), date(2021, 6, 15), date(2021, 6, 30)
ZERO, ONE = Decimal(0), Decimal(1)
UNITS = {"AAA": ONE, "BBB": ONE}
TERMS = TaxTerms("Ann")


def fill(day: date, symbol: str, quantity: int | Decimal, price: float, name: str = "trend") -> Entry:
    units, each = Decimal(quantity), Decimal(str(price))
    cash = -(units * each).quantize(Decimal("0.01"))
    return Entry(day, "fill", name, symbol, units, each, cash, ZERO, f"{name}-{symbol}-{day}-{quantity}")


def event(kind: str, value: float = 0.0, other: str = "", cash: float = 0.0) -> Action:
    return Action("AAA", np.datetime64(DAY), kind, value, other, cash)  # type: ignore[arg-type]


def through(entries: list[Entry], *events: Action, **prices: float) -> tuple[Ledger, list[Entry]]:
    ledger = Ledger().apply(entries)
    entries = [*entries, *corporate_actions(ledger, DAY, {}, {}, prices, UNITS, events)]
    return Ledger().apply(entries), entries


def taxes(entries: list[Entry]) -> TaxLedger:
    return TaxLedger({"book": TERMS}).apply(in_order(trades_of("book", entries)))


@pytest.mark.parametrize(
    ("told", "prices", "symbol", "units", "costs"),
    [
        (event("symbol_change", 2.0, "BBB"), {"AAA": 50.0}, "BBB", [200, 100], [4000, 3000]),
        (event("merger", 0.5, "BBB"), {"AAA": 50.0, "BBB": 100.0}, "BBB", [50, 25], [4000, 3000]),
        # 100 that cost 4,000 for 50 worth 4,000 and 1,000 in cash: the gain of 1,000 counts;
        # 50 that cost 3,000 for 25 worth 2,000 and 500 in cash: the loss does not
        (event("merger", 0.5, "BBB", 10.0), {"AAA": 50.0, "BBB": 80.0}, "BBB", [50, 25], [4000, 2500]),
        (event("spin_off", 0.5, "BBB", 20.0), {"AAA": 50.0}, "BBB", [50, 25], [800, 600]),
        (event("spin_off", 0.5, "BBB", 20.0), {"AAA": 50.0}, "AAA", [100, 50], [3200, 2400]),
        (event("return_of_capital", 45.0), {}, "AAA", [100, 50], [0, 750]),
    ],
)
def test_lots_keep_their_dates_through_an_action(
    told: Action, prices: dict[str, float], symbol: str, units: list[int], costs: list[int]
) -> None:
    _, entries = through([fill(BOUGHT, "AAA", 100, 40), fill(LATER, "AAA", 50, 60)], told, **prices)
    lots = taxes(entries).lots["book", symbol]
    assert [lot.acquired for lot in lots] == [lot.held_since for lot in lots] == [BOUGHT, LATER]
    assert [lot.quantity for lot in lots] == units
    assert [lot.basis for lot in lots] == costs


def test_of_cash_beside_shares_only_the_gain_is_on_the_form() -> None:
    told = event("merger", 0.5, "BBB", 10.0)
    _, entries = through([fill(BOUGHT, "AAA", 100, 40), fill(LATER, "AAA", 50, 60)], told, AAA=50.0, BBB=80.0)
    (row,) = form_8949(taxes(entries).disposals, 2021, {"book": TERMS}).rows
    assert (row.part, row.acquired, row.sold) == ("II", BOUGHT, DAY)
    assert (row.proceeds, row.cost, row.gain) == (1000, 0, 1000)


@pytest.mark.parametrize("told", [event("merger", cash=31.5), event("delisting", cash=31.5)])
def test_what_ends_for_cash_is_a_sale_of_every_lot_by_its_own_term(told: Action) -> None:
    _, entries = through([fill(BOUGHT, "AAA", 100, 40), fill(LATER, "AAA", 50, 20)], told)
    rows = form_8949(taxes(entries).disposals, 2021, {"book": TERMS}).rows
    assert {(row.part, row.gain) for row in rows} == {("II", Decimal(-850)), ("I", Decimal(575))}


def test_the_new_symbol_is_sold_with_the_holding_period_of_the_old() -> None:
    _, entries = through([fill(BOUGHT, "AAA", 100, 40)], event("symbol_change", 1.0, "BBB"), AAA=50.0)
    (row,) = form_8949(taxes([*entries, fill(SOLD, "BBB", -100, 55)]).disposals, 2021, {"book": TERMS}).rows
    assert (row.part, row.description, row.acquired, row.gain) == ("II", "100 BBB", BOUGHT, 1500)


TRADE = st.tuples(st.integers(-60, 90).filter(bool), st.integers(15, 95), st.sampled_from(["carry", "trend"]))
EVENTS = st.sampled_from(
    [
        event("symbol_change", 1.0, "BBB"),
        event("symbol_change", 0.1, "BBB"),
        event("merger", 0.37, "BBB"),
        event("merger", 1.5, "BBB", 7.77),
        event("merger", cash=41.37),
        event("spin_off", 0.31, "BBB", 12.5),
        event("return_of_capital", 33.33),
        event("return_of_capital", 0.07),
        event("delisting"),
    ]
)


@given(st.lists(TRADE, min_size=1, max_size=6), EVENTS, st.lists(TRADE, max_size=4), st.booleans())
@settings(max_examples=150, deadline=None)
def test_when_all_is_closed_the_tax_has_counted_what_the_ledger_has_to_the_cent(
    before: list[tuple[int, int, str]], told: Action, after: list[tuple[int, int, str]], priced: bool
) -> None:
    entries = [
        fill(LATER + timedelta(days=3 * n), "AAA", units, price, name)
        for n, (units, price, name) in enumerate(before)
    ]
    prices = {"AAA": 40.0} | ({"BBB": 31.0} if priced else {})
    _, entries = through(entries, told, **prices)
    entries += [
        fill(SOLD + timedelta(days=2 * n), "BBB", units, price, name)
        for n, (units, price, name) in enumerate(after)
    ]
    last = SOLD + timedelta(days=90)
    entries += [
        fill(last, one.symbol, -one.quantity, 37.11, one.strategy) for one in Ledger().apply(entries).held()
    ]
    ledger, book = Ledger().apply(entries), taxes(entries)
    assert not ledger.held()
    assert book.open_lots == ()
    realised = sum((one.realised for one in ledger.positions.values()), ZERO)
    assert realised == ledger.cash
    assert sum((one.gain for one in book.disposals), ZERO) == realised
