"""Headlines in the day's run: what a session reads of them, and what becomes of it when they do not come."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest
import yaml
from tests.fakes.alpaca_news import FORBIDDEN, Article, FakeAlpacaNews
from tests.session.news_desk import BAD, GOOD, NAMES, NewsDesk, close
from tests.session.small_desk import SmallDesk, session

from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.factors import compute
from nightdesk.operations.replay import rewind
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.session import steps
from nightdesk.session.books import read_book


@pytest.fixture
def news(desk: SmallDesk) -> NewsDesk:
    made = NewsDesk(desk)
    rng = np.random.default_rng(11)
    for at in range(-12, 4):
        for symbol in ("SPY", "QQQ", "BTC-USD"):
            for k in range(rng.integers(0, 4)):
                words = (GOOD if rng.random() < 0.6 else BAD).format(symbol, f"{at} {k}" if k else "again")
                hours = float(rng.uniform(0.01, 23))
                made.tell(close(at) - timedelta(hours=hours), symbol, words)
    return made


def test_the_run_and_the_backtest_find_the_same_sentiment_bit_by_bit(news: NewsDesk) -> None:
    for number in range(3):
        counts = news.desk.run(number)
        assert "news_failed" not in counts["ingest"]
    book = load_book(news.desk.book)
    with news.desk.at(2) as context:
        origin = context.record.origin
        market = read_market(book, origin, session(2))
        stored, mine = context.panel().sentiment, market.panel.sentiment
        assert stored is not None
        assert mine is not None
        np.testing.assert_array_equal(stored, mine)
    assert np.isfinite(mine).sum() > 20
    values = compute(market.panel, NAMES, benchmark=book.benchmark, universe=len(book.symbols))
    for number in range(3):
        row = len(market.panel) - 3 + number
        for name in NAMES:
            found = news.factor(number, name)
            np.testing.assert_array_equal(
                [found[symbol] for symbol in market.panel.symbols], values[name][row], err_msg=name
            )
        told = {symbol: score for symbol, (score, _) in news.told(number).items()}
        here = {book.symbols[n]: mine[row, n] for n in np.flatnonzero(np.isfinite(mine[row]))}
        assert told == here
    result = backtest(book, market.panel, session(0), session(2))
    for strategy, said in result.market.signals.items():
        rows = news.desk.rows(
            "SELECT session, symbol, direction, strength, confidence, reason FROM nightdesk.signals "
            "WHERE strategy = %s ORDER BY session",
            strategy,
        )
        assert len(rows) == 3 * len(book.symbols)
        for day, symbol, *spoken in rows:
            t, n = result.market.sessions.index(day), book.symbols.index(str(symbol))  # type: ignore[arg-type]
            parts = (said.direction, said.strength, said.confidence, said.reason)
            assert spoken == [one[t, n] for one in parts], (strategy, day, symbol)
    spoken_of = result.market.signals["news_sentiment"].direction[-3:]
    assert (spoken_of > 0).any() or (spoken_of < 0).any(), "news that move nothing show nothing"
    assert news.told(0) | news.told(1) | news.told(2), "without headlines this shows nothing"
    assert market.headlines > np.isfinite(mine).sum(), "a mean of several headlines is among them"


def test_a_headline_that_comes_later_changes_no_session_that_was_decided(news: NewsDesk) -> None:
    news.desk.run(0)
    before, scores = news.told(0), news.factor(0, "sentiment")
    news.tell(close(0) - timedelta(hours=1), "GLD", BAD.format("GLD", "late"))
    news.desk.run(1)
    assert news.stored("late") == 1
    with news.desk.at(0) as context:
        for name in ("ingest", "factors"):
            counts = getattr(steps, name)(context)
            assert counts["differs"] == 0
    assert news.told(0) == before
    assert "GLD" not in before
    np.testing.assert_equal(news.factor(0, "sentiment"), scores)
    assert news.factor(1, "sentiment_5")["GLD"] < 0, "the next session knows of it"
    assert np.isnan(news.factor(1, "sentiment")["GLD"])


def test_a_session_that_is_open_yet_reads_what_came_in_between(news: NewsDesk) -> None:
    news.desk.run_steps(0, "ingest", "factors")
    assert "GLD" not in news.told(0)
    before = news.desk.rows("SELECT known_by FROM nightdesk.runs")
    with news.desk.at(0) as context:
        steps.ingest(context)
    assert news.desk.rows("SELECT known_by FROM nightdesk.runs") == before, "nothing had changed"
    news.tell(close(0), "GLD", GOOD.format("GLD", "at the close"))
    news.tell(close(0) + timedelta(seconds=1), "TLT", GOOD.format("TLT", "after it"))
    news.desk.run_steps(0, "ingest", "factors")
    assert news.told(0)["GLD"][1] == 1
    assert "TLT" not in news.told(0)
    news.desk.run(0)
    news.desk.run(1)
    assert news.told(1)["TLT"][1] == 1


def test_deciding_anew_reads_what_came_since(news: NewsDesk) -> None:
    news.desk.run(0)
    news.desk.run(1)
    news.tell(close(1) - timedelta(hours=1), "GLD", BAD.format("GLD", "late"))
    with news.desk.at(1) as context:
        rewind(context)
    assert news.told(1) == {}
    news.desk.run(1)
    assert news.told(1)["GLD"][0] < 0


@pytest.mark.parametrize("how", ["malformed", "gone"])
def test_news_that_fail_stop_no_session_and_are_told(news: NewsDesk, how: str) -> None:
    news.desk.run(0)
    if how == "gone":
        news.file.unlink()
    else:
        news.file.write_text("published_at,symbols,headline,source\n2022-03-02T10:00:00,SPY,Naive,wire\n")
    counts = news.desk.run(1)
    words = "has no time zone" if how == "malformed" else "there is no such file"
    assert words in str(counts["ingest"]["news_failed"])
    assert news.told(1) == {}
    assert all(np.isnan(value) for value in news.factor(1, "sentiment").values())
    ((error, failures),) = news.desk.rows(
        "SELECT last_error, failures FROM nightdesk.feed_health WHERE source = 'news:files'"
    )
    assert words in str(error)
    assert failures == 1
    # What did not come then comes with the next session, and the past one stays as it was.
    news.tell(close(1) - timedelta(hours=1), "GLD", GOOD.format("GLD", "missed"))
    counts = news.desk.run(2)
    assert "news_failed" not in counts["ingest"]
    assert news.factor(2, "sentiment_5")["GLD"] > 0
    assert news.told(1) == {}


def test_a_gap_of_many_sessions_is_closed(news: NewsDesk) -> None:
    news.desk.run_steps(0, "ingest", "ingest")
    kept = news.file.read_text()
    for number in range(1, 5):  # a fifth failure would open the circuit
        news.file.write_text("broken")
        news.desk.run_steps(number, "ingest", "ingest")
    news.file.write_text(kept)
    news.tell(close(1) - timedelta(hours=1), "GLD", GOOD.format("GLD", "of long ago"))
    news.desk.run_steps(5, "ingest", "ingest")
    assert news.stored("long ago") == 1
    assert news.desk.rows("SELECT until FROM nightdesk.news_reach") == [(close(5),)]


def test_a_dry_run_stores_headlines_and_no_decision(news: NewsDesk) -> None:
    counts = news.desk.run(0, dry_run=True)
    assert int(counts["ingest"]["new_headlines"]) > 10
    assert int(counts["factors"]["headlines"]) > 0
    assert news.told(0) == {}
    assert int(news.desk.run(0)["ingest"]["new_headlines"]) == 0
    assert news.told(0)


def test_a_book_without_news_asks_nothing_and_stores_nothing(desk: SmallDesk) -> None:
    counts = desk.run(0)
    assert not {"headlines", "news_failed"} & {*counts["ingest"], *counts["factors"]}
    for table in ("headlines", "headline_scores", "sentiments", "news_reach"):
        assert desk.rows(f"SELECT count(*) FROM nightdesk.{table}") == [(0,)]
    with desk.at(0) as context:
        assert context.panel().sentiment is None


def test_headlines_of_the_vendor_and_the_sample_come_side_by_side(
    make_desk: Callable[[], SmallDesk], monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeAlpacaNews() as server:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        server.articles = [
            Article(1, "Gold wins praise", ["GLD"], close(0) - timedelta(hours=2)),
            Article(2, "Coins suffer a terrible fraud", ["BTCUSD"], close(1) - timedelta(hours=2)),
        ]
        news = NewsDesk(make_desk(), ["alpaca", "sample"])
        first = news.desk.run(0)
        assert news.told(0)["GLD"][1] >= 1
        assert news.desk.rows("SELECT headline FROM nightdesk.headlines WHERE feed = 'alpaca'") == [
            ("Gold wins praise",)
        ]
        assert news.desk.rows("SELECT DISTINCT feed FROM nightdesk.headlines ORDER BY 1") == [
            ("alpaca",),
            ("sample",),
        ]
        server.always = FORBIDDEN
        second = news.desk.run(1)
        assert str(second["ingest"]["news_failed"]).startswith("alpaca: the server refuses access (403)")
        assert "news_failed" not in first["ingest"]
        assert news.desk.rows("SELECT count(*) FROM nightdesk.headlines WHERE source = 'benzinga'") == [(1,)]
        for name in server.environ:
            monkeypatch.delenv(name)
        third = news.desk.run(2)
        assert "set NIGHTDESK_ACCOUNT_ALPACA_NEWS_KEY" in str(third["ingest"]["news_failed"])


def test_a_scorer_that_is_not_there_is_refused(news: NewsDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIGHTDESK_FINBERT", raising=False)
    tree = yaml.safe_load(news.desk.book.read_text())
    news.desk.book.write_text(yaml.safe_dump({**tree, "sentiment": {"scorer": "finbert"}}))
    with pytest.raises(Refused, match=r"small.yaml: sentiment.scorer: finbert needs"):
        read_book(news.desk.book)
    with pytest.raises(Refused, match="finbert needs"):
        news.desk.run(0)


def test_a_book_that_names_no_source_of_headlines_is_refused(news: NewsDesk) -> None:
    for name, words in {"alpca": "did you mean alpaca", "files:/nowhere": "there is no such file"}.items():
        tree = yaml.safe_load(news.desk.book.read_text())
        tree["feeds"]["news"] = [name]
        news.desk.book.write_text(yaml.safe_dump(tree))
        with pytest.raises(Refused, match=words):
            read_book(news.desk.book)


def test_the_time_zone_of_the_machine_changes_nothing(
    news: NewsDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    news.desk.run(0)
    before = news.told(0)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        market = read_market(load_book(news.desk.book), date(2021, 3, 1), session(0))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert market.panel.sentiment is not None
    row = market.panel.sentiment[-1]
    assert {market.panel.symbols[n]: row[n] for n in np.flatnonzero(np.isfinite(row))} == {
        symbol: score for symbol, (score, _) in before.items()
    }
