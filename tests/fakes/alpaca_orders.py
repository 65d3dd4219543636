"""What the fake Alpaca takes for an order, and what it refuses as the service does."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.fakes.alpaca_exchange import Exchange
from tests.fakes.alpaca_state import (
    CRYPTO,
    ENDED,
    ENTERS,
    Refusal,
    asset_id,
    name_of,
    plain,
    rfc3339,
)
from tests.fakes.exchange_hours import NEW_YORK, is_open, next_close

#: Bad input of one kind or another; a client order id that is taken is one of many.
BAD_INPUT = 40010001
NOT_ALLOWED = 42210000
FORBIDDEN = 40310000

#: Orders that have legs.
GROUPS = ("oco", *ENTERS)


def receive(exchange: Exchange, body: Any) -> dict[str, Any]:
    """Check an order and put it into the market; what is answered.

    Raises
    ------
    Refusal
        With the status and the answer of the service.
    """
    if not isinstance(body, dict):
        raise Refusal(400, 40010000, "request body format is invalid")
    with exchange.lock:
        symbol = _symbol(body)
        _check_words(body, symbol)
        quantity = _number(body, "qty")
        client_order_id = _client_order_id(exchange, body)
        prices = {name: _price(body, name, symbol) for name in ("limit_price", "stop_price")}
        if body.get("order_class") == "oco" and prices["limit_price"] is None:
            prices["limit_price"] = _price(body.get("take_profit") or {}, "limit_price", symbol)
        _check_prices(body, prices)
        if quantity % 1 and symbol not in CRYPTO and body["time_in_force"] != "day":
            raise Refusal(422, NOT_ALLOWED, "fractional orders must be DAY orders")
        _check_hours(exchange, body)
        _check_standing(exchange, symbol)
        if symbol in exchange.halted:
            raise Refusal(422, NOT_ALLOWED, f'asset "{symbol}" is not active')
        order = _order(exchange, body, symbol, client_order_id, quantity, prices)
        legs = _legs(exchange, body, order)
        _check_way(exchange, order)
        _check_wash(exchange, order)
        _check_means(exchange, order)
        exchange.add([order, *legs], order["id"] if legs else None)
        return answer_of(exchange, exchange.state.orders[order["id"]], nested=True)


def answer_of(exchange: Exchange, order: dict[str, Any], *, nested: bool) -> dict[str, Any]:
    """An order as it is told; `nested` with the legs of a bracket or an oco."""
    if not nested or order["order_class"] not in GROUPS:
        return order
    state = exchange.state
    legs = [state.orders[leg] for leg, parent in state.parents.items() if parent == order["id"]]
    return {**order, "legs": legs} if legs else order


def _symbol(body: dict[str, Any]) -> str:
    symbol = body.get("symbol")
    if not isinstance(symbol, str) or not symbol:
        raise Refusal(422, BAD_INPUT, "symbol is required")
    return name_of(symbol)


def _check_words(body: dict[str, Any], symbol: str) -> None:
    crypto = symbol in CRYPTO
    if body.get("side") not in ("buy", "sell"):
        raise Refusal(422, BAD_INPUT, "side must be buy or sell")
    types = ("market", "limit", "stop_limit") if crypto else ("market", "limit", "stop", "stop_limit")
    if body.get("type") not in types:
        raise Refusal(422, NOT_ALLOWED, f"invalid order type {body.get('type')} for {symbol}")
    times = ("gtc", "ioc", "fok") if crypto else ("day", "gtc", "opg", "cls", "ioc", "fok")
    if body.get("time_in_force") not in times:
        kind = "crypto time_in_force" if crypto else "time_in_force"
        raise Refusal(422, NOT_ALLOWED, f"invalid {kind}")
    if body["type"] == "stop" and body["time_in_force"] not in ("day", "gtc"):
        raise Refusal(422, NOT_ALLOWED, "stop orders must be day or gtc")
    if body.get("order_class", "") not in ("", "simple", *GROUPS) or (crypto and body.get("order_class")):
        raise Refusal(422, NOT_ALLOWED, "invalid order class")
    if body.get("order_class") == "oco" and body["type"] != "limit":
        raise Refusal(422, BAD_INPUT, "oco orders must be limit orders")


def _client_order_id(exchange: Exchange, body: dict[str, Any]) -> str:
    given = body.get("client_order_id") or str(uuid.uuid4())
    if len(given) > 128:
        raise Refusal(422, BAD_INPUT, "client_order_id must be no more than 128 characters")
    if exchange.by_client_id(given) is not None:
        raise Refusal(422, BAD_INPUT, "client_order_id must be unique")
    return str(given)


def _number(body: dict[str, Any], name: str) -> Decimal:
    """A positive number; the service takes it as text and as a number, though it describes text alone."""
    value = body.get(name)
    try:
        number = Decimal(str(value)) if isinstance(value, str | int | float) else Decimal(0)
    except InvalidOperation:
        number = Decimal(0)
    if not number.is_finite() or number <= 0:
        raise Refusal(422, BAD_INPUT, f"{name} must be > 0" if value is not None else f"{name} is required")
    if number != round(number, 9):
        raise Refusal(422, NOT_ALLOWED, f"invalid {name}: at most 9 decimal places")
    return number


def _price(body: dict[str, Any], name: str, symbol: str) -> Decimal | None:
    if body.get(name) is None:
        return None
    price = _number(body, name)
    if symbol not in CRYPTO and price != round(price, 2 if price >= 1 else 4):
        why = "sub-penny increment does not fulfill minimum pricing criteria"
        raise Refusal(422, NOT_ALLOWED, f"invalid {name} {price}. {why}")
    return price


def _check_prices(body: dict[str, Any], prices: dict[str, Decimal | None]) -> None:
    wanted = {"market": set(), "limit": {"limit_price"}, "stop": {"stop_price"}}.get(
        body["type"], {"limit_price", "stop_price"}
    )
    given = {name for name, price in prices.items() if price is not None}
    for name in sorted(wanted - given):
        raise Refusal(422, BAD_INPUT, f"{body['type']} orders require {name}")
    for name in sorted(given - wanted):
        raise Refusal(422, BAD_INPUT, f"{body['type']} orders require no {name}")


def _check_hours(exchange: Exchange, body: dict[str, Any]) -> None:
    """On-open orders are refused from 9:28 to 19:00 New York, on-close ones from 15:50."""
    first = {"opg": (9, 28), "cls": (15, 50)}.get(body["time_in_force"])
    at = exchange.now.astimezone(NEW_YORK)
    if first is not None and is_session_day(at) and first <= (at.hour, at.minute) < (19, 0):
        what = "on open" if body["time_in_force"] == "opg" else "on close"
        raise Refusal(422, NOT_ALLOWED, f"market/limit {what} orders are not accepted at this time")


def is_session_day(at: datetime) -> bool:
    """Whether New York trades on the day of an instant."""
    local = at.astimezone(NEW_YORK)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return next_close(midnight).astimezone(NEW_YORK).date() == local.date()


def _order(
    exchange: Exchange,
    body: dict[str, Any],
    symbol: str,
    client_order_id: str,
    quantity: Decimal,
    prices: dict[str, Decimal | None],
) -> dict[str, Any]:
    crypto = symbol in CRYPTO
    at = exchange.stamp()
    written = {name: None if price is None else plain(price) for name, price in prices.items()}
    return {
        "id": str(uuid.uuid4()),
        "client_order_id": client_order_id,
        "created_at": at,
        "updated_at": at,
        "submitted_at": at,
        "filled_at": None,
        "expired_at": None,
        "expires_at": rfc3339(_expiry(exchange, body["time_in_force"], crypto)),
        "canceled_at": None,
        "failed_at": None,
        "replaced_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": asset_id(symbol),
        "symbol": symbol,
        "asset_class": "crypto" if crypto else "us_equity",
        "notional": None,
        "qty": plain(quantity),
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_class": body.get("order_class", ""),
        "order_type": body["type"],
        "type": body["type"],
        "side": body["side"],
        "position_intent": "buy_to_open" if body["side"] == "buy" else "sell_to_close",
        "time_in_force": body["time_in_force"],
        **written,
        "status": "pending_new" if crypto else "new" if is_open(exchange.now) else "accepted",
        "extended_hours": False,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "subtag": None,
        "source": None,
    }


def _expiry(exchange: Exchange, time_in_force: str, crypto: bool) -> datetime:
    if crypto or time_in_force == "gtc":
        return exchange.now + timedelta(days=90)
    return next_close(exchange.now)


def _legs(exchange: Exchange, body: dict[str, Any], first: dict[str, Any]) -> list[dict[str, Any]]:
    """The legs of a group, held: of a bracket its target and its stop, of an oco its stop, of an oto its only
    exit.
    """
    group = body.get("order_class")
    if group not in GROUPS:
        return []
    if body["time_in_force"] not in ("day", "gtc"):
        raise Refusal(422, NOT_ALLOWED, f"{group} orders must be day or gtc")
    if body.get("extended_hours"):
        raise Refusal(422, NOT_ALLOWED, f"{group} orders do not support extended hours")
    if Decimal(first["qty"]) % 1:
        raise Refusal(422, NOT_ALLOWED, "fractional orders must be simple orders")
    target, stop = body.get("take_profit") or {}, body.get("stop_loss") or {}
    takes = _price(target, "limit_price", first["symbol"])
    stops = _price(stop, "stop_price", first["symbol"])
    if group == "oto":
        if (takes is None) == (stops is None):
            raise Refusal(422, BAD_INPUT, "oto orders require either take_profit or stop_loss")
    elif takes is None or stops is None:
        raise Refusal(
            422, BAD_INPUT, f"{group} orders require take_profit.limit_price and stop_loss.stop_price"
        )
    sells = (first["side"] == "buy") == (group in ENTERS)
    if takes is not None and stops is not None and (takes > stops) != sells:
        raise Refusal(
            422, BAD_INPUT, "take_profit.limit_price must be on the other side of stop_loss.stop_price"
        )
    if stops is not None:
        _check_stop(exchange, first["symbol"], stops, sells=sells)
    common = {
        **first,
        "side": "sell" if sells else "buy",
        "position_intent": "sell_to_close" if sells else "buy_to_close",
        "status": "held",
        "limit_price": None,
        "stop_price": None,
    }
    shapes = []
    if takes is not None and group != "oco":
        shapes.append({"type": "limit", "order_type": "limit", "limit_price": plain(takes)})
    if stops is not None:
        shapes.append({"type": "stop", "order_type": "stop", "stop_price": plain(stops)})
    return [
        {**common, **shape, "id": str(uuid.uuid4()), "client_order_id": str(uuid.uuid4())} for shape in shapes
    ]


def _check_stop(exchange: Exchange, symbol: str, stop: Decimal, *, sells: bool) -> None:
    """The stop of a group is at least a cent beyond the last price."""
    price, cent = exchange.state.prices.get(symbol), Decimal("0.01")
    if price is not None and (stop > price - cent if sells else stop < price + cent):
        bound = "less than base_price - 0.01" if sells else "greater than base_price + 0.01"
        raise Refusal(422, NOT_ALLOWED, f"stop price must be {bound}", base_price=plain(price))


def _check_way(exchange: Exchange, first: dict[str, Any]) -> None:
    """A bracket enters, and an oco leaves what is held."""
    held, _ = exchange.sellable(first["symbol"])
    leaves = held < 0 if first["side"] == "buy" else held > 0
    if first["order_class"] in GROUPS and leaves == (first["order_class"] in ENTERS):
        way = "entry" if first["order_class"] in ENTERS else "exit"
        raise Refusal(422, NOT_ALLOWED, f"{first['order_class']} orders must be {way} orders")


def _check_wash(exchange: Exchange, order: dict[str, Any]) -> None:
    """Whether an order could trade with an open one of the same account: a market order or a stop with any on
    the other side, a limit with one whose limit it meets. Orders that have legs may, as its answer says.
    """
    if order["order_class"] in GROUPS:
        return
    for other in exchange.state.orders.values():
        if other["status"] in ENDED or other["symbol"] != order["symbol"] or other["side"] == order["side"]:
            continue
        if order["type"] == other["type"] == "limit":
            buys, sells = (order, other) if order["side"] == "buy" else (other, order)
            if Decimal(buys["limit_price"]) < Decimal(sells["limit_price"]):
                continue
            reason = "opposite side limit order exists"
        else:
            reason = "opposite side market/stop order exists"
        message = "potential wash trade detected. use complex orders"
        raise Refusal(403, FORBIDDEN, message, existing_order_id=other["id"], reject_reason=reason)


def _check_standing(exchange: Exchange, symbol: str) -> None:
    """Whether the account may trade at all."""
    standing = exchange.standing
    status = standing.get("crypto_status" if symbol in CRYPTO else "status", "ACTIVE")
    if standing.get("account_blocked") or standing.get("trading_blocked") or status != "ACTIVE":
        raise Refusal(403, FORBIDDEN, "account is restricted from trading")
    if standing.get("trade_suspended_by_user"):
        raise Refusal(403, FORBIDDEN, "new orders are rejected by user request")


def _check_means(exchange: Exchange, order: dict[str, Any]) -> None:
    """Whether the account has the dollars or the units that an order asks for."""
    symbol, quantity = order["symbol"], Decimal(order["qty"])
    if order["side"] == "buy":
        price = order["limit_price"] or order["stop_price"] or exchange.state.prices.get(symbol)
        power = exchange.buying_power(symbol)
        if price is not None and quantity * Decimal(price) > power:
            cost = plain(quantity * Decimal(price))
            raise Refusal(
                403, FORBIDDEN, "insufficient buying power", buying_power=plain(power), cost_basis=cost
            )
        return
    held, free = exchange.sellable(symbol)
    if (held > 0 and quantity > free) or (held <= 0 and not exchange.shorting):
        message = (
            f"insufficient qty available for order (requested: {plain(quantity)}, available: {plain(free)})"
        )
        waiting = plain(held - free)
        raise Refusal(
            403,
            FORBIDDEN,
            message,
            available=plain(free),
            existing_qty=plain(held),
            held_for_orders=waiting,
            symbol=symbol,
        )
