"""Fills: what a broker executed, and the function by which the paper broker and the backtest fill orders."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from nightdesk.core.book import Book
from nightdesk.core.contracts import PLAIN
from nightdesk.core.money import ZERO, exact, to_cents, to_price, to_unit
from nightdesk.orders.legs_filled import Possible, filled_together
from nightdesk.orders.order import Order, Side, entry_id


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution.

    Attributes
    ----------
    execution_id : str
        The broker's own key of it: told twice under one id, it is the same execution.
    client_order_id : str
        Our key of its order; empty where the order is not ours.
    symbol, side : str
    quantity : Decimal
        Units, positive; 0 where a correction says that nothing was executed.
    price : Decimal
        Dollars a unit, six places.
    commission : Decimal
        Dollars and cents, positive; 0 while it is pending.
    session : date
        The session in which it was executed; what a broker writes down in the minutes after the bell is of
        the session that has closed.
    reference_price : Decimal or None
        The price before slippage; None while only a real broker has told of it, which knows no such price.
    multiplier : Decimal
        Dollars that a unit moves by with a dollar of its price.
    executed_at : datetime or None
        When it was executed, by the broker's own clock, UTC. None on paper, where nothing is executed at an
        instant, and where a broker does not say it: the decision of its session that hears of it books it.
    commission_pending : bool
        Whether the broker has not told the commission yet. It tells it later under the same execution id, and
        what has no commission by then is booked then.
    corrects : str
        The execution id that a broker told first of what this one corrects: quantity, price and commission
        count in place of that one's, and of several corrections the one whose id sorts last. Empty where it
        corrects none.
    """

    execution_id: str
    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    session: date
    reference_price: Decimal | None = None
    multiplier: Decimal = Decimal(1)
    executed_at: datetime | None = None
    commission_pending: bool = False
    corrects: str = ""

    @property
    def signed_quantity(self) -> Decimal:
        """Quantity with the sign of its effect on the position."""
        return self.quantity if self.side == "buy" else -self.quantity

    @property
    def notional(self) -> Decimal:
        """Quantity × price × multiplier in dollars, rounded to the cent: this is what moves the cash."""
        return to_cents(self.quantity * self.price * self.multiplier)

    @property
    def cash(self) -> Decimal:
        """Signed effect on the cash in dollars and cents, commission included."""
        return (-self.notional if self.side == "buy" else self.notional) - self.commission


def standing(fills: Iterable[Fill]) -> tuple[Fill, ...]:
    """Executions as they stand: of one that was corrected its newest version alone, in the order given."""
    told = tuple(fills)
    newest: dict[str, str] = {}
    for one in told:
        if one.corrects:
            newest[one.corrects] = max(newest.get(one.corrects, ""), one.execution_id)
    if not newest:
        return told
    return tuple(
        one
        for one in told
        if newest.get(one.corrects or one.execution_id, one.execution_id) == one.execution_id
    )


@dataclass(frozen=True, slots=True)
class Expired:
    """An order (or the rest of one) that its session did not fill."""

    client_order_id: str
    symbol: str
    quantity: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class FillBars:
    """What a session, or an hour, offers to the orders decided before it.

    `open` is the raw dollar price that a market order meets: the open of the first bar after the decision, or
    where `at` says so that bar's mean of open, high, low and close. `volume` are the units that bound the
    fills; a symbol without a bar is absent or NaN. `low` and `high` are the lowest and the highest price
    after the decision; absent or NaN while no bar after it is complete. `bad` says by symbol why its open is
    no price to fill at; `withheld` are the symbols whose low and high failed the data checks.
    """

    session: date
    open: Mapping[str, float]
    volume: Mapping[str, float]
    low: Mapping[str, float] = field(default_factory=dict)
    high: Mapping[str, float] = field(default_factory=dict)
    bad: Mapping[str, str] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()
    at: Literal["open", "mean"] = "open"


