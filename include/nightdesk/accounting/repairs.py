"""Repairs: what settling does to bring the ledger to where a broker is, and the entries that they book."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from nightdesk.accounting.booking import commission_entries, correction_entries, fill_entries, on_margin
from nightdesk.accounting.financing import shorts_of
from nightdesk.accounting.ledger import NO_CONTRACTS, Entry, EntryKind, Ledger, cash_entry
from nightdesk.core.account_terms import MAIN
from nightdesk.core.contracts import Contract
from nightdesk.core.money import CENT, QUANTITY_STEP, ZERO, apportion, to_cents, to_price
from nightdesk.core.schedule import Schedule
from nightdesk.orders.broker_account import Movement
from nightdesk.orders.fills import Fill
from nightdesk.orders.order import Order

#: The item of a difference that is no symbol.
CASH = "cash"


@dataclass(frozen=True)
class SentOrder:
    """An order of ours as the ledger's side knows it.

    `order` is restated for splits of the session; `filled` is what is known to be executed of it, `booked`
    the part of that which earlier sessions booked.
    """

    order: Order
    status: str
    attempts: int
    filled: Decimal = ZERO
    booked: Decimal = ZERO


def _unchanged(ledger: Ledger) -> Ledger:
    return ledger


@dataclass(frozen=True)
class LedgerSnapshot:
    """The ledger's side of a session that is being settled.

    Attributes
    ----------
    as_of : datetime
        The decision that settles, UTC.
    schedule : Schedule
        The book's decisions.
    ledger : Ledger
        After the corporate actions of the session, before its fills.
    orders : mapping of client order id to SentOrder
        Those that were open when the decision before was done.
    prices : mapping of symbol to Decimal
        What a fill is measured against, and an unexplained unit is valued at: the session's open, else the
        newest close; raw dollars.
    units : mapping of symbol to Decimal
        Smallest quantities.
    heir : str
        The strategy to which units belong that nobody holds yet.
    booked : mapping of execution id to Fill
        Executions that earlier decisions have booked, as far back as a broker tells of, with what they have
        booked of a commission that came later.
    moved : frozenset of str
        Movements that they have booked.
    owed : tuple of Entry
        What a real broker pays later, of the last `PAYMENTS_LOOKED_BACK`, by session; see
        `nightdesk.accounting.payments`.
    contracts : mapping of symbol to Contract
        Those whose unit is not worth its price.
    at_close : callable
        What the close of the session makes of a ledger after the fills: the broker has lived through it.
    account : str
        The account of the book that it is of.
    """

    as_of: datetime
    schedule: Schedule
    ledger: Ledger
    orders: Mapping[str, SentOrder]
    prices: Mapping[str, Decimal]
    units: Mapping[str, Decimal]
    heir: str
    booked: Mapping[str, Fill] = field(default_factory=dict)
    moved: frozenset[str] = frozenset()
    owed: tuple[Entry, ...] = ()
    contracts: Mapping[str, Contract] = NO_CONTRACTS
    at_close: Callable[[Ledger], Ledger] = _unchanged
    account: str = MAIN

    @cached_property
    def session(self) -> date:
        """The session that the decision lies in: what is booked is dated by it."""
        return self.schedule.session_of(self.as_of)

    def is_due(self, session: date, at: datetime | None) -> bool:
        """Whether what happened at an instant of a session is settled by this decision, or was to be by an
        earlier one; see `Schedule.settling_of`.

        Of what has no instant, as the executions of a paper account, the decision that hears of it: such an
        account tells of a decision's own period and no more.
        """
        if at is None:
            return session <= self.session
        return self.schedule.settling_of(session, at) <= self.as_of

    def is_late(self, session: date, at: datetime | None) -> bool:
        """Whether an earlier decision was to settle it; of what has no instant, one of an earlier session."""
        if at is None:
            return session < self.session
        return self.schedule.settling_of(session, at) < self.as_of


@dataclass(frozen=True)
class BookFill:
    """An execution to be booked."""

    fill: Fill


@dataclass(frozen=True)
class CorrectFill:
    """An execution that the broker tells otherwise than it told it at first: the difference is booked.

    `fill` is how it stands, `before` how it was booked, with the commission that was booked of it.
    """

    fill: Fill
    before: Fill

    @property
    def units(self) -> Decimal:
        """What is executed more than was booked."""
        return self.fill.quantity - self.before.quantity


@dataclass(frozen=True)
class BookCommission:
    """The commission of an execution that was booked before it was known, dollars and cents."""

    fill: Fill
    commission: Decimal


@dataclass(frozen=True)
class LackCommission:
    """An execution of an earlier session whose commission was not told yet: a person is told once."""

    fill: Fill


@dataclass(frozen=True)
class RefuseFill:
    """An execution that cannot be true of our orders; it changes no position, and a person is told."""

    fill: Fill
    reason: str


@dataclass(frozen=True)
class BookMovement:
    """A fee, an interest, a borrow fee or what cash in lieu was more than booked, to be booked."""

    movement: Movement


@dataclass(frozen=True)
class CancelOrder:
    """An order that still works at the broker though its time is over."""

    client_order_id: str


@dataclass(frozen=True)
class MoveOrder:
    """An order to be brought to where it stands: its state here, what is filled of it, and why."""

    client_order_id: str
    status: str
    filled: Decimal
    cause: str
    answer: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Difference:
    """`item` (cash or a symbol) of which ledger and broker do not say the same; dollars or units.

    `tolerated` ones are booked, marked as such. The others stop the book from adding risk and ask a person.
    """

    item: str
    ledger_value: Decimal
    broker_value: Decimal
    tolerated: bool

    @property
    def amount(self) -> Decimal:
        """What the broker has more."""
        return self.broker_value - self.ledger_value


@dataclass(frozen=True)
class Dispute:
    """A symbol whose position is not known: ledger and broker, or the broker's own answers, differ about it.

    Attributes
    ----------
    symbol : str
    ledger_value : Decimal
        What the ledger holds after the repairs, signed units.
    claimed_value : Decimal
        What the account would hold if the broker's contradicting word were true, signed units.
    reason : str
        What contradicts what.
    orders : tuple of str
        The orders of ours about which the broker contradicts itself.
    given_up : bool
        Whether one of them is waited for no longer.
    """

    symbol: str
    ledger_value: Decimal
    claimed_value: Decimal
    reason: str
    orders: tuple[str, ...] = ()
    given_up: bool = False


Repair = (
    BookFill
    | CorrectFill
    | BookCommission
    | LackCommission
    | RefuseFill
    | BookMovement
    | CancelOrder
    | MoveOrder
    | Difference
    | Dispute
)


#: The repairs that are of one execution, and book something.
_OfAnExecution = BookFill | CorrectFill | BookCommission


def booked_entries(repairs: Iterable[Repair], ours: LedgerSnapshot) -> tuple[Entry, ...]:
    """The ledger entries of repairs: executions order by order, with what is corrected and completed of them,
    then movements, then tolerated differences.
    """
    repairs = list(repairs)
    executed: dict[str, list[_OfAnExecution]] = {}
    for one in repairs:
        if isinstance(one, _OfAnExecution):
            executed.setdefault(one.fill.client_order_id, []).append(one)
    entries: list[Entry] = []
    for name, sent in ours.orders.items():
        entries += _executed_entries(sent, executed.get(name, ()), ours)
    entries = list(on_margin(tuple(entries), ours.ledger, ours.contracts))
    beside = [one for one in repairs if isinstance(one, BookMovement | Difference)]
    ledger = ours.ledger.apply(entries) if beside else ours.ledger
    for one in beside:
        made: tuple[Entry, ...] = ()
        match one:
            case BookMovement(movement):
                made = movement_entries(movement, ledger, ours)
            case Difference(tolerated=True):
                reference = f"tolerated-{one.item}-{_moment(ours)}"
                made = adjustment_entries(one.item, one.amount, ledger, ours, reference)
        ledger, entries = ledger.apply(made), [*entries, *made]
    return tuple(entries)


def _executed_entries(
    sent: SentOrder, executed: Sequence[_OfAnExecution], ours: LedgerSnapshot
) -> list[Entry]:
    """The entries of an order's new executions, then of what is corrected, then of late commissions."""
    order, unit, booked = sent.order, ours.units[sent.order.symbol], sent.booked
    fills = [one.fill for one in executed if isinstance(one, BookFill)]
    entries = list(fill_entries(order, fills, unit, booked))
    booked += sum((one.quantity for one in fills), ZERO)
    for one in executed:
        if isinstance(one, CorrectFill):
            entries += correction_entries(order, one.fill, one.before, unit, booked, ours.session)
            booked += one.units
        elif isinstance(one, BookCommission):
            entries += commission_entries(order, one.fill, one.commission, unit, booked, ours.session)
    return entries


