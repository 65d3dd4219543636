"""The one settlement: what holds of every night of every book, and the accruals in small cases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from tests.accounting.periods import FRIDAY, STRATEGIES, SYMBOLS, Night, nights

from nightdesk.accounting import AccrualTerms, Entry, Ledger, Opening, Period, fold, settlement
from nightdesk.accounting.ledger import value
from nightdesk.accounting.period import Rates
from nightdesk.accounting.tax.tax_trades import trades_of
from nightdesk.core.errors import Refused
from nightdesk.orders import FillBars
from nightdesk.performance import Valued, by_strategy

CENT = Fraction(1, 100)


def cents(amount: Fraction) -> Decimal:
    """Dollars rounded half-even, by fractions alone."""
    return Decimal(round(amount / CENT)) / 100


def of_kind(night: Night, kind: str) -> list[Entry]:
    return [one for one in night.settled.entries if one.kind == kind]


def nav_is_cash_and_value(night: Night) -> None:
    settled, before = night.settled, night.opening.ledger
    assert settled.ledger.cash == before.cash + sum((one.cash for one in settled.entries), Decimal(0))
    worth = sum((value(one, night.period.prices[one.symbol]) for one in settled.ledger.held()), Decimal(0))
    assert settled.mark.nav == settled.ledger.cash + worth == settled.mark.cash + settled.mark.positions_value


def every_cent_has_an_owner(night: Night) -> None:
    def valued(ledger: Ledger, prices: object, nav: Decimal) -> Valued:
        worth = {(one.strategy, one.symbol): value(one, prices[one.symbol]) for one in ledger.held()}  # type: ignore[index]
        return Valued(nav, ledger.positions, worth)

    opening, settled = night.opening, night.settled
    assert opening.mark is not None
    before = valued(opening.ledger, night.period.closes, opening.mark.nav)
    after = valued(settled.ledger, night.period.prices, settled.mark.nav)
    days = {one.strategy: one for one in by_strategy(STRATEGIES, before, after, settled.entries)}
    assert sum(one.profit for one in days.values()) == settled.mark.nav - opening.mark.nav
    assert days[""].other == 0
    for name in STRATEGIES:
        paid = -sum(one.cash for one in of_kind(night, "borrow") if one.strategy == name)
        assert days[name].borrow == paid
    assert days[""].interest == sum(one.cash for one in of_kind(night, "interest"))


def interest_is_that_of_an_independent_calculation(night: Night) -> None:
    cash, rates = Fraction(night.opening.ledger.cash), night.period.terms.rates
    days = night.period.session.toordinal() - FRIDAY.toordinal()
    rate = Fraction(rates.credit if cash > 0 else rates.debit)
    expected = cents(cash * rate * days / 360)
    booked = of_kind(night, "interest")
    assert [one.cash for one in booked] == ([expected] if expected else [])
    assert all((one.strategy, one.symbol) == ("", "") for one in booked)


def borrow_is_that_of_an_independent_calculation(night: Night) -> None:
    positions = night.opening.ledger.apply(
        one for one in night.settled.entries if one.kind == "cross"
    ).positions
    days = (night.period.session - FRIDAY).days
    booked = of_kind(night, "borrow")
    for symbol in SYMBOLS:
        held = {name: positions[name, symbol].quantity for name in STRATEGIES if (name, symbol) in positions}
        net = sum(held.values(), Decimal(0))
        rate = Fraction(night.period.terms.rates.borrow.get(symbol, Decimal(0)))
        value_of_short = Fraction(max(-net, Decimal(0))) * Fraction(str(night.period.closes[symbol]))
        paid = {one.strategy: -one.cash for one in booked if one.symbol == symbol}
        assert sum(paid.values()) == cents(value_of_short * rate * days / 360)
        assert all(held[name] < 0 < fee for name, fee in paid.items())


def who_is_short_pays_the_dividend_on_its_ex_date(night: Night) -> None:
    settled = night.settled
    paid = of_kind(night, "dividend")
    before = [one for one in settled.entries if one.kind in ("cross", "split")]
    before += [one for one in settled.entries if one.reference.startswith("fraction-")]
    open_positions = night.opening.ledger.apply(before)
    for symbol in SYMBOLS:
        per_unit = Fraction(str(night.period.dividends.get(symbol, 0)))
        units = Fraction(open_positions.net().get(symbol, Decimal(0)))
        assert sum((one.cash for one in paid if one.symbol == symbol), Decimal(0)) == cents(units * per_unit)
    for one in paid:
        held = open_positions.positions[one.strategy, one.symbol].quantity
        assert one.session == night.period.session
        assert one.cash * held >= 0


def crosses_sum_to_nothing(night: Night) -> None:
    crossed = of_kind(night, "cross")
    for symbol in SYMBOLS:
        mine = [one for one in crossed if one.symbol == symbol]
        assert sum((one.quantity for one in mine), Decimal(0)) == 0
        assert sum((one.cash for one in mine), Decimal(0)) == 0


def a_fact_is_booked_once(night: Night) -> None:
    settled = night.settled
    keys = [one.key for one in settled.entries]
    assert len(set(keys)) == len(keys)
    again = night.settle()
    assert again.entries == settled.entries
    once = {one.key: one for one in (*settled.entries, *again.entries)}
    assert night.opening.ledger.apply(once.values()) == settled.ledger
    with pytest.raises(ValueError, match="is not booked again"):
        replace(night, opening=settled.closing).settle()


def the_account_and_the_book_live_through_the_same(night: Night) -> None:
    book, account = night.settled, night.of_account
    assert book.ledger.cash == account.ledger.cash
    assert book.ledger.net() == account.ledger.net()
    assert (book.fills, book.expired) == (account.fills, account.expired)


PROPERTIES = (
    nav_is_cash_and_value,
    every_cent_has_an_owner,
    interest_is_that_of_an_independent_calculation,
    borrow_is_that_of_an_independent_calculation,
    who_is_short_pays_the_dividend_on_its_ex_date,
    crosses_sum_to_nothing,
    a_fact_is_booked_once,
    the_account_and_the_book_live_through_the_same,
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(nights())
def test_every_night_of_every_book(night: Night) -> None:
    for holds in PROPERTIES:
        holds(night)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=5_000, deadline=None)
@given(nights())
def test_five_thousand_nights(night: Night) -> None:
    for holds in PROPERTIES:
        holds(night)


SHORTS = {"carry": "-40", "trend": "-80", "value": "20"}


def small(cash: str, days: int = 3, **quantities: str) -> Night:
    """A Friday's book in GLD at 50 dollars, and the time up to so many days later."""
    entries = [
        Entry(FRIDAY, "fill", name, "GLD", Decimal(q), Decimal(50), -50 * Decimal(q), Decimal(0), name)
        for name, q in quantities.items()
    ]
    ledger = fold(entries)
    ledger = Ledger(Decimal(cash), ledger.positions)
    as_of = datetime(2020, 3, 13, 20, tzinfo=UTC)
    session = FRIDAY + timedelta(days=days)
    rates = Rates(debit=Decimal("0.072"), credit=Decimal("0.018"), borrow={"GLD": Decimal("0.036")})
    period = Period(
        as_of=as_of + timedelta(days=days),
        session=session,
        since=FRIDAY,
        bars=FillBars(session, {}, {}),
        terms=AccrualTerms({"GLD": Decimal(1)}, rates),
        prices={"GLD": 50.0},
        closes={"GLD": 50.0},
    )
    return Night(Opening(ledger, None, as_of), (), period)


