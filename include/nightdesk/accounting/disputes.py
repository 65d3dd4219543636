"""Positions in dispute: which they are after a settling, and which orders they hold back.

Nothing is opened while a position is in dispute, and no more is sold than both sides hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from nightdesk.accounting.reconciliation import is_awaited, is_forgotten, is_lost
from nightdesk.accounting.repairs import (
    CASH,
    Difference,
    Dispute,
    LedgerSnapshot,
    RefuseFill,
    Repair,
    booked_entries,
)
from nightdesk.accounting.told_executions import booked_version
from nightdesk.core.money import ZERO
from nightdesk.orders.broker_account import BrokerSnapshot
from nightdesk.orders.fills import standing
from nightdesk.orders.order import Order, Side, adds_risk

#: In the words of every order that is held back for a position of which nobody is sure.
IN_DISPUTE = "in dispute"


def disputes(broker: BrokerSnapshot, ours: LedgerSnapshot, repairs: Sequence[Repair]) -> tuple[Dispute, ...]:
    """The positions that are not known after the repairs, one a symbol.

    A position is in dispute where ledger and broker differ beyond the tolerance, where an order's own count
    of what was executed is not what its executions add up to, where an order that was confirmed is not known
    any more, and where an execution of the session was refused.

    Parameters
    ----------
    broker : BrokerSnapshot
        What the broker says.
    ours : LedgerSnapshot
        The ledger's side.
    repairs : sequence of Repair
        What `plan_repairs` makes of the two.

    Returns
    -------
    tuple of Dispute
        By symbol.
    """
    held = ours.ledger.apply(booked_entries(repairs, ours)).net()
    found: dict[str, Dispute] = {}
    for one in (*_differing(repairs), *_contradicted(broker, ours, held), *_refused(ours, repairs, held)):
        first = found.get(one.symbol)
        found[one.symbol] = one if first is None else _joined(first, one)
    return tuple(found[symbol] for symbol in sorted(found))


@dataclass(frozen=True)
class UnbookedOrder:
    """Another order of ours in a symbol, by what the ledger does not hold of it yet.

    `executed` are its units that were executed and are not booked, `remaining` those that may yet be.
    """

    side: Side
    executed: Decimal
    remaining: Decimal


def why_withheld(
    order: Order,
    disputed: Mapping[str, str],
    held: Decimal,
    at_broker: Decimal,
    others: Sequence[UnbookedOrder],
    tolerance: Decimal,
) -> str | None:
    """Why an order must not be sent as positions stand; None when it may.

    Parameters
    ----------
    order : Order
        About to be sent.
    disputed : mapping of symbol to str
        The positions that the settling of its session left in dispute, each with its reason.
    held, at_broker : Decimal
        What ledger and broker hold of its symbol, signed units.
    others : sequence of UnbookedOrder
        The other orders of ours in its symbol.
    tolerance : Decimal
        Units by which the two may differ.
    """
    symbol, change = order.symbol, order.signed_quantity
    if symbol in disputed:
        return f"the position in {symbol} is {IN_DISPUTE}: {disputed[symbol]}"
    if disputed and adds_risk(held, change):
        return f"nothing is opened while positions are {IN_DISPUTE}: {', '.join(sorted(disputed))}"
    expected = held + sum((one.executed if one.side == "buy" else -one.executed for one in others), ZERO)
    if abs(at_broker - expected) > tolerance:
        return (
            f"the position in {symbol} is {IN_DISPUTE}: the broker holds {at_broker}, by the ledger and the "
            f"executions of our orders it is {expected}"
        )
    if at_broker * change < 0:
        waiting = sum((one.remaining for one in others if one.side == order.side), ZERO)
        beyond = max(order.quantity - abs(expected), ZERO)  # what the decision itself wants on the other side
        free = max(abs(at_broker) - waiting, ZERO)
        if order.quantity > free + beyond:
            return (
                f"the broker holds {at_broker} {symbol}, and other orders are to {order.side} {waiting}: "
                f"with {order.quantity} more the position would come to its other side"
            )
    return None


def _differing(repairs: Sequence[Repair]) -> Iterator[Dispute]:
    for one in repairs:
        if isinstance(one, Difference) and not one.tolerated and one.item != CASH:
            reason = f"ledger {one.ledger_value}, broker {one.broker_value}"
            yield Dispute(one.item, one.ledger_value, one.broker_value, reason)


def _contradicted(
    broker: BrokerSnapshot, ours: LedgerSnapshot, held: Mapping[str, Decimal]
) -> Iterator[Dispute]:
    told = {name: sent.booked for name, sent in ours.orders.items()}
    for fill in standing({one.execution_id: one for one in broker.fills}.values()):
        if fill.client_order_id in told and fill.execution_id not in ours.booked:
            before = booked_version(fill, ours)
            told[fill.client_order_id] += fill.quantity - (ZERO if before is None else before.quantity)
    for name, sent in ours.orders.items():
        known, order = broker.orders.get(name), sent.order
        if is_lost(known, sent) and is_forgotten(broker, ours, sent, held):
            continue
        if is_lost(known, sent):
            reason = f"order {name} was confirmed, and the broker does not know it any more"
            missing = order.quantity - told[name]
        elif known is not None and known.filled != told[name]:
            reason = f"order {name} has {known.filled} filled, and its executions add up to {told[name]}"
            missing = known.filled - told[name]
        else:
            continue
        ledger = held.get(order.symbol, ZERO)
        claimed = ledger + (missing if order.side == "buy" else -missing)
        given_up = not is_awaited(sent, ours.session)
        yield Dispute(order.symbol, ledger, claimed, reason, (name,), given_up)


def _refused(
    ours: LedgerSnapshot, repairs: Sequence[Repair], held: Mapping[str, Decimal]
) -> Iterator[Dispute]:
    """By the refused executions of the decision: the positions were compared since the earlier ones."""
    for one in repairs:
        if isinstance(one, RefuseFill) and not ours.is_late(one.fill.session, one.fill.executed_at):
            fill, ledger = one.fill, held.get(one.fill.symbol, ZERO)
            reason = f"execution {fill.execution_id} was refused: {one.reason}"
            yield Dispute(fill.symbol, ledger, ledger + fill.signed_quantity, reason)


def _joined(first: Dispute, second: Dispute) -> Dispute:
    return replace(
        first,
        reason=f"{first.reason}; {second.reason}",
        orders=first.orders + second.orders,
        given_up=first.given_up or second.given_up,
    )
