"""NewsAPI, GDELT and feeds of RSS over the wire: what they give, and what is made of every bad answer."""

import json
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes import gdelt, newsapi, rss
from tests.fakes.gdelt import FakeGdelt, GdeltArticle
from tests.fakes.loopback import Bad
from tests.fakes.newsapi import FakeNewsApi, NewsApiArticle
from tests.fakes.raw_server import RawServer, sending, trickling
from tests.fakes.rss import FakeRss, RssEntry, rss_of
from tests.fakes.scripted import ScriptedServer

from nightdesk.core.errors import Refused
from nightdesk.core.keywords import NO_KEYWORDS, Keywords
from nightdesk.feeds import http_line
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.gdelt_news import GdeltNews
from nightdesk.feeds.news import News, NewsFeed
from nightdesk.feeds.news_sources import check_news, make_news
from nightdesk.feeds.newsapi_news import NewsApiNews
from nightdesk.feeds.raw_headlines import (
    FUTURE,
    OF_OTHERS,
    REMOVED,
    TOO_LONG,
    UNREADABLE,
    RawHeadline,
    Sieve,
)
from nightdesk.feeds.rss_news import RssNews
from nightdesk.testing.news_contract import NewsContract

NOW = datetime(2024, 3, 8, 22, tzinfo=UTC)
SPAN = (datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 8, 21, tzinfo=UTC))
WORDS = Keywords(
    {"GLD": ("gold", "bullion", "-medal"), "SPY": ("S&P 500", "Wall Street"), "BTC-USD": ("bitcoin",)}
)
SYMBOLS = ("GLD", "SPY", "BTC-USD", "TLT")


def at(day: int, hour: int = 15, minute: int = 0) -> datetime:
    return datetime(2024, 3, day, hour, minute, tzinfo=UTC)


#: Of which titles, in every source.
TITLES = (
    ("Gold rises", at(4)),
    ("Wall Street falls", at(5)),
    ("Bitcoin and gold rise", at(6)),
    ("Gold medal won", at(6, 16)),
    ("Bullion again", at(7)),
)
FOUND = {
    ("GLD", "Gold rises"),
    ("SPY", "Wall Street falls"),
    ("GLD", "Bitcoin and gold rise"),
    ("BTC-USD", "Bitcoin and gold rise"),
    ("GLD", "Bullion again"),
}


def address(n: int) -> str:
    return f"https://paper.example/{n}"


def fill_newsapi(server: FakeNewsApi) -> None:
    server.articles = [NewsApiArticle(title, when, address(n)) for n, (title, when) in enumerate(TITLES)]


def fill_gdelt(server: FakeGdelt) -> None:
    server.articles = [GdeltArticle(title, when, address(n)) for n, (title, when) in enumerate(TITLES)]


def fill_rss(server: FakeRss) -> None:
    older = RssEntry("Something older", SPAN[0] - timedelta(days=1), "older")
    server.entries = [older, *(RssEntry(title, when, f"g{n}") for n, (title, when) in enumerate(TITLES))]


def newsapi_at(environ: dict[str, str], sleep: Callable[[float], None]) -> NewsFeed:
    return NewsApiNews.of(environ, now=lambda: NOW, timeout=0.5, sleep=sleep)


def gdelt_at(environ: dict[str, str], sleep: Callable[[float], None]) -> NewsFeed:
    return GdeltNews(environ, now=lambda: NOW, timeout=0.5, sleep=sleep)


def rss_at(environ: dict[str, str], sleep: Callable[[float], None]) -> NewsFeed:
    return RssNews(environ["address"], now=lambda: NOW, timeout=0.5, sleep=sleep)


@dataclass
class Vendor:
    """One of the sources with its server: `where` its articles are asked for."""

    server: ScriptedServer
    where: str
    environ: dict[str, str]
    make: Callable[[dict[str, str], Callable[[float], None]], NewsFeed]
    waits: list[float]

    @property
    def feed(self) -> NewsFeed:
        made = self.make(self.environ, self.waits.append)
        made.keywords = WORDS
        return made

    def fetch(self, symbols: tuple[str, ...] = SYMBOLS) -> News:
        return self.feed.fetch(symbols, *SPAN)