def _moment(ours: LedgerSnapshot) -> str:
    """The session, with the instant where a session has several decisions: none books under another's key."""
    within = ours.schedule.kind != "daily"
    return f"{ours.session}T{ours.as_of:%H%M}" if within else f"{ours.session}"


def movement_entries(movement: Movement, ledger: Ledger, ours: LedgerSnapshot) -> tuple[Entry, ...]:
    """The entries of a fee or an interest: cash of the book, or units of those who hold the symbol.

    A borrow fee of a symbol belongs to those who are short in it. What cash in lieu was more than booked is
    profit of the symbol.
    """
    entries: tuple[Entry, ...] = ()
    if movement.kind == "corporate_action":
        return _in_lieu(movement, ours)
    if movement.quantity:
        entries = adjustment_entries(movement.symbol, movement.quantity, ledger, ours, movement.movement_id)
    if movement.kind == "borrow" and movement.cash:
        entries += _borrow_entries(movement, ledger, ours)
    elif movement.cash:
        kind: EntryKind = "interest" if movement.kind == "interest" else "fee"
        entries += (_of_cash(ours, kind, movement.cash, movement.movement_id),)
    return entries


def _borrow_entries(movement: Movement, ledger: Ledger, ours: LedgerSnapshot) -> tuple[Entry, ...]:
    """What a broker took for borrowed units; of a symbol that nobody is short in now it is the book's."""
    shorts = shorts_of(ledger, movement.symbol)
    if not shorts:
        return (_of_cash(ours, "borrow", movement.cash, movement.movement_id),)
    shares = apportion(to_cents(movement.cash), [-one.quantity for one in shorts], CENT)
    return tuple(
        Entry(ours.session, "borrow", one.strategy, one.symbol, ZERO, ZERO, share, ZERO, movement.movement_id)
        for one, share in zip(shorts, shares, strict=True)
        if share
    )


