"""The `gdelt` source of headlines: the DOC 2.0 service of the GDELT Project, which needs no key."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from nightdesk.core.masking import one_line
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.http_line import HttpLine
from nightdesk.feeds.raw_headlines import RawHeadline, Sieve, as_it_stands, utc_instant, words_of
from nightdesk.feeds.searched_news import FoundPage, SearchedNews
from nightdesk.feeds.source_fault import SourceFault

WHAT = "the news of gdelt"
ADDRESS = "https://api.gdeltproject.org"
ARTICLES = "/api/v2/doc/doc"
URL = "NIGHTDESK_ACCOUNT_GDELT_URL"

PAGE = 250
#: What the service asks to be left alone between two requests.
PAUSE_SECONDS = 5.0

#: Answered with any status, 200 too.
_TOO_OFTEN = "limit requests"
#: Words of the texts with which the service refuses a search, with status 200. Others pass.
_OF_A_SEARCH = re.compile(
    r"quer(y|ies)|phrase|keyword|search|parenthes|timespan|date|invalid|unsupported", re.I
)
_ESCAPE = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})?')


class GdeltNews(SearchedNews):
    """Headlines from GDELT.

    Its stamps are those of the quarter of an hour in which it came upon an article. An article counts from
    the end of that quarter on: nobody could find it here before.

    Parameters
    ----------
    environ : mapping of str to str
        May name another address.
    timeout : float
        Seconds for the connection, and for each next byte.
    sleep : callable
        Waits some seconds between requests.
    """

    name = "gdelt"
    most_pages = 4
    longest_search = 250
    reach = timedelta(days=88)  # three months, by what it says of itself
    delay = timedelta(minutes=15)

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        timeout: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(now=now)
        self._sleep = sleep
        self._asked = False
        self.line = HttpLine(
            WHAT,
            environ.get(URL) or ADDRESS,
            access="it needs no key",
            verdict=_verdict,
            timeout=timeout,
            # One that is asked again too soon says so once more.
            sleep=lambda seconds: sleep(max(seconds, PAUSE_SECONDS)),
        )

    def search_of(self, words: Sequence[str]) -> str:
        # A single word within quotes is refused as too short, a phrase is none without them; brackets stand
        # around alternatives alone.
        spelt = [one if one.isalnum() else f'"{one}"' for one in words]
        joined = f"({' OR '.join(spelt)})" if len(spelt) > 1 else "".join(spelt)
        return f"{joined} sourcelang:english"

    def read_page(self, sieve: Sieve, search: str, start: datetime, end: datetime) -> FoundPage:
        if self._asked:
            self._sleep(PAUSE_SECONDS)
        self._asked = True
        text = self.line.text(
            "articles",
            ARTICLES,
            {
                "query": search,
                "mode": "artlist",
                "format": "json",
                "maxrecords": PAGE,
                "sort": "datedesc",
                "startdatetime": _spelt(start),
                "enddatetime": _spelt(end),
            },
        )
        articles = _articles(text)
        moments = [_enter(sieve, one if isinstance(one, dict) else {}) for one in articles]
        oldest = min((one for one in moments if one is not None), default=None)
        return FoundPage(oldest, more=len(articles) >= PAGE)


def _articles(text: str) -> list[Any]:
    """The articles of an answer; none of an empty object, which is what a search without any finds."""
    if not text.lstrip().startswith("{"):
        words = one_line(" ".join(text.split()))[:160]
        fault = Fault.FINAL if _OF_A_SEARCH.search(words) else Fault.PASSING
        raise SourceFault(fault, f"the server answered no articles but: {words}")
    articles = _as_json(text).get("articles", [])
    if not isinstance(articles, list):
        raise SourceFault(Fault.PASSING, "the server answered no list where articles were asked for")
    return articles


def _as_json(text: str) -> dict[str, Any]:
    """An object of JSON; titles with tabs, or with backslashes that escape nothing, are let through."""
    for attempt in (text, _ESCAPE.sub(lambda found: found[0] if found[1] else r"\\", text)):
        try:
            answer = json.loads(attempt, strict=False)
        except (ValueError, RecursionError):
            continue
        if isinstance(answer, dict):
            return answer
    raise SourceFault(Fault.PASSING, "the server answered no JSON where articles were asked for")


def _enter(sieve: Sieve, one: Mapping[str, Any]) -> datetime | None:
    """Enter an article; when it was seen."""
    moment, address = utc_instant(one.get("seendate")), as_it_stands(one.get("url"))
    source = words_of(one.get("domain")) or GdeltNews.name
    sieve.add(RawHeadline(address, moment, words_of(one.get("title")), source, address))
    return moment


def _spelt(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%d%H%M%S}"


def _verdict(text: str) -> SourceFault | None:
    if _TOO_OFTEN in text[:500].lower():
        return SourceFault(
            Fault.PASSING, f"the server asks for fewer requests, one each {PAUSE_SECONDS:g} s", PAUSE_SECONDS
        )
    return None
