"""The two sides that settling brings together: the ledger as it stands, and what the broker says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from time import sleep

from nightdesk.accounting.disputes import disputes
from nightdesk.accounting.ledger import Entry
from nightdesk.accounting.payments import PAYMENTS_LOOKED_BACK, is_paid_later
from nightdesk.accounting.period import Period
from nightdesk.accounting.reconciliation import plan_repairs
from nightdesk.accounting.repairs import (
    CASH,
    BookFill,
    BookMovement,
    CancelOrder,
    Difference,
    Dispute,
    LedgerSnapshot,
    RefuseFill,
    Repair,
    SentOrder,
    adjustment_entries,
    trade_entries,
)
from nightdesk.accounting.settlement import Accrued
from nightdesk.brokers import Unreachable
from nightdesk.core.calendar import day_begins
from nightdesk.core.money import ZERO, exact, to_price
from nightdesk.engine import Market
from nightdesk.session.broker_session import contact, hear, late_since
from nightdesk.session.clocks import agreed_clock
from nightdesk.session.context import Context
from nightdesk.store.broker_rows import Adjustment
from nightdesk.store.execution_rows import movements_booked_in, payments_booked, references_booked
from nightdesk.store.ledger_rows import reconciliations_of
from nightdesk.store.order_rows import StoredOrder, fills_between, fills_of

#: How often, and how many seconds apart, a real broker is asked again that contradicts itself or the ledger.
SECOND_LOOKS = 3
PAUSE_SECONDS = 2.0

#: The repairs that a real broker is asked again for before they are believed, beside positions in dispute.
_ASKED_AGAIN = (RefuseFill, CancelOrder, Difference)


def ledger_side(
    context: Context,
    market: Market,
    accrued: Accrued,
    waiting: Sequence[StoredOrder],
    booked: Mapping[str, Decimal],
) -> LedgerSnapshot:
    """The ledger's side of the session.

    Parameters
    ----------
    context : Context
        The session.
    market : Market
        Up to the session.
    accrued : Accrued
        What came before the fills: capital, or the accruals of the night and the actions of the open.
    waiting : sequence of StoredOrder
        The orders that were open when the session began.
    booked : mapping of client order id to Decimal
        Units of them that earlier settlings booked.
    """
    conn, book, session = context.conn, context.book.name, context.session
    restated = {one.client_order_id: one for one in accrued.orders}
    orders = {}
    for one in waiting:
        name = one.order.client_order_id
        order, done = restated.get(name, one.order), booked.get(name, ZERO)
        orders[name] = SentOrder(order, one.status, one.attempts, one.filled_quantity, done)
    ours = LedgerSnapshot(
        session=session,
        ledger=accrued.ledger,
        orders=orders,
        prices=_reference_prices(market),
        units=context.desk.unit_of,
        heir=next(iter(context.book.strategies)),
    )
    if context.book.broker.kind == "paper":
        return ours
    since, before = late_since(context), context.schedule.before(context.as_of)
    paid_since = day_begins(session - PAYMENTS_LOOKED_BACK)
    booked_lately = payments_booked(conn, book, paid_since, before)
    return replace(
        ours,
        booked={fill.execution_id: fill for fill in fills_between(conn, book, since, before)},
        moved=references_booked(conn, book, paid_since, before),
        owed=tuple(one for one in (*booked_lately, *accrued.entries) if is_paid_later(one)),
    )


def adjustments(adopted: Sequence[Adjustment], ours: LedgerSnapshot) -> tuple[Entry, ...]:
    """The entries of what a person took over from the broker for this session.

    Where one symbol and cash move against each other, the units went, or came, for that cash.
    """
    entries: tuple[Entry, ...] = ()
    traded = _one_trade({one.item: one.amount for one in adopted})
    for one in adopted:
        if traded is not None:
            if one.item != CASH:
                reference = f"adjustment-{one.adjustment_id}"
                entries += trade_entries(one.item, one.amount, traded, ours, reference)
            continue
        ledger = ours.ledger.apply(entries)
        reference = f"adjustment-{one.adjustment_id}"
        entries += adjustment_entries(one.item, one.amount, ledger, ours, reference)
    return entries


def _one_trade(amounts: Mapping[str, Decimal]) -> Decimal | None:
    """The cash for which the units of one symbol went or came; None where that is not what differs."""
    units = [amount for item, amount in amounts.items() if item != CASH]
    cash = amounts.get(CASH, ZERO)
    return cash if len(units) == 1 and units[0] * cash < 0 else None


def agree(
    context: Context, period: Period, ours: LedgerSnapshot, waiting: Sequence[StoredOrder]
) -> tuple[Repair, ...]:
    """What brings the ledger to where the broker is, by what the broker says now.

    A simulated account lives through the period first. Orders that still work though their time is over are
    cancelled. A real broker that contradicts itself or the ledger is asked again before that is believed: its
    lists may be a moment old. What is left in dispute then is among the repairs.

    Raises
    ------
    Unreachable
        When it does not answer, or does not bring a cancelled order to its end.
    ClocksDiffer
        When its clock does not agree with the database's.
    """
    with contact(context) as broker:
        if not (broker.simulated or context.dry_run):
            agreed_clock(context, broker)
        if context.previous is None:
            broker.fund(context.schedule.before(context.as_of), context.record.initial_capital)
        broker.advance(period)
        looks = 1 if broker.simulated or context.dry_run else 1 + SECOND_LOOKS
        repairs: tuple[Repair, ...] = ()
        left: tuple[Dispute, ...] = ()
        for look in range(looks):
            if look:
                sleep(PAUSE_SECONDS)
            said = hear(context, broker, waiting, context.as_of)
            repairs = plan_repairs(said, ours, context.book.broker.tolerance)
            working = [one.client_order_id for one in repairs if isinstance(one, CancelOrder)]
            if working and not context.dry_run:
                for name in working:
                    broker.cancel(name)
                said = hear(context, broker, waiting, context.as_of)
                repairs = plan_repairs(said, ours, context.book.broker.tolerance)
            left = () if broker.simulated else disputes(said, ours, repairs)
            if not left and not any(isinstance(one, _ASKED_AGAIN) for one in repairs):
                return repairs
        working = [one.client_order_id for one in repairs if isinstance(one, CancelOrder)]
        if working and not context.dry_run:
            raise Unreachable(f"the broker still works on {', '.join(working)}, which was cancelled")
        return (*repairs, *left)


def agreed(context: Context) -> tuple[Repair, ...]:
    """What a decision that is sealed was settled by."""
    conn, book, as_of = context.conn, context.book.name, context.as_of
    tolerated = [
        Difference(row["item"], row["ledger_value"], row["broker_value"], tolerated=True)
        for row in reconciliations_of(conn, book, as_of)
        if row["outcome"] == "tolerated"
    ]
    return (
        *(BookFill(fill) for fill in fills_of(conn, book, as_of)),
        *(BookMovement(one) for one in movements_booked_in(conn, book, as_of)),
        *tolerated,
    )


def _reference_prices(market: Market) -> Mapping[str, Decimal]:
    """What fills of the session are measured against, raw dollars: its good open, else the mark."""
    bars = market.fill_bars(-1)
    opened = {symbol: price for symbol, price in bars.open.items() if price > 0 and symbol not in bars.bad}
    prices = {**market.prices(-1), **opened}
    return {symbol: to_price(exact(price)) for symbol, price in prices.items() if price > 0}
