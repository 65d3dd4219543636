"""A server on loopback that answers as Alpaca's news service does, well or by a script of bad answers.

It follows the published description of ``/v1beta1/news``: the query's start, end, sort, symbols, limit (at
most 50) and page_token, and articles with all the fields that the description requires.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.fakes.alpaca_wire import Reply, as_json, handler_of
from tests.fakes.loopback import LoopbackServer

from nightdesk.feeds.alpaca_news import VARIABLES

KEY, SECRET = "PKFAKE7NEWSKEY000000", "fake-secret-of-the-news-0123456789abcdef"
PATH = "/v1beta1/news"
MOST_A_PAGE = 50

SERVER_ERROR = Reply(500, b'{"message":"internal server error"}')
BAD_GATEWAY = Reply(502, b"<html><body>Back soon</body></html>", {"Content-Type": "text/html"})
HTML = Reply(200, b"<html><body>Back soon</body></html>", {"Content-Type": "text/html"})
EMPTY = Reply(200)
ANOTHER_THING = as_json(200, {"bars": {"AAPL": []}})
NO_LIST = as_json(200, {"news": None, "next_page_token": None})
NO_ARTICLES = as_json(200, {"news": ["a", 7], "next_page_token": None})
TRUNCATED = Reply(200, b'{"news": [', {"Content-Type": "application/json"}, claimed=500)
RESET = Reply(0)
REDIRECT = Reply(302, b'{"news":[],"next_page_token":null}', {"Location": "/elsewhere"})
FORBIDDEN = as_json(403, {"message": "forbidden."})
BAD_REQUEST = as_json(400, {"message": "invalid symbols"})


def too_many(retry_after: str | None = None) -> Reply:
    """A 429."""
    return Reply(
        429, b'{"message":"too many requests."}', {"Retry-After": retry_after} if retry_after else {}
    )


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


@dataclass
class FakeAlpacaNews(LoopbackServer):
    """The server, a context manager: `articles` are what it has, `script` makes the next answers bad."""

    articles: list[Article] = field(default_factory=list)
    script: list[Reply] = field(default_factory=list)
    #: Every answer, while it is set.
    always: Reply | None = None
    #: The query of every request that arrived.
    asked: list[Mapping[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listen(handler_of(self._answer))

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables that lead the source here."""
        parts = {"key": KEY, "secret": SECRET, "url": self.url}
        return {VARIABLES[part]: value for part, value in parts.items()}

    def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any,
        login: tuple[str | None, str | None],
    ) -> Reply:
        self.asked.append(query)
        if (method, path) != ("GET", PATH):
            return as_json(404, {"message": "Not Found"})
        if login != (KEY, SECRET):
            return Reply(401, b"<html>Authorization Required</html>", {"Content-Type": "text/html"})
        if self.script:
            return self.script.pop(0)
        return self.always or self._page(query)

    def _page(self, query: Mapping[str, str]) -> Reply:
        limit = int(query.get("limit", "10"))
        if not 1 <= limit <= MOST_A_PAGE:
            return as_json(400, {"message": "invalid limit"})
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