def start(kind: str, stack: ExitStack) -> Vendor:
    if kind == "newsapi":
        news = stack.enter_context(FakeNewsApi())
        fill_newsapi(news)
        return Vendor(news, newsapi.ARTICLES, news.environ, newsapi_at, [])
    if kind == "gdelt":
        doc = stack.enter_context(FakeGdelt())
        fill_gdelt(doc)
        return Vendor(doc, gdelt.ARTICLES, doc.environ, gdelt_at, [])
    feed = stack.enter_context(FakeRss())
    fill_rss(feed)
    where = rss.ATOM if kind == "atom" else rss.RSS
    return Vendor(feed, where, {"address": f"{feed.url}{where}"}, rss_at, [])


KINDS = ("newsapi", "gdelt", "rss", "atom")


@pytest.fixture(params=KINDS)
def vendor(request: pytest.FixtureRequest) -> Iterator[Vendor]:
    with ExitStack() as stack:
        yield start(request.param, stack)


@pytest.fixture
def news_server() -> Iterator[Vendor]:
    with ExitStack() as stack:
        yield start("newsapi", stack)


@pytest.fixture
def gdelt_server() -> Iterator[Vendor]:
    with ExitStack() as stack:
        yield start("gdelt", stack)


@pytest.fixture
def rss_server() -> Iterator[Vendor]:
    with ExitStack() as stack:
        yield start("rss", stack)


class _MarkedOnly(NewsContract):
    """The contract, with headlines that mark their symbols, so that they are in `News.headlines`."""

    kind = ""

    @pytest.fixture
    def feed(self) -> Iterator[NewsFeed]:
        with ExitStack() as stack:
            vendor = start(self.kind, stack)
            titles = [(f"Gold of $GLD and $SPY, part {n}", at(4, 12 + n)) for n in range(4)]
            server: Any = vendor.server
            if self.kind == "newsapi":
                server.articles = [NewsApiArticle(t, when, address(n)) for n, (t, when) in enumerate(titles)]
            elif self.kind == "gdelt":
                server.articles = [GdeltArticle(t, when, address(n)) for n, (t, when) in enumerate(titles)]
            else:
                server.entries = [RssEntry("Older", SPAN[0] - timedelta(days=1), "older")]
                server.entries += [RssEntry(t, when, f"g{n}") for n, (t, when) in enumerate(titles)]
            yield vendor.feed

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ("GLD", "SPY")

    @pytest.fixture
    def span(self) -> tuple[datetime, datetime]:
        return SPAN


class TestNewsApiContract(_MarkedOnly):
    kind = "newsapi"


class TestGdeltContract(_MarkedOnly):
    kind = "gdelt"


class TestRssContract(_MarkedOnly):
    kind = "rss"


class TestAtomContract(_MarkedOnly):
    kind = "atom"


def told(answer: News) -> set[tuple[str, str]]:
    assert answer.by_words is not None
    return set(zip(answer.by_words["symbol"], answer.by_words["headline"], strict=True))


def test_headlines_are_found_by_the_words_of_the_book(vendor: Vendor) -> None:
    answer = vendor.fetch()
    assert told(answer) == FOUND
    assert not len(answer.headlines), "no source names a symbol"
    assert answer.failure is None
    assert answer.since is None
    assert answer.dropped == {OF_OTHERS: 1}, "the medal, or what is older"


def test_newsapi_is_asked_a_search_a_symbol_with_its_key_in_a_header(news_server: Vendor) -> None:
    news_server.fetch()
    first, second, third = news_server.server.queries
    assert first["q"] == '"gold" OR "bullion"'
    assert second["q"] == '"S&P 500" OR "Wall Street"'
    assert third["q"] == '"bitcoin"'
    assert first == first | {"searchIn": "title", "sortBy": "publishedAt", "pageSize": "100"}
    assert newsapi.KEY not in str(news_server.server.queries)


def test_gdelt_is_asked_by_its_own_grammar_and_never_twice_within_its_pause(gdelt_server: Vendor) -> None:
    gdelt_server.fetch()
    assert [one["query"] for one in gdelt_server.server.queries] == [
        "(gold OR bullion) sourcelang:english",
        '("S&P 500" OR "Wall Street") sourcelang:english',
        "bitcoin sourcelang:english",
    ]
    assert gdelt_server.waits == [5.0, 5.0]


def test_a_gdelt_headline_counts_from_the_end_of_its_quarter_of_an_hour(gdelt_server: Vendor) -> None:
    server: Any = gdelt_server.server
    close = at(8, 21)
    server.articles = [
        GdeltArticle("Gold before", close - timedelta(minutes=15), address(1)),
        GdeltArticle("Gold at the close", close, address(2)),
    ]
    answer = gdelt_server.feed.fetch(("GLD",), close - timedelta(hours=1), close)
    assert told(answer) == {("GLD", "Gold before")}
    assert answer.by_words is not None
    assert answer.by_words["published_at"].tolist() == [close.replace(tzinfo=None)]


