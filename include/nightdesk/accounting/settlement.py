"""The one settlement: what happens to a book between two decisions, for backtest, paper broker and daily run.

Accruals come first, in the order of `ACCRUALS`; then orders meet the market; then what expires at the close
ends (`CLOSING`); then the book is marked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from nightdesk.accounting.actions import corporate_actions
from nightdesk.accounting.booking import cross_entries, fill_entries, on_margin, orders_after
from nightdesk.accounting.early_exercise import after_notices, early_exercise
from nightdesk.accounting.financing import borrow, funding, funding_by_rates, interest
from nightdesk.accounting.late_actions import late_bookings
from nightdesk.accounting.ledger import Entry, Ledger, Mark, capital, mark
from nightdesk.accounting.option_life import expiry, refuse_unadjusted
from nightdesk.accounting.period import Period, due
from nightdesk.accounting.placing import placed
from nightdesk.accounting.transfers import transfer_entries
from nightdesk.core.account_terms import MAIN
from nightdesk.core.money import ZERO
from nightdesk.orders.fills import Expired, Fill, FillTerms, open_session
from nightdesk.orders.order import Order
from nightdesk.orders.resting import rest_of

#: What a period brings to a ledger by itself. Its entries are of one session, and a second call makes the
#: same ones: `Entry.key` says which fact each is.
Brings = Callable[[Ledger, Period], tuple[Entry, ...]]


def _capital(_ledger: Ledger, period: Period) -> tuple[Entry, ...]:
    if not period.capital:
        return ()
    parts = period.terms.capitals or {MAIN: period.capital}
    return tuple(capital(period.session, amount, name) for name, amount in parts.items() if amount)


def _transfers(_ledger: Ledger, period: Period) -> tuple[Entry, ...]:
    return transfer_entries(period.transfers, period.session) if period.transfers else ()


def _crosses(_ledger: Ledger, period: Period) -> tuple[Entry, ...]:
    return (
        cross_entries(period.crosses, period.session, period.as_of, period.terms.contracts)
        if period.crosses
        else ()
    )


def _late_actions(ledger: Ledger, period: Period) -> tuple[Entry, ...]:
    if not period.late:
        return ()
    booked = late_bookings(period.late, ledger, period.session, period.terms.units)
    return tuple(entry for one in booked for entry in one.entries)


def _actions(ledger: Ledger, period: Period) -> tuple[Entry, ...]:
    if not (period.splits or period.dividends or period.events):
        return ()
    if period.splits and period.terms.contracts:
        refuse_unadjusted(ledger, period.splits, period.terms.contracts, period.events)
    return corporate_actions(
        ledger,
        period.session,
        period.splits,
        period.dividends,
        period.restated,
        period.terms.units,
        period.events,
    )


def _own(ledger: Ledger, period: Period) -> tuple[Entry, ...]:
    terms = period.terms
    if not terms.own or not terms.account_of:
        return tuple(entry for one in terms.own if terms.ours for entry in due(one, ledger, period))
    return tuple(
        replace(entry, account=name)
        for name in terms.ours
        for one in terms.own
        for entry in due(one, ledger.in_account(name, terms.account_of), period.within(name))
    )


#: In the order in which they are booked. What strategies pass to each other is of the close that the decision
#: was made at, so it precedes all that the night brings; what the night costs is of what was held through it,
#: so it precedes the actions of the open, and money that a person moves from one account to another. Who
#: exercises a call in the night has the dividend of the morning.
ACCRUALS: tuple[Brings, ...] = (
    _capital,
    _crosses,
    interest,
    borrow,
    funding,
    funding_by_rates,
    _own,
    _transfers,
    _late_actions,
    early_exercise,
    _actions,
)


#: What is booked at the close, after the fills and before the mark.
CLOSING: tuple[Brings, ...] = (expiry,)


@dataclass(frozen=True, slots=True)
class Opening:
    """A book as its newest decision left it; without a mark, and `as_of` None, before its first."""

    ledger: Ledger = field(default_factory=Ledger)
    mark: Mark | None = None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Accrued:
    """A book after a period's accruals, and the orders that meet the market as they are then.

    `ended` are those whose symbol is traded no more.
    """

    ledger: Ledger
    entries: tuple[Entry, ...] = ()
    orders: tuple[Order, ...] = ()
    ended: tuple[Expired, ...] = ()


@dataclass(frozen=True)
class Executed:
    """What became of the orders: the entries to be booked, the fills behind them, and what was not filled.

    `met` are the orders of a simulated account as they met the market.
    """

    entries: tuple[Entry, ...] = ()
    fills: tuple[Fill, ...] = ()
    expired: tuple[Expired, ...] = ()
    met: tuple[Order, ...] = ()


@dataclass(frozen=True)
class Settlement[E: Executed]:
    """A settled period: all of its entries in their order, and the ledger after them."""

    period: Period
    opening: Opening
    entries: tuple[Entry, ...]
    ledger: Ledger
    executed: E
    ended: tuple[Expired, ...] = ()

    @property
    def fills(self) -> tuple[Fill, ...]:
        """What was executed."""
        return self.executed.fills

    @property
    def expired(self) -> tuple[Expired, ...]:
        """What was not filled."""
        return self.ended + self.executed.expired

    @cached_property
    def mark(self) -> Mark:
        """The book valued at the end of the period.

        Raises
        ------
        Refused
            When a held symbol has no price.
        """
        return mark(
            self.ledger,
            self.period.session,
            self.period.prices,
            self.opening.mark,
            self.period.terms.contracts,
        )

    @property
    def closing(self) -> Opening:
        """What the next period opens with."""
        return Opening(self.ledger, self.mark, self.period.as_of)


def settle[E: Executed](
    opening: Opening, orders: Sequence[Order], period: Period, execute: Callable[[Accrued], E]
) -> Settlement[E]:
    """Bring a book from one decision to the instant of the next.

    Parameters
    ----------
    opening : Opening
        As the decision at the period's beginning left it.
    orders : sequence of Order
        Sent by that decision, as they were sent.
    period : Period
    execute : callable
        What the orders become, given the book after the accruals and the orders restated for its actions:
        `at_the_open`, or whatever tells what a broker says. Called once.

    Raises
    ------
    ValueError
        When the book has lived through the period: nothing is booked twice.
    Refused
        As `nightdesk.accounting.actions.corporate_actions`.
    """
    if opening.as_of is not None and opening.as_of >= period.as_of:
        raise ValueError(f"the book is settled up to {opening.as_of}: {period.as_of} is not booked again")
    accrued = accrue(opening.ledger, orders, period)
    executed = execute(accrued)
    traded, ledger = executed.entries, accrued.ledger
    if traded:
        traded = placed(traded, period.terms.account_of)
        ledger = ledger.apply(traded)
    entries = accrued.entries + traded
    closing, ledger = at_close(ledger, period)
    return Settlement(period, opening, entries + closing, ledger, executed, accrued.ended)


def at_close(ledger: Ledger, period: Period) -> tuple[tuple[Entry, ...], Ledger]:
    """What is booked at the close of a period on a ledger after its fills, and the ledger after that."""
    return _booked(CLOSING, ledger, period) if period.terms.contracts else ((), ledger)


def _booked(accruals: Sequence[Brings], ledger: Ledger, period: Period) -> tuple[tuple[Entry, ...], Ledger]:
    """The entries of some accruals, each on the ledger as those before it leave it, and that ledger."""
    entries: tuple[Entry, ...] = ()
    for brings in accruals:
        made = brings(ledger, period)
        if made:
            made = placed(made, period.terms.account_of)
            entries += made
            ledger = ledger.apply(made)
    return entries, ledger


def accrue(ledger: Ledger, orders: Sequence[Order], period: Period) -> Accrued:
    """What a period brings to a book before its orders meet the market."""
    before = ledger
    entries, ledger = _booked(ACCRUALS, ledger, period)
    live, ended = tuple(orders), tuple[Expired, ...]()
    if live and period.notices:
        live, ended = after_notices(before, period, live, entries)
    if live and (period.splits or period.events):
        live, expired = orders_after(live, period.splits, period.events, period.terms.units)
        ended += expired
    return Accrued(ledger, entries, live, ended)


def still_resting(settled: Settlement[Executed]) -> tuple[Order, ...]:
    """What of the orders of a simulated account rests on after a period, each with what is left of it."""
    ended = {one.client_order_id for one in settled.expired}
    filled = {fill.client_order_id: fill.quantity for fill in settled.fills}
    left = (
        (one, filled.get(one.client_order_id, ZERO))
        for one in settled.executed.met
        if one.rests and one.client_order_id not in ended
    )
    return tuple(rest_of(one, units) for one, units in left if units < one.quantity)


def _ended_by_split(
    orders: Sequence[Order], fills: Sequence[Fill], expired: Sequence[Expired], period: Period
) -> tuple[Expired, ...]:
    """What rests on in units of before a split: it has met the period's bars restated, and ends with it."""
    over = {one.client_order_id for one in expired}
    resting = [
        one for one in orders if one.rests and one.symbol in period.splits and one.client_order_id not in over
    ]
    filled = {fill.client_order_id: fill.quantity for fill in fills} if resting else {}
    left = [(one, one.quantity - filled.get(one.client_order_id, ZERO)) for one in resting]
    return tuple(
        Expired(one.client_order_id, one.symbol, rest, "a split has changed the units that it is in")
        for one, rest in left
        if rest
    )


def at_the_open(period: Period, terms: FillTerms) -> Callable[[Accrued], Executed]:
    """How orders of a simulated account are executed: at the period's bars, by `open_session`."""

    def execute(accrued: Accrued) -> Executed:
        if not accrued.orders:
            return Executed()
        fills, expired = open_session(accrued.orders, period.bars, terms)
        by_id = {order.client_order_id: order for order in accrued.orders}
        expired += _ended_by_split(accrued.orders, fills, expired, period)
        entries: tuple[Entry, ...] = ()
        for fill in fills:
            entries += fill_entries(by_id[fill.client_order_id], (fill,), period.terms.units[fill.symbol])
        booked = on_margin(entries, accrued.ledger, period.terms.contracts)
        return Executed(booked, fills, expired, accrued.orders)

    return execute
