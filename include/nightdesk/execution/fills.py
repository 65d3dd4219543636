"""Fills: what a broker executed, and the function by which the paper broker and the backtest fill orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from nightdesk.book import Book
from nightdesk.execution.money import exact, to_cents, to_price, to_unit
from nightdesk.execution.orders import Order, Side


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution: a positive quantity, a price in dollars (six places), a commission in dollars and cents.

    `session` is the session in which it was executed, `reference_price` the price before slippage.
    """

    execution_id: str
    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    session: date
    reference_price: Decimal

    @property
    def signed_quantity(self) -> Decimal:
        """Quantity with the sign of its effect on the position."""
        return self.quantity if self.side == "buy" else -self.quantity

    @property
    def notional(self) -> Decimal:
        """Quantity × price in dollars, rounded to the cent: this is what moves the cash."""
        return to_cents(self.quantity * self.price)


@dataclass(frozen=True, slots=True)
class Expired:
    """An order (or the rest of one) that its session did not fill."""

    client_order_id: str
    symbol: str
    quantity: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class FillBars:
    """What a session offers to the orders decided before it.

    `open` is the raw dollar price of the first bar after the decision, `volume` the units that bound the
    fills; a symbol without a bar is absent or NaN.
    """

    session: date
    open: Mapping[str, float]
    volume: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Terms:
    """What trading one symbol costs, as shares of notional, and its smallest quantity."""

    commission: Decimal
    slippage: Decimal
    unit: Decimal


@dataclass(frozen=True, slots=True)
class FillTerms:
    """How orders of a book are filled on paper: terms by symbol, and the share of a bar's volume."""

    terms: Mapping[str, Terms]
    max_volume_share: Decimal


def fill_terms(book: Book) -> FillTerms:
    """The terms that a book states."""
    terms = {
        symbol: Terms(
            commission=exact(book.costs_of(symbol).commission),
            slippage=exact(book.costs_of(symbol).slippage),
            unit=instrument.unit,
        )
        for symbol, instrument in book.universe.items()
    }
    return FillTerms(terms, exact(book.broker.max_volume_share))


def open_session(
    orders: Sequence[Order], bars: FillBars, terms: FillTerms
) -> tuple[tuple[Fill, ...], tuple[Expired, ...]]:
    """Fill market orders at the open that follows their decision.

    The price is the open moved against the order by the slippage (rounded half-even to six places), the
    commission is a share of the notional (to the cent). At most `max_volume_share` of the bar's volume is
    taken, in whole units; what is left expires, and so does an order that meets no bar or a bar without
    volume: the next session decides anew. A volume in dollars (as Yahoo publishes for crypto) makes that
    bound loose, never tight.

    A purchase is filled even where the open is so far above the decision's price that cash turns negative: a
    broker does not ask our buffer. The next decision then finds its gross over the limit and buys nothing.

    Parameters
    ----------
    orders : sequence of Order
        Those decided at the session before; already restated for splits of this session.
    bars : FillBars
        The session's opens and volumes.
    terms : FillTerms
        See `fill_terms`.

    Returns
    -------
    fills : tuple of Fill
        In the order of the orders; execution ids follow from order and session, so that a second call gives
        the same.
    expired : tuple of Expired
        What was not filled.
    """
    fills: list[Fill] = []
    expired: list[Expired] = []
    taken: dict[str, Decimal] = {}
    for order in orders:
        symbol, own = order.symbol, terms.terms[order.symbol]
        price, volume = bars.open.get(symbol), bars.volume.get(symbol)
        if not order.quantity:
            expired.append(
                Expired(order.client_order_id, symbol, order.quantity, "a split left nothing of it")
            )
            continue
        if price is None or not price > 0:
            expired.append(Expired(order.client_order_id, symbol, order.quantity, "no bar to fill at"))
            continue
        if volume is None or not volume > 0:
            expired.append(Expired(order.client_order_id, symbol, order.quantity, "the bar has no volume"))
            continue
        room = to_unit(exact(volume) * terms.max_volume_share, own.unit) - taken.get(symbol, Decimal(0))
        quantity = min(order.quantity, room)
        if quantity > 0:
            fills.append(_execute(order, quantity, price, own, bars.session))
            taken[symbol] = taken.get(symbol, Decimal(0)) + quantity
        if quantity < order.quantity:
            rest = order.quantity - max(quantity, Decimal(0))
            share = f"{float(terms.max_volume_share):g}"
            reason = f"only {share} of the bar's volume of {volume:g} may be taken"
            expired.append(Expired(order.client_order_id, symbol, rest, reason))
    return tuple(fills), tuple(expired)


def _execute(order: Order, quantity: Decimal, open_price: float, terms: Terms, session: date) -> Fill:
    reference = exact(open_price)
    buys = order.side == "buy"
    price = to_price(reference * (1 + terms.slippage if buys else 1 - terms.slippage))
    return Fill(
        execution_id=f"{order.client_order_id}-{session:%Y%m%d}",
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        quantity=quantity,
        price=price,
        commission=to_cents(to_cents(quantity * price) * terms.commission),
        session=session,
        reference_price=to_price(reference),
    )
