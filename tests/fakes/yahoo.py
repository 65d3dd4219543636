"""A server on loopback that answers as Yahoo's chart service does, well or badly."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import unquote

from tests.fakes.loopback import Bad
from tests.fakes.scripted import ScriptedServer

CHART = "/v8/finance/chart/"


UNAUTHORIZED = Bad(401, '{"finance":{"error":{"code":"Unauthorized","description":"Invalid Crumb"}}}')
NOT_FOUND = Bad(
    404,
    '{"chart":{"result":null,"error":{"code":"Not Found",'
    '"description":"No data found, symbol may be delisted"}}}',
)
SERVER_ERROR = Bad(500, "Internal Server Error")
HTML = Bad(200, "<!DOCTYPE html><html><body>Will be right back</body></html>", {"Content-Type": "text/html"})
EMPTY = Bad(200, "")
SILENT = Bad(silence=2.0)


def too_many(retry_after: str | None = None) -> Bad:
    """A 429."""
    return Bad(429, "Too Many Requests", {} if retry_after is None else {"Retry-After": retry_after})


@dataclass(frozen=True)
class Chart:
    """A symbol's daily history, split-adjusted as Yahoo gives it; rows are (day, o, h, l, c, volume)."""

    rows: Sequence[tuple[date, float, float, float, float, int]]
    dividends: Mapping[date, float] = field(default_factory=dict)
    splits: Mapping[date, tuple[int, int]] = field(default_factory=dict)
    gains: Mapping[date, float] = field(default_factory=dict)
    timezone: str = "America/New_York"
    instrument: str = "EQUITY"

    def as_json(self, symbol: str) -> str:
        columns = list(zip(*[row[1:] for row in self.rows], strict=True)) or [()] * 5
        quote = dict(zip(("open", "high", "low", "close", "volume"), map(list, columns), strict=True))
        events: dict[str, Any] = {}
        if self.dividends:
            events["dividends"] = {
                str(_seconds(day)): {"amount": cash, "date": _seconds(day)}
                for day, cash in self.dividends.items()
            }
        if self.gains:
            events["capitalGains"] = {
                str(_seconds(day)): {"amount": cash, "date": _seconds(day)}
                for day, cash in self.gains.items()
            }
        if self.splits:
            events["splits"] = {
                str(_seconds(day)): {
                    "date": _seconds(day),
                    "numerator": ratio[0],
                    "denominator": ratio[1],
                    "splitRatio": f"{ratio[0]}:{ratio[1]}",
                }
                for day, ratio in self.splits.items()
            }
        meta = {
            "symbol": symbol,
            "currency": "USD",
            "instrumentType": self.instrument,
            "exchangeTimezoneName": self.timezone,
            "priceHint": 2,
            "validRanges": ["1d", "max"],
            "regularMarketTime": _seconds(self.rows[-1][0]) if self.rows else 0,
            "dataGranularity": "1d",
        }
        indicators = {"quote": [quote], "adjclose": [{"adjclose": quote["close"]}]}
        result = {
            "meta": meta,
            "timestamp": [_seconds(row[0]) for row in self.rows],
            "indicators": indicators,
        }
        if events:
            result["events"] = events
        return json.dumps({"chart": {"result": [result], "error": None}})


def _seconds(day: date) -> int:
    """The opening of New York in winter, the stamp of Yahoo's daily bars."""
    return int(datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC).timestamp())


class FakeYahoo(ScriptedServer):
    """The server, a context manager: `charts` are its good answers."""

    def __init__(self) -> None:
        super().__init__()
        self.charts: dict[str, Chart] = {}

    @property
    def environ(self) -> dict[str, str]:
        """The environment variable that leads the feed here."""
        return {"NIGHTDESK_YAHOO_URL": self.url}

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        if not path.startswith(CHART):
            return Bad(200, "crumb" if path.endswith("getcrumb") else "ok")
        symbol = unquote(path.removeprefix(CHART))
        if symbol not in self.charts:
            return NOT_FOUND
        return Bad(200, self.charts[symbol].as_json(symbol), {"Content-Type": "application/json"})


def chart_of(symbol: str) -> str:
    """Where the chart of a symbol is asked for."""
    return f"{CHART}{symbol}"
