"""What exercise notices make of a ledger, and of the orders that wait for the same open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from nightdesk.accounting.exercise_notices import EARLY, ExerciseNotice, standing
from nightdesk.accounting.ledger import Entry, Ledger, Position
from nightdesk.accounting.option_life import delivered
from nightdesk.accounting.period import Period
from nightdesk.core.contracts import Contract
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO, apportion, round_together
from nightdesk.orders.fills import Expired
from nightdesk.orders.order import Order

_CONTRACT = Decimal(1)


def early_exercise(ledger: Ledger, period: Period) -> tuple[Entry, ...]:
    """The entries of the notices of a period; raises as `notice_entries`."""
    if not period.notices:
        return ()
    return notice_entries(ledger, period.notices, period.terms.contracts, period.session)


def notice_entries(
    ledger: Ledger, notices: Sequence[ExerciseNotice], contracts: Mapping[str, Contract], session: date
) -> tuple[Entry, ...]:
    """Both legs of each notice, shared in whole contracts among the strategies on its side, in proportion.

    Parameters
    ----------
    ledger : Ledger
        Before the session's open.
    notices : sequence of ExerciseNotice
        Of the session; of those with one key the last counts, else their order makes no difference.
    contracts : mapping of symbol to Contract
    session : date
        The session that books them.

    Raises
    ------
    Refused
        When fewer contracts are held, or short, than a notice says.
    """
    entries: list[Entry] = []
    for notice in standing(notices):
        contract = contracts.get(notice.symbol)
        if contract is None or contract.option is None:
            raise Refused(f"{notice}: the book's universe names no such option: put the contract back there")
        _refuse_more_than_held(ledger, notice)
        mine = _on_the_side(ledger, notice)
        sign = 1 if notice.kind == "exercise" else -1
        shares = apportion(notice.quantity, [abs(one.quantity) for one in mine], _CONTRACT)
        for position, share in zip(mine, shares, strict=True):
            if share:
                entries += delivered(position, sign * share, contract, contract.option, session, early=True)
    return tuple(entries)


def most_of(ledger: Ledger, notice: ExerciseNotice) -> Decimal:
    """How many contracts of an account a notice can be about: those that it is long, or short, as a whole."""
    net = ledger.net().get(notice.symbol, ZERO)
    return max(net if notice.kind == "exercise" else -net, ZERO)


def _on_the_side(ledger: Ledger, notice: ExerciseNotice) -> list[Position]:
    long = notice.kind == "exercise"
    found = (one for one in ledger.held() if one.symbol == notice.symbol and (one.quantity > 0) == long)
    return sorted(found, key=lambda one: one.strategy)


def _refuse_more_than_held(ledger: Ledger, notice: ExerciseNotice) -> None:
    most = most_of(ledger, notice)
    if notice.quantity > most:
        side, command = ("holds", "exercise") if notice.kind == "exercise" else ("is short", "assign")
        raise Refused(
            f"{notice}: the book {side} {most:f} of them before the open of that session; correct it by "
            f"`nightdesk {command} BOOK {notice.symbol} N --session {notice.session}` (0 withdraws it)"
        )


def orders_after_notices(
    orders: Sequence[Order], before: Ledger, entries: Sequence[Entry], units: Mapping[str, Decimal]
) -> tuple[tuple[Order, ...], tuple[Expired, ...]]:
    """Open orders after notices were booked: one that was to close what went by itself closes the rest alone.

    Parameters
    ----------
    orders : sequence of Order
        As they were sent.
    before : Ledger
        Before the notices.
    entries : sequence of Entry
        Theirs, the legs of underlyings included.
    units : mapping of symbol to Decimal

    Returns
    -------
    tuple of (orders, expired)
        What is left of the orders, and what was taken off them, with the reason.
    """
    moved = {one.symbol for one in entries}
    was, left = before.net(), before.apply(entries).net()
    live: list[Order] = []
    ended: list[Expired] = []
    for order in orders:
        kept = order.quantity
        if order.symbol in moved:
            kept = _still_wanted(order, was.get(order.symbol, ZERO), left.get(order.symbol, ZERO))
        if kept < order.quantity:
            reason = "an exercise or assignment closed that much before the open"
            ended.append(Expired(order.client_order_id, order.symbol, order.quantity - kept, reason))
        if kept:
            live.append(_cut_to(order, kept, units[order.symbol]))
    return tuple(live), tuple(ended)


def _still_wanted(order: Order, was: Decimal, now: Decimal) -> Decimal:
    """Units of an order that are left to trade when a position moved by itself from `was` to `now`."""
    if order.signed_quantity * was >= 0:
        return order.quantity
    rest = max(now if was > 0 else -now, ZERO)  # what is left to be closed on the old side
    if order.quantity <= abs(was):
        return min(order.quantity, rest)
    return order.quantity - max(abs(was) - rest, ZERO)


def _cut_to(order: Order, quantity: Decimal, unit: Decimal) -> Order:
    if quantity == order.quantity:
        return order
    signed = quantity if order.side == "buy" else -quantity
    exactly = [one.quantity * quantity / order.quantity for one in order.intents]
    shares = round_together(exactly, signed, unit)
    intents = tuple(replace(one, quantity=share) for one, share in zip(order.intents, shares, strict=True))
    return replace(order, quantity=quantity, intents=intents)


def after_notices(
    ledger: Ledger, period: Period, orders: Sequence[Order], entries: Sequence[Entry]
) -> tuple[tuple[Order, ...], tuple[Expired, ...]]:
    """The orders of a period after its notices, whose entries are among `entries` of its accruals.

    Parameters
    ----------
    ledger : Ledger
        As the period began.
    period : Period
    orders : sequence of Order
    entries : sequence of Entry
        Of all its accruals, in their order.
    """
    early = [one for one in entries if one.reference.startswith(EARLY)]
    first = entries.index(early[0]) if early else 0
    return orders_after_notices(orders, ledger.apply(entries[:first]), early, period.terms.units)
