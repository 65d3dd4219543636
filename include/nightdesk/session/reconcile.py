"""Reconciling: the two sides that settling brings together, what makes them agree, and what is kept of it.

One side is the ledger as it stands, the other what the broker says now. Where they differ beyond the book's
tolerance nothing is overwritten: entries stop, and a person is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from time import sleep

from nightdesk.accounting.booking import late_reference
from nightdesk.accounting.disputes import disputes
from nightdesk.accounting.ledger import Entry
from nightdesk.accounting.payments import PAYMENTS_LOOKED_BACK, is_paid_later
from nightdesk.accounting.period import Period
from nightdesk.accounting.reconciliation import plan_repairs
from nightdesk.accounting.repairs import (
    CASH,
    BookCommission,
    BookFill,
    BookMovement,
    CancelOrder,
    CorrectFill,
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
from nightdesk.accounting.told_executions import booked_version, orders_behind, with_late_commissions
from nightdesk.brokers import Broker, Unreachable
from nightdesk.core.calendar import day_begins
from nightdesk.core.money import ZERO, exact, to_price
from nightdesk.engine import Market
from nightdesk.session.account_statements import fetch_when_due
from nightdesk.session.broker_session import contact, hear, late_since
from nightdesk.session.context import Context
from nightdesk.session.sequencing import agreed_clock
from nightdesk.store.broker_rows import Adjustment
from nightdesk.store.execution_rows import (
    late_commissions,
    movements_booked_in,
    payments_booked,
    references_booked,
)
from nightdesk.store.ledger_rows import reconciliations_of
from nightdesk.store.order_rows import StoredOrder, filled_before, fills_in, find_order

#: How often, and how many seconds apart, a real broker is asked again that contradicts itself or the ledger.
SECOND_LOOKS = 3
PAUSE_SECONDS = 2.0

#: The repairs that a real broker is asked again for before they are believed, beside positions in dispute.
_ASKED_AGAIN = (RefuseFill, CancelOrder, Difference)


def ledger_side(
    context: Context,
    account: str,
    market: Market,
    accrued: Accrued,
    waiting: Sequence[StoredOrder],
    booked: Mapping[str, Decimal],
) -> LedgerSnapshot:
    """The ledger's side of the session in one of the book's accounts.

    Parameters
    ----------
    context : Context
        The session.
    account : str
        Its name in the book.
    market : Market
        Up to the session.
    accrued : Accrued
        What came before the fills: capital, or the accruals of the night and the actions of the open.
    waiting : sequence of StoredOrder
        The account's orders that were open when the session began.
    booked : mapping of client order id to Decimal
        Units of them that earlier settlings booked.
    """
    conn, book = context.conn, context.book.name
    restated = {one.client_order_id: one for one in accrued.orders}
    orders = {}
    for one in waiting:
        name = one.order.client_order_id
        order, done = restated.get(name, one.order), booked.get(name, ZERO)
        orders[name] = SentOrder(order, one.status, one.attempts, one.filled_quantity, done)
    account_of, units = context.desk.account_of, context.desk.unit_of
    if account_of:
        units = {symbol: unit for symbol, unit in units.items() if account_of[symbol] == account}
    ours = LedgerSnapshot(
        as_of=context.as_of,
        schedule=context.schedule,
        ledger=accrued.ledger.in_account(account, account_of),
        orders=orders,
        prices=_reference_prices(market),
        units=units,
        heir=next(iter(context.book.strategies)),
        contracts=context.desk.contracts,
        account=account,
    )
    if context.book.is_simulated(account):
        return ours
    since, before = late_since(context), context.schedule.before(context.as_of)
    paid_since = day_begins(context.session - PAYMENTS_LOOKED_BACK)
    executed = fills_in(conn, book, account, since, before)
    booked_lately = payments_booked(conn, book, account, paid_since, before)
    accrued_here = [one for one in accrued.entries if one.account == account]
    return replace(
        ours,
        booked=with_late_commissions(executed, late_commissions(conn, book, account, since, before)),
        moved=references_booked(conn, book, account, paid_since, before),
        owed=tuple(one for one in (*booked_lately, *accrued_here) if is_paid_later(one)),
    )


def adjustments(adopted: Sequence[Adjustment], ours: LedgerSnapshot) -> tuple[Entry, ...]:
    """The entries of what a person took over from the broker of an account for this session.

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
) -> tuple[LedgerSnapshot, tuple[Repair, ...]]:
    """What brings the ledger of an account to where its broker is, by what the broker says now; with the
    ledger's side, to which orders have come that had ended and of whose executions something new is told.

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
    fetch_when_due(context, ours.account)
    with contact(context, ours.account) as broker:
        if not (broker.simulated or context.dry_run):
            agreed_clock(context, broker)
        if context.previous is None:
            capital = context.book.in_account(ours.account).initial_capital
            broker.fund(context.schedule.before(context.as_of), capital)
        broker.advance(period)
        looks = 1 if broker.simulated or context.dry_run else 1 + SECOND_LOOKS
        for look in range(looks):
            if look:
                sleep(PAUSE_SECONDS)
            ours, repairs, left = _look(context, broker, ours, waiting)
            if not left and not any(isinstance(one, _ASKED_AGAIN) for one in repairs):
                return ours, repairs
        working = _working(repairs)
        if working and not context.dry_run:
            raise Unreachable(f"the broker still works on {', '.join(working)}, which was cancelled")
        return ours, (*repairs, *left)


def _look(
    context: Context, broker: Broker, ours: LedgerSnapshot, waiting: Sequence[StoredOrder]
) -> tuple[LedgerSnapshot, tuple[Repair, ...], tuple[Dispute, ...]]:
    """One look at the broker, which cancels what still works: our side with the orders that it asks for, the
    repairs, and what is left in dispute.
    """
    account, tolerance = ours.account, context.book.entry_of(ours.account).tolerance
    said = hear(context, account, broker, waiting, context.as_of)
    ours = _with_orders(context, ours, orders_behind(said, ours))
    repairs = plan_repairs(said, ours, tolerance)
    working = _working(repairs)
    if working and not context.dry_run:
        for name in working:
            broker.cancel(name)
        said = hear(context, account, broker, waiting, context.as_of)
        repairs = plan_repairs(said, ours, tolerance)
    return ours, repairs, () if broker.simulated else disputes(said, ours, repairs)


def _with_orders(context: Context, ours: LedgerSnapshot, names: Iterable[str]) -> LedgerSnapshot:
    """Our side with more orders, those that have ended."""
    missing = sorted(set(names) - ours.orders.keys())
    if not missing:
        return ours
    booked = filled_before(context.conn, context.book.name, context.as_of, missing)
    orders = dict(ours.orders)
    for name in missing:
        found = find_order(context.conn, name)
        if found is not None:
            done = booked.get(name, ZERO)
            orders[name] = SentOrder(found.order, found.status, found.attempts, found.filled_quantity, done)
    return replace(ours, orders=orders)


def _working(repairs: Sequence[Repair]) -> list[str]:
    """The orders that still work though their time is over."""
    return [one.client_order_id for one in repairs if isinstance(one, CancelOrder)]


def agreed(context: Context, ours: LedgerSnapshot) -> tuple[LedgerSnapshot, tuple[Repair, ...]]:
    """What a decision that is sealed was settled by in the account of `ours`; the same as `agree` gives."""
    conn, book, as_of, account = context.conn, context.book.name, context.as_of, ours.account
    tolerated = [
        Difference(row["item"], row["ledger_value"], row["broker_value"], tolerated=True)
        for row in reconciliations_of(conn, book, as_of)
        if row["outcome"] == "tolerated" and row["account"] == account
    ]
    commissions = _commissions_booked(context, ours)
    executed: list[BookFill | CorrectFill] = []
    for fill in fills_in(conn, book, account, as_of, as_of):
        before = booked_version(fill, ours)
        executed.append(BookFill(fill) if before is None else CorrectFill(fill, before))
    ours = _with_orders(context, ours, (one.fill.client_order_id for one in (*executed, *commissions)))
    return ours, (
        *executed,
        *commissions,
        *(BookMovement(one) for one in movements_booked_in(conn, book, account, as_of)),
        *tolerated,
    )


def _commissions_booked(context: Context, ours: LedgerSnapshot) -> list[BookCommission]:
    """The commissions of earlier executions that the decision has booked, by its entries."""
    as_of = context.as_of
    booked = late_commissions(context.conn, context.book.name, ours.account, as_of, as_of)
    out = []
    for one in sorted(ours.booked.values(), key=lambda one: one.execution_id):
        more = booked.get(late_reference(one.client_order_id, one.execution_id, commission=True))
        if one.commission_pending and more is not None:
            out.append(BookCommission(one, more))
    return out


def _reference_prices(market: Market) -> Mapping[str, Decimal]:
    """What fills of the session are measured against, raw dollars: its good open, else the mark."""
    bars = market.fill_bars(-1)
    opened = {symbol: price for symbol, price in bars.open.items() if price > 0 and symbol not in bars.bad}
    prices = {**market.prices(-1), **opened}
    return {symbol: to_price(exact(price)) for symbol, price in prices.items() if price > 0}
