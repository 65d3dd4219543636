"""Reconciling: the two sides that settling brings together, what makes them agree, and what is kept of it.

One side is the ledger as it stands, the other what the broker says now. Where they differ beyond the book's
tolerance nothing is overwritten: entries stop, and a person is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from time import sleep

from nightdesk.accounting.disputes import disputes
from nightdesk.accounting.ledger import Entry
from nightdesk.accounting.payments import PAYMENTS_LOOKED_BACK, is_paid_later
from nightdesk.accounting.period import Period
from nightdesk.accounting.reconciliation import AWAITED, plan_repairs
from nightdesk.accounting.repairs import (
    CASH,
    BookFill,
    BookMovement,
    CancelOrder,
    Difference,
    Dispute,
    LedgerSnapshot,
    MoveOrder,
    RefuseFill,
    Repair,
    SentOrder,
    adjustment_entries,
    trade_entries,
)
from nightdesk.accounting.settlement import Accrued
from nightdesk.brokers import Broker, Unreachable
from nightdesk.core.calendar import day_begins
from nightdesk.core.money import ZERO, exact, to_price
from nightdesk.engine import Market
from nightdesk.session.account_statements import fetch_when_due
from nightdesk.session.broker_session import contact, hear, in_words, late_since
from nightdesk.session.context import Context
from nightdesk.session.notices import Condition, Look, notice
from nightdesk.session.sequencing import agreed_clock
from nightdesk.session.writing import Saver
from nightdesk.store.alert_spells import AlertSpell, Kind
from nightdesk.store.broker_rows import Adjustment
from nightdesk.store.execution_rows import (
    movements_booked_in,
    payments_booked,
    references_booked,
    refuse_execution,
)
from nightdesk.store.kill_switch_rows import set_kill_switch
from nightdesk.store.ledger_rows import reconciliations_of
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.order_rows import StoredOrder, fills_in, move_orders

#: How often, and how many seconds apart, a real broker is asked again that contradicts itself or the ledger.
SECOND_LOOKS = 3
PAUSE_SECONDS = 2.0

#: The repairs that a real broker is asked again for before they are believed, beside positions in dispute.
_ASKED_AGAIN = (RefuseFill, CancelOrder, Difference)

_DISPUTES: tuple[Kind, ...] = ("dispute",)


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
    booked_lately = payments_booked(conn, book, account, paid_since, before)
    accrued_here = [one for one in accrued.entries if one.account == account]
    return replace(
        ours,
        booked={fill.execution_id: fill for fill in fills_in(conn, book, account, since, before)},
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
) -> tuple[Repair, ...]:
    """What brings the ledger of an account to where its broker is, by what the broker says now.

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
            repairs, left = _look(context, broker, ours, waiting)
            if not left and not any(isinstance(one, _ASKED_AGAIN) for one in repairs):
                return repairs
        working = _working(repairs)
        if working and not context.dry_run:
            raise Unreachable(f"the broker still works on {', '.join(working)}, which was cancelled")
        return (*repairs, *left)


def _look(
    context: Context, broker: Broker, ours: LedgerSnapshot, waiting: Sequence[StoredOrder]
) -> tuple[tuple[Repair, ...], tuple[Dispute, ...]]:
    """One look at the broker, which cancels what still works: the repairs, and what is left in dispute."""
    account, tolerance = ours.account, context.book.entry_of(ours.account).tolerance
    said = hear(context, account, broker, waiting, context.as_of)
    repairs = plan_repairs(said, ours, tolerance)
    working = _working(repairs)
    if working and not context.dry_run:
        for name in working:
            broker.cancel(name)
        said = hear(context, account, broker, waiting, context.as_of)
        repairs = plan_repairs(said, ours, tolerance)
    return repairs, () if broker.simulated else disputes(said, ours, repairs)


def _working(repairs: Sequence[Repair]) -> list[str]:
    """The orders that still work though their time is over."""
    return [one.client_order_id for one in repairs if isinstance(one, CancelOrder)]


def agreed(context: Context, account: str) -> tuple[Repair, ...]:
    """What a decision that is sealed was settled by in one account."""
    conn, book, as_of = context.conn, context.book.name, context.as_of
    tolerated = [
        Difference(row["item"], row["ledger_value"], row["broker_value"], tolerated=True)
        for row in reconciliations_of(conn, book, as_of)
        if row["outcome"] == "tolerated" and row["account"] == account
    ]
    return (
        *(BookFill(fill) for fill in fills_in(conn, book, account, as_of, as_of)),
        *(BookMovement(one) for one in movements_booked_in(conn, book, account, as_of)),
        *tolerated,
    )


def _reference_prices(market: Market) -> Mapping[str, Decimal]:
    """What fills of the session are measured against, raw dollars: its good open, else the mark."""
    bars = market.fill_bars(-1)
    opened = {symbol: price for symbol, price in bars.open.items() if price > 0 and symbol not in bars.bad}
    prices = {**market.prices(-1), **opened}
    return {symbol: to_price(exact(price)) for symbol, price in prices.items() if price > 0}


def keep(context: Context, save: Saver, repairs: Mapping[str, Sequence[Repair]]) -> None:
    """Keep what the repairs of a session say of orders, refused executions, differences and disputes.

    Parameters
    ----------
    context : Context
        The session.
    save : Saver
        Its open transaction, of an unsealed session.
    repairs : mapping of account to sequence of Repair
        See `agree`.
    """
    told = [(account, one) for account, several in repairs.items() for one in several]
    moves = [one for _, one in told if isinstance(one, MoveOrder)]
    move_orders(context.conn, context.as_of, context.session, moves)
    for account, one in told:
        if isinstance(one, RefuseFill):
            _tell_refused(context, account, one)
    differences = [(account, one) for account, one in told if isinstance(one, Difference)]
    _keep_differences(context, save, differences)
    disputed = [(account, one) for account, one in told if isinstance(one, Dispute)]
    _keep_disputes(context, save, disputed, differences)


