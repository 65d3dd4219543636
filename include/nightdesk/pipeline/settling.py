"""The step that settles a session: what happened since the last one is booked, reconciled and marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from nightdesk.brokers import Broker, BrokerOrder, MarketDay, OrderState, make
from nightdesk.decision import Market
from nightdesk.errors import Refused
from nightdesk.execution.fills import Fill
from nightdesk.execution.ledger import Entry, Ledger, capital, mark
from nightdesk.execution.money import ZERO
from nightdesk.execution.settling import corporate_actions, fill_entries, restate
from nightdesk.pipeline.context import Context
from nightdesk.pipeline.outlook import session_market
from nightdesk.pipeline.saving import Outcome, Saver, saving
from nightdesk.pipeline.turn import in_turn
from nightdesk.store.bars import late_actions
from nightdesk.store.ledger import entry_rows, mark_row, position_rows, read_ledger, read_mark
from nightdesk.store.messages import raise_alert
from nightdesk.store.orders import (
    StoredOrder,
    fill_rows,
    filled_before,
    fills_of,
    move_order,
    orders_to_settle,
)
from nightdesk.store.risk import set_kill_switch
from nightdesk.store.runs import sealed_because

#: How an order ends here, by its state at the broker; in the other states it is still working.
_ENDED = {
    OrderState.FILLED: "filled",
    OrderState.CANCELLED: "cancelled",
    OrderState.REJECTED: "rejected",
    OrderState.EXPIRED: "expired",
}


@dataclass(frozen=True)
class Heard:
    """What the broker says at the start of a session; asked before anything is written.

    `orders` has None for an order that never reached the broker.
    """

    fills: tuple[Fill, ...]
    orders: Mapping[str, BrokerOrder | None]
    positions: Mapping[str, Decimal]
    cash: Decimal


def settle(context: Context) -> Outcome:
    """Book the session's corporate actions and the fills of the orders before it, reconcile, mark the book.

    A sealed session is settled again from the stored fills, and compared.

    Raises
    ------
    NotYet
        When the session before is not closed.
    Refused
        When a symbol is held or ordered that the book no longer names.
    """
    with in_turn(context):
        market = session_market(context)
        opening = _opening(context)
        waiting = orders_to_settle(context.conn, context.book.name, context.session)
        _refuse_unnamed(context, opening, waiting)
        if sealed_because(context.conn, context.book.name, context.session) is None:
            heard = _listen(context, market, waiting)
            fills = heard.fills
        else:
            heard, fills = None, fills_of(context.conn, context.book.name, context.session)
        names = [one.order.client_order_id for one in waiting]
        booked = filled_before(context.conn, context.book.name, context.session, names)
        with saving(context) as save:
            ledger, entries = _book(context, market, opening, waiting, fills, booked)
            previous = context.previous_session
            before = None if previous is None else read_mark(context.conn, context.book.name, previous)
            prices = market.prices(-1)
            marked = mark(ledger, context.session, prices, before)
            save.rows("fills", fill_rows(fills))
            save.rows("ledger_entries", entry_rows(entries))
            save.rows("positions", position_rows(ledger, prices))
            save.rows("portfolio", [mark_row(marked)])
            differences = late = 0
            if heard is not None and save.sealed is None:
                _move_orders(context, waiting, heard, booked)
                differences = _reconcile(context, save, ledger, heard)
                late = _tell_late_actions(context)
        return save.outcome(
            fills=len(fills),
            entries=len(entries),
            differences_to_broker=differences,
            late_actions=late,
            nav=f"{marked.nav:.2f}",
        )


def _opening(context: Context) -> Ledger:
    """The ledger as the session before left it; empty at the book's inception."""
    if context.previous_session is None:
        return Ledger()
    ledger = read_ledger(context.conn, context.book.name, context.previous_session)
    if ledger is None:
        raise LookupError(f"{context.book.name} {context.previous_session} is closed and has no mark")
    return ledger


def _refuse_unnamed(context: Context, opening: Ledger, waiting: Sequence[StoredOrder]) -> None:
    """Refuse to go on without the bars and units of a symbol that is held or ordered."""
    needed = {one.symbol for one in opening.held()} | {one.order.symbol for one in waiting}
    unnamed = sorted(needed - set(context.book.symbols))
    if unnamed:
        raise Refused(
            f"{context.book.name} {context.session}: {', '.join(unnamed)} is held or ordered, and the book "
            "no longer names it: put it back into the universe until the position is closed"
        )


def _listen(context: Context, market: Market, waiting: Sequence[StoredOrder]) -> Heard:
    """Let the broker live through the session, and ask what came of it."""
    broker = make(context.book, context.conn)
    before = context.calendar.shift(context.session, -1)
    if context.previous_session is None:
        broker.fund(before, context.record.initial_capital)
    broker.advance(
        MarketDay(market.fill_bars(-1), market.splits(-1), market.dividends(-1), market.restated_prices(-1))
    )
    orders = {one.order.client_order_id: _final_word(context, broker, one) for one in waiting}
    fills = tuple(fill for fill in broker.fills_since(before) if _is_ours(context, fill, waiting))
    return Heard(fills, orders, broker.positions(), broker.account().cash)


