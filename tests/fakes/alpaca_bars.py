"""A server on loopback that answers as Alpaca's data service does: bars of shares and coins, and actions.

It follows the published description: ``/v2/stocks/bars`` and ``/v1beta3/crypto/us/bars`` by symbol with
``next_page_token``, at most 10,000 rows a page, and ``/v1/corporate-actions`` by kind, at most 1,000.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from tests.fakes.loopback import Bad, as_json
from tests.fakes.scripted import ScriptedServer

KEY, SECRET = "PKFAKE7DATAKEY000000", "fake-secret-of-the-data-0123456789abcdef"
STOCKS, COINS, ACTIONS = "/v2/stocks/bars", "/v1beta3/crypto/us/bars", "/v1/corporate-actions"

#: (start, open, high, low, close, volume)
Row = tuple[datetime, float, float, float, float, float]


UNAUTHORIZED = Bad(401, "<html>Authorization Required</html>", {"Content-Type": "text/html"})


class FakeAlpacaBars(ScriptedServer):
    """The server, a context manager: `bars` by symbol and size, `actions` by kind, lists cut into pages of
    `rows_a_page`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bars: dict[tuple[str, str], Sequence[Row]] = {}
        self.actions: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.rows_a_page = 10_000

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables that lead the feed here."""
        parts = {"KEY": KEY, "SECRET": SECRET, "URL": self.url}
        return {f"NIGHTDESK_ACCOUNT_ALPACA_DATA_{part}": value for part, value in parts.items()}

    def refusal(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad | None:
        login = (headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY"))
        return None if login == (KEY, SECRET) else UNAUTHORIZED

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        if path in (STOCKS, COINS):
            return self._bars(query)
        if path == ACTIONS:
            return self._actions(query)
        return as_json(404, {"message": "Not Found"})

    def _bars(self, query: Mapping[str, str]) -> Bad:
        name = query["symbols"]
        start, end = (datetime.fromisoformat(query[one]).astimezone(UTC) for one in ("start", "end"))
        rows = [row for row in self.bars.get((name, query["timeframe"]), ()) if start <= row[0] <= end]
        limit = min(int(query.get("limit") or 1_000), self.rows_a_page)
        at = int(query.get("page_token") or 0)
        page = [
            {
                "t": f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "o": o,
                "h": h,
                "l": low,
                "c": c,
                "v": v,
                "n": 9,
            }
            for moment, o, h, low, c, v in rows[at : at + limit]
        ]
        more = str(at + limit) if at + limit < len(rows) else None
        return as_json(200, {"bars": {name: page} if page else {}, "next_page_token": more})

    def _actions(self, query: Mapping[str, str]) -> Bad:
        name, first, last = query["symbols"], query["start"], query["end"]
        found = [
            (kind, one)
            for kind, rows in self.actions.items()
            for one in rows
            if name in {one.get("symbol"), one.get("old_symbol"), one.get("acquiree_symbol")}
            and first <= str(one.get("ex_date") or one["process_date"]) <= last
        ]
        limit = min(int(query.get("limit") or 100), 1_000, self.rows_a_page)
        at = int(query.get("page_token") or 0)
        page: dict[str, list[dict[str, Any]]] = {}
        for kind, one in found[at : at + limit]:
            page.setdefault(kind, []).append(one)
        more = str(at + limit) if at + limit < len(found) else None
        return as_json(200, {"corporate_actions": page, "next_page_token": more})


def dividend(symbol: str, day: date, rate: float) -> dict[str, Any]:
    """A cash dividend as the service states it."""
    stated = {"id": f"{symbol}-{day}", "symbol": symbol, "cusip": "000000000", "rate": rate, "special": False}
    return stated | {"foreign": False, "process_date": str(day), "ex_date": str(day)}
