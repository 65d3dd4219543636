"""Which orders IBKR takes, and how they are written to it.

What "at the next open" means: a market order for the day. One that is sent after the close is held for the
next regular session; one that is sent while the market is open is executed there and then.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

from nightdesk.brokers.broker_interface import Capabilities
from nightdesk.brokers.ibkr_contracts import IbkrContract
from nightdesk.core.errors import Refused
from nightdesk.orders.order import Order, Side, TimeInForce, exits_id

if TYPE_CHECKING:
    from ib_async.order import Order as IbkrOrder

#: How the references of two exits end of which one cancels the other, after the id that both are of here.
TARGET, STOP = "/target", "/stop"

#: What an execution of one exit does to the other: the rest is taken off it, with a block against both being
#: at an exchange at once. Type 1 would cancel it at the first share, and leave the rest without a stop.
_REDUCE_WITH_BLOCK = 2

_STOCK: Mapping[TimeInForce, str] = {"day": "DAY", "open": "OPG", "close": "DAY", "gtc": "GTC", "ioc": "IOC"}
_ACTIONS: Mapping[Side, str] = {"buy": "BUY", "sell": "SELL"}


CAPABILITIES = Capabilities(
    order_types=frozenset({"market", "limit", "stop", "bracket", "oco"}),
    times_in_force={"equity": _STOCK, "etf": _STOCK},
    shorts=True,
    tells_today_alone=True,
)


def desk_name(reference: str) -> str:
    """The client order id here of an order at IBKR: that of the pair, of one of its exits."""
    for end in (TARGET, STOP):
        reference = reference.removesuffix(end)
    return reference


def references_of(name: str) -> tuple[str, str, str]:
    """The references at IBKR under which an order may be: its own, or those of a pair's two exits."""
    return name, f"{name}{TARGET}", f"{name}{STOP}"


def written(order: Order, contract: IbkrContract, account_id: str, first: int) -> list[IbkrOrder]:
    """An order as IBKR wants it: one, or of a bracket its entry and its exits, or of an oco its two exits.

    A bracket is one only when all of it is there: the first are held at TWS until the last is sent. Its exits
    rest until they are cancelled, however long its entry is good; a stop alone is no pair. The exits of an
    oco are two orders, the stop first: nothing holds one back for the other. A limit is rounded
    to the better side of the steps in which the stock is quoted, a stop or a target to the nearest.

    Parameters
    ----------
    order : Order
    contract : IbkrContract
    account_id : str
        Of the account at IBKR.
    first : int
        The number of the first; the others have those that follow.
    """
    if order.order_type == "oco":
        target, stop = _exits(order, order.client_order_id, contract, account_id, (first + 1, first))
        return [stop, target]
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
    if order.order_type != "bracket":
        return [entry]
    exits = _brought(order, contract, account_id, first + 1)
    for one in (entry, *exits):
        one.transmit = one is exits[-1]
    for one in exits:
        one.parentId, one.tif = first, _STOCK["gtc"]
    return [entry, *exits]


def numbers_of(order: Order) -> int:
    """How many numbers an order takes at IBKR: as many as it is orders there."""
    if order.order_type == "oco":
        return 2
    if order.order_type != "bracket":
        return 1
    return 2 if order.target_price is None else 3


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


def _brought(order: Order, contract: IbkrContract, account_id: str, first: int) -> tuple[Any, ...]:
    """The exits that a bracket brings with it: its target and its stop, or its stop alone."""
    name = exits_id(order.client_order_id)
    if order.target_price is not None:
        return _exits(order, name, contract, account_id, (first, first + 1))
    if order.stop_price is None:
        raise Refused(f"order {order.client_order_id}: a {order.order_type} lacks its stop")
    stop = _plain(order, account_id, first)
    stop.action, stop.orderRef = _ACTIONS[order.exit_side], name
    stop.orderType, stop.auxPrice = "STP", float(quoted(order.stop_price, contract.tick))
    return (stop,)


def _exits(
    order: Order, name: str, contract: IbkrContract, account_id: str, numbers: tuple[int, int]
) -> tuple[Any, Any]:
    """A target and a stop of which one takes the place of the other, under these numbers."""
    if order.stop_price is None or order.target_price is None:
        raise Refused(f"order {order.client_order_id}: a {order.order_type} lacks its stop or its target")
    target, stop = (_plain(order, account_id, number) for number in numbers)
    for leg, end in ((target, TARGET), (stop, STOP)):
        leg.action, leg.orderRef = _ACTIONS[order.exit_side], f"{name}{end}"
        leg.ocaGroup, leg.ocaType = name, _REDUCE_WITH_BLOCK
    target.orderType, target.lmtPrice = "LMT", float(quoted(order.target_price, contract.tick))
    stop.orderType, stop.auxPrice = "STP", float(quoted(order.stop_price, contract.tick))
    return target, stop
