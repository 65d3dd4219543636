"""Executions and commissions as a broker tells them: what is to be booked of each, corrected, or refused.

An execution is known by its id, and a correction names the one that it counts in place of: however many
versions are told, of each execution one stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from nightdesk.accounting.booking import late_reference
from nightdesk.accounting.repairs import (
    BookCommission,
    BookFill,
    CorrectFill,
    LackCommission,
    LedgerSnapshot,
    RefuseFill,
    Repair,
)
from nightdesk.core.contracts import PLAIN
from nightdesk.core.money import QUANTITY_STEP, ZERO, to_cents, to_price
from nightdesk.orders.broker_account import BrokerSnapshot
from nightdesk.orders.fills import Fill
from nightdesk.orders.order import price_met

#: A commission is at most this share of what was traded (IBKR's bound, of fixed and tiered prices alike), or
#: a dollar, the least that a small order costs there. While one is pending, cash may lack so much.
LARGEST_COMMISSION, SMALLEST_ORDER = Decimal("0.01"), Decimal(1)


def execution_repairs(
    broker: BrokerSnapshot, ours: LedgerSnapshot
) -> list[BookFill | CorrectFill | RefuseFill]:
    """Each execution that is not booked yet as it stands, once, and none beyond what its order asked for.

    In which order, and how often, the broker tells of them makes no difference.
    """
    chains: dict[str, dict[str, dict[BookFill | RefuseFill, None]]] = {}
    for fill in sorted(broker.fills, key=lambda one: (*_when(one, ours), one.execution_id, str(one))):
        judged = _judge(fill, ours)
        if judged is not None:
            versions = chains.setdefault(fill.corrects or fill.execution_id, {})
            versions.setdefault(fill.execution_id, {})[judged] = None
    out: list[BookFill | CorrectFill | RefuseFill] = []
    filled = {name: sent.booked for name, sent in ours.orders.items()}
    for versions in chains.values():
        standing, refused = _standing_version(versions)
        out += refused
        if standing is None:
            continue
        before = booked_version(standing, ours)
        if before is not None and _place(before) >= _place(standing):
            continue  # a version that was corrected already
        if before is None and not standing.quantity:
            continue  # told and taken back, before any of it was booked
        name, order = standing.client_order_id, ours.orders[standing.client_order_id].order
        total = filled[name] + standing.quantity - (ZERO if before is None else before.quantity)
        if total > order.quantity:
            out.append(RefuseFill(standing, f"with it {total} of {order.quantity} would be filled"))
            continue
        filled[name] = total
        if standing.session < ours.session:  # told late: the session that it belongs to is over
            standing = replace(standing, session=ours.session)
        if before is None:
            out.append(BookFill(standing))
        else:
            if standing.commission_pending:  # what was booked of it stays until it is told
                standing = replace(standing, commission=before.commission)
            out.append(CorrectFill(standing, before))
    return out


def _standing_version(
    versions: Mapping[str, Mapping[BookFill | RefuseFill, None]],
) -> tuple[Fill | None, list[RefuseFill]]:
    """The newest version of an execution that can be true, and those that cannot."""
    refused: list[RefuseFill] = []
    newest: Fill | None = None
    for execution, several in versions.items():
        if len(several) > 1:
            reason = f"execution {execution} was told twice, differently"
            refused += [RefuseFill(one.fill, reason) for one in several]
            continue
        (one,) = several
        if isinstance(one, RefuseFill):
            refused.append(one)
        elif newest is None or _place(one.fill) > _place(newest):
            newest = one.fill
    return newest, refused


def _place(fill: Fill) -> tuple[bool, str]:
    """Where a version stands among those of its execution: what was told first, then its corrections."""
    return bool(fill.corrects), fill.execution_id


def booked_version(fill: Fill, ours: LedgerSnapshot) -> Fill | None:
    """The version of an execution that is booked; None without one."""
    root = fill.corrects or fill.execution_id
    found = [one for one in ours.booked.values() if (one.corrects or one.execution_id) == root]
    return max(found, key=_place) if found else None


def with_late_commissions(booked: Iterable[Fill], late: Mapping[str, Decimal]) -> dict[str, Fill]:
    """Booked executions by id, each with what was booked of its commission later.

    Parameters
    ----------
    booked : iterable of Fill
        As they were booked at first.
    late : mapping of reference to Decimal
        Dollars; see `late_reference`.
    """
    out = {}
    for one in booked:
        more = late.get(late_reference(one.client_order_id, one.execution_id, commission=True))
        if more is not None:
            one = replace(one, commission=one.commission + more, commission_pending=False)
        out[one.execution_id] = one
    return out


def commission_repairs(broker: BrokerSnapshot, ours: LedgerSnapshot) -> list[BookCommission | LackCommission]:
    """The commissions that were pending when their execution was booked: those that are told by now, and
    those of earlier sessions that are not.
    """
    told = {one.execution_id: one for one in broker.fills}
    out: list[BookCommission | LackCommission] = []
    for one in _pending(ours):
        now = told.get(one.execution_id)
        if now is None or now.commission_pending:
            continue
        more = to_cents(now.commission) - one.commission
        if more:
            out.append(BookCommission(one, more))
    out += [LackCommission(one) for one in _lacking(broker, ours) if one.session < ours.session]
    return out


def _pending(ours: LedgerSnapshot) -> list[Fill]:
    """The executions as they stand of whose commission nothing was booked yet."""
    return [
        one
        for one in sorted(ours.booked.values(), key=lambda one: one.execution_id)
        if one.commission_pending and booked_version(one, ours) == one
    ]


def _lacking(broker: BrokerSnapshot, ours: LedgerSnapshot) -> list[Fill]:
    """Those whose commission is still to come; of what a correction has taken back none does."""
    told = {one.execution_id: one.commission_pending for one in broker.fills}
    return [one for one in _pending(ours) if one.quantity and told.get(one.execution_id)]


def orders_behind(broker: BrokerSnapshot, ours: LedgerSnapshot) -> frozenset[str]:
    """The orders that have ended, and of whose booked executions a broker tells something new: a correction,
    or a commission that was pending. They are to be among `ours.orders`.
    """
    names = set()
    for fill in broker.fills:
        before = booked_version(fill, ours)
        if before is None or before.client_order_id in ours.orders:
            continue
        completes = before.commission_pending and not fill.commission_pending
        if fill.execution_id != before.execution_id or completes:
            names.add(before.client_order_id)
    return frozenset(names)


def commissions_to_come(repairs: Iterable[Repair], broker: BrokerSnapshot, ours: LedgerSnapshot) -> Decimal:
    """Dollars that the commissions which are pending can come to at most: see `LARGEST_COMMISSION`."""
    new = [one for one in repairs if isinstance(one, BookFill | CorrectFill)]
    corrected = {one.before.execution_id for one in new if isinstance(one, CorrectFill)}
    pending = [one.fill for one in new if one.fill.commission_pending and one.fill.quantity]
    pending += [one for one in _lacking(broker, ours) if one.execution_id not in corrected]
    return sum((max(one.notional * LARGEST_COMMISSION, SMALLEST_ORDER) for one in pending), ZERO)


def _when(fill: Fill, ours: LedgerSnapshot) -> tuple[date, datetime]:
    """Its session and the decision that settles it."""
    return fill.session, ours.schedule.settling_of(fill.session, fill.executed_at)


def _judge(fill: Fill, ours: LedgerSnapshot) -> BookFill | RefuseFill | None:
    """Whether an execution can be true by itself; None for one that is booked already."""
    known = ours.booked.get(fill.execution_id)
    if known is not None:
        price = to_price(fill.price) if fill.quantity else known.price
        same = (known.client_order_id, known.symbol, known.side, known.quantity, known.price)
        if same == (fill.client_order_id, fill.symbol, fill.side, fill.quantity, price):
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
    elif fill.corrects and not fill.quantity and booked_version(fill, ours) is None:
        return BookFill(fill)  # told and taken back
    elif not (
        fill.quantity > 0 or (fill.corrects and not fill.quantity)
    ) or fill.quantity != fill.quantity.quantize(QUANTITY_STEP):
        reason = "its quantity is no positive number of at most eight places"
    elif not fill.price > 0 and fill.quantity:
        reason = "its price is not positive"
    if reason is not None:
        return RefuseFill(fill, reason)
    reference = fill.reference_price
    if reference is None:
        assert sent is not None
        opened = ours.prices.get(fill.symbol, sent.order.reference_price)
        reference = price_met(sent.order, fill.price, opened)
    before = booked_version(fill, ours)
    told = fill.price if fill.quantity or before is None else before.price
    price, commission = to_price(told), to_cents(fill.commission)
    multiplier = ours.contracts.get(fill.symbol, PLAIN).multiplier
    return BookFill(
        replace(fill, price=price, commission=commission, reference_price=reference, multiplier=multiplier)
    )


def _words(fill: Fill) -> str:
    return (
        f"{fill.side} {fill.quantity} {fill.symbol} at {fill.price} for {fill.client_order_id or 'no order'}"
    )