def _final_word(context: Context, broker: Broker, waiting: StoredOrder) -> BrokerOrder | None:
    """The broker's word on an order whose time is over: one that still works there is cancelled first.

    A dry run only asks: what it told a real broker could not be rolled back.
    """
    name = waiting.order.client_order_id
    if waiting.attempts == 0:
        return None
    known = broker.order_by_client_id(name)
    if known is None or known.state in _ENDED or waiting.order.time_in_force == "gtc" or context.dry_run:
        return known
    return broker.cancel(name)


def _is_ours(context: Context, fill: Fill, waiting: Sequence[StoredOrder]) -> bool:
    """Whether a fill may be booked; one that fits no order of ours changes nothing and is told."""
    orders = {one.order.client_order_id: one.order for one in waiting}
    order = orders.get(fill.client_order_id)
    if order is not None and (fill.symbol, fill.side) == (order.symbol, order.side) and fill.quantity > 0:
        return True
    raise_alert(
        context.conn,
        f"fill {context.book.name} {fill.execution_id}",
        "CRITICAL",
        f"{context.book.name}: the broker reports a fill that fits no order",
        f"Execution {fill.execution_id}: {fill.side} {fill.quantity} {fill.symbol} "
        f"for order {fill.client_order_id}. It was not booked. Look it up at the broker.",
        book=context.book.name,
        session=context.session,
    )
    return False


def _book(
    context: Context,
    market: Market,
    opening: Ledger,
    waiting: Sequence[StoredOrder],
    fills: Sequence[Fill],
    booked: Mapping[str, Decimal],
) -> tuple[Ledger, tuple[Entry, ...]]:
    """The ledger at the close of the session, and the entries that led there from `opening`.

    `booked` says what was filled of each order in earlier sessions.
    """
    units, session = context.desk.unit_of, context.session
    if context.previous_session is None:
        entries: tuple[Entry, ...] = (capital(session, context.record.initial_capital),)
        return opening.apply(entries), entries
    splits = market.splits(-1)
    entries = corporate_actions(
        opening, session, splits, market.dividends(-1), market.restated_prices(-1), units
    )
    for one in waiting:
        order, unit = one.order, units[one.order.symbol]
        if order.symbol in splits:
            order = restate(order, splits[order.symbol], unit)
        own = [fill for fill in fills if fill.client_order_id == order.client_order_id]
        entries += fill_entries(order, own, unit, booked.get(order.client_order_id, ZERO))
    return opening.apply(entries), entries


def _move_orders(
    context: Context, waiting: Sequence[StoredOrder], heard: Heard, booked: Mapping[str, Decimal]
) -> None:
    """Bring every order that was open to where the broker says that it stands."""
    for one in waiting:
        name = one.order.client_order_id
        known = heard.orders[name]
        new = (fill.quantity for fill in heard.fills if fill.client_order_id == name)
        filled = sum(new, booked.get(name, ZERO))
        if known is None:
            status, cause, answer = "expired", "its open has passed and it was not at the broker", None
        else:
            working = "partially_filled" if filled else "submitted"
            status, answer = _ENDED.get(known.state, working), known.answer
            cause = f"the broker says {known.state.value}"
        if (status, filled) != (one.status, one.filled_quantity):
            move_order(context.conn, name, context.session, status, cause, filled=filled, answer=answer)


def _reconcile(context: Context, save: Saver, ledger: Ledger, heard: Heard) -> int:
    """Compare ledger and broker over the union of symbols; a difference stops entries and asks a person."""
    ours, theirs = ledger.net(), heard.positions
    items = [("cash", ledger.cash, heard.cash)]
    items += [(one, ours.get(one, ZERO), theirs.get(one, ZERO)) for one in sorted({*ours, *theirs})]
    rows = [
        {"item": item, "ledger_value": own, "broker_value": other}
        for item, own, other in items
        if own != other
    ]
    save.rows("reconciliations", rows)
    if rows:
        book, session = context.book.name, context.session
        words = "; ".join(
            f"{row['item']}: ledger {row['ledger_value']}, broker {row['broker_value']}" for row in rows
        )
        reason = f"ledger and broker differ at {session}: {words}"
        key = f"reconciliation {book} {session}"
        set_kill_switch(context.conn, book, on=True, reason=reason, who="settle", session=session, key=key)
        body = (
            f"{reason}. Nothing was overwritten; nothing is opened until a person releases the kill switch."
        )
        raise_alert(
            context.conn,
            key,
            "CRITICAL",
            f"{book}: ledger and broker differ",
            body,
            book=book,
            session=session,
        )
    return len(rows)


def _tell_late_actions(context: Context) -> int:
    """Raise an alert for each action that the sessions settled before could not book; how many there are."""
    book, found = context.book.name, 0
    for one in late_actions(context.conn, book, context.book.symbols, context.session, context.known_by()):
        found += raise_alert(
            context.conn,
            f"late action {book} {one.symbol} {one.kind} {one.session} {one.known_at.isoformat()}",
            "CRITICAL",
            f"{book}: a {one.kind} of {one.symbol} came too late to be booked",
            f"{one.symbol} was held when session {one.settled} was settled, and its {one.kind} of "
            f"{one.session} was given, changed or withdrawn after that, so the ledger lacks it. On the paper "
            f"broker `nightdesk replay {book} --from {one.settled} --rebuild` books it; "
            "elsewhere the comparison with the broker shows what it moved.",
            book=book,
            session=context.session,
        )
    return found
