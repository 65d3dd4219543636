"""Whatever a vendor answers, a feed gives sound bars or says why it has none, and raises no other error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.fakes import alpaca_bars, alpaca_news, polygon
from tests.fakes.alpaca_bars import FakeAlpacaBars
from tests.fakes.alpaca_news import Article, FakeAlpacaNews
from tests.fakes.loopback import Bad
from tests.fakes.polygon import FakePolygon, Ticker, at_midnight
from tests.fakes.yahoo import CHART, Chart, FakeYahoo
from tests.feeds.random_payloads import day_rows, must_be_sound, payloads

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import NightdeskError
from nightdesk.feeds import alpaca_data_line, make
from nightdesk.feeds.alpaca_news import AlpacaNews
from nightdesk.feeds.news import News

NOW = datetime(2024, 6, 20, 22, tzinfo=UTC)
FIRST, LAST = date(2024, 6, 5), date(2024, 6, 14)
#: Of the published lists.
KINDS_OF_ALPACA = (
    "forward_splits", "reverse_splits", "stock_dividends", "cash_dividends", "name_changes", "cash_mergers",
    "stock_mergers", "spin_offs", "worthless_removals",
)  # fmt: skip

Ask = Callable[[str], None]


@dataclass(frozen=True)
class Service:
    """What is asked: `opened` gives a function that serves a payload, asks, and looks at the answer."""

    opened: Callable[[], Any]
    good: st.SearchStrategy[Any]


def _history() -> list[tuple[Any, ...]]:
    """Quiet bars, for the lists that are asked for beside them."""
    days = [one.item() for one in get_calendar().between(FIRST, LAST)]
    return [(at_midnight(day), 100.0, 101.0, 99.0, 100.0, 1000.0) for day in days]


@contextmanager
def _asking(server: Any, name: str, where: str, *, hours: bool = False) -> Iterator[Ask]:
    with server, pytest.MonkeyPatch.context() as patch:
        for variable, value in server.environ.items():
            patch.setenv(variable, value)
        # A token of a next page, which a payload may have, leads to the payload again.
        patch.setattr(alpaca_data_line, "MOST_PAGES", 5)
        feed = make(name, now=lambda: NOW, environ=server.environ)
        feed.sleep = lambda seconds: None  # type: ignore[attr-defined]

        def ask(payload: str) -> None:
            server.always(where, Bad(200, payload, {"Content-Type": "application/json"}))
            try:
                fetched = (feed.fetch_hours if hours else feed.fetch)(["SPY"], FIRST, LAST)
            except NightdeskError:
                return
            if hours:
                assert np.isfinite(fetched.bars[["open", "high", "low", "close"]].to_numpy()).all()
                assert (fetched.bars["end"] <= np.datetime64(NOW.replace(tzinfo=None), "s")).all()
                return
            must_be_sound(fetched, "SPY", FIRST, LAST)

        yield ask


def _polygon(where: str, *, hours: bool = False) -> Callable[[], Any]:
    def opened() -> Any:
        server = FakePolygon()
        server.tickers["SPY"] = Ticker(_history())
        return _asking(server, "polygon", where, hours=hours)

    return opened


def _alpaca(where: str, *, hours: bool = False) -> Callable[[], Any]:
    def opened() -> Any:
        server = FakeAlpacaBars()
        server.bars["SPY", "1Day"] = _history()
        return _asking(server, "alpaca", where, hours=hours)

    return opened


@contextmanager
def _alpaca_news() -> Iterator[Ask]:
    with FakeAlpacaNews() as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(alpaca_data_line, "MOST_PAGES", 5)
        feed = AlpacaNews.of(server.environ, now=lambda: NOW, sleep=lambda seconds: None)
        after = NOW - timedelta(days=10)

        def ask(payload: str) -> None:
            server.always(alpaca_news.PATH, Bad(200, payload, {"Content-Type": "application/json"}))
            _must_be_told(feed.fetch(("SPY", "AAPL", "BTC-USD"), after, NOW), after)

        yield ask


def _must_be_told(news: News, after: datetime) -> None:
    told = news.headlines
    assert set(told["symbol"]) <= {"SPY", "AAPL", "BTC-USD"}
    assert told["headline"].str.strip().astype(bool).all()
    assert told["article"].astype(bool).all()
    assert not told["headline"].str.contains("\0").any()
    told["headline"].str.encode("utf-8")
    instants = told["published_at"]
    assert ((instants > after.replace(tzinfo=None)) & (instants <= NOW.replace(tzinfo=None))).all()
    assert not told.duplicated(["symbol", "article"]).any()


def _at_polygon(day: date, bar: Any, hour: int = 0) -> dict[str, Any]:
    start = at_midnight(day) + timedelta(hours=hour, minutes=30 if hour else 0)
    numbers = {name[0]: value for name, value in bar.items()}
    return {**numbers, "vw": 1.0, "n": 10, "t": int(start.timestamp() * 1000)}


def _at_alpaca(day: date, bar: Any, hour: int = 0) -> dict[str, Any]:
    start = at_midnight(day) + timedelta(hours=hour, minutes=30 if hour else 0)
    numbers = {name[0]: value for name, value in bar.items()}
    return {**numbers, "vw": 1.0, "n": 9, "t": f"{start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}


def _polygon_bars(rows: list[Any]) -> dict[str, Any]:
    about = {"ticker": "SPY", "adjusted": False, "queryCount": len(rows), "resultsCount": len(rows)}
    return {**about, "status": "OK", "request_id": "1", "results": rows}


def _listed(rows: list[Any]) -> dict[str, Any]:
    return {"status": "OK", "request_id": "1", "results": rows}


def _alpaca_bars_of(rows: list[Any]) -> dict[str, Any]:
    return {"bars": {"SPY": rows} if rows else {}, "next_page_token": None}


def _chart(bars: list[Any]) -> dict[str, Any]:
    import json

    rows = [(day, *(bar[name] for name in ("open", "high", "low", "close", "volume"))) for day, bar in bars]
    splits = {day: (2, 1) for day, *_ in rows[1:2]}
    dividends = {day: 0.5 for day, *_ in rows[:1]}
    tree: dict[str, Any] = json.loads(Chart(rows, dividends, splits).as_json("SPY"))
    return tree


def _hour(row: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    return lambda day, bar: row(day, bar, 9 + int(bar["close"]) % 8)


DAYS = st.sampled_from([str(FIRST + timedelta(days=n)) for n in range(-3, 12)])
NUMBERS = st.one_of(st.sampled_from([0.0, 0.05, 0.5, 1.0, 2.0, 20.0]), st.floats(-5.0, 5.0))
SPLITS = st.lists(
    st.fixed_dictionaries(
        {"execution_date": DAYS, "split_from": NUMBERS, "split_to": NUMBERS, "ticker": st.just("SPY")}
    ),
    max_size=4,
)
DIVIDENDS = st.lists(
    st.fixed_dictionaries(
        {
            "cash_amount": NUMBERS,
            "currency": st.sampled_from(["USD", "CAD", "", None]),
            "dividend_type": st.sampled_from(["CD", "SC", "LT", "ST"]),
            "ex_dividend_date": DAYS,
            "frequency": st.just(4),
            "ticker": st.just("SPY"),
        }
    ),
    max_size=4,
)
ACTIONS = st.dictionaries(
    st.sampled_from(KINDS_OF_ALPACA),
    st.lists(
        st.fixed_dictionaries(
            {
                "symbol": st.just("SPY"),
                "ex_date": DAYS,
                "process_date": DAYS,
                "effective_date": DAYS,
                "new_rate": NUMBERS,
                "old_rate": NUMBERS,
                "rate": NUMBERS,
                "old_symbol": st.sampled_from(["SPY", "QQQ"]),
                "new_symbol": st.sampled_from(["SPY", "SPYX"]),
                "acquiree_symbol": st.sampled_from(["SPY", "QQQ"]),
                "acquirer_symbol": st.sampled_from(["QQQ", "", None]),
            }
        ),
        max_size=3,
    ),
    max_size=3,
)
ARTICLES = st.lists(
    st.builds(
        lambda number, words, symbols, hours: Article(
            number, words, symbols, NOW - timedelta(hours=hours)
        ).as_json(),
        st.integers(1, 5),
        st.sampled_from(["SPY gains", "Apple &amp; co", " ", "a\0b", "$AAPL falls"]),
        st.lists(st.sampled_from(["SPY", "AAPL", "BTCUSD", "XYZ"]), max_size=3),
        st.sampled_from([-24.0, 1.0, 5.0, 300.0]),
    ),
    max_size=5,
)

SERVICES = {
    "polygon bars": Service(_polygon("/v2/aggs"), day_rows(FIRST, LAST, _at_polygon).map(_polygon_bars)),
    "polygon hours": Service(
        _polygon("/v2/aggs", hours=True), day_rows(FIRST, LAST, _hour(_at_polygon)).map(_polygon_bars)
    ),
    "polygon splits": Service(_polygon(polygon.SPLITS), SPLITS.map(_listed)),
    "polygon dividends": Service(_polygon(polygon.DIVIDENDS), DIVIDENDS.map(_listed)),
    "alpaca bars": Service(
        _alpaca(alpaca_bars.STOCKS), day_rows(FIRST, LAST, _at_alpaca).map(_alpaca_bars_of)
    ),
    "alpaca hours": Service(
        _alpaca(alpaca_bars.STOCKS, hours=True), day_rows(FIRST, LAST, _hour(_at_alpaca)).map(_alpaca_bars_of)
    ),
    "alpaca actions": Service(
        _alpaca(alpaca_bars.ACTIONS),
        ACTIONS.map(lambda kinds: {"corporate_actions": kinds, "next_page_token": None}),
    ),
    "yahoo charts": Service(
        lambda: _asking(FakeYahoo(), "yahoo", CHART),
        day_rows(FIRST, LAST, lambda day, bar: {"day": day, "bar": dict(bar)}).map(
            lambda rows: _chart([(one["day"], one["bar"]) for one in rows])
        ),
    ),
    "alpaca news": Service(
        lambda: _alpaca_news(), ARTICLES.map(lambda rows: {"news": rows, "next_page_token": None})
    ),
}


def answer_at_random(service: Service, examples: int) -> None:
    """Let so many payloads meet the feed."""
    with service.opened() as ask:

        @seed(7)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # a payload is small as it is, and each takes a request
            suppress_health_check=list(HealthCheck),
        )
        @given(payloads(service.good))
        def meets(payload: str) -> None:
            ask(payload)

        meets()


@pytest.mark.parametrize("name", SERVICES)
def test_whatever_is_answered_the_feed_is_sound(name: str) -> None:
    answer_at_random(SERVICES[name], 15)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SERVICES)
def test_500_random_payloads_leave_every_feed_sound(name: str) -> None:
    answer_at_random(SERVICES[name], 500)
