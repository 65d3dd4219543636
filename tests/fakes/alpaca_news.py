"""A server on loopback that answers as Alpaca's news service does, well or by a script of bad answers.

It follows the published description of ``/v1beta1/news``: the query's start, end, sort, symbols, limit (at
most 50) and page_token, and articles with all the fields that the description requires.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.fakes.loopback import Bad, as_json
from tests.fakes.scripted import ScriptedServer

from nightdesk.feeds.alpaca_news import VARIABLES

KEY, SECRET = "PKFAKE7NEWSKEY000000", "fake-secret-of-the-news-0123456789abcdef"
PATH = "/v1beta1/news"
MOST_A_PAGE = 50

SERVER_ERROR = Bad(500, '{"message":"internal server error"}')
BAD_GATEWAY = Bad(502, "<html><body>Back soon</body></html>", {"Content-Type": "text/html"})
HTML = Bad(200, "<html><body>Back soon</body></html>", {"Content-Type": "text/html"})
EMPTY = Bad(200)
ANOTHER_THING = as_json(200, {"bars": {"AAPL": []}})
NO_LIST = as_json(200, {"news": None, "next_page_token": None})
NO_ARTICLES = as_json(200, {"news": ["a", 7], "next_page_token": None})
TRUNCATED = Bad(200, '{"news": [', {"Content-Type": "application/json"}, claimed=500)
RESET = Bad(0)
REDIRECT = Bad(302, '{"news":[],"next_page_token":null}', {"Location": "/elsewhere"})
FORBIDDEN = as_json(403, {"message": "forbidden."})
UNAUTHORIZED = Bad(401, "<html>Authorization Required</html>", {"Content-Type": "text/html"})
BAD_REQUEST = as_json(400, {"message": "invalid symbols"})


def too_many(retry_after: str | None = None) -> Bad:
    """A 429."""
    return Bad(429, '{"message":"too many requests."}', {"Retry-After": retry_after} if retry_after else {})


@dataclass(frozen=True)
class Article:
    """An article; `updated_at` is `created_at` where it is not given."""

    number: int
    headline: str
    symbols: Sequence[str]
    created_at: datetime
    updated_at: datetime | None = None
    source: str = "benzinga"
    url: str | None = "https://news.example/article"

    @property
    def told_at(self) -> datetime:
        return self.updated_at or self.created_at

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.number,
            "headline": self.headline,
            "author": "An Author",
            "created_at": f"{self.created_at:%Y-%m-%dT%H:%M:%SZ}",
            "updated_at": f"{self.told_at:%Y-%m-%dT%H:%M:%SZ}",
            "summary": "A summary.",
            "content": "",
            "images": [],
            "symbols": list(self.symbols),
            "source": self.source,
            "url": self.url,
        }


class FakeAlpacaNews(ScriptedServer):
    """The server, a context manager: `articles` are what it has, at most `rows_a_page` of them a page."""

    def __init__(self) -> None:
        super().__init__()
        self.articles: list[Article] = []
        self.rows_a_page = MOST_A_PAGE

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables that lead the source here."""
        parts = {"key": KEY, "secret": SECRET, "url": self.url}
        return {VARIABLES[part]: value for part, value in parts.items()}

    def refusal(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad | None:
        login = (headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY"))
        return None if login == (KEY, SECRET) else UNAUTHORIZED

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        return self._page(query) if path == PATH else as_json(404, {"message": "Not Found"})

    def _page(self, query: Mapping[str, str]) -> Bad:
        limit = int(query.get("limit", "10"))
        if not 1 <= limit <= MOST_A_PAGE:
            return as_json(400, {"message": "invalid limit"})
        limit = min(limit, self.rows_a_page)
        wanted = set(query["symbols"].split(",")) if "symbols" in query else None
        start, end = (datetime.fromisoformat(query[name]).astimezone(UTC) for name in ("start", "end"))
        found = [
            one
            for one in self.articles
            if start <= one.told_at <= end and (wanted is None or wanted & set(one.symbols))
        ]
        found.sort(key=lambda one: (one.told_at, one.number), reverse=query.get("sort", "desc") == "desc")
        at = int(query.get("page_token") or 0)
        more = str(at + limit) if at + limit < len(found) else None
        page = [one.as_json() for one in found[at : at + limit]]
        return as_json(200, {"news": page, "next_page_token": more})