@dataclass(frozen=True, slots=True)
class Terms:
    """What trading one symbol costs, in shares of notional and dollars a unit, its smallest quantity, and
    dollars that a unit moves by with a dollar of its price.
    """

    commission: Decimal
    slippage: Decimal
    unit: Decimal
    commission_per_unit: Decimal = ZERO
    multiplier: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class FillTerms:
    """How orders of a book are filled on paper: terms by symbol, and the share of a bar's volume.

    Without a `max_volume_share` an order is filled whole, whatever the bar's volume, also where it has none.
    `share_of` has it by symbol where the accounts of the book differ in it.
    """

    terms: Mapping[str, Terms]
    max_volume_share: Decimal | None
    share_of: Mapping[str, Decimal | None] = field(default_factory=dict)

    def volume_share(self, symbol: str) -> Decimal | None:
        """The share of the volume of a symbol's bar that may be taken; None where nothing bounds it."""
        return self.share_of.get(symbol, self.max_volume_share) if self.share_of else self.max_volume_share


def fill_terms(book: Book) -> FillTerms:
    """The terms that a book states."""
    contracts = book.contracts
    terms = {
        symbol: Terms(
            commission=exact(book.costs_of(symbol).commission),
            slippage=exact(book.costs_of(symbol).slippage),
            unit=instrument.unit,
            commission_per_unit=exact(book.costs_of(symbol).commission_per_unit),
            multiplier=contracts.get(symbol, PLAIN).multiplier,
        )
        for symbol, instrument in book.universe.items()
    }
    shares = {name: _exact_share(book.entry_of(name).max_volume_share) for name in book.account_names}
    first = next(iter(shares.values()))
    if all(one == first for one in shares.values()):
        return FillTerms(terms, first)
    return FillTerms(terms, first, {symbol: shares[book.account_of(symbol)] for symbol in book.universe})


def _exact_share(share: float | None) -> Decimal | None:
    return None if share is None else exact(share)


def open_session(
    orders: Sequence[Order], bars: FillBars, terms: FillTerms
) -> tuple[tuple[Fill, ...], tuple[Expired, ...]]:
    """Fill orders in the session, or the hour, that follows their decision, and those that rest.

    ==============  ==========================================  ===========================================
    an order        fills                                       at
    ==============  ==========================================  ===========================================
    market, bracket always                                      the open, moved by the slippage
    limit           where the open is at the limit or better    the open, moved by the slippage, never
                                                                beyond the limit
    limit           else where the low (of a purchase) or the   the limit
                    high (of a sale) reaches it
    limit           else not: it expires
    stop            where the open is at the stop or beyond     the open, moved by the slippage
    stop            else where the low (of a sale) or the high  the stop, moved by the slippage
                    (of a purchase) reaches it
    oco             as a stop, or else as a limit at its        as a stop, or as that limit
                    target
    stop, oco       else not: it rests on
    ==============  ==========================================  ===========================================

    Of an oco whose stop and target a bar reaches both, nobody knows which came first: the stop is taken.
    The exits that a bracket brings with it meet the bar after its open has filled the entry whole; where it
    fills less, they end with what is left of it, as at a real broker.
    What rests meets a symbol's volume after the orders of the decision, by its id; what is left of it rests
    on.

    Where the bars are at their mean, that stands in the place of the open. Slippage moves a price against the
    order (rounded half-even to six places), the commission is a share of
    the notional and so much a unit (together to the cent). At most `max_volume_share` of the bar's volume is
    taken by all orders of a symbol together, in whole units; what is left expires, and so does an order that
    meets no bar, a bar without volume or an open that is no price: the next session decides anew. A volume in
    dollars (as Yahoo publishes for crypto) makes that bound loose, never tight. Where `max_volume_share` is
    None, volumes are not looked at.

    Orders that open a bundle fill to the same share, that of the leg of which the least can be filled, in
    whole units of the bundle where it has such; the rest expires. What closes one fills as any order.

    A purchase is filled even where the open is so far above the decision's price that cash turns negative: a
    broker does not ask our buffer. The next decision then finds its gross over the limit and buys nothing.

    Parameters
    ----------
    orders : sequence of Order
        Those decided at the session before; already restated for splits of this session.
    bars : FillBars
        The session's opens, lows, highs and volumes.
    terms : FillTerms
        See `fill_terms`.

    Returns
    -------
    fills : tuple of Fill
        In the order of the orders, what rests last; execution ids follow from order and session, so that a
        second call gives the same.
    expired : tuple of Expired
        What was not filled and does not rest.
    """
    fills: list[Fill] = []
    expired: list[Expired] = []
    orders = _resting_last(orders)
    for one in filled_together(_possible(orders, bars, terms), lambda symbol: terms.terms[symbol].unit):
        order, quantity = one.order, one.quantity
        if quantity > 0:
            fills.append(_execute(order, quantity, bars, terms.terms[order.symbol]))
        if (quantity < order.quantity or one.reason) and (not order.rests or one.ends):
            rest = order.quantity - quantity
            expired.append(Expired(order.client_order_id, order.symbol, rest, one.reason))
    return tuple(fills), tuple(expired)