def cash_of(night: Night) -> list[tuple[str, str, str, Decimal]]:
    return [(one.kind, one.strategy, one.symbol, one.cash) for one in night.settled.entries]


@pytest.mark.parametrize(
    ("cash", "days", "earned"),
    [("-10000", 3, "-6.00"), ("10000", 3, "1.50"), ("10000", 1, "0.50"), ("0", 3, None), ("-2.49", 1, None)],
)
def test_a_balance_earns_or_owes_by_the_days_of_a_weekend(cash: str, days: int, earned: str | None) -> None:
    expected = [] if earned is None else [("interest", "", "", Decimal(earned))]
    assert cash_of(small(cash, days)) == expected


def test_the_account_pays_for_what_it_is_short_as_a_whole_and_who_is_short_bears_it() -> None:
    # 100 units short at 50 dollars and 3.6 % for three days of 360: 1.50 dollars, one to two.
    assert cash_of(small("0", **SHORTS)) == [
        ("borrow", "carry", "GLD", Decimal("-0.50")),
        ("borrow", "trend", "GLD", Decimal("-1.00")),
    ]
    assert cash_of(small("0", carry="-40", value="40")) == [], "one lends to the other"


def test_two_decisions_of_a_session_have_no_night_between_them() -> None:
    night = small("-10000", 0, **SHORTS)
    later = replace(night.period, as_of=night.period.as_of + timedelta(hours=1))
    assert cash_of(replace(night, period=later)) == []


def test_a_loan_without_a_price_is_refused() -> None:
    night = small("0", **SHORTS)
    with pytest.raises(Refused, match="GLD is sold short and has no close by which its loan costs"):
        replace(night, period=replace(night.period, closes={})).settle()


def test_a_new_accrual_is_one_entry_of_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    def levy(ledger: Ledger, period: Period) -> tuple[Entry, ...]:
        key = f"levy-{period.session}"
        return (Entry(period.session, "fee", "", "", Decimal(0), Decimal(0), Decimal(-1), Decimal(0), key),)

    monkeypatch.setattr(settlement, "ACCRUALS", (*settlement.ACCRUALS, levy))
    night = small("0")
    assert cash_of(night) == [("fee", "", "", Decimal(-1))]
    assert night.settled.ledger.cash == Decimal(-1)


def test_what_borrowing_costs_is_no_trade() -> None:
    entries = small("-10000", **SHORTS).settled.entries
    assert {one.kind for one in entries} == {"interest", "borrow"}
    assert trades_of("three", entries) == ()
