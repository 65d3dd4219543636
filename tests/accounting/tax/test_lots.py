"""Lots: which of them a sale is of, what a ledger's entries are to the tax, and the form that comes of it."""

import csv
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from tests.accounting.tax.stories import form_of, ledger_of, lots_of

from nightdesk.accounting import Entry, capital, cross_entries, fill_entries, fold
from nightdesk.accounting.actions import corporate_actions
from nightdesk.accounting.tax import TaxLedger, TaxTerms, form_8949, tax_terms, trades_of
from nightdesk.core.book import parse_book
from nightdesk.core.errors import Refused
from nightdesk.orders import Cross, Intent, Order
from nightdesk.orders.fills import Fill

#: Three purchases of 10 at 10, 13 and 12 dollars, and a sale of 15 at 14: every method has a gain of its own.
THREE = """
2024-01-02 buy 10 100.00 #first
2024-02-01 buy 10 130.00 #second
2024-03-01 buy 10 120.00 #third
2024-05-01 sell 15 210.00 #sale
"""


@pytest.mark.parametrize(
    ("method", "form", "left"),
    [
        (
            # 10 of the first: 140 - 100 = 40; 5 of the second: 70 - 65 = 5.
            "fifo",
            [
                "I 10 SPY 2024-01-02 2024-05-01 140.00 100.00 - 0.00 40.00",
                "I 5 SPY 2024-02-01 2024-05-01 70.00 65.00 - 0.00 5.00",
            ],
            ["5 2024-02-01 2024-02-01 65.00", "10 2024-03-01 2024-03-01 120.00"],
        ),
        (
            # 10 of the third: 140 - 120 = 20; 5 of the second: 70 - 65 = 5.
            "lifo",
            [
                "I 5 SPY 2024-02-01 2024-05-01 70.00 65.00 - 0.00 5.00",
                "I 10 SPY 2024-03-01 2024-05-01 140.00 120.00 - 0.00 20.00",
            ],
            ["10 2024-01-02 2024-01-02 100.00", "5 2024-02-01 2024-02-01 65.00"],
        ),
        (
            # 10 of the second, the dearest: 140 - 130 = 10; 5 of the third: 70 - 60 = 10.
            "highest_cost",
            [
                "I 10 SPY 2024-02-01 2024-05-01 140.00 130.00 - 0.00 10.00",
                "I 5 SPY 2024-03-01 2024-05-01 70.00 60.00 - 0.00 10.00",
            ],
            ["10 2024-01-02 2024-01-02 100.00", "5 2024-03-01 2024-03-01 60.00"],
        ),
    ],
)
def test_each_method_sells_its_own_lots(method: str, form: list[str], left: list[str]) -> None:
    ledger = ledger_of(THREE, method=method)
    assert form_of(ledger) == form
    assert lots_of(ledger) == left


def test_named_lots_are_sold_in_their_order() -> None:
    named = {"sale": ("third@2024-03-01", "first@2024-01-02")}
    ledger = ledger_of(THREE, method="specific", sales=named)
    # 10 of the third: 140 - 120 = 20; 5 of the first: 70 - 50 = 20
    assert form_of(ledger) == [
        "I 5 SPY 2024-01-02 2024-05-01 70.00 50.00 - 0.00 20.00",
        "I 10 SPY 2024-03-01 2024-05-01 140.00 120.00 - 0.00 20.00",
    ]


def test_a_sale_without_named_lots_is_of_the_oldest() -> None:
    assert form_of(ledger_of(THREE, method="specific")) == form_of(ledger_of(THREE, method="fifo"))


@pytest.mark.parametrize(
    ("lots", "words"),
    [
        (("fourth@2024-04-01",), "lot fourth@2024-04-01 was named for a sale and is not held then; held are"),
        (("first@2024-01-02",), "the lots named for a sale of 15 have 10 units"),
    ],
)
def test_lots_that_are_not_there_are_refused(lots: tuple[str, ...], words: str) -> None:
    with pytest.raises(Refused, match=words):
        ledger_of(THREE, method="specific", sales={"sale": lots})


