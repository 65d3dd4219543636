"""Which orders IBKR takes, and how they are written to it.

What "at the next open" means: a market order for the day. One that is sent after the close is held for the
next regular session; one that is sent while the market is open is executed there and then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

from nightdesk.brokers.broker_interface import Capabilities
from nightdesk.brokers.ibkr_contracts import IbkrContract
from nightdesk.core.universe import Instrument
from nightdesk.orders.order import Order, Side, TimeInForce

if TYPE_CHECKING:
    from ib_async.order import Order as IbkrOrder

#: How the references of a bracket's two legs end, after that of its entry.
TARGET, STOP = "/target", "/stop"

_STOCK: Mapping[TimeInForce, str] = {"day": "DAY", "open": "OPG", "close": "DAY", "gtc": "GTC", "ioc": "IOC"}
_ACTIONS: Mapping[Side, str] = {"buy": "BUY", "sell": "SELL"}
_OTHER: Mapping[Side, Side] = {"buy": "sell", "sell": "buy"}


@dataclass(frozen=True)
class IbkrCapabilities(Capabilities):
    """What IBKR can do for this desk, and the pairs of things that it cannot do together."""

    def fault_of(self, order: Order, instrument: Instrument | None) -> str | None:
        """Why IBKR cannot trade an order; None when it can."""
        fault = super().fault_of(order, instrument)
        if fault is not None:
            return fault
        kind, time = order.order_type, order.time_in_force
        if kind in ("stop", "bracket") and time not in ("day", "gtc"):
            return f"a {kind} order cannot be {time}; day or gtc"
        if kind == "bracket" and order.stop_price is not None and order.target_price is not None:
            below, above = sorted((order.stop_price, order.target_price))
            if below == above or (order.side == "buy") != (order.stop_price == below):
                return f"stop {order.stop_price} and target {order.target_price} are on the wrong sides"
        return None


CAPABILITIES = IbkrCapabilities(
    order_types=frozenset({"market", "limit", "stop", "bracket"}),
    times_in_force={"equity": _STOCK, "etf": _STOCK},
    shorts=True,
    tells_today_alone=True,
)


def written(order: Order, contract: IbkrContract, account_id: str, first: int) -> list[IbkrOrder]:
    """An order as IBKR wants it: one, or of a bracket its entry and two legs, of which one cancels the other.

    A bracket is one only when all three are there: the first two are held at TWS until the last is sent. A
    limit is rounded to the better side of the steps in which the stock is quoted, a stop or a target to the
    nearest.

    Parameters
    ----------
    order : Order
    contract : IbkrContract
    account_id : str
        Of the account at IBKR.
    first : int
        The number of the first; the others have those that follow.
    """
    entry = _plain(order, account_id, first)
    limit = order.limit_price if order.order_type in ("limit", "bracket") else None
    at_close = order.time_in_force == "close"
    if limit is not None:
        better = ROUND_FLOOR if order.side == "buy" else ROUND_CEILING
        entry.orderType = "LOC" if at_close else "LMT"
        entry.lmtPrice = float(quoted(limit, contract.tick, better))
    else:
        entry.orderType = "MOC" if at_close else "MKT"
    if order.order_type == "stop" and order.stop_price is not None:
        entry.orderType = "STP"
        entry.auxPrice = float(quoted(order.stop_price, contract.tick))
    if order.order_type != "bracket" or order.stop_price is None or order.target_price is None:
        return [entry]
    target, stop = (_leg(order, account_id, first, place, end) for place, end in ((1, TARGET), (2, STOP)))
    target.orderType, target.lmtPrice = "LMT", float(quoted(order.target_price, contract.tick))
    stop.orderType, stop.auxPrice = "STP", float(quoted(order.stop_price, contract.tick))
    entry.transmit = target.transmit = False
    return [entry, target, stop]


def quoted(price: Decimal, tick: Decimal, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """A price in the steps in which a stock is quoted: the contract's own, and from a dollar up no finer than
    a cent (Regulation NMS, rule 612).
    """
    step = max(tick, Decimal("0.01") if price >= 1 else Decimal("0.0001"))
    return (price / step).to_integral_value(rounding) * step


def _plain(order: Order, account_id: str, number: int) -> Any:
    from ib_async.order import Order as IbkrOrder

    return IbkrOrder(
        orderId=number,
        action=_ACTIONS[order.side],
        totalQuantity=float(order.quantity),
        tif=_STOCK[order.time_in_force],
        orderRef=order.client_order_id,
        account=account_id,
        outsideRth=False,
        transmit=True,
    )


def _leg(order: Order, account_id: str, first: int, place: int, end: str) -> Any:
    leg = _plain(order, account_id, first + place)
    leg.action = _ACTIONS[_OTHER[order.side]]
    leg.orderRef = f"{order.client_order_id}{end}"
    leg.parentId = first
    leg.ocaGroup, leg.ocaType = order.client_order_id, 1
    return leg
