"""Alpaca's news through its own client, against a server that follows the published description."""

import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes import alpaca_news as fake
from tests.fakes.alpaca_news import KEY, SECRET, Article, FakeAlpacaNews, too_many

from nightdesk.core.errors import Refused
from nightdesk.feeds import alpaca_data_line
from nightdesk.feeds.alpaca_news import UNREADABLE, AlpacaNews
from nightdesk.feeds.chain import MemoryHealth
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.news import NewsFeed, gather
from nightdesk.feeds.news_sources import make_news
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.testing.news_contract import NewsContract

NOW = datetime(2024, 3, 8, 22, tzinfo=UTC)
SPAN = (datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 8, 21, tzinfo=UTC))


def at(day: int, hour: int = 15) -> datetime:
    return datetime(2024, 3, day, hour, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[FakeAlpacaNews]:
    with FakeAlpacaNews() as running:
        running.articles += [
            Article(1, "Apple &amp; friends win &#39;award&#39;", ["AAPL", "MSFT"], at(4)),
            Article(2, "Coins rise", ["BTCUSD", "AAPL"], at(5), url=None),
            Article(3, "Berkshire grows", ["BRK.B"], at(6)),
            Article(4, "Of another symbol", ["TSLA"], at(6)),
            Article(5, "Apple again", ["AAPL"], at(7)),
        ]
        yield running


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def feed(server: FakeAlpacaNews, waits: list[float]) -> AlpacaNews:
    return AlpacaNews.of(server.environ, now=lambda: NOW, timeout=1.0, sleep=waits.append)


class TestAlpacaNews(NewsContract):
    @pytest.fixture
    def feed(self, feed: NewsFeed) -> NewsFeed:
        return feed

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ("AAPL", "BTC-USD", "BRK-B")

    @pytest.fixture
    def span(self) -> tuple[datetime, datetime]:
        return SPAN


def test_symbols_are_spelt_as_the_vendor_does_and_told_as_the_book_does(server, feed):
    headlines = feed.fetch(("AAPL", "BTC-USD", "BRK-B"), *SPAN).headlines
    assert server.queries[0]["symbols"] == "AAPL,BTCUSD,BRK.B"
    told = set(zip(headlines["symbol"], headlines["headline"], headlines["url"], strict=True))
    assert ("AAPL", "Apple & friends win 'award'", "https://news.example/article") in told
    assert ("BTC-USD", "Coins rise", "") in told
    assert {symbol for symbol, _, _ in told} == {"AAPL", "BTC-USD", "BRK-B"}


def test_all_pages_come(server, feed):
    server.articles = [
        Article(n, f"Apple, part {n}", ["AAPL"], at(4) + timedelta(minutes=n)) for n in range(120)
    ]
    assert len(feed.fetch(("AAPL",), *SPAN).headlines) == 120
    assert [one.get("page_token") for one in server.queries] == [None, "50", "100"]


def test_many_symbols_are_asked_in_parts_and_an_article_of_two_parts_comes_once(server, feed):
    names = tuple(f"S{n}" for n in range(60))
    server.articles = [Article(9, "Of both", ["S1", "S59"], at(5))]
    headlines = feed.fetch(names, *SPAN).headlines
    assert len(server.asked) == 2
    assert sorted(headlines["symbol"]) == ["S1", "S59"]


def test_a_rewritten_article_counts_from_its_newest_words_on(server, feed):
    server.articles = [Article(1, "Apple, corrected", ["AAPL"], at(4), updated_at=at(6))]
    assert not len(feed.fetch(("AAPL",), at(4, 0), at(5)).headlines)
    told = feed.fetch(("AAPL",), at(5), at(7)).headlines
    assert told["published_at"].tolist() == [at(6).replace(tzinfo=None)]


def test_articles_without_words_or_instant_are_dropped_and_counted(server, feed):
    good = Article(1, "Good", ["AAPL"], at(4)).as_json()
    wrong = [{**good, "headline": " "}, {**good, "updated_at": "soon", "id": 2}, {"symbols": ["AAPL"]}]
    server.script(fake.PATH, fake.as_json(200, {"news": [good, *wrong], "next_page_token": None}))
    answer = feed.fetch(("AAPL",), *SPAN)
    assert answer.headlines["headline"].tolist() == ["Good"]
    assert answer.dropped == {UNREADABLE: 3}


def test_an_answer_of_which_no_article_can_be_read_is_a_failure(server, feed):
    wrong = {**Article(1, "Good", ["AAPL"], at(4)).as_json(), "id": None}
    server.always(fake.PATH, fake.as_json(200, {"news": [wrong, wrong], "next_page_token": None}))
    answer = feed.fetch(("AAPL",), *SPAN)
    assert answer.dropped == {UNREADABLE: 2}
    assert answer.failure is not None
    assert answer.failure.fault is Fault.PASSING
    assert "answered 2 articles, all of them without" in str(answer.failure)


def test_characters_that_no_table_holds_are_left_out(server, feed):
    server.articles = [Article(1, "Half \ud800 a\0 character", ["AAPL"], at(4))]
    assert feed.fetch(("AAPL",), *SPAN).headlines["headline"].tolist() == ["Half ? a character"]


PASSING = {
    "429": (too_many(), r"asks for fewer requests \(429\)"),
    "500": (fake.SERVER_ERROR, r"has an error of its own \(500\)"),
    "502": (fake.BAD_GATEWAY, r"has an error of its own \(502\)"),
    "html": (fake.HTML, "answered no JSON"),
    "empty": (fake.EMPTY, "answered no JSON"),
    "another_thing": (fake.ANOTHER_THING, "answered no JSON|no articles"),
    "no_list": (fake.NO_LIST, "no articles|no JSON"),
    "no_articles": (fake.NO_ARTICLES, "answered no articles"),
    "truncated": (fake.TRUNCATED, "ends in the middle|cannot be reached|no answer"),
    "reset": (fake.RESET, "the connection failed"),
}
FINAL = {
    "403": (fake.FORBIDDEN, r"refuses access \(403\)"),
    "400": (fake.BAD_REQUEST, r"refuses the request \(400\)"),
    "redirect": (fake.REDIRECT, r"a redirection \(302\)"),
}


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_is_asked_again_and_heals(name, server, feed, waits):
    server.script(fake.PATH, PASSING[name][0])
    assert len(feed.fetch(("AAPL",), *SPAN).headlines) == 3
    assert len(waits) == 1


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_that_stays_is_told_as_one(name, server, feed, waits):
    import re

    server.always(fake.PATH, PASSING[name][0])
    failure = feed.fetch(("AAPL",), *SPAN).failure
    assert failure is not None
    assert failure.fault is Fault.PASSING
    assert re.search(PASSING[name][1], failure.reason)
    assert len(waits) == 2


@pytest.mark.parametrize("name", FINAL)
def test_a_final_fault_is_not_asked_again(name, server, feed, waits):
    import re

    server.always(fake.PATH, FINAL[name][0])
    failure = feed.fetch(("AAPL",), *SPAN).failure
    assert failure is not None
    assert failure.fault is Fault.FINAL
    assert re.search(FINAL[name][1], failure.reason)
    assert waits == []


def test_the_wait_is_what_the_server_asks_for_and_not_too_long(server, feed, waits):
    server.script(fake.PATH, too_many("7"))
    assert len(feed.fetch(("AAPL",), *SPAN).headlines) == 3
    assert 7 <= waits[0] <= 8
    server.script(fake.PATH, too_many("3600"))
    failure = feed.fetch(("AAPL",), *SPAN).failure
    assert "wants to be asked again in 3600 s" in str(failure)
    assert len(waits) == 1


def test_what_came_before_a_fault_is_kept(server, feed):
    names = tuple(f"S{n}" for n in range(60))
    server.articles = [Article(9, "Of the first part", ["S1"], at(5))]
    good = fake.as_json(200, {"news": [server.articles[0].as_json()], "next_page_token": None})
    server.script(fake.PATH, good, fake.FORBIDDEN)
    answer = feed.fetch(names, *SPAN)
    assert len(answer.headlines) == 1
    assert answer.failure is not None


def test_pages_without_end_have_one(server, feed, monkeypatch):
    monkeypatch.setattr(alpaca_data_line, "MOST_PAGES", 4)
    server.always(fake.PATH, fake.as_json(200, {"news": [], "next_page_token": "again"}))
    assert "does not end within 4 pages" in str(feed.fetch(("AAPL",), *SPAN).failure)
    assert len(server.asked) == 4


def test_no_error_and_no_representation_holds_the_key(server):
    for reply in [one for one, _ in (PASSING | FINAL).values()]:
        server.always(fake.PATH, reply)
        line = AlpacaNews.of(server.environ, now=lambda: NOW, timeout=1.0, sleep=lambda _: None).line
        with pytest.raises(SourceFault) as error:
            line.news("AAPL", *SPAN)
        shown = "".join(traceback.format_exception(error.value)) + repr(line) + repr(error.value.__dict__)
        assert KEY not in shown
        assert SECRET not in shown
        assert error.value.__context__ is None


def test_a_key_that_is_missing_wrong_or_in_the_clear_is_refused(server):
    with pytest.raises(
        Refused, match="set NIGHTDESK_ACCOUNT_ALPACA_NEWS_KEY and NIGHTDESK_ACCOUNT_ALPACA_NEWS_SECRET"
    ):
        make_news("alpaca", environ={})
    own = server.environ
    with pytest.raises(Refused, match="holds a blank"):
        make_news("alpaca", environ={**own, "NIGHTDESK_ACCOUNT_ALPACA_NEWS_KEY": "two words"})
    with pytest.raises(Refused, match="unencrypted: write https://"):
        make_news("alpaca", environ={**own, "NIGHTDESK_ACCOUNT_ALPACA_NEWS_URL": "http://news.example"})
    wrong = make_news("alpaca", environ={**own, "NIGHTDESK_ACCOUNT_ALPACA_NEWS_KEY": "another"})
    assert "refuses access (401)" in str(wrong.fetch(("AAPL",), *SPAN).failure)


def test_a_source_that_fails_five_times_is_left_alone_for_a_while(server, feed):
    server.always(fake.PATH, fake.FORBIDDEN)
    health, moment = MemoryHealth(), NOW
    for _ in range(5):
        gather([(feed, SPAN[0])], ("AAPL",), SPAN[1], health, lambda: moment)
    asked = len(server.asked)
    (answer,) = gather([(feed, SPAN[0])], ("AAPL",), SPAN[1], health, lambda: moment)
    assert len(server.asked) == asked
    assert "its circuit is open" in str(answer.failure)
    server.heal()
    moment = NOW + timedelta(seconds=61)
    (healed,) = gather([(feed, SPAN[0])], ("AAPL",), SPAN[1], health, lambda: moment)
    assert healed.failure is None
    assert health.load("news:alpaca")["failures"] == 0