def test_the_dearest_lot_is_so_by_its_adjusted_basis() -> None:
    # The lot of 80 carries 30 (100 - 70): at 110 it is dearer than the one of 95.
    ledger = ledger_of(
        """
        2024-01-02 buy 10 100.00
        2024-02-01 sell 10 70.00
        2024-02-05 buy 10 80.00
        2024-04-01 buy 10 95.00
        2024-06-03 sell 10 120.00
        """,
        method="highest_cost",
    )
    assert form_of(ledger)[-1] == "I 10 SPY 2024-02-05 2024-06-03 120.00 110.00 - 0.00 10.00"


def test_a_purchase_through_zero_closes_the_short_sale_and_opens_a_lot() -> None:
    # 15 for 150: 10 of them, 100 dollars, close the short sale of 120; the other 5 are a lot of 50.
    ledger = ledger_of("2024-01-02 sell 10 120.00\n2024-01-03 buy 15 150.00")
    assert form_of(ledger) == ["I 10 SPY short 2024-01-03 2024-01-03 120.00 100.00 - 0.00 20.00"]
    assert lots_of(ledger) == ["5 2024-01-03 2024-01-03 50.00"]


def test_books_have_lots_of_their_own() -> None:
    ledger = ledger_of(
        """
        2024-01-02 buy 10 100.00 @one
        2024-02-01 buy 10 130.00 @two
        2024-05-01 sell 10 150.00 @two
        """
    )
    assert form_of(ledger) == ["I 10 SPY 2024-02-01 2024-05-01 150.00 130.00 - 0.00 20.00"]


DAY = date(2024, 3, 1)
UNIT = {"SPY": Decimal(1)}


def _order(side: str, quantity: int, *intents: tuple[str, int]) -> Order:
    return Order(
        client_order_id="order",
        book="one",
        session=DAY,
        as_of=None,  # type: ignore[arg-type]
        symbol="SPY",
        purpose="rebalance",
        side=side,  # type: ignore[arg-type]
        quantity=Decimal(quantity),
        reference_price=Decimal(10),
        intents=tuple(Intent(name, "SPY", Decimal(units)) for name, units in intents),
    )


def test_strategies_that_trade_with_each_other_sell_nothing() -> None:
    bought = _order("buy", 10, ("slow", 14), ("fast", -4))
    fill = Fill("e", "order", "SPY", "buy", Decimal(10), Decimal(10), Decimal("0.10"), DAY)
    entries = fill_entries(bought, [fill], UNIT["SPY"])
    passed = Cross(
        DAY, "SPY", Decimal(11), (Intent("slow", "SPY", Decimal(-3)), Intent("fast", "SPY", Decimal(3)))
    )
    (trade,) = trades_of("one", (*entries, *cross_entries([passed], DAY)))
    assert (trade.quantity, trade.cash) == (10, Decimal("-100.10"))


def test_cash_in_lieu_of_a_fraction_is_a_sale() -> None:
    entries = [capital(DAY, Decimal(1000)), _bought(5, "50.00")]
    actions = corporate_actions(fold(entries), date(2024, 4, 1), {"SPY": 0.5}, {}, {"SPY": 22.0}, UNIT)
    terms = {"one": TaxTerms("Ann")}
    ledger = TaxLedger(terms).apply(trades_of("one", [*entries, *actions]))
    # 5 become 2.5 at a cost of 50; the half brings 11 and had cost 10
    assert form_of(ledger) == ["I 0.5 SPY 2024-03-01 2024-04-01 11.00 10.00 - 0.00 1.00"]
    assert lots_of(ledger) == ["2 2024-03-01 2024-03-01 40.00"]


def _bought(units: int, dollars: str) -> Entry:
    spent = -Decimal(dollars)
    return Entry(DAY, "fill", "slow", "SPY", Decimal(units), Decimal(10), spent, Decimal(0), "order")


