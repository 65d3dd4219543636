"""How the fake Alpaca tells a state: the answers to everything that only reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from tests.fakes.alpaca_exchange import Exchange
from tests.fakes.alpaca_state import (
    CRYPTO,
    ENDED,
    Holding,
    Refusal,
    State,
    asset_id,
    plain,
    to_cents,
)
from tests.fakes.exchange_hours import NEW_YORK, is_open, next_close, next_open

_TRADES = frozenset({"FILL"})


def clock(exchange: Exchange, state: State) -> dict[str, Any]:
    """GET /v2/clock, in the time of New York."""
    now = exchange.clock(state)

    def local(moment: datetime) -> str:
        return moment.astimezone(NEW_YORK).isoformat()

    return {
        "timestamp": local(now),
        "is_open": is_open(now),
        "next_open": local(next_open(now)),
        "next_close": local(next_close(now)),
    }


def account(exchange: Exchange, state: State) -> dict[str, Any]:
    """GET /v2/account."""
    values = {name: held.quantity * _price(state, name, held) for name, held in state.holdings.items()}
    long = sum((value for value in values.values() if value > 0), Decimal(0))
    short = sum((value for value in values.values() if value < 0), Decimal(0))
    equity, power = state.cash + long + short, exchange.buying_power("")
    return {
        "id": "e6fe16f3-64a4-4921-8928-cadf02f92f98",
        "account_number": "PA3FAKE00001",
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "currency": "USD",
        "cash": plain(state.cash),
        "equity": plain(equity),
        "portfolio_value": plain(equity),
        "last_equity": plain(equity),
        "buying_power": plain(power),
        "regt_buying_power": plain(power),
        "daytrading_buying_power": "0",
        "non_marginable_buying_power": plain(exchange.buying_power("BTC/USD")),
        "options_buying_power": plain(power),
        "long_market_value": plain(long),
        "short_market_value": plain(short),
        "initial_margin": plain(long / exchange.margin),
        "maintenance_margin": plain(long * Decimal("0.3")),
        "last_maintenance_margin": "0",
        "sma": "0",
        "multiplier": str(exchange.margin),
        "accrued_fees": "0",
        "pending_transfer_in": "0",
        "pending_reg_taf_fees": "0",
        "intraday_adjustments": "0",
        "balance_asof": (state.now - timedelta(days=1)).date().isoformat(),
        "created_at": "2023-01-03T14:00:00.000000Z",
        "daytrade_count": 0,
        "pattern_day_trader": False,
        "trade_suspended_by_user": False,
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "shorting_enabled": exchange.shorting,
        "options_approved_level": 0,
        "options_trading_level": 0,
        **exchange.standing,
    }


def positions(state: State) -> list[dict[str, Any]]:
    """GET /v2/positions; a currency pair is written without its slash."""
    return [_position(state, name, held) for name, held in state.holdings.items()]


def order(state: State, order_id: str, query: Mapping[str, str]) -> dict[str, Any]:
    """GET /v2/orders/{order_id}."""
    found = state.orders.get(order_id)
    if found is None:
        raise Refusal(404, 40410000, f"order not found for {order_id}")
    return _nested(state, found) if _is_nested(query) else found


def order_by_client_id(state: State, query: Mapping[str, str]) -> dict[str, Any]:
    """GET /v2/orders:by_client_order_id."""
    wanted = query.get("client_order_id", "")
    for found in state.orders.values():
        if found["client_order_id"] == wanted:
            return found
    raise Refusal(404, 40410000, f"order not found for {wanted}")


def orders(state: State, query: Mapping[str, str], *, lists_held: bool) -> list[dict[str, Any]]:
    """GET /v2/orders: 50 a page by default and 500 at most, the newest first by default."""
    limit, status = _whole(query, "limit", 50, 500), query.get("status", "open")
    if status not in ("open", "closed", "all"):
        raise Refusal(422, 40010001, "invalid status")
    closed = ENDED if lists_held else ENDED | {"held"}
    found = [
        one
        for one in state.orders.values()
        if status == "all" or (one["status"] in closed) == (status == "closed")
    ]
    if "after" in query:
        found = [one for one in found if one["submitted_at"] > _nanoseconds(query["after"])]
    if "until" in query:
        found = [one for one in found if one["submitted_at"] < _nanoseconds(query["until"])]
    if "symbols" in query:
        wanted = {symbol.replace("/", "") for symbol in query["symbols"].split(",")}
        found = [one for one in found if one["symbol"].replace("/", "") in wanted]
    if "side" in query:
        found = [one for one in found if one["side"] == query["side"]]
    if _is_nested(query):
        found = [_nested(state, one) for one in found if one["id"] not in state.parents]
    if "after_order_id" in query:
        ids = [one["id"] for one in found]
        found = found[ids.index(query["after_order_id"]) + 1 :] if query["after_order_id"] in ids else []
    return (found if query.get("direction") == "asc" else found[::-1])[:limit]


def activities(state: State, query: Mapping[str, str], only: str | None) -> list[dict[str, Any]]:
    """GET /v2/account/activities, of one type or of all: 100 a page at most, the newest first by default."""
    size = _whole(query, "page_size", 100, 100)
    if only is not None and "category" in query:
        raise Refusal(422, 40010001, "category not supported with activity type")
    if "activity_types" in query and "category" in query:
        raise Refusal(422, 40010001, "category cannot be used with activity_types")
    types = {only} if only is not None else set(query.get("activity_types", "").split(",")) - {""}
    found = [one for one in state.activities if not types or one["activity_type"] in types]
    category = query.get("category")
    if category is not None:
        trades = category == "trade_activity"
        found = [one for one in found if (one["activity_type"] in _TRADES) == trades]
    if "after" in query:
        found = [one for one in found if _happened(one) > _nanoseconds(query["after"])]
    if "until" in query:
        found = [one for one in found if _happened(one) < _nanoseconds(query["until"])]
    if query.get("direction", "desc") == "desc":
        found = found[::-1]
    token = query.get("page_token")
    if token is not None:
        ids = [one["id"] for one in found]
        found = found[ids.index(token) + 1 :] if token in ids else []
    return found[:size]


def _position(state: State, name: str, held: Holding) -> dict[str, Any]:
    price, crypto = _price(state, name, held), name in CRYPTO
    value, cost = held.quantity * price, held.quantity * held.price
    gain = plain(to_cents(value - cost))
    share = plain(((value - cost) / abs(cost)).quantize(Decimal("0.000001"))) if cost else "0"
    return {
        "asset_id": asset_id(name),
        "symbol": name.replace("/", ""),
        "exchange": "" if crypto else "ARCA",
        "asset_class": "crypto" if crypto else "us_equity",
        "asset_marginable": not crypto,
        "qty": plain(held.quantity),
        "qty_available": plain(held.quantity),
        "avg_entry_price": plain(held.price.quantize(Decimal("0.000001"))),
        "side": "long" if held.quantity > 0 else "short",
        "market_value": plain(to_cents(value)),
        "cost_basis": plain(to_cents(cost)),
        "unrealized_pl": gain,
        "unrealized_plpc": share,
        "unrealized_intraday_pl": gain,
        "unrealized_intraday_plpc": share,
        "current_price": plain(price),
        "lastday_price": plain(price),
        "change_today": "0",
    }


def _is_nested(query: Mapping[str, str]) -> bool:
    """The vendor's own client writes it with a capital."""
    return query.get("nested", "").lower() == "true"


def _nested(state: State, found: dict[str, Any]) -> dict[str, Any]:
    legs = [state.orders[leg] for leg, parent in state.parents.items() if parent == found["id"]]
    return {**found, "legs": legs} if legs else found


def _price(state: State, name: str, held: Holding) -> Decimal:
    return state.prices.get(name, held.price)


def _happened(activity: Mapping[str, Any]) -> str:
    moment = activity.get("transaction_time") or activity["created_at"]
    return str(moment)


def _nanoseconds(text: str) -> str:
    """An instant or a day of a query, as instants are written here, so that they compare as text."""
    try:
        if len(text) == 10:
            moment = datetime.combine(date.fromisoformat(text), time(), UTC)
        else:
            moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise Refusal(422, 40010001, f"invalid date {text}") from None
    digits = re.search(r"\.(\d+)", text)
    fraction = digits.group(1)[:9].ljust(9, "0") if digits else "0" * 9
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def _whole(query: Mapping[str, str], name: str, usual: int, most: int) -> int:
    text = query.get(name, str(usual))
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise Refusal(422, 40010001, f"{name} must be between 1 and {most}")
    return int(text)