def _resting_last(orders: Sequence[Order]) -> Sequence[Order]:
    """Orders in the sequence in which they meet the market: at its open those of the decision."""
    resting = [one for one in orders if one.rests]
    if not resting:
        return orders
    by_id = sorted(resting, key=lambda one: one.client_order_id)
    return [*(one for one in orders if not one.rests), *by_id]


def _possible(orders: Sequence[Order], bars: FillBars, terms: FillTerms) -> list[Possible]:
    """How much of each order its session can fill, and why no more."""
    taken: dict[str, Decimal] = {}
    out: list[Possible] = []
    lacking: dict[str, Decimal] = {}
    for order in orders:
        symbol, entry = order.symbol, entry_id(order.client_order_id)
        if entry is not None and lacking.get(entry):
            out.append(Possible(order, ZERO, f"{lacking[entry]:f} of its entry were not filled", ends=True))
            continue
        reason = _unfillable(order, bars, bounded=terms.volume_share(symbol) is not None)
        if reason is not None:
            lacking[order.client_order_id] = order.quantity
            out.append(Possible(order, ZERO, reason))
            continue
        quantity = _within_volume(order, bars, terms, taken)
        taken[symbol] = taken.get(symbol, ZERO) + quantity
        lacking[order.client_order_id] = order.quantity - quantity
        if quantity < order.quantity:
            share = f"{float(terms.volume_share(symbol) or 0):g}"
            reason = f"only {share} of the bar's volume of {bars.volume[symbol]:g} may be taken"
        out.append(Possible(order, quantity, reason or ""))
    return out


def _within_volume(order: Order, bars: FillBars, terms: FillTerms, taken: Mapping[str, Decimal]) -> Decimal:
    """As much of an order as the bar's volume bears after what other orders have taken of it; 0 or more."""
    symbol = order.symbol
    share = terms.volume_share(symbol)
    if share is None:
        return order.quantity
    most = to_unit(exact(bars.volume[symbol]) * share, terms.terms[symbol].unit)
    return min(order.quantity, max(most - taken.get(symbol, ZERO), ZERO))


def _unfillable(order: Order, bars: FillBars, *, bounded: bool) -> str | None:
    """Why a session fills nothing of an order; None where it fills it as far as a bound by volume bears."""
    opened, volume = bars.open.get(order.symbol), bars.volume.get(order.symbol)
    if not order.quantity:
        return "a split left nothing of it"
    if order.symbol in bars.bad:
        return bars.bad[order.symbol]
    if opened is None or math.isnan(opened):
        return "no bar to fill at"
    if not opened > 0:
        return f"the {bars.at} of {opened:g} is no price to fill at"
    if bounded and (volume is None or not volume > 0):
        return "the bar has no volume"
    if order.meets_stop:
        return None if _leg_reached(order, bars) is not None else "nothing of it was reached"
    limit = order.limit_price
    if limit is None or _reaches(order.side, exact(opened), limit):
        return None
    name, prices = ("low", bars.low) if order.side == "buy" else ("high", bars.high)
    furthest = prices.get(order.symbol)
    if order.symbol in bars.withheld:
        seen = "the bar failed the data checks, so its low and high reach nothing"
    elif furthest is None or not furthest > 0:
        seen = f"no {name} after the decision is known at the close"
    elif _reaches(order.side, exact(furthest), limit):
        return None
    else:
        seen = f"its {name} was {furthest}"
    begun = "opened at" if bars.at == "open" else "had a mean of"
    return f"the limit of {float(limit)} was not reached: the bar {begun} {opened}, {seen}"