def test_units_that_went_without_a_price_are_no_sale_and_those_that_came_replace_nothing() -> None:
    gone = replace(_bought(-4, "0.00"), kind="adjustment", reference="adopted-1", session=date(2024, 3, 4))
    ledger = TaxLedger({"one": TaxTerms("Ann")}).apply(trades_of("one", [_bought(10, "100.00"), gone]))
    assert ledger.disposals == ()
    assert (lots_of(ledger), ledger.transferred) == (["6 2024-03-01 2024-03-01 60.00"], 40)
    sold = replace(_bought(-6, "-48.00"), session=date(2024, 3, 5), reference="sale")
    came = replace(_bought(6, "0.00"), kind="adjustment", reference="adopted-2", session=date(2024, 3, 6))
    after = ledger.apply(trades_of("one", [sold, came]))
    assert form_of(after) == ["I 6 SPY 2024-03-01 2024-03-05 48.00 60.00 - 0.00 -12.00"]
    assert lots_of(after) == ["6 2024-03-06 2024-03-06 0.00"]


def test_units_that_came_without_a_purchase_before_a_sale_replace_nothing_either() -> None:
    came = replace(_bought(6, "0.00"), kind="adjustment", reference="adopted", session=date(2024, 3, 4))
    sold = replace(_bought(-10, "-80.00"), session=date(2024, 3, 5), reference="sale")
    entries = [_bought(10, "100.00"), came, sold]
    ledger = TaxLedger({"one": TaxTerms("Ann")}).apply(trades_of("one", entries))
    assert form_of(ledger) == ["I 10 SPY 2024-03-01 2024-03-05 80.00 100.00 - 0.00 -20.00"]
    assert lots_of(ledger) == ["6 2024-03-04 2024-03-04 0.00"]


def test_the_form_keeps_short_and_long_term_apart_with_their_totals() -> None:
    ledger = ledger_of(
        """
        2023-01-03 buy 10 100.00
        2024-01-03 buy 10 110.00
        2024-02-01 sell 15 150.00
        2024-02-02 buy 3 30.00
        2025-01-02 sell 1 10.00
        """
    )
    form = form_8949(ledger.disposals, 2024, ledger.terms)
    # 15 for 150: 10 of 2023 for 100 (gain 0); 5 of 2024 for 50, cost 55, of whose loss of 5 come 3/5 back
    rows = list(csv.DictReader(form.csv().splitlines()))
    assert [(row["part"], row["description"], row["code"], row["gain"]) for row in rows] == [
        ("I", "5 SPY", "W", "-2.00"),
        ("I", "totals", "", "-2.00"),
        ("II", "10 SPY", "", "0.00"),
        ("II", "totals", "", "0.00"),
    ]
    short, long = form.totals("I"), form.totals("II")
    assert (short.lines, short.proceeds, short.cost, short.adjustment, short.gain) == (1, 50, 55, 3, -2)
    assert (long.lines, long.proceeds, long.cost, long.adjustment, long.gain) == (1, 100, 100, 0, 0)


def test_a_book_says_its_tax_terms() -> None:
    tree = {
        "name": "one",
        "title": "One",
        "initial_capital": 1000,
        "broker": {"account": "paper-one"},
        "universe": {"SPY": {"max_weight": 1}, "BTC-USD": {"max_weight": 1, "asset_class": "crypto"}},
        "strategies": {"time_series_momentum": {}},
        "regime": [{"name": "ANY"}],
        "limits": {},
    }
    alone = tax_terms(parse_book(tree, "one.yaml"))
    assert (alone.taxpayer, alone.method, alone.crypto) == ("one", "fifo", {"BTC-USD"})
    assert alone.washes("SPY")
    assert not alone.washes("BTC-USD")
    said = {"taxpayer": "Ann", "lots": "specific", "sales": {"sale": ["lot"]}, "wash_sales_of_crypto": True}
    terms = tax_terms(parse_book({**tree, "tax": said}, "one.yaml"))
    assert (terms.taxpayer, terms.sales, terms.washes("BTC-USD")) == ("Ann", {"sale": ("lot",)}, True)
    with pytest.raises(Refused, match="lots is lifo: set it to specific"):
        parse_book({**tree, "tax": {"lots": "lifo", "sales": {"sale": ["lot"]}}}, "one.yaml")
