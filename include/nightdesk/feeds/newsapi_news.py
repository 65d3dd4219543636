"""The `newsapi` source of headlines: NewsAPI's search of articles."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from nightdesk.bounded_http import refuse_unsendable
from nightdesk.core.errors import Refused
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.http_line import HttpLine
from nightdesk.feeds.raw_headlines import REMOVED, RawHeadline, Sieve, as_it_stands, utc_instant, words_of
from nightdesk.feeds.searched_news import FoundPage, SearchedNews
from nightdesk.feeds.source_fault import SourceFault

WHAT = "the news of newsapi"
ADDRESS = "https://newsapi.org"
ARTICLES = "/v2/everything"
KEY, URL = "NIGHTDESK_ACCOUNT_NEWSAPI_KEY", "NIGHTDESK_ACCOUNT_NEWSAPI_URL"

PAGE = 100
#: What its free plan reaches back, a day kept in hand.
FREE_REACH = timedelta(days=29)
#: Of the words of a refusal that says so.
TOO_FAR_BACK = "too far in the past"
#: Codes of faults that pass: their status, or the lack of articles, says the same.
PASSING_CODES = ("rateLimited", "apiKeyExhausted", "unexpectedError")


class NewsApiNews(SearchedNews):
    """Headlines from NewsAPI.

    Parameters
    ----------
    line : HttpLine
        The line to the service.
    """

    name = "newsapi"
    most_pages = 5  # a free plan has a hundred requests a day
    longest_search = 500

    def __init__(self, line: HttpLine, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(now=now)
        self.line = line

    @classmethod
    def of(
        cls,
        environ: Mapping[str, str],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        timeout: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> NewsApiNews:
        """The source with the key of the environment.

        Raises
        ------
        Refused
            When the key is missing, naming its variable.
        """
        key = environ.get(KEY)
        if not key:
            raise Refused(
                f"{WHAT} cannot be asked for: set {KEY} in the environment, or make the Airflow connection "
                "nightdesk_account_newsapi, which only tasks of Airflow read"
            )
        refuse_unsendable(WHAT, key)
        line = HttpLine(
            WHAT,
            environ.get(URL) or ADDRESS,
            headers={"X-Api-Key": key},
            verdict=lambda text: _verdict(text, key),
            timeout=timeout,
            sleep=sleep,
        )
        return cls(line, now=now)

    def search_of(self, words: Sequence[str]) -> str:
        return " OR ".join(f'"{one}"' for one in words)

    def within_plan(self, error: SourceFault, start: datetime) -> datetime | None:
        back = self.now() - FREE_REACH
        return back if TOO_FAR_BACK in error.reason and start < back else None

    def read_page(self, sieve: Sieve, search: str, start: datetime, end: datetime) -> FoundPage:
        answer = self.line.json(
            "articles",
            ARTICLES,
            {
                "q": search,
                "searchIn": "title",
                "language": "en",
                "from": _spelt(start),
                "to": _spelt(end + timedelta(seconds=1)),
                "sortBy": "publishedAt",
                "pageSize": PAGE,
            },
        )
        articles = answer.get("articles") if isinstance(answer, dict) else None
        total = answer.get("totalResults") if isinstance(answer, dict) else None
        if not isinstance(articles, list) or not isinstance(total, int):
            raise SourceFault(Fault.PASSING, "the server answered no list where articles were asked for")
        if total and not articles:
            raise SourceFault(Fault.PASSING, f"the server tells of {total} articles and gives none")
        moments = [_enter(sieve, one if isinstance(one, dict) else {}) for one in articles]
        oldest = min((one for one in moments if one is not None), default=None)
        return FoundPage(oldest, more=total > len(articles))


def _enter(sieve: Sieve, one: Mapping[str, Any]) -> datetime | None:
    """Enter an article; when it was published."""
    moment, headline = utc_instant(one.get("publishedAt")), words_of(one.get("title"))
    if headline == "[Removed]":
        sieve.drop(REMOVED)
        return moment
    publisher = one.get("source")
    source = words_of(publisher.get("name")) if isinstance(publisher, dict) else ""
    # Many titles end in the publisher's name, which is no part of what they say.
    headline = headline.removesuffix(f" - {source}") if source else headline
    address = as_it_stands(one.get("url"))
    sieve.add(RawHeadline(address, moment, headline, source or NewsApiNews.name, address))
    return moment


def _spelt(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


def _verdict(text: str, key: str) -> SourceFault | None:
    """What an error of the service says, by its code: its status alone tells no plan from a wrong key."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or answer.get("status") != "error":
        return None
    code, message = words_of(answer.get("code")), words_of(answer.get("message")).replace(key, "***")
    if code in PASSING_CODES:
        return None
    words = f"{code or 'no code'}: {message}"[:300]
    if code.startswith("apiKey"):
        return SourceFault(Fault.FINAL, f"the server refuses access ({words}); its key is in {KEY}")
    return SourceFault(Fault.FINAL, f"the server refuses the request ({words})")
