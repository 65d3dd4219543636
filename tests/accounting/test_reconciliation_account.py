"""An account against the ledger: fees, interest, dividends that are on their way, differences."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from tests.accounting.snapshots import (
    FRIDAY,
    WEDNESDAY,
    after,
    broker,
    differing,
    held,
    in_session,
    movement,
    ours,
    plan,
)

from nightdesk.accounting import Entry
from nightdesk.accounting.payments import corrections, receivable
from nightdesk.accounting.repairs import BookMovement, LedgerSnapshot, booked_entries
from nightdesk.core.account_terms import Tolerance
from nightdesk.orders.broker_account import Movement


def entries_of(side: LedgerSnapshot, *movements: Movement) -> list[tuple[object, ...]]:
    repairs = plan(broker(side, movements=movements), side)
    assert differing(repairs) == {}
    assert all(isinstance(one, BookMovement) for one in repairs)
    return [
        (one.kind, one.strategy, one.symbol, one.quantity, one.cash) for one in booked_entries(repairs, side)
    ]


def test_fees_and_interest_are_the_books_own() -> None:
    fee, interest = movement("fee", "-0.35", name="f"), movement("interest", "1.20", name="i")
    expected = [("fee", "", "", 0, Decimal("-0.35")), ("interest", "", "", 0, Decimal("1.20"))]
    assert entries_of(ours(), fee, interest) == expected
    assert entries_of(ours(), interest, fee, interest) == expected


def test_a_borrow_fee_is_borne_by_those_who_are_short_and_else_by_the_book() -> None:
    entries = [
        Entry(FRIDAY, "fill", name, "GLD", Decimal(n), Decimal(150), -150 * Decimal(n), Decimal(0), name)
        for name, n in {"carry": "-2", "trend": "-1", "value": "1"}.items()
    ]
    fee = movement("borrow", "-0.10", symbol="GLD")
    assert entries_of(ours(entries=entries), fee) == [
        ("borrow", "carry", "GLD", 0, Decimal("-0.07")),
        ("borrow", "trend", "GLD", 0, Decimal("-0.03")),
    ]
    other = movement("borrow", "-0.10", symbol="SPY")
    assert entries_of(ours(entries=entries), other) == [("borrow", "", "", 0, Decimal("-0.10"))]


def test_a_fee_in_a_coin_is_borne_by_those_who_hold_it() -> None:
    units = {"carry": "0.3", "trend": "0.1"}
    entries = [
        Entry(
            FRIDAY, "fill", name, "BTC-USD", Decimal(n), Decimal(5000), -5000 * Decimal(n), Decimal(0), name
        )
        for name, n in units.items()
    ]
    fee = movement("fee", quantity="-0.00000005", symbol="BTC-USD")
    assert entries_of(ours(entries=entries), fee) == [
        ("adjustment", "carry", "BTC-USD", Decimal("-0.00000004"), 0),
        ("adjustment", "trend", "BTC-USD", Decimal("-0.00000001"), 0),
    ]


def test_a_fee_of_a_later_session_waits_for_it_and_makes_no_difference() -> None:
    side = ours()
    repairs = plan(broker(side, movements=[movement("fee", "-0.35", session=WEDNESDAY)]), side)
    assert repairs == ()
    later = in_session(side, WEDNESDAY)
    repairs = plan(broker(later, movements=[movement("fee", "-0.35", session=WEDNESDAY)]), later)
    assert [type(one) for one in repairs] == [BookMovement]


def test_a_movement_that_was_booked_is_not_booked_again() -> None:
    side, fee = ours(), [movement("fee", "-0.35", session=FRIDAY)]
    repairs = plan(broker(side, movements=fee), side)
    again = after(side, repairs, WEDNESDAY)
    assert plan(replace(broker(again), movements=tuple(fee)), again) == ()


@pytest.mark.parametrize(
    ("one", "differs"),
    [
        (movement("transfer", "500"), {"cash": "+500"}),
        (movement("other", "-12.34"), {"cash": "-12.34"}),
        (movement("fee", quantity="-1", symbol="DOGE"), {"DOGE": "-1"}),
    ],
)
def test_what_nobody_expects_of_an_account_is_a_difference(one: Movement, differs: dict[str, str]) -> None:
    side = ours()
    assert differing(plan(broker(side, movements=[one]), side)) == differs


@pytest.mark.parametrize(
    ("symbol", "units", "cash", "tolerance", "differs"),
    [
        # broker has more of      dollars     book tolerates          differs by
        (None,      "0",          "0",        Tolerance(),            {}),
        (None,      "0",          "0.01",     Tolerance(),            {"cash": "+0.01"}),
        (None,      "0",          "-0.01",    Tolerance(cash="0.01"), {"cash": "~-0.01"}),
        (None,      "0",          "-0.02",    Tolerance(cash="0.01"), {"cash": "-0.02"}),
        (None,      "0",          "0.005",    Tolerance(cash="0.01"), {"cash": "+0.005"}),
        ("GLD",     "1",          "0",        Tolerance(),            {"GLD": "+1"}),
        ("GLD",     "-3",         "0",        Tolerance(quantity=3),  {"GLD": "~-3"}),
        ("GLD",     "-5",         "0",        Tolerance(),            {"GLD": "-5"}),
        ("SPY",     "2",          "0",        Tolerance(),            {"SPY": "+2"}),
        ("SPY",     "2",          "0",        Tolerance(quantity=2),  {"SPY": "~+2"}),
        ("GLD",     "0.000000001", "0",       Tolerance(quantity=1),  {"GLD": "+0.000000001"}),
        ("TSLA",    "2",          "0",        Tolerance(),            {"TSLA": "+2"}),
        ("TSLA",    "2",          "0",        Tolerance(quantity=2),  {"TSLA": "+2"}),
        ("GLD",     "1",          "-150",     Tolerance(quantity=1),  {"GLD": "~+1", "cash": "-150"}),
    ],
)  # fmt: skip
def test_differences_are_found_over_the_symbols_of_both_sides(
    symbol: str | None, units: str, cash: str, tolerance: Tolerance, differs: dict[str, str]
) -> None:
    side = ours(entries=held(GLD="5"))
    said = broker(side)
    positions = dict(said.positions)
    if symbol is not None:
        positions[symbol] = positions.get(symbol, Decimal(0)) + Decimal(units)
    there = {name: n for name, n in positions.items() if n}
    assert (
        differing(plan(replace(said, cash=said.cash + Decimal(cash), positions=there), side, tolerance))
        == differs
    )


def test_tolerated_differences_bring_the_ledger_to_the_broker_and_are_marked_as_such() -> None:
    side = ours(entries=held(GLD="5"))
    said = broker(side)
    said = replace(said, cash=said.cash - Decimal("0.02"), positions={"GLD": Decimal(6), "SPY": Decimal(1)})
    repairs = plan(said, side, Tolerance(cash="0.05", quantity=1))
    made = {
        one.reference: (one.kind, one.strategy, one.quantity, one.cash)
        for one in booked_entries(repairs, side)
    }
    assert made == {
        "tolerated-cash-2020-03-17": ("adjustment", "", 0, Decimal("-0.02")),
        "tolerated-GLD-2020-03-17": ("adjustment", "trend", 1, 0),
        "tolerated-SPY-2020-03-17": ("adjustment", "trend", 1, 0),
    }
    assert plan(said, after(side, repairs)) == ()


def dividend(words: str, strategy: str = "trend") -> Entry:
    """What the ledger books of ``month-day symbol dollars``."""
    day, symbol, cash = words.split()
    session = date.fromisoformat(f"2020-{day}")
    reference = f"dividend-{symbol}-{session}"
    nothing = Decimal(0)
    return Entry(session, "dividend", strategy, symbol, nothing, nothing, Decimal(cash), nothing, reference)


def payment(words: str) -> Movement:
    """What the broker tells of ``month-day symbol dollars``."""
    day, symbol, cash = words.split()
    return movement("dividend", cash, symbol=symbol, name=words, session=date.fromisoformat(f"2020-{day}"))


@pytest.mark.parametrize(
    ("booked", "paid", "on", "owed"),
    [
        # ex-dates and dollars                  paid by the broker                      on       on their way
        (["03-02 GLD 6.50"],                    [],                                     "03-17", "6.50"),
        (["03-02 GLD 6.50"],                    ["03-05 GLD 6.50"],                     "03-17", "0"),
        (["03-02 GLD 6.50"],                    ["03-05 GLD 6.00"],                     "03-17", "0"),
        (["03-02 GLD 6.50"],                    ["03-05 SPY 6.50"],                     "03-17", "6.50"),
        (["03-17 GLD 6.50"],                    ["03-18 GLD 6.50"],                     "03-17", "0"),
        (["01-17 GLD 6.50"],                    [],                                     "03-17", "6.50"),
        (["01-17 GLD 6.50"],                    [],                                     "03-18", "0"),
        (["03-02 GLD 6.50", "03-02 GLD 1.25"],  ["03-05 GLD 7.75"],                     "03-17", "0"),
        (["03-02 GLD 6.50", "03-02 SPY 3.10"],  ["03-05 GLD 6.50"],                     "03-17", "3.10"),
        (["02-03 GLD 6.10", "03-02 GLD 6.50"],  ["02-06 GLD 6.10"],                     "03-03", "6.50"),
        (["02-03 GLD 6.10", "03-02 GLD 6.50"],  ["03-05 GLD 6.50", "02-06 GLD 6.10"],   "03-17", "0"),
        (["03-02 GLD 6.50", "03-09 GLD 1.00"],  ["03-12 GLD 6.50"],                     "03-17", "1.00"),
        # a tax is withheld beside the dividend, or after it; a fund pays one in two parts
        (["02-03 GLD 6.10", "03-02 GLD 6.50"],  ["02-06 GLD 6.10", "03-02 GLD -0.92"],  "03-03", "6.50"),
        (["02-03 GLD 6.10", "03-02 GLD 6.50"],  ["02-06 GLD 6.10", "02-06 GLD -0.92"],  "03-03", "6.50"),
        (["02-03 GLD 6.10", "03-02 GLD 6.50"],  ["02-06 GLD 5.00", "02-06 GLD 1.10"],   "03-03", "6.50"),
        # the ex-date of a payment lies before those that are looked at
        (["03-02 GLD 6.50"],                    ["02-06 GLD 6.10"],                     "03-03", "6.50"),
        # who is short pays
        (["03-02 GLD -6.50"],                   [],                                     "03-17", "-6.50"),
        (["03-02 GLD -6.50"],                   ["03-05 GLD -6.50"],                    "03-17", "0"),
        ([],                                    ["03-05 GLD 6.50"],                     "03-17", "0"),
    ],
)  # fmt: skip
def test_a_dividend_is_on_its_way_from_its_ex_date_until_it_is_paid_or_given_up(
    booked: list[str], paid: list[str], on: str, owed: str
) -> None:
    entries, payments = [dividend(one) for one in booked], [payment(one) for one in paid]
    assert receivable(entries, payments, date.fromisoformat(f"2020-{on}")) == Decimal(owed)


@pytest.mark.parametrize(
    ("session", "paid", "differs"),
    [
        ("03-02", [], {}),
        ("03-17", [], {}),
        ("03-17", ["03-05 GLD 6.50"], {}),
        ("03-17", ["03-05 GLD 6.00"], {"cash": "-0.5"}),
        ("03-17", ["03-05 GLD 6.50", "03-05 GLD -0.98"], {"cash": "-0.98"}),
        ("05-01", [], {}),
        ("05-04", [], {"cash": "-6.5"}),
        ("05-04", ["05-01 GLD 6.50"], {}),
    ],
)
def test_a_dividend_makes_no_difference_unless_it_comes_otherwise_than_booked(
    session: str, paid: list[str], differs: dict[str, str]
) -> None:
    before, entry = ours(entries=held(GLD="5")), dividend("03-02 GLD 6.50")
    said = broker(before, movements=[payment(one) for one in paid])
    side = replace(in_session(before, date.fromisoformat(f"2020-{session}")), owed=(entry,))
    assert differing(plan(said, replace(side, ledger=side.ledger.apply([entry])))) == differs


def fraction(words: str, symbol: str = "GLD", before: str = "") -> Entry:
    """Cash in lieu that the ledger books of ``month-day dollars``."""
    day, cash = words.split()
    session = date.fromisoformat(f"2020-{day}")
    reference = f"fraction-{symbol}-{session}{before}"
    price = Decimal("66.00")
    return Entry(
        session, "adjustment", "trend", symbol, Decimal("-0.5"), price, Decimal(cash), Decimal(0), reference
    )


def in_lieu(words: str, symbol: str = "GLD") -> Movement:
    day, cash = words.split()
    on = date.fromisoformat(f"2020-{day}")
    return movement("corporate_action", cash, symbol=symbol, name=f"cil {words}", session=on)


@pytest.mark.parametrize(
    ("paid", "on", "owed", "corrected"),
    [
        ([], "03-17", "33.00", []),
        ([], "05-04", "0", []),
        (["03-09 33.00"], "03-17", "0", []),
        (["03-09 31.48"], "03-17", "0", ["-1.52"]),
        (["03-09 34.10"], "03-17", "0", ["1.10"]),
        (["03-09 11.00"], "03-17", "0", []),  # too far from what was booked: a difference for a person
        (["03-09 -33.00"], "03-17", "33.00", []),
    ],
)
def test_cash_in_lieu_is_on_its_way_until_it_is_paid_and_its_price_is_the_brokers(
    paid: list[str], on: str, owed: str, corrected: list[str]
) -> None:
    entry, payments = fraction("03-02 33.00"), [in_lieu(one) for one in paid]
    assert receivable([entry], payments, date.fromisoformat(f"2020-{on}")) == Decimal(owed)
    assert [one.cash for one in corrections([entry], payments)] == [Decimal(one) for one in corrected]


def test_cash_in_lieu_of_a_merger_may_be_paid_under_the_old_symbol() -> None:
    entry = fraction("03-02 33.00", "GLD", "-IAU")
    assert receivable([entry], [in_lieu("03-09 33.00", "IAU")], date(2020, 3, 17)) == 0


def test_a_correction_of_cash_in_lieu_is_booked_once_as_profit_of_the_symbol() -> None:
    before, entry = ours(entries=held(GLD="5")), fraction("03-02 33.00")
    side = replace(before, ledger=before.ledger.apply([entry]), owed=(entry,))
    paid = in_lieu("03-17 31.48")
    cash = side.ledger.cash - Decimal("33.00")
    said = replace(broker(side), cash=cash + paid.cash, movements=(paid,))
    repairs = plan(said, side)
    assert differing(repairs) == {}
    made = booked_entries(repairs, side)
    assert [(one.kind, one.symbol, one.quantity, one.cash) for one in made] == [
        ("adjustment", "GLD", 0, Decimal("-1.52"))
    ]
    old, new = side.ledger.positions["trend", "GLD"], side.ledger.apply(made).positions["trend", "GLD"]
    assert (new.realised - old.realised, new.cost) == (Decimal("-1.52"), old.cost)
    assert plan(said, after(side, repairs)) == ()


@pytest.mark.parametrize("late", [False, True])
def test_the_cash_of_a_merger_and_a_dividend_booked_late_are_on_their_way_from_their_own_day(
    late: bool,
) -> None:
    day, booked = date(2020, 3, 2), date(2020, 3, 16)
    since, end = (day, "-late") if late else (None, "")
    when = booked if late else day
    sold = Entry(
        when, "redemption", "trend", "GLD", Decimal(-5), Decimal(30), Decimal(150), Decimal(0),
        f"merger-GLD-{day}{end}", Decimal(0), since,
    )  # fmt: skip
    paid = movement("corporate_action", "150", symbol="GLD", session=date(2020, 3, 4))
    assert receivable([sold], [], date(2020, 3, 17)) == 150
    assert receivable([sold], [paid], date(2020, 3, 17)) == 0