def _tell_refused(context: Context, account: str, one: RefuseFill) -> None:
    """Keep why an execution is not booked, and ask a person to look it up."""
    fill, book = one.fill, context.book.name
    refuse_execution(context.conn, book, account, fill.execution_id, one.reason)
    raise_alert(
        context.conn,
        f"fill {book} {fill.execution_id}",
        "CRITICAL",
        f"{book}: the broker reports a fill that cannot be ours",
        f"Execution {in_words(context, account, fill.execution_id)}: {fill.side} {fill.quantity} "
        f"{fill.symbol} at {fill.price} for order {fill.client_order_id or 'of somebody else'}: "
        f"{one.reason}. It was not booked. "
        "Look it up at the broker.",
        book=book,
        session=context.session,
    )


def _keep_differences(context: Context, save: Saver, differences: Sequence[tuple[str, Difference]]) -> None:
    """Store the differences; one beyond the tolerance stops entries and asks a person."""
    book, session, name = context.book.name, context.session, context.name
    rows = [
        {
            "account": account,
            "item": one.item,
            "ledger_value": one.ledger_value,
            "broker_value": one.broker_value,
            "outcome": "tolerated" if one.tolerated else "asked",
        }
        for account, one in differences
    ]
    save.rows("reconciliations", rows)
    asked = [(account, one) for account, one in differences if not one.tolerated]
    if asked:
        words = _words(context, asked)
        key, reason = f"reconciliation {book} {name}", f"ledger and broker differ at {name}: {words}"
        set_kill_switch(context.conn, book, on=True, reason=reason, who="settle", session=session, key=key)
        raise_alert(
            context.conn,
            key,
            "CRITICAL",
            f"{book}: ledger and broker differ",
            f"{reason}. Nothing was overwritten. No order goes out in a symbol that differs, and nothing is "
            "opened until a person has looked: "
            f'`nightdesk adopt {book} --reason "..."` takes the broker\'s figures over, '
            f'`nightdesk resume {book} --reason "..."` lets it trade again.',
            book=book,
            session=session,
        )
    elif differences:
        raise_alert(
            context.conn,
            f"tolerated {book} {name}",
            "WARNING",
            f"{book}: small differences to the broker were booked",
            f"{_words(context, differences)}. They are within the tolerance of the account "
            f"({'broker' if context.book.broker is not None else 'accounts.NAME'}.tolerance).",
            book=book,
            session=session,
        )


def _keep_disputes(
    context: Context,
    save: Saver,
    disputes: Sequence[tuple[str, Dispute]],
    differences: Sequence[tuple[str, Difference]],
) -> None:
    """Store the positions in dispute; of those that no other alert tells of, people are told once a spell.

    An order that is waited for no longer stops the book: what became of it is for a person to find out.
    """
    book, session = context.book.name, context.session
    save.rows(
        "disputed_positions",
        [
            {
                "account": account,
                "symbol": one.symbol,
                "ledger_value": one.ledger_value,
                "claimed_value": one.claimed_value,
                "reason": one.reason,
            }
            for account, one in disputes
        ],
    )
    if context.book.simulated:
        return  # its accounts are the desk's own: nothing of them was ever in dispute
    differing = {one.item for _, one in differences if not one.tolerated}
    notice(
        context.conn,
        Look(book, _DISPUTES, context.name, session),
        [_condition(one) for _, one in disputes if one.orders and one.symbol not in differing],
        lambda spell: _over(spell, differing),
    )
    for _, one in disputes:
        if one.given_up:
            _give_up(context, one)


def _condition(one: Dispute) -> Condition:
    return Condition(
        "dispute",
        one.symbol,
        "CRITICAL",
        f"{one.symbol}: {one.reason}. The ledger holds {one.ledger_value}; if that is true the account holds "
        f"{one.claimed_value}.",
        "The broker was asked several times. No order goes out in these symbols, and nothing is opened at "
        "all, until its answers agree; every settling asks again, and books what it then tells. Look at the "
        f"broker's own page. After {AWAITED.days} days an order is waited for no longer, and the book is "
        "stopped.",
    )


def _over(spell: AlertSpell, differing: set[str]) -> str | None:
    """The end of a dispute in words; none where an alert tells of the difference that has become of it."""
    if spell.subject in differing:
        return None
    return f"{spell.subject}: the broker's answers agree again; orders go out again."


def _give_up(context: Context, one: Dispute) -> None:
    book, session, orders = context.book.name, context.session, ", ".join(one.orders)
    key = f"given up {book} {orders}"
    reason = f"{one.symbol}: {one.reason}, {AWAITED.days} days after its decision"
    set_kill_switch(context.conn, book, on=True, reason=reason, who="settle", session=session, key=key)
    raise_alert(
        context.conn,
        key,
        "CRITICAL",
        f"{book}: {one.symbol}: the executions of an order never came",
        f"{reason}. It is waited for no longer; the ledger holds {one.ledger_value} {one.symbol}. Find out "
        f'at the broker what became of it. `nightdesk adopt {book} --reason "..."` takes over what differs, '
        f'`nightdesk resume {book} --reason "..."` lets the book trade again.',
        book=book,
        session=session,
    )


def _words(context: Context, differences: Sequence[tuple[str, Difference]]) -> str:
    return "; ".join(
        in_words(context, account, f"{one.item}: ledger {one.ledger_value}, broker {one.broker_value}")
        for account, one in differences
    )
