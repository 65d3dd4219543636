"""Which orders Alpaca takes, and how they are written to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any

from nightdesk.brokers.alpaca_answers import Symbols
from nightdesk.brokers.broker_interface import Capabilities
from nightdesk.core.asset_classes import AssetClass
from nightdesk.core.money import plain
from nightdesk.core.universe import Instrument
from nightdesk.orders.order import Order, OrderType, TimeInForce

_STOCK: Mapping[TimeInForce, str] = {"day": "day", "open": "opg", "close": "cls", "gtc": "gtc", "ioc": "ioc"}
_COIN: Mapping[TimeInForce, str] = {"day": "gtc", "gtc": "gtc", "ioc": "ioc"}
_STOPS = frozenset[OrderType]({"stop", "bracket", "oco"})


@dataclass(frozen=True)
class AlpacaCapabilities(Capabilities):
    """What Alpaca can do, and the pairs of things that it cannot do together."""

    def lets_rest(self, kinds: Collection[OrderType], asset_class: AssetClass) -> bool:
        """See `Capabilities.lets_rest`; nothing with a stop rests for crypto."""
        return super().lets_rest(kinds, asset_class) and not (asset_class == "crypto" and _STOPS & set(kinds))

    def fault_of(self, order: Order, instrument: Instrument | None) -> str | None:
        """Why Alpaca cannot trade an order; None when it can."""
        fault = super().fault_of(order, instrument)
        if fault is not None or instrument is None:
            return fault
        kind, time = order.order_type, order.time_in_force
        if instrument.asset_class == "crypto":
            return f"no {kind} orders for crypto" if kind in _STOPS else None
        if order.quantity % 1 and (kind in ("bracket", "oco") or time != "day"):
            return f"quantity {order.quantity}: parts of a share are traded by simple day orders only"
        return None


#: Shorts are left out: an account here may be allowed them, and nothing of this desk borrows what it sells.
CAPABILITIES = AlpacaCapabilities(
    order_types=frozenset({"market", "limit", "stop", "bracket", "oco"}),
    times_in_force={"equity": _STOCK, "etf": _STOCK, "crypto": _COIN},
    fractions=frozenset[AssetClass]({"equity", "etf", "crypto"}),
    one_side=True,
)


def body_of(order: Order, instrument: Instrument, symbols: Symbols) -> dict[str, Any]:
    """The order as Alpaca wants it, its numbers as text.

    Alpaca refuses a stock's price that is finer than the steps in which stocks are quoted: a limit is rounded
    to the better side of it, so that it is never worse than was asked for, a stop or a target to the nearest.
    A bracket with a limit enters by it, and at the market without one; where it brings a stop alone, Alpaca
    calls it an oto. Its exits are good for as long as its entry, so that one for the day goes out until
    cancelled: settling cancels what its open has not filled. An oco is at Alpaca a limit order, its target,
    that has a stop beside it.
    """
    coin = instrument.asset_class == "crypto"
    brings = order.order_type == "bracket"
    lasts: TimeInForce = "gtc" if brings and order.time_in_force == "day" else order.time_in_force
    limit = order.limit_price if order.order_type in ("bracket", "limit") else None
    body: dict[str, Any] = {
        "symbol": symbols.theirs(order.symbol),
        "qty": plain(order.quantity),
        "side": order.side,
        "type": _type_of(order),
        "time_in_force": CAPABILITIES.times_in_force[instrument.asset_class][lasts],
        "client_order_id": order.client_order_id,
    }
    if limit is not None:
        better = ROUND_FLOOR if order.side == "buy" else ROUND_CEILING
        body["limit_price"] = plain(limit if coin else _quoted(limit, better))
    if order.order_type == "stop" and order.stop_price is not None:
        body["stop_price"] = plain(_quoted(order.stop_price))
    if order.order_type in ("bracket", "oco") and order.stop_price is not None:
        body["order_class"] = "oto" if order.target_price is None else order.order_type
        if order.target_price is not None:
            body["take_profit"] = {"limit_price": plain(_quoted(order.target_price))}
        body["stop_loss"] = {"stop_price": plain(_quoted(order.stop_price))}
    return body


def _type_of(order: Order) -> str:
    if order.order_type == "bracket":
        return "market" if order.limit_price is None else "limit"
    return "limit" if order.order_type == "oco" else order.order_type


def _quoted(price: Decimal, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """A price in the steps in which stocks are quoted (Regulation NMS, rule 612): cents from a dollar up."""
    return price.quantize(Decimal("0.01") if price >= 1 else Decimal("0.0001"), rounding)
