"""What a session brings to the ledger before it decides: crosses, corporate actions, then fills."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from nightdesk.execution.fills import Fill
from nightdesk.execution.ledger import Entry, Ledger, Position
from nightdesk.execution.money import CENT, QUANTITY_STEP, ZERO, apportion, exact, to_cents, to_price, to_unit
from nightdesk.execution.netting import allocate
from nightdesk.execution.orders import Cross, Order


def split_quantity(quantity: Decimal, ratio: float, unit: Decimal) -> tuple[Decimal, Decimal]:
    """Whole units after a split and the fraction that is paid out in cash.

    Parameters
    ----------
    quantity : Decimal
        Signed units before.
    ratio : float
        Units after for one before.
    unit : Decimal
        Smallest quantity of the instrument.
    """
    exactly = (quantity * exact(ratio)).quantize(QUANTITY_STEP)
    whole = to_unit(exactly, unit)
    return whole, exactly - whole


def dividend_cash(quantity: Decimal, per_unit: float) -> Decimal:
    """Dollars that a position receives (pays, when short) on its ex-date, to the cent."""
    return to_cents(quantity * exact(per_unit))


def corporate_actions(
    ledger: Ledger,
    session: date,
    splits: Mapping[str, float],
    dividends: Mapping[str, float],
    prices: Mapping[str, float],
    units: Mapping[str, Decimal],
) -> tuple[Entry, ...]:
    """Entries of a session's splits and dividends on what was held before its open.

    A split restates the quantity and leaves the cost; a fraction of a unit that is left is sold for cash at
    the restated price. A dividend is paid on the quantity after a split of the same date. The account's total
    is computed first, as a broker does, and shared exactly among the strategies that hold the symbol.

    Parameters
    ----------
    ledger : Ledger
        At the end of the session before.
    session : date
        The ex-date.
    splits, dividends : mapping of symbol to float
        Units after for one before; dollars a unit. Symbols without one may be absent.
    prices : mapping of symbol to float
        Last raw close before, restated for the split, of the symbols that split.
    units : mapping of symbol to Decimal
        Smallest quantities.
    """
    holders: dict[str, list[Position]] = {}
    # Who gets the last cent must not depend on the order in which positions were opened or read back.
    for position in sorted(ledger.held(), key=lambda one: (one.symbol, one.strategy)):
        if splits.get(position.symbol, 1.0) != 1.0 or dividends.get(position.symbol, 0.0) != 0.0:
            holders.setdefault(position.symbol, []).append(position)
    entries: list[Entry] = []
    for symbol, positions in holders.items():
        quantities = [position.quantity for position in positions]
        if splits.get(symbol, 1.0) != 1.0:
            made, quantities = _split(positions, session, splits[symbol], prices[symbol], units[symbol])
            entries += made
        total = sum(quantities, ZERO)
        if dividends.get(symbol, 0.0) != 0.0 and total:
            cash = apportion(dividend_cash(total, dividends[symbol]), quantities, CENT)
            per_unit = to_price(exact(dividends[symbol]))
            entries += [
                Entry(
                    session,
                    "dividend",
                    one.strategy,
                    symbol,
                    ZERO,
                    per_unit,
                    paid,
                    ZERO,
                    f"dividend-{symbol}-{session}",
                )
                for one, paid in zip(positions, cash, strict=True)
            ]
    return tuple(entries)


def _split(
    positions: list[Position], session: date, ratio: float, price: float, unit: Decimal
) -> tuple[list[Entry], list[Decimal]]:
    """Entries of one split, and the quantities after it."""
    symbol, reference = positions[0].symbol, f"split-{positions[0].symbol}-{session}"
    before = [position.quantity for position in positions]
    total = sum(before, ZERO)
    exactly = [(quantity * exact(ratio)).quantize(QUANTITY_STEP) for quantity in before]
    if not total:  # strategies against each other: the account holds nothing that a broker would restate
        whole, fraction = [to_unit(quantity, unit) for quantity in exactly], ZERO
    else:
        kept, fraction = split_quantity(total, ratio, unit)
        whole = apportion(kept, before, unit)
    rest = [one - other for one, other in zip(exactly, whole, strict=True)]
    in_lieu = to_price(exact(price))
    paid = to_cents(fraction * in_lieu)
    cash = apportion(paid, rest, CENT) if sum(rest, ZERO) else [to_cents(one * in_lieu) for one in rest]
    entries = []
    for position, old, new, fractional, received in zip(positions, before, exactly, rest, cash, strict=True):
        own = (position.strategy, symbol)
        entries.append(Entry(session, "split", *own, new - old, exact(ratio), ZERO, ZERO, reference))
        if fractional:
            sold = f"fraction-{symbol}-{session}"
            entries.append(Entry(session, "adjustment", *own, -fractional, in_lieu, received, ZERO, sold))
    return entries, whole


def restate(order: Order, ratio: float, unit: Decimal) -> Order:
    """An open order after a split: quantity and intents in new units (toward zero), and its prices."""
    quantity = to_unit(order.quantity * exact(ratio), unit)
    signed = quantity if order.side == "buy" else -quantity
    shares = apportion(signed, [intent.quantity for intent in order.intents], unit)
    by = exact(ratio)
    return replace(
        order,
        quantity=quantity,
        reference_price=to_price(order.reference_price / by),
        limit_price=None if order.limit_price is None else to_price(order.limit_price / by),
        stop_price=None if order.stop_price is None else to_price(order.stop_price / by),
        target_price=None if order.target_price is None else to_price(order.target_price / by),
        intents=tuple(replace(one, quantity=share) for one, share in zip(order.intents, shares, strict=True)),
    )


def cross_entries(crosses: Iterable[Cross], session: date) -> tuple[Entry, ...]:
    """Ledger entries of what changes hands inside the book, at the price of the decision and free of costs.

    They are of the close that the decision was made at, so they come before the corporate actions of the
    session that books them: who has bought has the dividend and the split of the next morning. Over the
    strategies of a symbol, quantities and cash add up to nothing exactly.

    Parameters
    ----------
    crosses : iterable of Cross
        Decided by the session before.
    session : date
        The session that books them.
    """
    entries = []
    for cross in crosses:
        bought = [intent for intent in cross.intents if intent.quantity > 0]
        sold = [intent for intent in cross.intents if intent.quantity < 0]
        notional = to_cents(sum((intent.quantity for intent in bought), ZERO) * cross.price)
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
                reference=f"cross-{cross.symbol}-{cross.session}",
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
        before, after = allocate(order, booked, unit), allocate(order, booked + filled, unit)
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


def _average_price(fills: Sequence[Fill]) -> Decimal:
    if len(fills) == 1:
        return fills[0].price
    paid = sum((fill.quantity * fill.price for fill in fills), ZERO)
    return to_price(paid / sum((fill.quantity for fill in fills), ZERO))
