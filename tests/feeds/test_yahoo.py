from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import pytest
from tests.fakes.yahoo import (
    EMPTY,
    HTML,
    NOT_FOUND,
    SERVER_ERROR,
    SILENT,
    UNAUTHORIZED,
    Bad,
    Chart,
    FakeYahoo,
    too_many,
)

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused, Transient
from nightdesk.feeds import Fault, Feed, make
from nightdesk.feeds.chain import MemoryHealth, fetch_with_fallback
from nightdesk.feeds.yahoo import YahooFeed
from nightdesk.testing.feed_contract import FeedContract

NOW = datetime(2024, 6, 20, 22, tzinfo=UTC)
SPAN = (date(2024, 6, 5), date(2024, 6, 10))
FIRST = date(2024, 6, 5)


def history(*, days: int = 6, every_day: bool = False, price: float = 120.0):
    """Daily rows of an upward market from 2024-06-05, on sessions or on all days."""
    out = []
    for offset in range(days):
        day = FIRST + timedelta(days=offset)
        if every_day or get_calendar().is_session(day):
            out.append((day, price, price + 2, price - 1, price + offset, 1000))
    return out


@pytest.fixture
def server() -> Iterator[FakeYahoo]:
    with FakeYahoo() as fake:
        fake.charts["SPY"] = Chart(history(), dividends={date(2024, 6, 7): 1.759})
        fake.charts["BTC-USD"] = Chart(history(every_day=True), timezone="UTC", instrument="CRYPTOCURRENCY")
        fake.charts["^VIX"] = Chart(history(price=13.0), instrument="INDEX")
        yield fake


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def feed(server: FakeYahoo, waits: list[float]) -> YahooFeed:
    return YahooFeed(get_calendar(), now=lambda: NOW, base_url=server.url, sleep=waits.append)


class TestYahooFeed(FeedContract):
    @pytest.fixture
    def feed(self, feed: Feed) -> Feed:
        return feed

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ("SPY", "BTC-USD", "^VIX")

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        return SPAN


def test_prices_before_a_split_are_given_raw(server, feed):
    rows = [
        (date(2024, 6, 6), 122.0, 125.0, 121.0, 121.0, 5000),
        (date(2024, 6, 7), 120.0, 121.0, 119.0, 120.9, 4000),
        (date(2024, 6, 10), 120.0, 123.0, 117.0, 121.8, 3000),
        (date(2024, 6, 12), 60.0, 61.0, 59.0, 60.5, 2000),
    ]
    splits = {date(2024, 6, 10): (10, 1), date(2024, 6, 12): (2, 1)}
    server.charts["NVDA"] = Chart(rows, dividends={date(2024, 6, 7): 0.005}, splits=splits)
    fetched = feed.fetch(["NVDA"], *SPAN)
    assert fetched.bars["close"].tolist() == [2420.0, 2418.0, 243.6]
    assert fetched.bars["volume"].tolist() == [250.0, 200.0, 1500.0]
    rows = fetched.actions[["kind", "value"]].to_numpy().tolist()
    assert rows == [["dividend", 0.1], ["split", 10.0]]


def test_capital_gains_of_a_fund_are_actions_of_their_own(server, feed):
    gains, splits = {date(2024, 6, 6): 0.25, date(2024, 6, 10): 0.5}, {date(2024, 6, 10): (2, 1)}
    paid = {date(2024, 6, 6): 0.1}
    server.charts["VTI"] = Chart(history(), dividends=paid, splits=splits, gains=gains, instrument="ETF")
    rows = feed.fetch(["VTI"], *SPAN).actions[["session", "kind", "value"]].itertuples(index=False)
    assert [(str(day.date()), kind, value) for day, kind, value in rows] == [
        ("2024-06-06", "capital_gain", 0.5),  # of its own day's dollars: the split came later
        ("2024-06-06", "dividend", 0.2),
        ("2024-06-10", "capital_gain", 0.5),
        ("2024-06-10", "split", 2.0),
    ]
    # a dividend that is large enough to hold the day's gain does hold it
    server.charts["VTI"] = Chart(
        history(),
        dividends={date(2024, 6, 6): 0.75, date(2024, 6, 7): 0.3},
        gains={date(2024, 6, 6): 0.5, date(2024, 6, 7): 0.3},
        instrument="MUTUALFUND",
    )
    rows = feed.fetch(["VTI"], *SPAN).actions[["kind", "value"]].to_numpy().tolist()
    assert rows == [["capital_gain", 0.5], ["dividend", 0.25], ["capital_gain", 0.3]]
    # Yahoo states them of funds alone; of a share the client has no such column
    server.charts["VTI"] = Chart(history(), gains=gains)
    assert len(feed.fetch(["VTI"], *SPAN).actions) == 0


def test_a_session_that_is_not_complete_is_left_out(server):
    server.charts["SPY"] = Chart([*history(), (date(2024, 6, 20), 1.0, 1.0, 1.0, 1.0, 1)])
    noon = datetime(2024, 6, 20, 16, tzinfo=UTC)
    feed = YahooFeed(get_calendar(), now=lambda: noon, base_url=server.url)
    assert feed.fetch(["SPY"], FIRST, date(2024, 6, 20)).bars["session"].max().date() == date(2024, 6, 10)


