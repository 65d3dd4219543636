"""Funding by a history of rates: each instant's own, and what became known after its period was settled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from nightdesk.accounting.late_actions import LATE
from nightdesk.accounting.ledger import Entry, Ledger
from nightdesk.core.contracts import PLAIN, Contract
from nightdesk.core.funding import FundingRate, missing_instants
from nightdesk.core.money import CENT, ZERO, round_together, to_cents


@dataclass(frozen=True)
class BelatedFunding:
    """A rate that became known after its instant was settled.

    Attributes
    ----------
    rate : FundingRate
    settled : date
        The session that should have booked it.
    price : Decimal
        Raw dollars a unit that its period began with.
    held : mapping of strategy to Decimal
        Units that were held through that period; who held nothing is absent.
    """

    rate: FundingRate
    settled: date
    price: Decimal
    held: Mapping[str, Decimal]

    def of_account(self, owner: str) -> BelatedFunding:
        """The same as the account meets it, which has one owner."""
        return replace(self, held={owner: sum(self.held.values(), ZERO)})


@dataclass(frozen=True)
class Funding:
    """What a period has of rates with a history.

    Attributes
    ----------
    due : tuple of FundingRate
        Those of its instants.
    late : tuple of BelatedFunding
        Those of earlier instants that it books.
    notes : tuple of str
        In words what a person must know: instants without a rate, rates that changed after they were booked.
    """

    due: tuple[FundingRate, ...] = ()
    late: tuple[BelatedFunding, ...] = ()
    notes: tuple[str, ...] = ()


NO_FUNDING = Funding()


def funding_reference(rate: FundingRate) -> str:
    """The reference of the entries of a rate when they are booked in time."""
    return f"funding-{rate.symbol}-{rate.instant:%Y%m%dT%H%M}"


def held_of(ledger: Ledger, symbol: str) -> dict[str, Decimal]:
    """Units of a symbol by strategy, flat ones left out."""
    return {one.strategy: one.quantity for one in ledger.held() if one.symbol == symbol}


def paid(late: BelatedFunding, contracts: Mapping[str, Contract]) -> Decimal:
    """What a late rate comes to for the account, dollars and cents, signed as cash."""
    return sum(
        (one.cash for one in rate_entries(late.rate, late.held, late.price, contracts, late.settled)), ZERO
    )


def rate_entries(
    rate: FundingRate,
    held: Mapping[str, Decimal],
    price: Decimal,
    contracts: Mapping[str, Contract],
    session: date,
) -> list[Entry]:
    """The entries of one rate on what strategies held, at a price; see `nightdesk.accounting.financing`."""
    per_unit = -contracts.get(rate.symbol, PLAIN).notional(Decimal(1), price) * rate.rate
    who = sorted(held)
    exactly = [held[strategy] * per_unit for strategy in who]
    shares = round_together(exactly, to_cents(sum(exactly, ZERO)), CENT)
    reference = funding_reference(rate)
    return [
        Entry(session, "funding", strategy, rate.symbol, ZERO, ZERO, share, ZERO, reference)
        for strategy, share in zip(who, shares, strict=True)
    ]


def missing_words(
    ledger: Ledger,
    histories: Iterable[str],
    due: Sequence[FundingRate],
    before: Sequence[FundingRate],
    begin: datetime,
    end: datetime,
) -> tuple[str, ...]:
    """In words, the instants of a period at which something is held and has no rate.

    Parameters
    ----------
    ledger : Ledger
        As the period began.
    histories : iterable of str
        Perpetuals with a history.
    due, before, begin, end
        As `nightdesk.core.funding.missing_instants`.
    """
    held, out = ledger.net(), []
    for symbol in sorted(set(histories) & held.keys()):
        absent = missing_instants(due, before, symbol, begin, end)
        if absent:
            named = ", ".join(f"{one:%Y-%m-%d %H:%M}" for one in absent)
            out.append(
                f"{symbol} has no funding rate at {named} UTC: nothing was booked for it; it is booked when "
                "its source has it"
            )
    return tuple(out)


def not_yet_booked(
    late: Iterable[BelatedFunding], booked: Sequence[Entry], contracts: Mapping[str, Contract]
) -> tuple[tuple[BelatedFunding, ...], tuple[str, ...]]:
    """Which late rates are to be booked now, and in words those that were booked as something else.

    Parameters
    ----------
    late : iterable of BelatedFunding
    booked : sequence of Entry
        Of the sessions since the first of them was to be settled.
    contracts : mapping of symbol to Contract
    """
    sums: dict[str, Decimal] = {}
    for entry in booked:
        if entry.kind == "funding":
            reference = entry.reference.removesuffix(LATE)
            sums[reference] = sums.get(reference, ZERO) + entry.cash
    due: list[BelatedFunding] = []
    changed: list[str] = []
    for one in late:
        reference = funding_reference(one.rate)
        if not one.held:
            continue
        now = paid(one, contracts)
        if reference not in sums:
            due.append(one)
        elif sums[reference] != now:
            changed.append(
                f"the funding of {one.rate.symbol} at {one.rate.instant:%Y-%m-%d %H:%M} UTC was booked at "
                f"{sums[reference]:+f} dollars, and by the rate that is known now it is {now:+f}"
            )
    return tuple(due), tuple(changed)