def _reaches(side: Side, price: Decimal, limit: Decimal) -> bool:
    return price <= limit if side == "buy" else price >= limit


@dataclass(frozen=True, slots=True)
class _Leg:
    """What of a stop or an oco a bar reaches: the price before slippage, and the limit of a target."""

    price: Decimal
    limit: Decimal | None = None


def _leg_reached(order: Order, bars: FillBars) -> _Leg | None:
    """What a bar reaches of a stop or an oco; None where it reaches nothing.

    A purchase is the mirror of a sale: what a low is to the one, a high is to the other.
    """
    stop, target, sells = order.stop_price, order.target_price, order.side == "sell"
    assert stop is not None
    opened = exact(bars.open[order.symbol])
    if _reaches("buy" if sells else "sell", opened, stop):
        return _Leg(opened)
    if target is not None and _reaches(order.side, opened, target):
        return _Leg(opened, target)
    against, for_it = (bars.low, bars.high) if sells else (bars.high, bars.low)
    if _touched("buy" if sells else "sell", against.get(order.symbol), stop):
        return _Leg(stop)
    if target is not None and _touched(order.side, for_it.get(order.symbol), target):
        return _Leg(target, target)
    return None


def reaches_both(order: Order, bars: FillBars) -> bool:
    """Whether a bar that fills an oco reaches its stop and its target after the open, so that nobody knows
    which came first.
    """
    leg = None if order.target_price is None else _leg_reached(order, bars)
    if leg is None or leg.price != order.stop_price:
        return False
    for_it = bars.high if order.side == "sell" else bars.low
    assert order.target_price is not None
    return _touched(order.side, for_it.get(order.symbol), order.target_price)


def _touched(side: Side, furthest: float | None, price: Decimal) -> bool:
    """Whether the furthest price of a bar reaches a price; one that is not known reaches nothing."""
    return furthest is not None and furthest > 0 and _reaches(side, exact(furthest), price)


def _execute(order: Order, quantity: Decimal, bars: FillBars, terms: Terms) -> Fill:
    """The execution of an order that its session fills: at the open where that will do, else at its limit or
    stop.
    """
    met = _Leg(exact(bars.open[order.symbol]), order.limit_price)
    if order.meets_stop:
        met = _leg_reached(order, bars) or met
    price = expected_price(order.side, met.price, terms.slippage, met.limit)
    notional = to_cents(quantity * price * terms.multiplier)
    return Fill(
        execution_id=_execution_id(order, bars.session),
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        quantity=quantity,
        price=price,
        commission=to_cents(notional * terms.commission + quantity * terms.commission_per_unit),
        session=bars.session,
        reference_price=to_price(met.price),
        multiplier=terms.multiplier,
    )


def _execution_id(order: Order, session: date) -> str:
    """The key of an execution; what rests may have several of a session, each of what is left of it."""
    written = f"{order.client_order_id}-{_written(session)}"
    return f"{written}-{order.quantity.normalize():f}" if order.rests else written


@lru_cache(maxsize=64)
def _written(session: date) -> str:
    """A session as execution ids have it; the fills of a session share it."""
    return f"{session:%Y%m%d}"


def expected_price(
    side: Side, reference: Decimal, slippage: Decimal, limit: Decimal | None = None
) -> Decimal:
    """The reference price moved against a trade by the slippage of its terms; never beyond its limit.

    Parameters
    ----------
    side : str
        "buy" or "sell".
    reference : Decimal
        Price before slippage, raw dollars.
    slippage : Decimal
        Share of the price.
    limit : Decimal, optional
        Worst price of a limit order.

    Returns
    -------
    Decimal
        Dollars, rounded half-even to six places.
    """
    buys = side == "buy"
    price = to_price(reference * (1 + slippage if buys else 1 - slippage))
    if limit is None:
        return price
    return min(price, limit) if buys else max(price, limit)
