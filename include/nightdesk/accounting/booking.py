"""What a session brings to the ledger beside corporate actions: crosses, and fills of restated orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from nightdesk.accounting.events import ending
from nightdesk.accounting.ledger import NO_CONTRACTS, Entry, Ledger, Position
from nightdesk.core.contracts import PLAIN, Contract
from nightdesk.core.money import (
    CENT,
    ZERO,
    apportion,
    exact,
    round_together,
    to_cents,
    to_price,
    to_unit,
)
from nightdesk.core.panel import ENDINGS, Action
from nightdesk.orders.fills import Expired, Fill
from nightdesk.orders.netting import allocate
from nightdesk.orders.order import Cross, Order


def restate(order: Order, ratio: float, unit: Decimal) -> Order:
    """An open order after a split: quantity (toward zero) and intents in new units, and its prices.

    An intent keeps its side and is rounded by less than a unit: intents against each other do not grow.
    """
    by = exact(ratio)
    quantity = to_unit(order.quantity * by, unit)
    signed = quantity if order.side == "buy" else -quantity
    shares = round_together([intent.quantity * by for intent in order.intents], signed, unit)
    return replace(
        order,
        quantity=quantity,
        reference_price=to_price(order.reference_price / by),
        limit_price=None if order.limit_price is None else to_price(order.limit_price / by),
        stop_price=None if order.stop_price is None else to_price(order.stop_price / by),
        target_price=None if order.target_price is None else to_price(order.target_price / by),
        intents=tuple(replace(one, quantity=share) for one, share in zip(order.intents, shares, strict=True)),
    )


def orders_after(
    orders: Iterable[Order],
    splits: Mapping[str, float],
    events: Iterable[Action],
    units: Mapping[str, Decimal],
) -> tuple[tuple[Order, ...], tuple[Expired, ...]]:
    """Open orders after a session's actions: restated for splits; those of a symbol that has ended expire."""
    ended = {one.symbol: ending(one) for one in events if one.kind in ENDINGS}
    live: list[Order] = []
    expired: list[Expired] = []
    for order in orders:
        symbol = order.symbol
        if symbol in ended:
            expired.append(Expired(order.client_order_id, symbol, order.quantity, ended[symbol]))
        else:
            live.append(restate(order, splits[symbol], units[symbol]) if symbol in splits else order)
    return tuple(live), tuple(expired)


def on_margin(
    entries: tuple[Entry, ...], ledger: Ledger, contracts: Mapping[str, Contract]
) -> tuple[Entry, ...]:
    """Trades as they are booked of what is held on margin: only profit and commission move the cash.

    Parameters
    ----------
    entries : tuple of Entry
        As if each was paid in full.
    ledger : Ledger
        Before them.
    contracts : mapping of symbol to Contract
        Those whose unit is not worth its price.
    """
    if not contracts or not any(contracts.get(one.symbol, PLAIN).on_margin for one in entries):
        return entries
    out = []
    for entry in entries:
        if contracts.get(entry.symbol, PLAIN).on_margin:
            before = ledger.positions.get((entry.strategy, entry.symbol)) or Position(
                entry.strategy, entry.symbol
            )
            profit = before.after(entry).realised - before.realised
            notional = -(entry.cash + entry.commission)
            entry = replace(entry, cash=profit - entry.commission, cost=notional + profit)
        out.append(entry)
        ledger = ledger.apply((entry,))
    return tuple(out)


def cross_entries(
    crosses: Iterable[Cross],
    session: date,
    booked_at: datetime | None = None,
    contracts: Mapping[str, Contract] = NO_CONTRACTS,
) -> tuple[Entry, ...]:
    """Ledger entries of what changes hands inside the book, at the price of the decision and free of costs.

    They are of the moment that the decision was made at, so they come before the corporate actions of the
    session that books them: who has bought has the dividend and the split of the next morning. Over the
    strategies of a symbol, quantities and cash add up to nothing exactly.

    The reference names symbol and session of the decision; where the same session books it, in an hourly
    book, also when, since it may book several of a symbol.

    Parameters
    ----------
    crosses : iterable of Cross
        Of the decision before.
    session : date
        The session that books them.
    booked_at : datetime, optional
        The decision instant that books them, UTC; needed of a book that decides within a session.
    contracts : mapping of symbol to Contract
        Those whose unit is not worth its price.
    """
    entries = []
    when = "" if booked_at is None else f"T{booked_at:%H%M}"
    for cross in crosses:
        bought = [intent for intent in cross.intents if intent.quantity > 0]
        sold = [intent for intent in cross.intents if intent.quantity < 0]
        quantity = sum((intent.quantity for intent in bought), ZERO)
        notional = to_cents(contracts.get(cross.symbol, PLAIN).notional(quantity, cross.price))
        cash: dict[str, Decimal] = {}
        for side, total in ((bought, -notional), (sold, notional)):
            shares = apportion(total, [abs(intent.quantity) for intent in side], CENT)
            cash |= {intent.strategy: share for intent, share in zip(side, shares, strict=True)}
        entries += [
            Entry(
                session=session,
                kind="cross",
                strategy=intent.strategy,
                symbol=cross.symbol,
                quantity=intent.quantity,
                price=cross.price,
                cash=cash[intent.strategy],
                commission=ZERO,
                reference=f"cross-{cross.symbol}-{cross.session}{when if cross.session == session else ''}",
            )
            for intent in cross.intents
        ]
    return tuple(entries)


