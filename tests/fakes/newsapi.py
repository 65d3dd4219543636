"""A server on loopback that answers as NewsAPI does: `/v2/everything` in pages, and its errors by code.

Parameters, forms, codes and messages follow the vendor's published description: at most 100 articles a page,
`from` and `to` within the span, the newest first. On the free plan a second page is refused, and what is
older than a month.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.fakes.loopback import Bad
from tests.fakes.scripted import ScriptedServer

from nightdesk.feeds.newsapi_news import ARTICLES, URL
from nightdesk.feeds.newsapi_news import KEY as KEY_VARIABLE

KEY = "0123456789abcdef0123456789abcdef"
JSON = {"Content-Type": "application/json; charset=utf-8"}


def error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Bad:
    """One of its errors."""
    body = {"status": "error", "code": code, "message": message}
    return Bad(status, json.dumps(body), {**JSON, **(headers or {})})


WRONG_KEY = error(401, "apiKeyInvalid", "Your API key is invalid or incorrect. Check your key, or go to ...")
ANOTHER_PLAN = error(
    426,
    "maximumResultsReached",
    "You have requested too many results. Developer accounts are limited to a max of 100 results. You are "
    "trying to request results 100 to 200. Please upgrade to a paid plan if you need more results.",
)
BAD_PARAMETER = error(400, "parameterInvalid", "The parameter q is too long.")
UNEXPECTED = error(500, "unexpectedError", "This shouldn't happen.")
ERROR_WITH_200 = error(200, "parametersMissing", "Required parameters are missing.")


def too_many(retry_after: str | None = None) -> Bad:
    """Its 429."""
    words = "You have made too many requests recently. Developer accounts are limited to 100 requests."
    return error(429, "rateLimited", words, {"Retry-After": retry_after} if retry_after else {})


def page_of(articles: Sequence[Any], total: int | None = None) -> Bad:
    """A good answer, whatever its articles are."""
    body = {"status": "ok", "totalResults": len(articles) if total is None else total}
    return Bad(200, json.dumps({**body, "articles": list(articles)}), JSON)


@dataclass(frozen=True)
class NewsApiArticle:
    """An article."""

    title: str
    published_at: datetime
    url: str
    publisher: str = "A Paper"

    def as_json(self) -> dict[str, Any]:
        return {
            "source": {"id": None, "name": self.publisher},
            "author": None,
            "title": self.title,
            "description": "A description.",
            "url": self.url,
            "urlToImage": None,
            "publishedAt": f"{self.published_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "content": "What the article says… [+100 chars]",
        }


class FakeNewsApi(ScriptedServer):
    """The server, a context manager: `articles` are what it has.

    `oldest` is from when on its plan has articles; None of a plan without that limit.
    """

    def __init__(self) -> None:
        super().__init__()
        self.articles: list[NewsApiArticle] = []
        self.oldest: datetime | None = None

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables that lead the source here."""
        return {KEY_VARIABLE: KEY, URL: self.url}

    def refusal(self, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad | None:
        return None if headers.get("X-Api-Key") == KEY else WRONG_KEY

    def reply(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Bad:
        if path != ARTICLES:
            return error(404, "notFound", "The requested resource was not found.")
        if not query.get("q") or len(query["q"]) > 500:
            return BAD_PARAMETER
        start, end = (datetime.fromisoformat(query[one]).replace(tzinfo=UTC) for one in ("from", "to"))
        if self.oldest is not None and start < self.oldest:
            return error(
                426,
                "parameterInvalid",
                "You are trying to request results too far in the past. Your plan permits you to request "
                f"articles as far back as {self.oldest:%Y-%m-%d}, but you have requested {start:%Y-%m-%d}. "
                "You may need to upgrade to a paid plan.",
            )
        if self.oldest is not None and query.get("page", "1") != "1":
            return ANOTHER_PLAN
        words = [one.lower() for one in re.findall(r'"([^"]+)"', query["q"])]
        found = [
            one
            for one in self.articles
            if start <= one.published_at <= end and any(word in one.title.lower() for word in words)
        ]
        found.sort(key=lambda one: (one.published_at, one.url), reverse=True)
        size = int(query.get("pageSize", "100"))
        if not 1 <= size <= 100:
            return error(400, "parameterInvalid", "The pageSize parameter must be from 1 to 100.")
        at = (int(query.get("page", "1")) - 1) * size
        return page_of([one.as_json() for one in found[at : at + size]], len(found))
