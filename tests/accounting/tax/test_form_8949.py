"""The boxes of Form 8949, collectibles and partnerships."""

import csv
from datetime import date
from decimal import Decimal

import pytest

from nightdesk.accounting.tax import TaxLedger, TaxTerms, TaxTrade, form_8949
from nightdesk.accounting.tax.boxes import SCHEDULE_D

REAL = TaxTerms(
    "Ann",
    crypto=frozenset({"BTC-USD"}),
    collectibles=frozenset({"GLD"}),
    partnerships=frozenset({"DBC"}),
)
PAPER = TaxTerms("Ann", crypto=frozenset({"BTC-USD"}), collectibles=frozenset({"GLD"}), reported=False)


def form(terms, symbol, bought, sold, kind="trade", cost="-1000", proceeds="1100"):
    trades = [
        TaxTrade("book", symbol, bought, kind, Decimal(10), Decimal(cost), "in"),
        TaxTrade("book", symbol, sold, "trade", Decimal(-10), Decimal(proceeds), "out"),
    ]
    ledger = TaxLedger({"book": terms}).apply(trades)
    return form_8949(ledger.disposals, sold.year, ledger.terms)


def days(year, *, long=False):
    return date(year - (2 if long else 0), 3, 1), date(year, 9, 1)


@pytest.mark.parametrize(
    ("terms", "symbol", "year", "short", "long"),
    [
        (REAL, "SPY", 2024, "A", "D"),  # bought at the broker: the basis is reported
        (REAL, "GLD", 2024, "B", "E"),  # a trust that holds gold is no stock
        (REAL, "DBC", 2024, "B", "E"),  # a partnership's basis changes with each K-1
        (PAPER, "SPY", 2024, "C", "F"),
        (PAPER, "GLD", 2024, "C", "F"),
        (REAL, "BTC-USD", 2024, "C", "F"),  # before the form had boxes for digital assets
        (REAL, "BTC-USD", 2025, "H", "K"),  # proceeds alone are reported
        (REAL, "BTC-USD", 2026, "G", "K"),  # the basis of what was bought from 2026 on
        (REAL, "BTC-USD", 2028, "G", "J"),
        (PAPER, "BTC-USD", 2025, "I", "L"),
        (PAPER, "SPY", 2025, "C", "F"),
    ],
)
def test_the_box_follows_from_what_the_broker_reports(terms, symbol, year, short, long):
    assert [row.box for row in form(terms, symbol, *days(year)).rows] == [short]
    assert [row.box for row in form(terms, symbol, *days(year, long=True)).rows] == [long]


def test_what_was_bought_before_brokers_reported_the_basis_is_box_e():
    assert form(REAL, "SPY", date(2011, 5, 2), date(2024, 5, 2)).rows[0].box == "E"


def test_units_that_came_without_a_purchase_are_box_b():
    (row,) = form(REAL, "SPY", *days(2024), kind="transfer", cost="0").rows
    assert (row.box, row.cost) == ("B", Decimal(0))


def test_a_collectible_held_long_has_code_c_and_counts_as_28_percent_gain():
    long = form(REAL, "GLD", *days(2024, long=True))
    assert [(row.code, row.tax_class, row.adjustment) for row in long.rows] == [("C", "collectible", 0)]
    assert long.collectibles_gain == Decimal(100)
    short = form(REAL, "GLD", *days(2024))
    assert [row.code for row in short.rows] == [""]
    assert short.collectibles_gain == 0
    assert form(REAL, "SPY", *days(2024, long=True)).collectibles_gain == 0


def test_a_collectible_whose_loss_is_disallowed_has_both_codes_in_alphabetical_order():
    sold = date(2024, 9, 3)
    trades = [
        TaxTrade("book", "GLD", date(2022, 3, 1), "trade", Decimal(10), Decimal(-1000), "in"),
        TaxTrade("book", "GLD", sold, "trade", Decimal(-10), Decimal(900), "out"),
        TaxTrade("book", "GLD", date(2024, 9, 10), "trade", Decimal(10), Decimal(-900), "again"),
    ]
    ledger = TaxLedger({"book": REAL}).apply(trades)
    (row,) = form_8949(ledger.disposals, 2024, ledger.terms).rows
    assert (row.code, row.adjustment, row.gain) == ("CW", Decimal(100), Decimal(0))


def test_lines_of_partnerships_are_counted_and_named():
    made = form(REAL, "DBC", *days(2024))
    assert made.partnership_lines == 1
    assert made.rows[0].tax_class == "partnership"
    assert form(REAL, "SPY", *days(2024)).partnership_lines == 0


def test_each_box_has_its_totals_and_its_line_of_schedule_d():
    trades = [
        TaxTrade("book", symbol, bought, "trade", Decimal(10), Decimal(-1000), f"in-{symbol}-{bought}")
        for symbol, bought in (
            ("DBC", date(2024, 2, 1)),
            ("SPY", date(2024, 2, 1)),
            ("QQQ", date(2022, 2, 1)),
        )
    ]
    trades.sort(key=lambda one: one.session)
    trades += [
        TaxTrade("book", symbol, date(2024, 6, 3), "trade", Decimal(-10), Decimal(cash), f"out-{symbol}")
        for symbol, cash in (("DBC", 1010), ("SPY", 1020), ("QQQ", 1040))
    ]
    ledger = TaxLedger({"book": REAL}).apply(trades)
    made = form_8949(ledger.disposals, 2024, ledger.terms)
    assert [(one.part, one.box, one.gain) for one in made.boxes] == [
        ("I", "A", 20),
        ("I", "B", 10),
        ("II", "D", 40),
    ]
    assert made.totals("I").gain == 30
    assert [SCHEDULE_D[one.box] for one in made.boxes] == ["1b", "2", "8b"]
    rows = list(csv.DictReader(made.csv().splitlines()))
    assert [(row["box"], row["description"]) for row in rows] == [
        ("A", "10 SPY"), ("A", "totals"), ("B", "10 DBC"), ("B", "totals"), ("D", "10 QQQ"), ("D", "totals"),
    ]  # fmt: skip
    assert [row["gain"] for row in rows] == ["20.00", "20.00", "10.00", "10.00", "40.00", "40.00"]
