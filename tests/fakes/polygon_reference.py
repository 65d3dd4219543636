"""The fake Polygon with what it says of tickers and with quotes, as its published description has them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from tests.fakes.loopback import Bad
from tests.fakes.polygon import FakePolygon, Page

DETAILS, TICKERS, QUOTES = "/v3/reference/tickers/", "/v3/reference/tickers", "/v3/quotes"

#: Fields of a ticker's details that every test may change.
APPLE: Mapping[str, Any] = {
    "ticker": "AAPL",
    "name": "Apple Inc.",
    "market": "stocks",
    "locale": "us",
    "primary_exchange": "XNAS",
    "type": "CS",
    "active": True,
    "currency_name": "usd",
    "cik": "0000320193",
    "composite_figi": "BBG000B9XRY4",
    "share_class_figi": "BBG001S5N8V8",
    "market_cap": 2771126040150,
    "phone_number": "(408) 996-1010",
    "address": {"address1": "One Apple Park Way", "city": "Cupertino", "postal_code": "95014", "state": "CA"},
    "description": "Apple designs a wide variety of consumer electronic devices.",
    "sic_code": "3571",
    "sic_description": "ELECTRONIC COMPUTERS",
    "ticker_root": "AAPL",
    "homepage_url": "https://www.apple.com",
    "total_employees": 154000,
    "list_date": "1980-12-12",
    "branding": {
        "logo_url": "https://api.polygon.io/logo.svg",
        "icon_url": "https://api.polygon.io/icon.png",
    },
    "share_class_shares_outstanding": 16406400000,
    "weighted_shares_outstanding": 16334371000,
    "round_lot": 100,
}

NO_TICKER = Bad(404, '{"status":"NOT_FOUND","request_id":"1","message":"Ticker not found."}')


class FakePolygonReference(FakePolygon):
    """`details` by ticker; `ended` is the list of delisted ones; `quotes` by ticker, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.details: dict[str, dict[str, Any]] = {}
        self.ended: list[dict[str, Any]] = []
        self.quotes: dict[str, list[dict[str, Any]]] = {}

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        parts = [unquote(one) for one in path.strip("/").split("/")]
        match parts:
            case ["v3", "reference", "tickers", name]:
                found = self.details.get(name)
                if found is None or str(found.get("list_date", "")) > query.get("date", "9999"):
                    return NO_TICKER
                return Bad(200, json.dumps({"results": found, "status": "OK", "request_id": "1"}))
        return super().reply(path, query, headers)

    def _list(self, path: str, query: Mapping[str, str]) -> Page | None:
        parts = [unquote(one) for one in path.strip("/").split("/")]
        match parts:
            case ["v3", "reference", "tickers"]:
                active = query.get("active", "true") == "true"
                listed = [*self.details.values(), *self.ended]
                rows = [one for one in listed if one.get("active", True) == active]
                if "ticker" in query:
                    rows = [one for one in rows if one["ticker"] == query["ticker"]]
                rows = [one for one in rows if query.get("market") in (None, one["market"])]
                return Page(rows, {"count": len(rows)})
            case ["v3", "quotes", name]:
                first, last = int(query["timestamp.gte"]), int(query["timestamp.lte"])
                rows = [one for one in self.quotes.get(name, []) if first <= one["sip_timestamp"] <= last]
                newest_first = query.get("order", "desc") == "desc"
                rows.sort(
                    key=lambda one: (one["sip_timestamp"], one["sequence_number"]), reverse=newest_first
                )
                self.rows_a_page = int(query.get("limit", 1_000))
                return Page(rows)
        return super()._list(path, query)


def quote(
    at: int, bid: float, ask: float, sequence: int = 1, sizes: tuple[float, float] = (3, 4)
) -> dict[str, Any]:
    """A quote as the service gives it; nanoseconds since 1970."""
    return {
        "ask_exchange": 12,
        "ask_price": ask,
        "ask_size": sizes[1],
        "bid_exchange": 11,
        "bid_price": bid,
        "bid_size": sizes[0],
        "conditions": [1],
        "participant_timestamp": at - 400,
        "sequence_number": sequence,
        "sip_timestamp": at,
        "tape": 3,
    }