def _in_lieu(movement: Movement, ours: LedgerSnapshot) -> tuple[Entry, ...]:
    """Cash alone, for the first strategy that had cash in lieu of the symbol."""
    strategy = next(one.strategy for one in ours.owed[::-1] if _is_in_lieu(one, movement.symbol))
    own = (strategy, movement.symbol, ZERO, ZERO, movement.cash, ZERO, movement.movement_id)
    return (Entry(ours.session, "adjustment", *own),)


def _is_in_lieu(entry: Entry, symbol: str) -> bool:
    return entry.kind == "adjustment" and entry.symbol == symbol


def adjustment_entries(
    item: str, amount: Decimal, ledger: Ledger, ours: LedgerSnapshot, reference: str
) -> tuple[Entry, ...]:
    """The entries by which cash or a position comes to be `amount` more, without a trade.

    Units are shared among the strategies that hold the symbol, in proportion. They cost nothing and bring
    nothing in.
    """
    if item == CASH:
        return (_of_cash(ours, "adjustment", amount, reference),)
    holders = sorted((one for one in ledger.held() if one.symbol == item), key=lambda one: one.strategy)
    weights = [one.quantity for one in holders]
    shares = {ours.heir: amount}
    if sum(weights, ZERO):
        parts = apportion(amount, weights, QUANTITY_STEP)
        shares = {one.strategy: part for one, part in zip(holders, parts, strict=True)}
    price = ours.prices.get(item, ZERO)
    return tuple(
        Entry(ours.session, "adjustment", strategy, item, share, price, ZERO, ZERO, reference)
        for strategy, share in shares.items()
        if share
    )


def trade_entries(
    symbol: str, units: Decimal, cash: Decimal, ours: LedgerSnapshot, reference: str
) -> tuple[Entry, ...]:
    """The entries by which units went, or came, for cash that the desk has sent no order for.

    Shared as `adjustment_entries` shares units; cash in proportion.
    """
    moved = adjustment_entries(symbol, units, ours.ledger, ours, reference)
    shares = apportion(cash, [one.quantity for one in moved], CENT)
    price = to_price(-cash / units)
    return tuple(replace(one, price=price, cash=paid) for one, paid in zip(moved, shares, strict=True))


def _of_cash(ours: LedgerSnapshot, kind: EntryKind, cash: Decimal, reference: str) -> Entry:
    return cash_entry(ours.session, kind, to_cents(cash), reference, ours.account)
