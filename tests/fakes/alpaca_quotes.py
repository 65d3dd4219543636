"""A server on loopback that answers as Alpaca's data service does: quotes of shares, well or badly.

It follows the published description: ``/v2/stocks/quotes`` by symbol with ``next_page_token``; `limit` is the
rows of one page, and the pages of a span have no other end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.fakes.loopback import Bad
from tests.fakes.scripted import ScriptedServer

KEY, SECRET = "PKFAKE7QUOTEKEY00000", "fake-secret-of-the-quotes-0123456789abc"
QUOTES = "/v2/stocks/quotes"


class FakeAlpacaQuotes(ScriptedServer):
    """The server, a context manager: `quotes` by symbol, each as the service gives it."""

    def __init__(self) -> None:
        super().__init__()
        self.quotes: dict[str, list[dict[str, Any]]] = {}

    @property
    def environ(self) -> dict[str, str]:
        """What names this server to the source."""
        parts = {"KEY": KEY, "SECRET": SECRET, "URL": self.url}
        return {f"NIGHTDESK_ACCOUNT_ALPACA_DATA_{part}": value for part, value in parts.items()}

    def refusal(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad | None:
        login = headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY")
        if login == (KEY, SECRET):
            return None
        return Bad(401, "<html>Authorization Required</html>", {"Content-Type": "text/html"})

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        if path != QUOTES:
            return Bad(404, '{"message":"Not Found"}')
        name = query["symbols"]
        start, end = (datetime.fromisoformat(query[one]).astimezone(UTC) for one in ("start", "end"))
        rows = [row for row in self.quotes.get(name, []) if start <= datetime.fromisoformat(row["t"]) <= end]
        rows.sort(key=lambda row: row["t"], reverse=query.get("sort", "asc") == "desc")
        at, limit = int(query.get("page_token") or 0), int(query.get("limit") or 1_000)
        page = rows[at : at + limit]
        more = str(at + limit) if at + limit < len(rows) else None
        answer = {"quotes": {name: page} if page else {}, "next_page_token": more}
        return Bad(200, json.dumps(answer), {"Content-Type": "application/json"})


def quote(at: str, bid: float, ask: float, sizes: tuple[int, int] = (3, 4)) -> dict[str, Any]:
    """A quote as the service gives it; the instant as RFC 3339."""
    rest = {"ax": "C", "bx": "N", "c": ["R"], "z": "C"}
    return {"t": at, "bp": bid, "bs": sizes[0], "ap": ask, "as": sizes[1], **rest}
