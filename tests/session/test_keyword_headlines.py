"""Headlines that the words of a book find, in the day's run and in the backtest."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import numpy as np
import pytest
import yaml
from tests.fakes.gdelt import FakeGdelt, GdeltArticle
from tests.fakes.loopback import Bad
from tests.fakes.newsapi import FakeNewsApi, NewsApiArticle
from tests.fakes.rss import FakeRss, RssEntry
from tests.session.news_desk import BAD, GOOD, NAMES, NewsDesk, close
from tests.session.small_desk import INCEPTION, ORIGIN, SmallDesk, session

from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.factors import compute
from nightdesk.feeds import gdelt_news, newsapi_news
from nightdesk.operations.replay import rewind
from nightdesk.research.backtest.data import read_market
from nightdesk.session import steps
from nightdesk.session.headlines import scored_headlines

WORDS = {
    "GLD": ["gold", "bullion", "-medal"],
    "SPY": ["Wall Street", "stocks"],
    "QQQ": ["stocks", "big tech"],
    "TLT": ["stocks", "treasuries"],
    "BTC-USD": ["bitcoin"],
}


@pytest.fixture
def news(desk: SmallDesk) -> NewsDesk:
    made = NewsDesk(desk)
    made.say(keywords=WORDS)
    return made


def test_the_run_and_the_backtest_tag_by_words_alike_bit_by_bit(news: NewsDesk) -> None:
    rng = np.random.default_rng(5)
    subjects = ("gold", "stocks", "Stocks, gold and bitcoin", "bitcoin", "gold medal", "nothing")
    for at in range(-14, 3):
        for subject in subjects:
            words = (GOOD if rng.random() < 0.5 else BAD).format(subject, at)
            named = "TLT" if rng.random() < 0.2 else ""
            news.tell(close(at) - timedelta(hours=float(rng.uniform(0.1, 20))), named, words)
    for discrete in (False, True):
        news.say(keywords=WORDS, discrete=discrete)
        same_in_both(news, discrete)
        if not discrete:
            for number in (1, 0):
                with news.desk.at(number) as context:
                    rewind(context)


def same_in_both(news: NewsDesk, discrete: bool) -> None:
    for number in range(2):
        assert "news_failed" not in news.desk.run(number)["ingest"]
    book = load_book(news.desk.book)
    market = read_market(book, ORIGIN, session(1))
    with news.desk.at(1) as context:
        stored = context.panel().sentiment
        labels = set(scored_headlines(context, context.known_by()).score.tolist())
    assert stored is not None
    assert market.panel.sentiment is not None
    np.testing.assert_array_equal(stored, market.panel.sentiment)
    said = market.panel.sentiment[np.isfinite(market.panel.sentiment)]
    assert len(said) > 40
    values = compute(market.panel, NAMES, benchmark=book.benchmark, universe=len(book.symbols))
    for number in range(2):
        for name in NAMES:
            found, row = news.factor(number, name), len(market.panel) - 2 + number
            np.testing.assert_array_equal(
                [found[symbol] for symbol in market.panel.symbols], values[name][row], err_msg=name
            )
    assert np.isfinite(values["sentiment_change_5"][-1]).any()
    scores = news.desk.rows("SELECT score FROM nightdesk.headline_scores")
    assert any(float(one) not in (-1.0, 0.0, 1.0) for (one,) in scores), "stored scores stay as they are"  # type: ignore[arg-type]
    assert (labels <= {-1.0, 0.0, 1.0}) == discrete


def test_a_headline_of_many_symbols_weighs_less_in_each(news: NewsDesk) -> None:
    news.tell(close(0) - timedelta(hours=3), "", GOOD.format("Stocks, gold and bitcoin", "all up"))
    news.tell(close(0) - timedelta(hours=2), "", BAD.format("gold", "alone"))
    news.desk.run(0)
    good, (score, count) = news.told(0)["SPY"][0], news.told(0)["GLD"]
    rows = news.desk.rows(
        "SELECT score FROM nightdesk.headline_scores JOIN nightdesk.headlines USING (headline_id) "
        "WHERE headline LIKE '%%alone'"
    )
    bad = float(rows[0][0])  # type: ignore[arg-type]
    assert count == 2
    assert score == pytest.approx((0.2 * good + bad) / 1.2), "five symbols: it counts a fifth"


def test_another_book_with_other_words_reads_its_own_alone(
    news: NewsDesk, make_desk: Callable[[], SmallDesk]
) -> None:
    news.tell(close(0) - timedelta(hours=2), "", GOOD.format("bullion", "up"))
    news.tell(close(0) - timedelta(hours=1), "GLD", BAD.format("a miner", "down"))
    news.desk.run(0)
    assert news.told(0)["GLD"][1] == 2
    other = NewsDesk(make_desk())
    other.desk.url, other.rows = news.desk.url, news.rows
    other.write()
    tree = yaml.safe_load(other.desk.book.read_text())
    other.desk.book = other.desk.book.with_name("another.yaml")
    account = {**tree["broker"], "account": "paper-another"}
    other.desk.book.write_text(yaml.safe_dump({**tree, "name": "another", "broker": account}))
    other.say(keywords={"GLD": ["gold"]})
    other.desk.run(0)
    rows = other.desk.rows("SELECT count FROM nightdesk.sentiments WHERE book = 'another' AND symbol = 'GLD'")
    assert rows == [(1,)], "what the words of the other book found is none of its news"
    kinds = {str(kind) for (kind,) in other.desk.rows("SELECT DISTINCT feed FROM nightdesk.headlines")}
    words = load_book(news.desk.book).sentiment.known_words
    assert kinds == {"files", f"files#{words.digests['GLD']}"}


def test_new_words_find_what_came_before_from_now_on_alone(news: NewsDesk) -> None:
    news.tell(close(0) - timedelta(hours=2), "", GOOD.format("an ounce of metal", "up"))
    news.desk.run(0)
    assert news.told(0) == {}
    news.say(keywords={**WORDS, "GLD": ["ounce of metal"]})
    news.desk.run(1)
    assert news.told(0) == {}, "a decided session stays"
    assert news.factor(1, "sentiment_5")["GLD"] > 0


def test_a_rerun_reads_what_was_known_whatever_was_corrected_or_came_late(news: NewsDesk) -> None:
    moment = close(0) - timedelta(hours=2)
    news.rows.append([moment.isoformat(), "", GOOD.format("Gold", "first"), "wire", "https://p.example/1"])
    news.write()
    first = news.desk.run(0)
    assert int(first["ingest"]["new_headlines"]) == 1
    told, factors = news.told(0), news.factor(0, "sentiment_5")
    assert told["GLD"][0] > 0
    news.rows[-1][2] = BAD.format("Gold", "corrected")
    news.tell(moment + timedelta(minutes=5), "", BAD.format("Bitcoin", "late"))
    dry = news.desk.run(1, dry_run=True)
    assert int(dry["ingest"]["corrected_headlines"]) == 1
    assert news.stored("corrected") == 1
    assert news.stored("late") == 1
    before = news.desk.dump()
    with news.desk.at(0) as context:
        for name in ("ingest", "quality", "factors"):
            assert getattr(steps, name)(context)["differs"] == 0
    assert news.told(0) == told
    assert "BTC-USD" not in told
    np.testing.assert_equal(news.factor(0, "sentiment_5"), factors)
    assert news.desk.dump() == before
    news.desk.run(1)
    assert news.factor(1, "sentiment_5")["GLD"] < 0, "the next session knows the correction"
    assert news.factor(1, "sentiment_5")["BTC-USD"] < 0


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FakeNewsApi, FakeGdelt, FakeRss]]:
    monkeypatch.setattr(gdelt_news, "PAUSE_SECONDS", 0.0)
    # The desk's market lies years back, where these services have nothing any more.
    monkeypatch.setattr(gdelt_news.GdeltNews, "reach", None)
    with FakeNewsApi() as api, FakeGdelt() as doc, FakeRss() as feed:
        for name, value in (api.environ | doc.environ).items():
            monkeypatch.setenv(name, value)
        api.articles = [
            NewsApiArticle("Gold wins praise", close(0) - timedelta(hours=2), "https://p.example/1"),
            NewsApiArticle("Bitcoin suffers fraud", close(0) - timedelta(hours=3), "https://p.example/2"),
        ]
        doc.articles = [
            GdeltArticle("Gold wins praise", close(0) - timedelta(hours=1), "https://q.example/1"),
            GdeltArticle("Treasuries win great praise", close(0) - timedelta(hours=1), "https://q.example/2"),
        ]
        feed.entries = [
            RssEntry("Stocks suffer terrible losses", close(0) - timedelta(hours=4), "a"),
            RssEntry("Nothing of ours", close(0) - timedelta(hours=4), "b"),
            RssEntry("Gold without a day", None, "c"),
        ]
        yield api, doc, feed


def test_headlines_of_the_searched_and_of_feeds_come_side_by_side(
    servers: tuple[FakeNewsApi, FakeGdelt, FakeRss], make_desk: Callable[[], SmallDesk]
) -> None:
    api, doc, feed = servers
    news = NewsDesk(make_desk(), ["newsapi", "gdelt", f"rss:{feed.address}"])
    news.say(keywords=WORDS)
    counts = news.desk.run(0)["ingest"]
    assert "news_failed" not in counts
    told = news.told(0)
    assert told["GLD"][1] == 1, "the same words of two sources are one story"
    assert {symbol for symbol, (score, _) in told.items() if score < 0} == {"BTC-USD", "SPY", "QQQ"}
    assert told["TLT"][1] == 2
    assert counts["news_dropped"] == "1 of no symbol that is wanted; 1 without a headline or an instant"
    assert f"rss:{feed.address}: nothing before" in str(counts["news_since"])
    notes = news.desk.rows(
        "SELECT kind, subject, rows FROM nightdesk.ingest_notes WHERE subject LIKE 'headl%%'"
    )
    assert notes == [("dropped", "headlines without a headline or an instant", 1)]
    # What one of them refuses costs its headlines, and no session.
    api.always(newsapi_news.ARTICLES, Bad(500, "down"))
    doc.always(gdelt_news.ARTICLES, Bad(200, "Your query was too short or too long."))
    feed.entries.append(RssEntry("Gold suffers", close(1) - timedelta(hours=4), "d"))
    counts = news.desk.run(1)["ingest"]
    assert "newsapi: SPY: the server has an error of its own (500)" in str(counts["news_failed"])
    assert "gdelt: SPY: the server answered no articles but: Your query" in str(counts["news_failed"])
    assert news.told(1)["GLD"][0] < 0
    assert "news_since" not in counts, "what left the feed had come before"
    health = dict(
        news.desk.rows("SELECT source, failures FROM nightdesk.feed_health WHERE source LIKE 'news%%'")
    )
    assert health == {"news:newsapi": 1, "news:gdelt": 1, f"news:rss:{feed.address}": 0}


def test_a_backtest_that_begins_before_a_source_has_anything_is_refused(
    servers: tuple[FakeNewsApi, FakeGdelt, FakeRss], make_desk: Callable[[], SmallDesk]
) -> None:
    news = NewsDesk(make_desk(), [f"rss:{servers[2].address}"])
    news.say(keywords=WORDS)
    with pytest.raises(Refused, match=r"has headlines from 2022-03-01 .* on alone, and they are wanted from"):
        read_market(load_book(news.desk.book), ORIGIN, INCEPTION)
