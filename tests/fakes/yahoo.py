"""A server on loopback that answers as Yahoo's chart service does, well or badly."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.fakes.loopback import Bad, LoopbackServer, QuietHandler

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


class FakeYahoo(LoopbackServer):
    """The server, a context manager: `charts` are its good answers, `script` makes the next ones bad."""

    def __init__(self) -> None:
        self.charts: dict[str, Chart] = {}
        self.asked: list[str] = []
        self._bad: dict[str, list[Bad]] = defaultdict(list)
        self._always: dict[str, Bad] = {}
        self.listen(self._handler())

    def script(self, symbol: str, *answers: Bad) -> None:
        """The next charts of `symbol` are answered like this, one after the other."""
        self._bad[symbol].extend(answers)

    def always(self, symbol: str, answer: Bad) -> None:
        """Every chart of `symbol` is answered like this."""
        self._always[symbol] = answer

    def heal(self) -> None:
        """From now on every answer is good."""
        self._bad.clear()
        self._always.clear()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802 - so the base calls it
                path = urlsplit(self.path).path
                if not path.startswith(CHART):
                    self.give(Bad(200, "crumb" if path.endswith("getcrumb") else "ok"))
                    return
                symbol = unquote(path.removeprefix(CHART))
                fake.asked.append(symbol)
                if fake._bad[symbol]:
                    self.give(fake._bad[symbol].pop(0))
                elif symbol in fake._always:
                    self.give(fake._always[symbol])
                elif symbol in fake.charts:
                    self.give(
                        Bad(200, fake.charts[symbol].as_json(symbol), {"Content-Type": "application/json"})
                    )
                else:
                    self.give(NOT_FOUND)

        return Handler