def test_the_address_can_be_set_in_the_environment(server, monkeypatch):
    monkeypatch.setenv("NIGHTDESK_YAHOO_URL", server.url)
    assert len(make("yahoo", now=lambda: NOW).fetch(["SPY"], *SPAN).bars) == 4


#: (what happens, answer, requests that are made, fault, words)
FAULTS = [
    ("a bad key", UNAUTHORIZED, 2, Fault.FINAL, "the server refuses access (401)"),
    (
        "an unknown symbol",
        NOT_FOUND,
        2,
        Fault.ABSENT,
        "the server has no such bars (404: No data found, symbol may be delisted)",
    ),
    ("too many requests", too_many(), 3, Fault.PASSING, "the server asks for fewer requests (429)"),
    ("an error of the server", SERVER_ERROR, 3, Fault.PASSING, "the server has an error of its own (500)"),
    ("HTML", HTML, 3, Fault.PASSING, "the server answered an HTML page where data was asked for (200)"),
    ("nothing", EMPTY, 3, Fault.PASSING, "the server answered an empty page where data was asked for (200)"),
    (
        "JSON that is no chart",
        Bad(200, "[1]"),
        3,
        Fault.PASSING,
        "the server answered no chart where data was",
    ),
    ("silence", SILENT, 3, Fault.PASSING, "no answer within 0.3 s"),
    ("a chart without bars", Bad(200, Chart([]).as_json("X")), 1, Fault.ABSENT, "no bar since 2024-06-05"),
]


@pytest.mark.parametrize(
    ("answer", "requests", "fault", "words"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_a_fault_is_told_apart_and_only_a_passing_one_is_tried_again(
    server, feed, waits, answer, requests, fault, words
):
    server.always("BAD", answer)
    if answer is SILENT:
        feed.timeout = 0.3
    fetched = feed.fetch(["BAD"], *SPAN)
    missing = fetched.missing["BAD"]
    assert missing.fault is fault
    assert str(missing).startswith(words)
    assert server.asked.count("BAD") == requests
    assert len(waits) == (2 if fault is Fault.PASSING else 0)


def test_the_fault_of_one_symbol_loses_no_other(server, feed):
    server.always("BAD", SERVER_ERROR)
    fetched = feed.fetch(["BAD", "SPY"], *SPAN)
    assert (set(fetched.missing), set(fetched.bars["symbol"])) == ({"BAD"}, {"SPY"})


def test_a_fault_that_heals_leaves_no_trace(server, feed, waits):
    server.script("SPY", SERVER_ERROR, too_many())
    assert feed.fetch(["SPY"], *SPAN).missing == {}
    assert len(waits) == 2


@pytest.mark.parametrize("asked", ["7", "date"])
def test_the_wait_that_a_server_asks_for_is_kept(server, feed, waits, asked):
    when = (
        format_datetime(datetime.now(UTC) + timedelta(seconds=8), usegmt=True) if asked == "date" else asked
    )
    server.script("SPY", too_many(when))
    assert feed.fetch(["SPY"], *SPAN).missing == {}
    assert waits[0] >= 6


def test_a_wait_that_is_too_long_is_left_to_a_later_try(server, feed, waits):
    server.always("SPY", too_many("600"))
    missing = feed.fetch(["SPY"], *SPAN).missing["SPY"]
    assert str(missing) == "the server asks for fewer requests (429); it wants to be asked again in 600 s"
    assert waits == []


def test_a_server_that_cannot_be_reached_is_a_passing_fault(waits):
    feed = YahooFeed(get_calendar(), now=lambda: NOW, base_url="http://127.0.0.1:9", sleep=waits.append)
    missing = feed.fetch(["SPY"], *SPAN).missing["SPY"]
    assert (str(missing), missing.fault) == ("the server cannot be reached", Fault.PASSING)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (UNAUTHORIZED, Refused, r"SPY, TLT: yahoo: the server refuses access \(401\); correct the key"),
        (NOT_FOUND, Refused, r"SPY, TLT: yahoo: the server has no such bars"),
        (too_many(), Transient, r"yahoo: the server asks for fewer requests \(429\); it is tried again"),
        (SERVER_ERROR, Transient, r"yahoo: the server has an error of its own \(500\); it is tried again"),
        (HTML, Transient, r"yahoo: the server answered an HTML page where data was asked for \(200\)"),
        (EMPTY, Transient, r"yahoo: the server answered an empty page where data was asked for \(200\)"),
    ],
    ids=["401", "404", "429", "500", "HTML", "nothing"],
)
def test_when_no_symbol_came_the_error_says_whether_to_try_again(server, feed, answer, error, words):
    for symbol in ("SPY", "TLT"):
        server.always(symbol, answer)
    with pytest.raises(error, match=words):
        fetch_with_fallback([feed], ("SPY", "TLT"), *SPAN, MemoryHealth())
