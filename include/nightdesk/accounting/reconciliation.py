"""Settling with a broker: two snapshots in, the repairs that bring them together out.

Nothing here asks or writes. The union of what either side knows is compared: a symbol that only the broker
holds is a difference as much as one that only the ledger holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from nightdesk.accounting.ledger import Ledger
from nightdesk.accounting.payments import corrections, receivable
from nightdesk.accounting.repairs import (
    CASH,
    BookFill,
    BookMovement,
    CancelOrder,
    Difference,
    LedgerSnapshot,
    MoveOrder,
    RefuseFill,
    Repair,
    SentOrder,
    booked_entries,
)
from nightdesk.core.account_terms import Tolerance
from nightdesk.core.contracts import PLAIN
from nightdesk.core.money import CENT, QUANTITY_STEP, ZERO, to_cents, to_price
from nightdesk.orders.broker_account import BrokerOrder, BrokerSnapshot, OrderState
from nightdesk.orders.fills import Fill

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
    told, moved = _executions(broker, ours), _movements(broker, ours)
    due: list[Repair] = []
    later: list[Repair] = []
    for fill in told:
        if ours.is_due(fill.fill.session, fill.fill.executed_at):
            due.append(fill)
        elif isinstance(fill, BookFill):
            later.append(fill)
    for one in moved:
        (due if ours.is_due(one.movement.session, one.movement.moved_at) else later).append(one)
    due += _order_repairs(broker, ours, due, later)
    settled = ours.at_close(ours.ledger.apply(booked_entries([*due, *later], ours)))
    return (*due, *_differences(broker, settled, ours, tolerance))


def is_lost(known: BrokerOrder | None, sent: SentOrder) -> bool:
    """Whether the broker does not know an order that it has confirmed."""
    return known is None and sent.status in WORKING


def is_awaited(sent: SentOrder, session: date) -> bool:
    """Whether executions of an order that were not told are still waited for."""
    return session - sent.order.session <= AWAITED


def _when(fill: Fill, ours: LedgerSnapshot) -> tuple[date, datetime]:
    """Its session and the decision that settles it."""
    return fill.session, ours.schedule.settling_of(fill.session, fill.executed_at)


def _executions(broker: BrokerSnapshot, ours: LedgerSnapshot) -> list[BookFill | RefuseFill]:
    """Each execution that is not booked yet, once, and none beyond what its order asked for.

    In which order, and how often, the broker tells of them makes no difference.
    """
    versions: dict[str, dict[BookFill | RefuseFill, None]] = {}
    for fill in sorted(broker.fills, key=lambda one: (*_when(one, ours), one.execution_id, str(one))):
        judged = _judge(fill, ours)
        if judged is not None:
            versions.setdefault(fill.execution_id, {})[judged] = None
    out: list[BookFill | RefuseFill] = []
    filled = {name: sent.booked for name, sent in ours.orders.items()}
    for execution, several in versions.items():
        if len(several) > 1:
            reason = f"execution {execution} was told twice, differently"
            out += [RefuseFill(one.fill, reason) for one in several]
            continue
        (one,) = several
        if isinstance(one, BookFill):
            name, order = one.fill.client_order_id, ours.orders[one.fill.client_order_id].order
            total = filled[name] + one.fill.quantity
            if total > order.quantity:
                one = RefuseFill(one.fill, f"with it {total} of {order.quantity} would be filled")
            else:
                filled[name] = total
                if one.fill.session < ours.session:  # told late: the session that it belongs to is over
                    one = BookFill(replace(one.fill, session=ours.session))
        out.append(one)
    return out


def _judge(fill: Fill, ours: LedgerSnapshot) -> BookFill | RefuseFill | None:
    """Whether an execution can be true by itself; None for one that is booked already."""
    known = ours.booked.get(fill.execution_id)
    if known is not None:
        same = (known.client_order_id, known.symbol, known.side, known.quantity, known.price)
        if same == (fill.client_order_id, fill.symbol, fill.side, fill.quantity, to_price(fill.price)):
            return None
        return RefuseFill(fill, f"execution {fill.execution_id} was booked as {_words(known)}")
    sent = ours.orders.get(fill.client_order_id)
    reason = None
    if sent is None:
        reason = "it fits no open order of this book"
    elif sent.attempts == 0:
        reason = "its order was never sent"
    elif (fill.symbol, fill.side) != (sent.order.symbol, sent.order.side):
        reason = f"its order is to {sent.order.side} {sent.order.symbol}"
    elif not fill.quantity > 0 or fill.quantity != fill.quantity.quantize(QUANTITY_STEP):
        reason = "its quantity is no positive number of at most eight places"
    elif not fill.price > 0:
        reason = "its price is not positive"
    if reason is not None:
        return RefuseFill(fill, reason)
    reference = fill.reference_price
    if reference is None:
        assert sent is not None
        reference = ours.prices.get(fill.symbol, sent.order.reference_price)
    price, commission = to_price(fill.price), to_cents(fill.commission)
    multiplier = ours.contracts.get(fill.symbol, PLAIN).multiplier
    return BookFill(
        replace(fill, price=price, commission=commission, reference_price=reference, multiplier=multiplier)
    )


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
    broker: BrokerSnapshot, ours: LedgerSnapshot, due: Sequence[Repair], later: Sequence[Repair]
) -> list[Repair]:
    new, coming = _filled(due), _filled(later)
    repairs: list[Repair] = []
    for name, sent in ours.orders.items():
        known = broker.orders.get(name)
        filled = sent.booked + new.get(name, ZERO)
        told = filled + coming.get(name, ZERO)
        works = known is not None and not known.state.ended and told != sent.order.quantity
        if works and sent.order.time_in_force != "gtc":
            repairs.append(CancelOrder(name))
        filled = max(filled, sent.filled)  # what is known already is not unlearned
        lacks = is_lost(known, sent) or (known is not None and known.filled > filled)
        awaited = lacks and (told > filled or is_awaited(sent, ours.session))
        status, cause, answer = _standing(known, sent, filled, awaited=awaited)
        if (status, filled) != (sent.status, sent.filled):
            repairs.append(MoveOrder(name, status, filled, cause, answer))
    return repairs


def _filled(repairs: Iterable[Repair]) -> dict[str, Decimal]:
    """Units of each order that are to be booked."""
    units: dict[str, Decimal] = {}
    for one in repairs:
        if isinstance(one, BookFill):
            name = one.fill.client_order_id
            units[name] = units.get(name, ZERO) + one.fill.quantity
    return units


def _standing(
    known: BrokerOrder | None, sent: SentOrder, filled: Decimal, *, awaited: bool
) -> tuple[str, str, Mapping[str, Any] | None]:
    """Where an order stands once its open has passed.

    One that has ended at the broker, or is not known there any more, ends here when its executions are booked
    or waited for no longer: until then nobody knows how much of it is left.
    """
    answer = None if known is None else known.answer
    if sent.status in ("suppressed", *ENDED.values()):
        return sent.status, "more executions of it were told", answer
    if filled == sent.order.quantity:
        return "filled", "its executions add up to it", answer
    working = "partially_filled" if filled else "submitted"
    if known is None:
        status = working if awaited else "expired"
        return status, "its open has passed and it was not at the broker", None
    status = working if awaited else ENDED.get(known.state, working)
    return status, f"the broker says {known.state.value}", answer


def _differences(
    broker: BrokerSnapshot, settled: Ledger, ours: LedgerSnapshot, tolerance: Tolerance
) -> list[Difference]:
    if not broker.current:
        return []
    held = settled.net()
    owed = receivable(ours.owed, broker.movements, ours.session)
    items = [(CASH, settled.cash - owed, broker.cash, tolerance.cash)]
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


def _words(fill: Fill) -> str:
    return (
        f"{fill.side} {fill.quantity} {fill.symbol} at {fill.price} for {fill.client_order_id or 'no order'}"
    )