def fill_entries(
    order: Order, fills: Iterable[Fill], unit: Decimal, booked: Decimal = ZERO
) -> tuple[Entry, ...]:
    """Ledger entries of an order's executions, shared among the strategies behind the order.

    The executions of one session are booked together, at their average price: what a strategy gets depends
    on the sums that the broker tells, not on how it cuts an order or in which order it tells of the pieces.
    Cash and commission are shared in proportion to the quantities, and the last cents go where `apportion`
    says: over the strategies they add up to the broker's figures exactly.

    Parameters
    ----------
    order : Order
    fills : iterable of Fill
        New executions of this order, each once.
    unit : Decimal
        Smallest quantity of the instrument.
    booked : Decimal
        Units of the order that were booked before.

    Returns
    -------
    tuple of Entry
        By session; strategies in the order of the order's intents.
    """
    entries = []
    by_session: dict[date, list[Fill]] = {}
    for fill in fills:
        by_session.setdefault(fill.session, []).append(fill)
    for session, told in sorted(by_session.items()):
        filled = sum((fill.quantity for fill in told), ZERO)
        after = allocate(order, booked + filled, unit)
        before = allocate(order, booked, unit) if booked else dict.fromkeys(after, ZERO)
        booked += filled
        moved = [after[strategy] - before[strategy] for strategy in after]
        notional = sum((fill.notional for fill in told), ZERO)
        spent = apportion(notional if order.side == "buy" else -notional, moved, CENT)
        commission = sum((fill.commission for fill in told), ZERO)
        fees = apportion(commission, [abs(quantity) for quantity in moved], CENT)
        entries += [
            Entry(
                session=session,
                kind="fill",
                strategy=strategy,
                symbol=order.symbol,
                quantity=quantity,
                price=_average_price(told),
                cash=-cash - fee,
                commission=fee,
                reference=order.client_order_id,
            )
            for strategy, quantity, cash, fee in zip(after, moved, spent, fees, strict=True)
            if quantity
        ]
    return tuple(entries)


def correction_entries(
    order: Order, fill: Fill, before: Fill, unit: Decimal, booked: Decimal, session: date
) -> tuple[Entry, ...]:
    """Ledger entries of the difference that a broker's correction of an execution makes, shared as the order
    is among the strategies behind it.

    Parameters
    ----------
    order : Order
    fill : Fill
        The execution as it stands.
    before : Fill
        The same as it was booked, with the commission that was booked of it.
    unit : Decimal
        Smallest quantity of the instrument.
    booked : Decimal
        Units of the order that are booked, `before` among them.
    session : date
        The session that books the difference.

    Returns
    -------
    tuple of Entry
        In the order of the order's intents, of those whose units, cash or commission change. One without
        units changes what the position cost, or its profit where it is flat.
    """
    first, then = (
        allocate(order, units, unit) for units in (booked, booked + fill.quantity - before.quantity)
    )
    moved = [then[strategy] - first[strategy] for strategy in first]
    more = fill.notional - before.notional
    weights = [abs(quantity) for quantity in first.values()]
    spent = apportion(more if order.side == "buy" else -more, weights, CENT)
    fees = apportion(fill.commission - before.commission, weights, CENT)
    reference = late_reference(order.client_order_id, fill.execution_id)
    return tuple(
        Entry(
            session, "fill", strategy, order.symbol, quantity, fill.price, -cash - fee, fee, reference,
            since=before.session,
        )
        for strategy, quantity, cash, fee in zip(first, moved, spent, fees, strict=True)
        if quantity or cash or fee
    )  # fmt: skip


def commission_entries(
    order: Order, fill: Fill, commission: Decimal, unit: Decimal, booked: Decimal, session: date
) -> tuple[Entry, ...]:
    """Ledger entries of a commission that was told after its execution was booked; shared as the order is.

    Parameters are those of `correction_entries`; `commission` is in dollars and cents.
    """
    shares = allocate(order, booked, unit)
    fees = apportion(commission, [abs(quantity) for quantity in shares.values()], CENT)
    reference = late_reference(order.client_order_id, fill.execution_id, commission=True)
    return tuple(
        Entry(
            session, "fill", strategy, order.symbol, ZERO, ZERO, -fee, fee, reference, since=fill.session
        )
        for strategy, fee in zip(shares, fees, strict=True)
        if fee
    )  # fmt: skip


def late_reference(client_order_id: str, execution_id: str, *, commission: bool = False) -> str:
    """The reference of what is booked of an execution after it was: its order, and which it is."""
    return f"{client_order_id} {execution_id}" + (" commission" if commission else "")


def order_behind(reference: str) -> str:
    """The client order id in the reference of an entry of an execution."""
    return reference.partition(" ")[0]


def _average_price(fills: Sequence[Fill]) -> Decimal:
    if len(fills) == 1:
        return fills[0].price
    paid = sum((fill.quantity * fill.price for fill in fills), ZERO)
    return to_price(paid / sum((fill.quantity for fill in fills), ZERO))
