"""A server on loopback that answers as Tiingo's end-of-day service does.

Paths, parameters and names follow the vendor's published description: raw and adjusted columns beside each
other, `divCash` and `splitFactor` on their own day, a day as an instant at midnight of UTC.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import unquote

from tests.fakes.loopback import Bad
from tests.fakes.scripted import ScriptedServer

KEY = "a-key-of-tiingo"
DAILY = "/tiingo/daily/"

UNKNOWN_KEY = Bad(401, '{"detail":"Invalid token."}')
UNKNOWN_TICKER = Bad(404, '{"detail":"Error: Ticker \'NOSUCH\' not found"}')
ANOTHER_PLAN = Bad(403, '{"detail":"You do not have permission to access this API."}')
USED_UP = (
    "Error: You have run over your hourly request allocation. Please upgrade at "
    "https://api.tiingo.com/pricing to have your limits increased."
)


@dataclass
class Listed:
    """A ticker: bars as (day, o, h, l, c, volume), payments and splits by day."""

    bars: Sequence[tuple[date, float, float, float, float, float]] = ()
    dividends: Mapping[date, float] | None = None
    splits: Mapping[date, float] | None = None

    def rows(self) -> list[dict[str, Any]]:
        """As published."""
        return [
            {
                "date": f"{day}T00:00:00.000Z",
                "close": close,
                "high": high,
                "low": low,
                "open": opened,
                "volume": volume,
                "adjClose": _times(close, 0.5),
                "adjHigh": _times(high, 0.5),
                "adjLow": _times(low, 0.5),
                "adjOpen": _times(opened, 0.5),
                "adjVolume": _times(volume, 2),
                "divCash": (self.dividends or {}).get(day, 0.0),
                "splitFactor": (self.splits or {}).get(day, 1.0),
            }
            for day, opened, high, low, close, volume in self.bars
        ]


def _times(number: Any, factor: float) -> Any:
    """An adjusted number; what is none stays as it is."""
    return number * factor if isinstance(number, int | float) else number


class FakeTiingo(ScriptedServer):
    """The server, a context manager: `tickers` are its good answers."""

    def __init__(self) -> None:
        super().__init__()
        self.tickers: dict[str, Listed] = {}

    @property
    def environ(self) -> dict[str, str]:
        """What names this server to the feed."""
        return {"NIGHTDESK_ACCOUNT_TIINGO_KEY": KEY, "NIGHTDESK_ACCOUNT_TIINGO_URL": self.url}

    def refusal(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad | None:
        return None if headers.get("Authorization") == f"Token {KEY}" else UNKNOWN_KEY

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        name, _, what = unquote(path.removeprefix(DAILY)).partition("/")
        listed = self.tickers.get(name)
        if not path.startswith(DAILY) or listed is None:
            return Bad(404, json.dumps({"detail": f"Error: Ticker '{name}' not found"}))
        rows = listed.rows()
        if what == "prices":
            found = [one for one in rows if query["startDate"] <= one["date"][:10] <= query["endDate"]]
            return Bad(200, json.dumps(found), {"Content-Type": "application/json"})
        ends = (rows[0]["date"][:10], rows[-1]["date"][:10]) if rows else (None, None)
        about = {"ticker": name, "name": name, "exchangeCode": "NYSE ARCA", "description": "A fund."}
        return Bad(200, json.dumps(about | {"startDate": ends[0], "endDate": ends[1]}))
