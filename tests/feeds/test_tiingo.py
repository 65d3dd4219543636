"""The tiingo feed: what it gives of shares and funds, and what it makes of bad answers."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.loopback import Bad
from tests.fakes.raw_server import RawServer, trickling
from tests.fakes.tiingo import ANOTHER_PLAN, DAILY, KEY, UNKNOWN_KEY, USED_UP, FakeTiingo, Listed
from tests.fakes.yahoo import EMPTY, HTML, SERVER_ERROR, SILENT, too_many
from tests.feeds.random_answers import answers_like

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.feeds import Fault, Feed, Fetched, make
from nightdesk.feeds.chain import MemoryHealth, fetch_with_fallback
from nightdesk.feeds.tiingo import TiingoFeed
from nightdesk.testing.feed_contract import FeedContract

NOW = datetime(2024, 6, 20, 22, tzinfo=UTC)
FIRST, LAST = date(2024, 6, 5), date(2024, 6, 10)


def history(price: float = 120.0, days: int = 6):
    """Bars of sessions from 2024-06-05 on."""
    found = [FIRST + timedelta(days=n) for n in range(days)]
    return [
        (day, price, price + 2, price - 1, price + n, 1000.0)
        for n, day in enumerate(found)
        if get_calendar().is_session(day)
    ]


@pytest.fixture
def server() -> Iterator[FakeTiingo]:
    with FakeTiingo() as fake:
        fake.tickers["SPY"] = Listed(history(), dividends={date(2024, 6, 7): 1.759})
        fake.tickers["GLD"] = Listed(history(200.0))
        yield fake


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def feed(server: FakeTiingo, waits: list[float]) -> TiingoFeed:
    return feed_at(server.environ, timeout=0.5, sleep=waits.append)


def feed_at(environ: dict[str, str], kind=TiingoFeed, now: datetime = NOW, **more) -> TiingoFeed:
    feed = kind(get_calendar(), now=lambda: now, **more)
    feed.environ = environ
    return feed


class TestTiingoFeed(FeedContract):
    @pytest.fixture
    def feed(self, feed: Feed) -> Feed:
        return feed

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ("SPY", "GLD")

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        return FIRST, LAST

    def test_only_continuous_markets_have_bars_off_the_sessions(self, feed: Feed, fetched: Fetched) -> None:
        day = fetched.bars["session"].to_numpy().astype("datetime64[D]")
        assert np.isin(day, feed.calendar.sessions).all()  # it has no market that never closes


def test_bars_are_raw_and_actions_stand_on_their_day(server, feed):
    server.tickers["BRK-B"] = Listed(
        history(400.0),
        dividends={date(2024, 6, 6): 0.5, date(2024, 7, 1): 9.0},
        splits={date(2024, 6, 7): 10.0},
    )
    for symbol in ("BRK-B", "BRK.B"):
        fetched = feed.fetch([symbol], FIRST, LAST)
        assert fetched.bars["close"].tolist() == [400.0, 401.0, 402.0, 405.0]
        assert [str(one.date()) for one in fetched.bars["session"]] == [
            *("2024-06-05", "2024-06-06", "2024-06-07", "2024-06-10")
        ]
        rows = fetched.actions[["symbol", "session", "kind", "value"]].itertuples(index=False)
        assert [(name, str(day.date()), kind, value) for name, day, kind, value in rows] == [
            (symbol, "2024-06-06", "dividend", 0.5),
            (symbol, "2024-06-07", "split", 10.0),
        ]
    assert set(fetched.bars["source"]) == {"tiingo"}


def test_a_session_that_is_not_complete_is_not_asked_for(server):
    server.tickers["SPY"] = Listed(history(days=16))
    feed = feed_at(server.environ, now=datetime(2024, 6, 20, 16, tzinfo=UTC))
    assert feed.fetch(["SPY"], FIRST, date(2024, 6, 20)).bars["session"].max().date() == date(2024, 6, 18)
    assert server.queries[0]["endDate"] == "2024-06-18"
    assert "no bar" in str(feed.fetch(["SPY"], date(2024, 6, 20), date(2024, 6, 20)).missing["SPY"])
    assert len(server.asked) == 1


def test_what_ended_before_the_span_says_what_there_is(server, feed):
    missing = feed.fetch(["SPY"], date(2024, 6, 12), date(2024, 6, 14)).missing["SPY"]
    assert missing.fault is Fault.ABSENT
    assert str(missing) == ("no bar from 2024-06-12 to 2024-06-14; it has bars from 2024-06-05 to 2024-06-10")
    server.tickers["NEW"] = Listed()
    missing = feed.fetch(["NEW"], FIRST, LAST).missing["NEW"]
    assert str(missing) == "no bar from 2024-06-05 to 2024-06-10; it does not say which it has"
    server.always(f"{DAILY}NEW/prices", Bad(200, "[]"))
    server.script(f"{DAILY}NEW", None, SERVER_ERROR, SERVER_ERROR, SERVER_ERROR)
    assert feed.fetch(["NEW"], FIRST, LAST).missing["NEW"].fault is Fault.PASSING


def test_a_ticker_that_it_does_not_know_is_absent(server, feed, waits):
    missing = feed.fetch(["NOSUCH", "^VIX", "BTC-USD"], FIRST, LAST).missing
    assert {one.fault for one in missing.values()} == {Fault.ABSENT}
    assert str(missing["NOSUCH"]).startswith("the server knows nothing of it (404): ")
    assert str(missing["^VIX"]) == "it has days of shares and funds alone, no index and no coin"
    assert len(server.asked) == 1
    server.always(f"{DAILY}NOSUCH", Bad(400, '{"detail":"Error: Ticker \'NOSUCH\' not found"}'))
    assert feed.fetch(["NOSUCH"], FIRST, LAST).missing["NOSUCH"].fault is Fault.ABSENT
    assert waits == []


def a_row(**changed):
    row = Listed(history()).rows()[0] | changed
    return Bad(200, json.dumps([{name: one for name, one in row.items() if one != "gone"}]))


#: (what happens, answer, fault, words, requests)
FAULTS = [
    ("a bad key", UNKNOWN_KEY, Fault.FINAL, "(401): its key is unknown", 1),
    ("another plan", ANOTHER_PLAN, Fault.FINAL, "its plan does not hold this: ", 1),
    ("too many requests", too_many(), Fault.PASSING, "asks for fewer requests (429)", 3),
    ("a long wait", too_many("600"), Fault.PASSING, "it wants to be asked again in 600 s", 1),
    (
        "used up",
        Bad(429, json.dumps({"detail": USED_UP})),
        Fault.PASSING,
        "its limit of requests is used up",
        1,
    ),
    (
        "used up, with 200",
        Bad(200, USED_UP),
        Fault.PASSING,
        "its limit of requests is used up: Error: You",
        1,
    ),
    ("an error of the server", SERVER_ERROR, Fault.PASSING, "has an error of its own (500)", 3),
    ("HTML", HTML, Fault.PASSING, "no JSON where prices were asked for", 3),
    ("nothing", EMPTY, Fault.PASSING, "no JSON where prices were asked for", 3),
    ("half of the JSON", Bad(200, '[{"date":"2024-06-0'), Fault.PASSING, "no JSON where prices", 3),
    ("no list", Bad(200, '{"detail":"no"}'), Fault.PASSING, "has no list of prices", 1),
    ("no rows", Bad(200, "[1]"), Fault.PASSING, "has no list of prices", 1),
    ("no volume", a_row(volume="gone"), Fault.PASSING, "prices without volume", 1),
    ("no day", a_row(date="gone"), Fault.PASSING, "prices without their day", 1),
    ("a wrong day", a_row(date="soon"), Fault.PASSING, "prices without their day", 1),
    ("no such day", a_row(date="2024-06-31T00:00:00.000Z"), Fault.PASSING, "'2024-06-31' where a day", 1),
    ("within a day", a_row(date="2024-06-05T14:30:00.000Z"), Fault.PASSING, "prices without their day", 1),
    ("tomorrow", a_row(date="2024-06-21T00:00:00.000Z"), Fault.PASSING, "prices of 2024-06-21, and those", 1),
    ("words for numbers", a_row(close="x"), Fault.PASSING, "prices that are no numbers", 1),
    ("a truth for a number", a_row(close=True), Fault.PASSING, "prices that are no numbers", 1),
    ("a price without end", a_row(close=float("inf")), Fault.PASSING, "prices that are no numbers", 1),
    ("a huge price", a_row(close=10**400), Fault.PASSING, "prices that are no numbers", 1),
    ("no dividend", a_row(divCash=None), Fault.PASSING, "a dividend or split that is no number", 1),
    ("a dividend below 0", a_row(divCash=-1.0), Fault.PASSING, "a dividend of -1.0 and a split of 1.0", 1),
    ("a split of 0", a_row(splitFactor=0.0), Fault.PASSING, "a split of 0.0 on 2024-06-05", 1),
    ("elsewhere", Bad(302, "", {"Location": "http://127.0.0.1:9/"}), Fault.FINAL, "a redirection (302)", 1),
    ("silence", SILENT, Fault.PASSING, "no answer within 0.5 s", 3),
]


@pytest.mark.parametrize(
    ("answer", "fault", "words", "requests"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS]
)
def test_a_fault_is_told_apart_and_loses_no_other_symbol(server, feed, answer, fault, words, requests):
    server.always(f"{DAILY}SPY", answer)
    fetched = feed.fetch(["SPY", "GLD"], FIRST, LAST)
    missing = fetched.missing["SPY"]
    assert words in str(missing)
    assert missing.fault is fault
    assert KEY not in str(missing)
    assert set(fetched.bars["symbol"]) == {"GLD"}
    assert sum(path.startswith(f"{DAILY}SPY") for path in server.asked) == requests


def test_a_price_that_is_absent_costs_its_bar_and_a_bar_that_comes_twice_counts_once(server, feed):
    rows = Listed(history(), dividends={FIRST: 0.5}).rows()
    server.script(DAILY, Bad(200, json.dumps([rows[0], rows[0], {**rows[1], "close": None}, rows[2]])))
    fetched = feed.fetch(["SPY"], FIRST, LAST)
    assert len(fetched.bars) == 2
    assert fetched.dropped == {"told twice": 1, "without open, high, low or close": 1}
    assert fetched.actions["value"].tolist() == [0.5]  # what is told twice is paid once
    server.script(DAILY, Bad(200, json.dumps([rows[0], {**rows[0], "divCash": 1.0}])))
    assert "two bars of 2024-06-05" in str(feed.fetch(["SPY"], FIRST, LAST).missing["SPY"])


def test_an_answer_that_trickles_ends(waits, monkeypatch):
    monkeypatch.setattr("nightdesk.feeds.http_line.WHOLE_SECONDS", 0.3)
    start = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n["
    with RawServer(trickling(start, 3)) as server:
        environ = {"NIGHTDESK_ACCOUNT_TIINGO_KEY": KEY, "NIGHTDESK_ACCOUNT_TIINGO_URL": server.url}
        missing = feed_at(environ, timeout=5, sleep=waits.append).fetch(["SPY"], FIRST, LAST).missing["SPY"]
    assert (missing.fault, str(missing)) == (Fault.PASSING, "its answer did not end within 0.3 s")


def test_a_server_that_cannot_be_reached_is_a_passing_fault(waits):
    environ = {"NIGHTDESK_ACCOUNT_TIINGO_KEY": KEY, "NIGHTDESK_ACCOUNT_TIINGO_URL": "http://127.0.0.1:9"}
    missing = feed_at(environ, sleep=waits.append).fetch(["SPY"], FIRST, LAST).missing["SPY"]
    assert (missing.fault, str(missing)) == (Fault.PASSING, "the connection failed")


def test_without_a_key_every_symbol_is_missing_and_says_what_to_set(server):
    feed = make("tiingo", now=lambda: NOW, environ={})
    missing = feed.fetch(["SPY", "GLD"], FIRST, LAST).missing
    assert {one.fault for one in missing.values()} == {Fault.FINAL}
    assert "set NIGHTDESK_ACCOUNT_TIINGO_KEY in the environment" in str(missing["SPY"])
    wrong = {**server.environ, "NIGHTDESK_ACCOUNT_TIINGO_KEY": "another"}
    assert "(401)" in str(feed_at(wrong).fetch(["SPY"], FIRST, LAST).missing["SPY"])
    split = {**server.environ, "NIGHTDESK_ACCOUNT_TIINGO_KEY": "two\nlines"}
    with pytest.raises(Refused, match="copy it again"):
        feed_at(split).fetch(["SPY"], FIRST, LAST)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://api.tiingo.com", "would send the key unencrypted"),
        ("tiingo", "must be https"),
        ("https://me:hidden@api.tiingo.com", "without a login or a query, such as https://api"),
    ],
)
def test_an_address_that_would_give_the_key_away_is_refused(url, words):
    environ = {"NIGHTDESK_ACCOUNT_TIINGO_KEY": KEY, "NIGHTDESK_ACCOUNT_TIINGO_URL": url}
    with pytest.raises(Refused, match=words) as raised:
        feed_at(environ).fetch(["SPY"], FIRST, LAST)
    assert "hidden" not in str(raised.value)


def test_what_it_lacks_is_asked_of_the_next_feed(server, feed):
    server.always(f"{DAILY}SPY", ANOTHER_PLAN)

    class Second(TiingoFeed):
        name = "second"

    with FakeTiingo() as other:
        other.tickers["SPY"] = Listed(history(50.0))
        second = feed_at(other.environ, Second)
        answer = fetch_with_fallback([feed, second], ("SPY", "GLD"), FIRST, LAST, MemoryHealth())
    bars = answer.fetched.bars
    assert set(bars["symbol"] + bars["source"]) == {"SPYsecond", "GLDtiingo"}


GOOD = Listed(history(), dividends={date(2024, 6, 7): 1.759}).rows()


def look_at(fetched: Fetched) -> None:
    """Whatever came: bars of the span alone, each once, actions that can be, and a word for what did not."""
    bars = fetched.bars
    assert set(bars["symbol"]) | set(fetched.missing) == {"SPY"}
    assert np.isfinite(bars[["open", "high", "low", "close"]].to_numpy()).all()
    assert bars["session"].between(str(FIRST), str(LAST)).all()
    assert not bars.duplicated(["symbol", "session"]).any()
    assert (np.isfinite(fetched.actions["value"]) & (fetched.actions["value"] > 0)).all()
    assert all(str(one) and KEY not in str(one) for one in fetched.missing.values())


@given(text=answers_like(GOOD), status=st.sampled_from((200, 200, 200, 200, 400, 429, 500)))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_it_is_answered_no_bad_bar_comes_of_it(server, feed, text, status):
    server.always(DAILY, Bad(status, text))
    look_at(feed.fetch(["SPY"], FIRST, LAST))


@pytest.mark.slow
@given(text=answers_like(GOOD), status=st.sampled_from((200, 200, 200, 200, 400, 429, 500)))
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_of_500_answers_no_bad_bar_comes(server, feed, text, status):
    server.always(DAILY, Bad(status, text))
    look_at(feed.fetch(["SPY"], FIRST, LAST))
