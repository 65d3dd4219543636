"""What money and borrowed units cost and earn in an account, from one decision to the next.

Rates are a year, and a calendar day is 1/360 of one (actual/360), as money markets and brokers count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from nightdesk.accounting.funding_rates import held_of, rate_entries
from nightdesk.accounting.late_actions import LATE
from nightdesk.accounting.ledger import Entry, Ledger, Position, cash_entry
from nightdesk.accounting.period import Period, Rates
from nightdesk.core.errors import Refused
from nightdesk.core.money import CENT, ZERO, apportion, exact, to_cents

#: Days of a year of interest.
DAYS_A_YEAR = 360


def interest(ledger: Ledger, period: Period) -> tuple[Entry, ...]:
    """The entry of a period's interest on each account's balance of its beginning; none where it is 0."""
    rates, days = period.terms.rates, period.days
    if not (rates.credit or rates.debit) or not days:
        return ()
    reference = f"interest-{period.session}"
    earned = ((name, interest_on(ledger.cash_in(name), rates, days)) for name in period.terms.ours)
    return tuple(
        cash_entry(period.session, "interest", cash, reference, name) for name, cash in earned if cash
    )


def interest_on(cash: Decimal, rates: Rates, days: int) -> Decimal:
    """What a balance earns over some calendar days, weekends included; negative where it is owed.

    Parameters
    ----------
    cash : Decimal
        Dollars as the last settlement left them, the proceeds of shorts included.
    rates : Rates
    days : int

    Returns
    -------
    Decimal
        Dollars, rounded half-even to the cent: cash × rate × days / 360.
    """
    rate = rates.credit if cash > 0 else rates.debit
    return to_cents(cash * rate * days / DAYS_A_YEAR) if rate and days else ZERO


def borrow(ledger: Ledger, period: Period) -> tuple[Entry, ...]:
    """The entries of a period's fees for what the account was short at its beginning.

    The account borrows what its strategies are short together, so a strategy that is long lends to one that
    is short. The fee of a symbol is shared to the cent among those who are short, in proportion.
    """
    rates, session = period.terms.rates, period.session
    if not rates.borrow or not period.days:
        return ()
    entries = []
    for symbol, fee in sorted(borrow_fees(ledger.net(), period.closes, rates, period.days).items()):
        shorts = shorts_of(ledger, symbol)
        reference = f"borrow-{symbol}-{session}"
        shares = apportion(fee, [-one.quantity for one in shorts], CENT)
        entries += [
            Entry(session, "borrow", one.strategy, symbol, ZERO, ZERO, -share, ZERO, reference)
            for one, share in zip(shorts, shares, strict=True)
            if share
        ]
    return tuple(entries)


def funding(ledger: Ledger, period: Period) -> tuple[Entry, ...]:
    """The entries of what positions in perpetuals paid and received in a period, by what was held through it.

    Units × close × multiplier × rate, as often as a payment falls into the period; a long pays where the rate
    is positive. The close is that of the period's beginning.

    Raises
    ------
    Refused
        When what is held has no close.
    """
    if not period.fundings:
        return ()
    entries = []
    for position in sorted(ledger.held(), key=lambda one: (one.symbol, one.strategy)):
        contract = period.terms.contracts.get(position.symbol)
        if contract is None or not contract.funding:
            continue
        notional = contract.notional(position.quantity, _close_of(period, position.symbol))
        paid = to_cents(-notional * contract.funding * period.fundings)
        reference = f"funding-{position.symbol}-{period.as_of:%Y%m%dT%H%M}"
        whose = (position.strategy, position.symbol)
        entries.append(Entry(period.session, "funding", *whose, ZERO, ZERO, paid, ZERO, reference))
    return tuple(entries)


def funding_by_rates(ledger: Ledger, period: Period) -> tuple[Entry, ...]:
    """The entries of the rates of a period, an instant each, then those of rates that came late.

    Units × price × multiplier × rate, on what was held through the period and at its first close; a long pays
    where the rate is positive. An account's total is rounded to the cent and shared among its strategies.

    Raises
    ------
    Refused
        When what is held has no close.
    """
    if not (period.funding_rates or period.late_funding):
        return ()
    entries: list[Entry] = []
    for rate in period.funding_rates:
        held = held_of(ledger, rate.symbol)
        if held:
            price = _close_of(period, rate.symbol)
            entries += rate_entries(rate, held, price, period.terms.contracts, period.session)
    for late in period.late_funding:
        entries += [
            replace(one, reference=f"{one.reference}{LATE}", since=late.settled)
            for one in rate_entries(late.rate, late.held, late.price, period.terms.contracts, period.session)
        ]
    return tuple(entries)


def _close_of(period: Period, symbol: str) -> Decimal:
    close = period.closes.get(symbol)
    if close is None or not close > 0:
        raise Refused(f"{symbol} is held and has no close that its funding is of: store its bars")
    return exact(close)


def borrow_fees(
    net: Mapping[str, Decimal], closes: Mapping[str, float], rates: Rates, days: int
) -> dict[str, Decimal]:
    """What an account owes for the units that it has borrowed over some calendar days, by symbol.

    Parameters
    ----------
    net : mapping of symbol to Decimal
        Signed units; what is long costs nothing.
    closes : mapping of symbol to float
        Raw dollars a unit at their beginning.
    rates : Rates
    days : int

    Returns
    -------
    dict of symbol to Decimal
        Positive dollars, rounded half-even to the cent: units × close × rate × days / 360. Symbols that owe
        nothing are absent.

    Raises
    ------
    Refused
        When what is short and costs a fee has no close.
    """
    fees = {}
    for symbol, quantity in net.items():
        rate = rates.borrow.get(symbol, ZERO)
        if quantity >= 0 or not rate:
            continue
        close = closes.get(symbol)
        if close is None or not close > 0:
            raise Refused(
                f"{symbol} is sold short and has no close by which its loan costs: store its bars first"
            )
        fees[symbol] = to_cents(-quantity * exact(close) * rate * days / DAYS_A_YEAR)
    return {symbol: fee for symbol, fee in fees.items() if fee}


def shorts_of(ledger: Ledger, symbol: str) -> list[Position]:
    """Who is short in a symbol, by strategy."""
    found = (one for one in ledger.held() if one.symbol == symbol and one.quantity < 0)
    return sorted(found, key=lambda one: one.strategy)
