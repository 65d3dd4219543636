"""A server on loopback that answers as Polygon does: bars, splits and dividends in pages, well or badly.

Paths, parameters, names and the form of pages follow the vendor's published description; the client follows
the path and query of ``next_url`` and ignores its host.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from tests.fakes.loopback import Bad
from tests.fakes.scripted import ScriptedServer

KEY = "a-key-of-polygon"
SPLITS, DIVIDENDS = "/v3/reference/splits", "/v3/reference/dividends"
NEW_YORK = ZoneInfo("America/New_York")

UNKNOWN_KEY = Bad(401, '{"status":"ERROR","request_id":"1","error":"Unknown API Key"}')
ANOTHER_PLAN = Bad(
    403,
    '{"status":"NOT_AUTHORIZED","request_id":"1","message":"You are not entitled to this data. '
    'Please upgrade your plan."}',
)


@dataclass
class Ticker:
    """Bars as (start, o, h, l, c, volume), splits as (day, from, to), payments as (day, cash, type)."""

    bars: Sequence[tuple[datetime, float, float, float, float, float]] = ()
    splits: Sequence[tuple[date, float, float]] = ()
    dividends: Sequence[tuple[date, float, str]] = ()
    currency: str = "USD"
    #: From which day on the instrument was called how.
    names: Sequence[tuple[date, str]] = ()


def at_midnight(day: date, zone: str = "America/New_York") -> datetime:
    """When a daily bar begins."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))


@dataclass
class Page:
    """Rows of a list that is cut into pages."""

    rows: list[dict[str, Any]]
    about: dict[str, Any] = field(default_factory=dict)


class FakePolygon(ScriptedServer):
    """The server, a context manager: `tickers` are its good answers, `script` makes the next ones bad.

    `rows_a_page` cuts lists into pages; `endless` gives every page itself as the next one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tickers: dict[str, Ticker] = {}
        self.rows_a_page = 1_000
        self.endless = False

    @property
    def environ(self) -> dict[str, str]:
        """What names this server to the feed."""
        return {"NIGHTDESK_ACCOUNT_POLYGON_KEY": KEY, "NIGHTDESK_ACCOUNT_POLYGON_URL": self.url}

    def heal(self) -> None:
        """From now on every answer is good."""
        super().heal()
        self.endless = False

    def refusal(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad | None:
        return None if headers.get("Authorization") == f"Bearer {KEY}" else UNKNOWN_KEY

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        events = self._events(path)
        if events is not None:
            return events
        page = self._list(path, query)
        if page is None:
            return Bad(404, '{"status":"NOT_FOUND","request_id":"1","message":"no such page"}')
        return Bad(200, json.dumps(self._cut(path, query, page)), {"Content-Type": "application/json"})

    def _events(self, path: str) -> Bad | None:
        """The events of a ticker; 404 of one that is not known, as the service has it."""
        parts = [unquote(one) for one in path.strip("/").split("/")]
        if parts[:3] != ["vX", "reference", "tickers"] or parts[-1] != "events":
            return None
        ticker = self.tickers.get(parts[3])
        if ticker is None:
            return Bad(404, '{"status":"NOT_FOUND","request_id":"1","message":"Ticker not found."}')
        events = [
            {"ticker_change": {"ticker": name}, "type": "ticker_change", "date": str(day)}
            for day, name in sorted(ticker.names, reverse=True)
        ]
        results = {"name": parts[3], "composite_figi": "BBG000MM2P62", "cik": "0001326801", "events": events}
        said = {"results": results, "status": "OK", "request_id": "31d59dda"}
        return Bad(200, json.dumps(said), {"Content-Type": "application/json"})

    def _cut(self, path: str, query: Mapping[str, str], page: Page) -> dict[str, Any]:
        start = int(query.get("cursor", 0))
        stop = start + self.rows_a_page
        rows = page.rows[start:stop]
        about = page.about | {"status": "OK", "request_id": "6a7e466379af0a71039d60cc78e72282"}
        if rows or "resultsCount" not in page.about:
            about["results"] = rows
        if self.endless or stop < len(page.rows):
            rest = "&".join(f"{name}={value}" for name, value in query.items() if name != "cursor")
            following = start if self.endless else stop
            about["next_url"] = f"https://api.polygon.io{path}?cursor={following}&{rest}"
        return about

    def _list(self, path: str, query: Mapping[str, str]) -> Page | None:
        parts = [unquote(one) for one in path.strip("/").split("/")]
        match parts:
            case ["v2", "aggs", "ticker", name, "range", size, span, first, last]:
                rows = _bars_within(self.tickers.get(name, Ticker()), int(size), span, first, last)
                adjusted = query.get("adjusted", "true") == "true"
                return Page(rows, {"ticker": name, "adjusted": adjusted, "resultsCount": len(rows)})
            case ["v3", "reference", "splits"]:
                name = query["ticker"]
                splits = self.tickers.get(name, Ticker()).splits
                return Page(
                    [
                        {"execution_date": str(day), "split_from": before, "split_to": after, "ticker": name}
                        for day, before, after in splits
                        if query["execution_date.gte"] <= str(day) <= query["execution_date.lte"]
                    ]
                )
            case ["v3", "reference", "dividends"]:
                name = query["ticker"]
                ticker = self.tickers.get(name, Ticker())
                return Page(
                    [
                        {
                            "cash_amount": cash,
                            "currency": ticker.currency,
                            "dividend_type": kind,
                            "ex_dividend_date": str(day),
                            "frequency": 4,
                            "ticker": name,
                        }
                        for day, cash, kind in ticker.dividends
                        if query["ex_dividend_date.gte"] <= str(day) <= query["ex_dividend_date.lte"]
                    ]
                )
        return None


def _bars_within(ticker: Ticker, size: int, span: str, first: str, last: str) -> list[dict[str, Any]]:
    """Bars of that size from the first to the last day of New York."""
    return [
        {
            "o": opened,
            "h": high,
            "l": low,
            "c": close,
            "v": volume,
            "vw": close,
            "n": 10,
            "t": int(start.astimezone(UTC).timestamp() * 1000),
        }
        for start, opened, high, low, close, volume in ticker.bars
        if (span == "day") == (start.hour == 0 and start.minute == 0 and size == 1)
        and first <= str(start.date()) <= last
    ]
