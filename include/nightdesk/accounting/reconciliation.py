"""Settling with a broker: two snapshots in, the repairs that bring them together out.

Nothing here asks or writes. The union of what either side knows is compared: a symbol that only the broker
holds is a difference as much as one that only the ledger holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from nightdesk.accounting.ledger import Ledger
from nightdesk.accounting.payments import corrections, receivable
from nightdesk.accounting.repairs import (
    CASH,
    BookFill,
    BookMovement,
    CancelOrder,
    CorrectFill,
    Difference,
    LedgerSnapshot,
    MoveOrder,
    RefuseFill,
    Repair,
    SentOrder,
    booked_entries,
)
from nightdesk.accounting.told_executions import (
    commission_repairs,
    commissions_to_come,
    execution_repairs,
)
from nightdesk.core.account_terms import Tolerance
from nightdesk.core.money import CENT, QUANTITY_STEP, ZERO
from nightdesk.orders.broker_account import BrokerOrder, BrokerSnapshot, OrderState

#: How an order ends here, by its state at the broker; in the other states it is still working.
ENDED = {
    OrderState.FILLED: "filled",
    OrderState.CANCELLED: "cancelled",
    OrderState.REJECTED: "rejected",
    OrderState.EXPIRED: "expired",
}

#: The states here of an order that the broker has confirmed and that has not ended.
WORKING = ("submitted", "partially_filled")

#: So long after its decision an order waits here for executions that were not told, though it has ended at
#: the broker or is not known there any more.
AWAITED = timedelta(days=10)


def plan_repairs(broker: BrokerSnapshot, ours: LedgerSnapshot, tolerance: Tolerance) -> tuple[Repair, ...]:
    """What brings the ledger to where the broker is, and the differences that no fact explains.

    Parameters
    ----------
    broker : BrokerSnapshot
        What the broker says, about `ours.orders` at least.
    ours : LedgerSnapshot
        What the ledger says.
    tolerance : Tolerance
        The book's.

    Returns
    -------
    tuple of Repair
        Fills and movements first, in the order in which they are to be booked; a second plan over the two
        sides after them has none. What later decisions settle is left for those to book, and counted where
        the two sides are compared.
    """
    told, moved = execution_repairs(broker, ours), _movements(broker, ours)
    due: list[Repair] = []
    later: list[Repair] = []
    for fill in told:
        if ours.is_due(fill.fill.session, fill.fill.executed_at):
            due.append(fill)
        elif not isinstance(fill, RefuseFill):
            later.append(fill)
    commissions = commission_repairs(broker, ours)
    corrected = {one.before.execution_id for one in told if isinstance(one, CorrectFill)}
    due += [one for one in commissions if one.fill.execution_id not in corrected]
    for one in moved:
        (due if ours.is_due(one.movement.session, one.movement.moved_at) else later).append(one)
    settled = ours.at_close(ours.ledger.apply(booked_entries([*due, *later], ours)))
    due += _order_repairs(broker, ours, due, later, settled.net())
    owed = commissions_to_come([*due, *later], broker, ours)
    return (*due, *_differences(broker, settled, ours, tolerance, owed))


def is_lost(known: BrokerOrder | None, sent: SentOrder) -> bool:
    """Whether the broker does not know an order that it has confirmed."""
    return known is None and sent.status in WORKING


def is_forgotten(
    broker: BrokerSnapshot, ours: LedgerSnapshot, sent: SentOrder, held: Mapping[str, Decimal]
) -> bool:
    """Whether a broker that forgets has nothing to tell of an order any more, and nothing was executed of it
    that is not booked: the session that it was meant for, or that it rested in first, is over, and the
    position agrees. It tells of all that works, so that one which rests and is not told has ended.

    Parameters
    ----------
    broker : BrokerSnapshot
    ours : LedgerSnapshot
    sent : SentOrder
        One that the broker does not know.
    held : mapping of symbol to Decimal
        The ledger's positions with all that was told, signed units.
    """
    order = sent.order
    if not (broker.forgets and broker.current):
        return False
    _, until = ours.schedule.window(order.as_of)
    over = ours.schedule.last_of(ours.schedule.session_of(until)) <= ours.as_of
    return over and held.get(order.symbol, ZERO) == broker.positions.get(order.symbol, ZERO)


def is_awaited(sent: SentOrder, session: date) -> bool:
    """Whether executions of an order that were not told are still waited for; of what rests, which may end
    long after its decision, until they are told or a person ends it.
    """
    return sent.order.rests or session - sent.order.session <= AWAITED


def _movements(broker: BrokerSnapshot, ours: LedgerSnapshot) -> list[BookMovement]:
    """The fees, interest and borrow fees that are not booked yet, and what cash in lieu was more or less than
    booked, each once; of units that the book cannot hold none.
    """
    newest = {one.movement_id: one for one in broker.movements}
    found = [one for one in newest.values() if one.kind in ("fee", "interest", "borrow")]
    found += corrections(ours.owed, tuple(newest.values()))
    return [
        BookMovement(one)
        for one in sorted(found, key=lambda one: (one.session, one.movement_id))
        if one.movement_id not in ours.moved and (one.symbol in ours.units if one.quantity else one.cash)
    ]


def _order_repairs(
    broker: BrokerSnapshot,
    ours: LedgerSnapshot,
    due: Sequence[Repair],
    later: Sequence[Repair],
    held: Mapping[str, Decimal],
) -> list[Repair]:
    new, coming = _filled(due), _filled(later)
    repairs: list[Repair] = []
    corrected = {one.client_order_id for one in broker.fills if one.corrects} - coming.keys()
    for name, sent in ours.orders.items():
        known = broker.orders.get(name)
        filled = sent.booked + new.get(name, ZERO)
        told = filled + coming.get(name, ZERO)
        works = known is not None and not known.state.ended and told != sent.order.quantity
        if works and not sent.order.rests:
            repairs.append(CancelOrder(name))
        if name not in corrected:
            filled = max(filled, sent.filled)  # what is known already is not unlearned
        lost = is_lost(known, sent) and not is_forgotten(broker, ours, sent, held)
        lacks = lost or (known is not None and known.filled > filled)
        awaited = lacks and (told > filled or is_awaited(sent, ours.session))
        status, cause, answer = _standing(known, sent, filled, awaited=awaited)
        if (status, filled) != (sent.status, sent.filled):
            repairs.append(MoveOrder(name, status, filled, cause, answer))
    return repairs


def _filled(repairs: Iterable[Repair]) -> dict[str, Decimal]:
    """Units of each order that are to be booked."""
    units: dict[str, Decimal] = {}
    for one in repairs:
        if isinstance(one, BookFill | CorrectFill):
            name = one.fill.client_order_id
            more = one.fill.quantity if isinstance(one, BookFill) else one.units
            units[name] = units.get(name, ZERO) + more
    return units


def _standing(
    known: BrokerOrder | None, sent: SentOrder, filled: Decimal, *, awaited: bool
) -> tuple[str, str, Mapping[str, Any] | None]:
    """Where an order stands once the open or the hour that it was meant for has passed.

    One that has ended at the broker, or is not known there any more, ends here when its executions are booked
    or waited for no longer: until then nobody knows how much of it is left.
    """
    answer = None if known is None else known.answer
    if sent.status in ("suppressed", *ENDED.values()):
        told = (
            "an execution of it was corrected" if filled < sent.filled else "more executions of it were told"
        )
        return sent.status, told, answer
    if filled == sent.order.quantity:
        return "filled", "its executions add up to it", answer
    working = "partially_filled" if filled else "submitted"
    if known is None:
        status = working if awaited else "expired"
        return status, "its time has passed and it was not at the broker", None
    status = working if awaited else ENDED.get(known.state, working)
    return status, f"the broker says {known.state.value}", answer


def _differences(
    broker: BrokerSnapshot,
    settled: Ledger,
    ours: LedgerSnapshot,
    tolerance: Tolerance,
    commissions_to_come: Decimal,
) -> list[Difference]:
    if not broker.current:
        return []
    held = settled.net()
    owed = receivable(ours.owed, broker.movements, ours.session)
    items = []
    if not 0 <= settled.cash - owed - broker.cash <= commissions_to_come:
        items.append((CASH, settled.cash - owed, broker.cash, tolerance.cash))
    items += [
        (symbol, held.get(symbol, ZERO), broker.positions.get(symbol, ZERO), tolerance.quantity)
        for symbol in sorted({*held, *broker.positions})
    ]
    return [
        Difference(
            item, own, theirs, tolerated=abs(theirs - own) <= allowed and _bookable(theirs - own, item, ours)
        )
        for item, own, theirs, allowed in items
        if own != theirs
    ]


def _bookable(amount: Decimal, item: str, ours: LedgerSnapshot) -> bool:
    """Whether the ledger's scales can hold the amount, and the book the item."""
    if item == CASH:
        return amount == amount.quantize(CENT)
    return item in ours.units and amount == amount.quantize(QUANTITY_STEP)