HTML = Bad(200, "<!DOCTYPE html><html><body>Back soon</body></html>", {"Content-Type": "text/html"})
PASSING: dict[str, tuple[Bad, str]] = {
    "429": (Bad(429, "slow down"), r"asks for fewer requests"),
    "500": (Bad(500, "Internal Server Error"), r"has an error of its own \(500\)"),
    "503 in words": (Bad(503, "no healthy upstream"), r"has an error of its own \(503\)"),
    "html": (HTML, "answered (no JSON|an HTML page)"),
    "empty": (Bad(200, ""), "answered (no JSON|an empty page)"),
    "silence": (Bad(silence=1.5), "no answer within 0.5 s"),
}
FINAL: dict[str, tuple[Bad, str]] = {
    "403": (Bad(403, "no"), r"refuses access \(403\)"),
    "400": (Bad(400, "no"), r"refuses the request \(400\)"),
    "302": (Bad(302, "", {"Location": "/elsewhere"}), r"a redirection \(302\)"),
}
#: Those that one vendor makes, with what it should be.
OF_ONE: dict[str, tuple[str, Bad, Fault, str]] = {
    "429 newsapi": ("newsapi", newsapi.too_many(), Fault.PASSING, r"fewer requests \(429\)"),
    "unexpected": ("newsapi", newsapi.UNEXPECTED, Fault.PASSING, r"an error of its own \(500\)"),
    "plan": ("newsapi", newsapi.ANOTHER_PLAN, Fault.FINAL, "maximumResultsReached: You have requested"),
    "parameter": ("newsapi", newsapi.BAD_PARAMETER, Fault.FINAL, "parameterInvalid: The parameter q"),
    "200 error": ("newsapi", newsapi.ERROR_WITH_200, Fault.FINAL, "parametersMissing"),
    "no list": ("newsapi", Bad(200, '{"articles":{},"totalResults":1}'), Fault.PASSING, "answered no list"),
    "no object": ("newsapi", Bad(200, "[1]"), Fault.PASSING, "answered no list"),
    "promised": ("newsapi", newsapi.page_of([], 7), Fault.PASSING, "tells of 7 articles and gives none"),
    "cut newsapi": ("newsapi", Bad(200, '{"status":"ok","arti'), Fault.PASSING, "answered no JSON"),
    "often": ("gdelt", gdelt.TOO_OFTEN, Fault.PASSING, "fewer requests, one each 5 s"),
    "often 429": ("gdelt", gdelt.TOO_OFTEN_429, Fault.PASSING, "fewer requests, one each 5 s"),
    "too long": ("gdelt", gdelt.TOO_LONG, Fault.FINAL, "but: Your query was too short or too long"),
    "short": ("gdelt", gdelt.SHORT_PHRASE, Fault.FINAL, "but: The specified phrase is too short"),
    "busy": ("gdelt", gdelt.BUSY, Fault.PASSING, "but: The service is overloaded"),
    "cut gdelt": ("gdelt", Bad(200, '{"articles": [{"url":'), Fault.PASSING, "answered no JSON"),
    "no list gdelt": ("gdelt", Bad(200, '{"articles": 7}'), Fault.PASSING, "answered no list"),
    "no feed": ("rss", Bad(200, "<note><to>you</to></note>"), Fault.FINAL, "no feed of RSS or Atom"),
    "cut rss": ("rss", Bad(200, rss_of("<item>")[:-20]), Fault.PASSING, "an XML that is broken in line"),
    "no xml": ("rss", Bad(200, "hello"), Fault.PASSING, "an XML that is broken in line"),
    "bomb": (
        "rss",
        Bad(
            200, '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + rss_of("<item><title>&b;</title>")
        ),
        Fault.FINAL,
        "declares entities",
    ),
    "outside": (
        "rss",
        Bad(200, '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + rss_of("")),
        Fault.FINAL,
        "declares entities",
    ),
}


def failure_of(vendor: Vendor, answer: Bad) -> Any:
    vendor.server.always(vendor.where, answer)
    failure = vendor.fetch().failure
    assert failure is not None
    return failure


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_that_stays_is_told_as_one_and_heals(name: str, vendor: Vendor) -> None:
    bad, words = PASSING[name]
    failure = failure_of(vendor, bad)
    assert failure.fault is Fault.PASSING
    assert re.search(words, failure.reason), failure.reason
    assert len(vendor.server.asked) <= 3
    vendor.server.heal()
    vendor.server.script(vendor.where, bad)
    healed = vendor.fetch()
    if name in ("html", "empty") and vendor.where == newsapi.ARTICLES:
        vendor.server.heal()
        healed = vendor.fetch()
    assert told(healed) == FOUND


@pytest.mark.parametrize("name", FINAL)
def test_a_final_fault_is_not_asked_again(name: str, vendor: Vendor) -> None:
    bad, words = FINAL[name]
    failure = failure_of(vendor, bad)
    assert failure.fault is Fault.FINAL
    assert re.search(words, failure.reason), failure.reason
    assert len(vendor.server.asked) == 1


@pytest.mark.parametrize("name", OF_ONE)
def test_what_one_vendor_says_in_its_own_way(name: str) -> None:
    kind, bad, fault, words = OF_ONE[name]
    with ExitStack() as stack:
        vendor = start(kind, stack)
        failure = failure_of(vendor, bad)
        assert failure.fault is fault
        assert re.search(words, failure.reason), failure.reason
        assert len(vendor.server.asked) == 1 or fault is Fault.PASSING


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_trickles_ends(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_line, "WHOLE_SECONDS", 0.4)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    with RawServer(trickling(head, 5.0)) as raw, ExitStack() as stack:
        vendor = start(kind, stack)
        url = f"{raw.url}/feed"
        environ = {
            name: raw.url if name.endswith("_URL") else value for name, value in vendor.environ.items()
        }
        vendor.environ = environ if "address" not in environ else {"address": url}
        failure = vendor.fetch().failure
    assert failure is not None
    # On a busy machine the time may be over before the head has come.
    assert re.search(r"did not end within 0\.4 s|no answer within", failure.reason), failure.reason


def test_the_wait_is_what_the_server_asks_for_and_not_too_long(news_server: Vendor) -> None:
    news_server.server.script(news_server.where, newsapi.too_many("7"))
    assert told(news_server.fetch()) == FOUND
    assert 7 <= news_server.waits[0] <= 8
    news_server.server.script(news_server.where, newsapi.too_many("86400"))
    assert "wants to be asked again in 86400 s" in str(news_server.fetch().failure)


def test_gdelt_is_left_alone_for_its_pause_before_it_is_asked_again(gdelt_server: Vendor) -> None:
    gdelt_server.server.script(gdelt_server.where, gdelt.TOO_OFTEN, Bad(503, "no healthy upstream"))
    assert told(gdelt_server.fetch()) == FOUND
    assert all(5.0 <= one <= 11.0 for one in gdelt_server.waits)


def test_what_came_before_a_fault_is_kept(news_server: Vendor) -> None:
    news_server.server.script(news_server.where, None, newsapi.ANOTHER_PLAN)
    answer = news_server.fetch()
    assert {symbol for symbol, _ in told(answer)} == {"GLD", "BTC-USD"}
    assert str(answer.failure).startswith("SPY: the server refuses the request (maximumResultsReached")


def test_a_wrong_key_is_told_and_shown_nowhere(news_server: Vendor) -> None:
    news_server.environ |= {"NIGHTDESK_ACCOUNT_NEWSAPI_KEY": "a-wrong-key-of-somebody"}
    failure = news_server.fetch().failure
    assert failure is not None
    assert failure.fault is Fault.FINAL
    assert "refuses access (apiKeyInvalid" in failure.reason
    assert "NIGHTDESK_ACCOUNT_NEWSAPI_KEY" in failure.reason
    feed = news_server.feed
    shown = repr(feed) + repr(vars(feed)["line"]) + failure.reason
    assert "a-wrong-key-of-somebody" not in shown


def test_an_error_that_repeats_the_key_does_not_show_it(news_server: Vendor) -> None:
    news_server.server.always(
        news_server.where, newsapi.error(401, "apiKeyDisabled", f"The key {newsapi.KEY} is off")
    )
    try:
        failure = news_server.fetch().failure
    except Exception:
        assert newsapi.KEY not in traceback.format_exc()
        raise
    assert failure is not None
    assert "The key *** is off" in failure.reason


def test_a_key_that_is_missing_or_in_the_clear_is_refused(news_server: Vendor) -> None:
    with pytest.raises(Refused, match="set NIGHTDESK_ACCOUNT_NEWSAPI_KEY in the environment"):
        make_news("newsapi", environ={})
    own = news_server.environ
    with pytest.raises(Refused, match="unencrypted: write https://"):
        make_news("newsapi", environ={**own, "NIGHTDESK_ACCOUNT_NEWSAPI_URL": "http://news.example"})
    with pytest.raises(Refused, match="holds a blank"):
        make_news("newsapi", environ={**own, "NIGHTDESK_ACCOUNT_NEWSAPI_KEY": "two words"})


def many(server: Any, make: Callable[[str, datetime, str], Any], count: int, minutes: int) -> None:
    first = at(8, 12)
    server.articles = [
        make(f"Gold, part {n}", first - timedelta(minutes=minutes * n), address(n)) for n in range(count)
    ]


def test_all_articles_come_page_by_page(news_server: Vendor, gdelt_server: Vendor) -> None:
    many(news_server.server, NewsApiArticle, 250, 1)
    server: Any = news_server.server
    server.oldest = SPAN[0] - timedelta(days=20)  # a free plan, which gives no second page
    answer = news_server.fetch(("GLD",))
    assert len(told(answer)) == 250
    assert answer.failure is None
    assert len(news_server.server.asked) == 3
    many(gdelt_server.server, GdeltArticle, 400, 10)
    answer = gdelt_server.fetch(("GLD",))
    assert len(told(answer)) == 400
    assert answer.failure is None
    assert len(gdelt_server.server.asked) == 2


def test_more_than_is_asked_for_is_told_with_the_instant_from_which_it_is_whole(news_server: Vendor) -> None:
    many(news_server.server, NewsApiArticle, 700, 2)
    answer = news_server.fetch(("GLD",))
    assert answer.failure is None
    assert len(news_server.server.asked) == 5
    assert answer.since is not None
    assert answer.by_words is not None
    assert answer.since == answer.by_words["published_at"].min().to_pydatetime().replace(tzinfo=UTC)
    assert 490 <= len(answer.by_words) < 500


@pytest.mark.parametrize("kind", ["newsapi", "gdelt"])
def test_the_same_page_again_ends_and_is_told(kind: str) -> None:
    with ExitStack() as stack:
        vendor = start(kind, stack)
        if kind == "newsapi":
            rows = [NewsApiArticle("Gold", at(8, 12), address(n)).as_json() for n in range(100)]
            page = newsapi.page_of(rows, 5_000)
        else:
            page = gdelt.list_of([GdeltArticle("Gold", at(8, 12), address(n)).as_json() for n in range(250)])
        vendor.server.always(vendor.where, page)
        answer = vendor.fetch(("GLD",))
        assert "the same page again" in str(answer.failure)
        assert len(vendor.server.asked) == 2
        assert len(told(answer)) == 1 or answer.by_words is not None


def test_what_a_free_plan_does_not_reach_is_asked_from_where_it_does(news_server: Vendor) -> None:
    server: Any = news_server.server
    server.oldest = NOW - timedelta(days=30)
    after = NOW - timedelta(days=400)
    answer = news_server.feed.fetch(SYMBOLS, after, SPAN[1])
    assert answer.failure is None
    assert told(answer) == FOUND
    assert answer.since == NOW - timedelta(days=29)
    assert len(server.asked) == 4, "the plan's reach is found out once"


def test_gdelt_is_asked_for_three_months_only(gdelt_server: Vendor) -> None:
    answer = gdelt_server.feed.fetch(("GLD",), NOW - timedelta(days=400), SPAN[1])
    assert answer.since == NOW - timedelta(days=88) + timedelta(minutes=15)
    assert gdelt_server.server.queries[0]["startdatetime"] == "20231211220000"
    old = gdelt_server.feed.fetch(("GLD",), NOW - timedelta(days=400), NOW - timedelta(days=300))
    assert not len(old.headlines)
    assert len(gdelt_server.server.asked) == 1, "nothing is asked for that it does not have"


def test_a_feed_says_from_when_on_it_has_all(rss_server: Vendor) -> None:
    server: Any = rss_server.server
    server.most = 2
    answer = rss_server.fetch()
    assert answer.since == at(6, 16)
    assert told(answer) == {("GLD", "Bullion again")}


def test_many_words_are_searched_for_in_parts(news_server: Vendor, gdelt_server: Vendor) -> None:
    words = Keywords({"GLD": tuple(f"golden phrase number {n} of many" for n in range(40))})
    for vendor, longest in ((news_server, 500), (gdelt_server, 250)):
        feed = vendor.feed
        feed.keywords = words
        assert feed.fetch(("GLD",), *SPAN).failure is None
        asked = [one.get("q") or one["query"] for one in vendor.server.queries]
        assert len(asked) > 2
        assert all(len(one) <= longest for one in asked)
        assert all(any(f'"{word}"' in one for one in asked) for word in words.searched("GLD"))


def test_a_search_without_words_is_refused_in_a_book_and_a_failure_else(gdelt_server: Vendor) -> None:
    for name in ("newsapi", "gdelt"):
        with pytest.raises(Refused, match=f"feeds.news: {name} finds headlines by words"):
            check_news(name)
        check_news(name, WORDS)
    feed = gdelt_server.feed
    feed.keywords = Keywords({})
    failure = feed.fetch(("GLD",), *SPAN).failure
    assert failure is not None
    assert failure.fault is Fault.FINAL
    assert gdelt_server.server.asked == []


STRANGE: list[Any] = [
    None,
    7,
    [],
    {},
    {"title": None, "publishedAt": None, "url": None, "source": "text"},
    {"title": 7, "publishedAt": 1709568000, "url": 7, "source": {"name": 7}},
    {"title": "Gold", "publishedAt": "soon", "seendate": "20249999T000000Z", "url": "u"},
    {"title": "Gold", "publishedAt": "0001-01-01T00:00:00+14:00", "seendate": "2024", "url": "u"},
    {"title": " \t ", "publishedAt": "2024-03-04T15:00:00Z", "seendate": "20240304T150000Z", "url": "u"},
]


@pytest.mark.parametrize("kind", ["newsapi", "gdelt"])
def test_entries_that_are_none_are_dropped_and_counted(kind: str) -> None:
    with ExitStack() as stack:
        vendor = start(kind, stack)
        good = {"title": "Gold", "publishedAt": "2024-03-04T15:00:00Z", "seendate": "20240304T150000Z"}
        page = newsapi.page_of if kind == "newsapi" else gdelt.list_of
        vendor.server.always(vendor.where, page([*STRANGE, {**good, "url": "u"}]))
        answer = vendor.fetch(("GLD",))
        assert answer.failure is None
        assert told(answer) == {("GLD", "Gold")}
        assert answer.dropped == {UNREADABLE: len(STRANGE)}


def test_a_stamp_of_the_future_is_dropped_and_comes_once_it_has_passed(vendor: Vendor) -> None:
    server: Any = vendor.server
    later = NOW + timedelta(hours=2)
    if hasattr(server, "entries"):
        server.entries.append(RssEntry("Gold of tomorrow", later, "later"))
    else:
        make = NewsApiArticle if isinstance(server, FakeNewsApi) else GdeltArticle
        body = make("Gold of tomorrow", later, address(99)).as_json()
        page = newsapi.page_of if isinstance(server, FakeNewsApi) else gdelt.list_of
        server.always(vendor.where, page([body]))
    feed = vendor.feed
    answer = feed.fetch(("GLD",), SPAN[0], NOW + timedelta(days=1))
    assert answer.dropped[FUTURE] == 1
    assert ("GLD", "Gold of tomorrow") not in told(answer)
    feed.now = lambda: later + timedelta(hours=1)
    assert ("GLD", "Gold of tomorrow") in told(feed.fetch(("GLD",), SPAN[0], later + timedelta(minutes=30)))


def test_titles_are_plain_words(news_server: Vendor) -> None:
    server: Any = news_server.server
    server.articles = [
        NewsApiArticle("Gold &amp; silver <b>rise</b> - A Paper", at(4), "https://x.example/?a=1&copy=2"),
        NewsApiArticle("Gold half \ud800 a\0 character", at(5), "u" * 4_000),
        NewsApiArticle("Gold " * 300, at(6), address(3)),
    ]
    page = newsapi.page_of([one.as_json() for one in server.articles] + [{"title": "[Removed]"}])
    news_server.server.script(news_server.where, page)
    answer = news_server.fetch(("GLD",))
    assert answer.by_words is not None
    assert answer.by_words["headline"].tolist() == ["Gold & silver rise", "Gold half ? a character"]
    assert answer.by_words["url"].tolist()[0] == "https://x.example/?a=1&copy=2"
    assert answer.by_words["article"].str.len().max() <= 200
    assert answer.dropped == {TOO_LONG: 1, REMOVED: 1}


def test_gdelt_titles_with_escapes_that_are_none_are_read(gdelt_server: Vendor) -> None:
    body = json.dumps({"articles": [GdeltArticle("Gold TAB BACK up", at(4), address(1)).as_json()]})
    bad = body.replace("TAB", "a\tb").replace("BACK", r"\_ \u12")
    gdelt_server.server.script(gdelt_server.where, Bad(200, bad))
    assert told(gdelt_server.fetch(("GLD",))) == {("GLD", r"Gold a b \_ \u12 up")}


def test_entries_of_feeds_as_they_are_written_out_there(rss_server: Vendor) -> None:
    items = (
        "<item><title><![CDATA[Gold & <b>AT&T</b>]]></title><guid>1</guid>"
        "<pubDate>Mon, 04 Mar 2024 10:00:00 EST</pubDate></item>"
        "<item><title>Gold&nbsp;& bullion</title><link>https://paper.example/2?a=1&amp;b=2</link>"
        "<pubDate>Tue, 05 Mar 2024 10:00:00 +0100</pubDate></item>"
        "<item><title>Gold without a day</title><guid>3</guid></item>"
        "<item><title>Gold of no day</title><guid>4</guid><pubDate>Yesterday</pubDate></item>"
        "<item><guid>5</guid><pubDate>Tue, 05 Mar 2024 10:00:00 GMT</pubDate></item>"
        "<item><title>Gold, told twice</title><guid>6</guid>"
        "<pubDate>Wed, 06 Mar 2024 10:00:00 GMT</pubDate></item>"
        "<item><title>Gold, told better</title><guid>6</guid>"
        "<pubDate>Wed, 06 Mar 2024 11:00:00 GMT</pubDate></item>"
    )
    rss_server.server.always(rss_server.where, Bad(200, rss_of(items), rss.XML))
    answer = rss_server.fetch(("GLD",))
    assert answer.by_words is not None
    rows = answer.by_words[["headline", "published_at", "url", "article"]].values.tolist()
    assert [[str(one) for one in row] for row in rows] == [
        ["Gold & AT&T", "2024-03-04 15:00:00", "", "127.0.0.1 1"],
        ["Gold & bullion", "2024-03-05 09:00:00", "https://paper.example/2?a=1&b=2", rows[1][3]],
        ["Gold, told better", "2024-03-06 11:00:00", "", "127.0.0.1 6"],
    ]
    assert rows[1][3] == "https://paper.example/2?a=1&b=2"
    assert answer.dropped == {UNREADABLE: 3}
    assert set(answer.by_words["source"]) == {"A Paper: Markets"}


@pytest.mark.parametrize(
    ("encoding", "start"),
    [
        ("iso-8859-1", '<?xml version="1.0" encoding="iso-8859-1"?>'),
        ("windows-1252", "<?xml version='1.0' encoding='windows-1252' ?>"),
        ("utf-16", '<?xml version="1.0" encoding="utf-16"?>'),
        ("utf-8-sig", ""),
        ("utf-8", '<?xml version="1.0" encoding="no-such-thing"?>'),
        ("utf-8", '<?xml version="1.0" encoding="utf-7"?>'),
    ],
)
def test_a_feed_is_read_in_the_encoding_that_it_declares(encoding: str, start: str) -> None:
    items = "<item><title>Gold für Zürich</title><pubDate>Mon, 04 Mar 2024 10:00:00 GMT</pubDate></item>"
    body = (start + rss_of(items).partition("?>")[2].strip()).encode(encoding)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with RawServer(sending(head + body)) as server:
        feed = rss_at({"address": f"{server.url}/feed"}, lambda _: None)
        feed.keywords = WORDS
        assert told(feed.fetch(("GLD",), *SPAN)) == {("GLD", "Gold für Zürich")}


@pytest.mark.parametrize(
    ("address_", "words"),
    [
        ("ftp://paper.example/feed", "expected the address of a feed with https://"),
        ("http://paper.example/feed", "expected the address of a feed with https://"),
        ("paper.example/feed", "expected the address of a feed with https://"),
        ("http://me:hidden@paper.example/feed", "rss feed at paper.example: expected the address of a feed"),
        ("https://me:hidden@paper.example/feed", "its address holds a login, and a book holds no secret"),
        ("https://paper.example/feed?apikey=hidden", "its address holds apikey"),
    ],
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused(address_: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as error:
        check_news(f"rss:{address_}")
    assert "hidden" not in str(error.value)
    with pytest.raises(Refused, match="lacks its URL"):
        check_news("rss:")


def test_each_feed_has_a_health_of_its_own_and_a_query_reaches_it(rss_server: Vendor) -> None:
    rss_server.environ = {"address": f"{rss_server.environ['address']}?s=gold&n=5#top"}
    assert told(rss_server.fetch()) == FOUND
    assert rss_server.server.queries == [{"s": "gold", "n": "5"}]
    assert rss_server.feed.source.startswith("news:rss:http://127.0.0.1")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
MOMENTS = st.sampled_from(
    ["2024-03-04T15:00:00Z", "2030-01-01T00:00:00Z", "20240304T150000Z", "0001-01-01T00:00:00+14:00", "x", ""]
)
ARTICLE = st.fixed_dictionaries(
    {},
    optional={
        "title": JSON_VALUES | st.sampled_from(["Gold", "gold & $GLD", "Wall Street", "[Removed]"]),
        "publishedAt": JSON_VALUES | MOMENTS,
        "seendate": JSON_VALUES | MOMENTS,
        "url": JSON_VALUES,
        "source": JSON_VALUES | st.fixed_dictionaries({"name": JSON_VALUES}),
        "domain": JSON_VALUES,
    },
)
PAYLOADS = JSON_VALUES | st.fixed_dictionaries(
    {"articles": st.lists(ARTICLE | JSON_VALUES, max_size=5) | JSON_VALUES},
    optional={
        "totalResults": st.integers(-5, 500) | JSON_VALUES,
        "status": st.sampled_from(["ok", "error"]),
        "code": JSON_VALUES | st.sampled_from(["rateLimited", "apiKeyInvalid"]),
    },
)
ENTRIES = st.lists(
    st.builds(
        lambda title, at, guid, more: (
            f"<item><title>{title}</title><pubDate>{at}</pubDate><guid>{guid}</guid>{more}</item>"
        ),
        st.text(max_size=20) | st.just("Gold"),
        st.text(max_size=12) | MOMENTS | st.just("Mon, 04 Mar 2024 10:00:00 GMT"),
        st.text(max_size=8),
        st.sampled_from(["", "<x>", "<updated>2024-03-05T00:00:00Z</updated>", "&nbsp;&", "<!-- -->"]),
    ),
    max_size=4,
)


def check_invariants(answer: News) -> None:
    """What holds of every answer, whatever came."""
    assert answer.by_words is not None
    for frame in (answer.headlines, answer.by_words):
        moments = [one.to_pydatetime().replace(tzinfo=UTC) for one in frame["published_at"]]
        assert all(SPAN[0] < one <= SPAN[1] for one in moments)
        assert set(frame["symbol"]) <= set(SYMBOLS)
        assert (frame["headline"].str.strip() != "").all()
        assert not frame.duplicated(["symbol", "article"]).any()
        assert all(len(one.encode()) <= 2_000 for one in frame["article"])
        assert all(
            isinstance(one, str) and "\0" not in one for name in ("url", "source") for one in frame[name]
        )
    assert all(count > 0 for count in answer.dropped.values())


def try_payloads(examples: int) -> None:
    with ExitStack() as stack:
        vendors = {kind: start(kind, stack) for kind in ("newsapi", "gdelt", "rss")}

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
        @given(payload=PAYLOADS, entries=ENTRIES, cut=st.integers(0, 5))
        def check(payload: Any, entries: list[str], cut: int) -> None:
            text, feed = json.dumps(payload), rss_of("".join(entries))
            text = text[: len(text) - cut]
            feed = feed[: len(feed) - cut].encode("utf-8", "replace").decode()
            for kind, vendor in vendors.items():
                vendor.server.always(vendor.where, Bad(200, feed if kind == "rss" else text))
                check_invariants(vendor.fetch())

        check()


def test_no_answer_breaks_a_source() -> None:
    try_payloads(25)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_answer_of_many_breaks_a_source() -> None:
    try_payloads(500)


def test_an_answer_of_which_nothing_can_be_read_is_a_failure_and_of_which_something_can_is_none() -> None:
    sieve = Sieve(("GLD",), NO_KEYWORDS, NOW - timedelta(days=2), NOW, NOW)
    sieve.add(RawHeadline("1", None, "$GLD gains", "wire", ""))
    failure = sieve.news().failure
    assert failure is not None
    assert (failure.fault, str(failure)) == (
        Fault.PASSING,
        "the server answered 1 articles, none of which can be read",
    )
    sieve.add(RawHeadline("2", NOW - timedelta(hours=1), "$GLD gains", "wire", ""))
    assert sieve.news().failure is None
