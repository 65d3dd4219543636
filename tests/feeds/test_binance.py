"""The binance feed over ccxt: what it gives of coins and perpetuals, and what it makes of bad answers."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes.binance import (
    BANNED,
    ELSEWHERE,
    FUTURES,
    SPOT,
    TOO_MUCH_WEIGHT,
    FakeBinance,
    kline,
)
from tests.fakes.loopback import Bad
from tests.fakes.raw_server import RawServer, trickling
from tests.fakes.yahoo import EMPTY, HTML, SERVER_ERROR, SILENT
from tests.feeds.random_answers import answers_like

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.feeds import Fault, Feed, Fetched, make
from nightdesk.feeds.binance import BinanceFeed
from nightdesk.feeds.chain import MemoryHealth, fetch_with_fallback
from nightdesk.feeds.spellings import pair_in_dollars
from nightdesk.testing.feed_contract import FeedContract

NOW = datetime(2024, 6, 20, 22, tzinfo=UTC)
FIRST, LAST = date(2024, 6, 5), date(2024, 6, 10)
DAY = 24 * 60 * 60_000


def days(count: int = 6, price: float = 70_000.0, first: date = FIRST):
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return [
        (start + timedelta(days=n), price, price + 20, price - 10, price + n, 1000.0 + n)
        for n in range(count)
    ]


def halves(start: datetime, count: int, *, volume: float = 5.0):
    return [
        (start + timedelta(minutes=30 * n), 10.0 + n, 11.0 + n, 9.0 + n, 10.5 + n, volume)
        for n in range(count)
    ]


@pytest.fixture
def server() -> Iterator[FakeBinance]:
    with FakeBinance() as fake:
        fake.trade("BTCUSDT", days())
        fake.trade("ETHUSDT", days(price=3_800.0))
        fake.trade("BTCUSDT", days(price=70_010.0), path=FUTURES)
        yield fake


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def feed(server: FakeBinance, waits: list[float]) -> BinanceFeed:
    return feed_at(server.environ, timeout=0.5, sleep=waits.append)


def feed_at(environ: dict[str, str], kind=BinanceFeed, now: datetime = NOW, **more) -> BinanceFeed:
    feed = kind(get_calendar(), now=lambda: now, **more)
    feed.environ = environ
    return feed


class TestBinanceFeed(FeedContract):
    @pytest.fixture
    def feed(self, feed: Feed) -> Feed:
        return feed

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ("BTC-USD",)

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        return FIRST, LAST


@pytest.mark.parametrize(
    ("symbol", "pair"),
    [
        ("BTC-USD", "BTCUSDT"),
        ("BTCUSDT", "BTCUSDT"),
        ("BTC/USDT", "BTCUSDT"),
        ("BTC-USDC", "BTCUSDC"),
        ("1000PEPEUSDT-PERP", "1000PEPEUSDT"),
        ("BTCUSDT-PERP", "BTCUSDT"),
        ("ETHBTC", None),
        ("SPY", None),
        ("BRK-B", None),
        ("^VIX", None),
        ("-USD", None),
    ],
)
def test_a_symbol_is_a_pair_against_what_stands_for_dollars(symbol, pair):
    assert pair_in_dollars(symbol) == pair
    assert feed_at({}).covers(symbol) is (pair is not None)


def test_a_day_is_one_of_utc_and_counts_in_full(feed):
    fetched = feed.fetch(["BTC-USD"], FIRST, LAST)
    rows = fetched.bars[["session", "open", "high", "low", "close", "volume", "source"]]
    first = rows.iloc[0].tolist()
    assert str(first.pop(0).date()) == "2024-06-05"
    assert first == [70_000.0, 70_020.0, 69_990.0, 70_000.0, 1000.0, "binance"]
    assert len(rows) == 6
    assert fetched.dropped == {}
    assert len(fetched.actions) == 0


def test_a_perpetual_is_another_market_than_its_coin(feed):
    fetched = feed.fetch(["BTCUSDT", "BTCUSDT-PERP"], FIRST, LAST)
    first = fetched.bars[fetched.bars["session"] == "2024-06-05"]
    assert dict(zip(first["symbol"], first["open"], strict=True)) == {
        "BTCUSDT": 70_000.0,
        "BTCUSDT-PERP": 70_010.0,
    }


def test_pages_are_followed_to_the_end_and_a_short_one_ends_nothing(server, feed):
    server.rows_a_page = 2
    assert len(feed.fetch(["BTC-USD"], FIRST, LAST).bars) == 6
    assert len(server.asked) == 3  # what would follow the last day is not asked for


def test_a_page_that_fails_in_the_middle_is_asked_again_by_itself(server, feed, waits):
    server.rows_a_page = 2
    server.script(SPOT, None, SERVER_ERROR)
    assert len(feed.fetch(["BTC-USD"], FIRST, LAST).bars) == 6
    assert (len(server.asked), len(waits)) == (4, 1)


def test_the_day_that_still_runs_is_not_asked_for(server):
    server.trade("BTCUSDT", days(16))
    feed = feed_at(server.environ)
    bars = feed.fetch(["BTC-USD"], FIRST, date(2024, 6, 20)).bars
    assert bars["session"].max().date() == date(2024, 6, 19)
    assert int(server.queries[0]["endTime"]) == int(datetime(2024, 6, 20, tzinfo=UTC).timestamp() * 1000) - 1
    first = feed.fetch(["BTC-USD"], date(2024, 6, 20), date(2024, 6, 20))
    assert str(first.missing["BTC-USD"]) == "no bar from 2024-06-20 to 2024-06-20"
    assert len(server.asked) == 1


def test_what_is_over_is_asked_of_no_other_feed(server, feed):
    server.trade("BTCUSDT", days(16))

    class Never(BinanceFeed):
        name = "never"

        def fetch(self, symbols, first, last):
            raise AssertionError(symbols)

    answer = fetch_with_fallback(
        [feed, Never(get_calendar())], ["BTC-USD"], FIRST, date(2024, 6, 20), MemoryHealth()
    )
    assert len(answer.fetched.bars) == 15
    assert not answer.unheard


def test_a_kline_that_is_still_open_is_never_taken(server, feed):
    running = (datetime(2024, 6, 20, tzinfo=UTC), 1.0, 1.0, 1.0, 1.0, 1.0)
    server.script(SPOT, Bad(200, json.dumps([kline(days()[0], DAY), kline(running, DAY)])))
    answer = feed.fetch(["BTC-USD"], FIRST, date(2024, 6, 20))
    assert "klines of 2024-06-20 00:00:00 UTC, and those from" in str(answer.missing["BTC-USD"])
    now = datetime(2024, 6, 10, 23, 59, 59, 999_000, tzinfo=UTC)  # the last millisecond of a day
    early = feed_at(server.environ, now=now)
    assert early.fetch(["BTC-USD"], FIRST, LAST).bars["session"].max().date() == date(2024, 6, 9)


def test_a_halt_is_a_gap_and_what_it_cut_short_is_counted(server, feed):
    candles = days()
    short = kline(candles[2], DAY)
    short[6] -= 3_600_000
    body = [kline(candles[0], DAY), short, kline(candles[4], DAY), kline((*candles[5][:5], 0.0), DAY)]
    server.script(SPOT, Bad(200, json.dumps(body)))
    fetched = feed.fetch(["BTC-USD"], FIRST, LAST)
    assert [one.day for one in fetched.bars["session"]] == [5, 9]
    assert fetched.dropped == {"klines that are shorter than asked for": 1, "days without a trade": 1}


def test_hours_are_full_hours_of_utc_that_are_over(server):
    start = datetime(2024, 6, 6, 13, tzinfo=UTC)
    silent = halves(start + timedelta(hours=1), 2, volume=0.0)
    server.trade("BTCUSDT", [*halves(start, 2), *silent, *halves(start + timedelta(hours=2), 3)], "30m")
    feed = feed_at(server.environ, now=start + timedelta(hours=3, minutes=31))
    fetched = feed.fetch_hours(["BTC-USD"], FIRST, LAST)
    columns = ["end", "session", "open", "high", "low", "close", "volume"]
    rows = [
        (str(end), str(day.date()), *rest)
        for end, day, *rest in fetched.bars[columns].itertuples(index=False)
    ]
    assert rows == [
        ("2024-06-06 14:00:00", "2024-06-06", 10.0, 12.0, 9.0, 11.5, 10.0),
        ("2024-06-06 16:00:00", "2024-06-06", 10.0, 12.0, 9.0, 11.5, 10.0),
    ]
    assert fetched.dropped == {"hours without a trade": 2}


#: (what happens, answer, fault, words, requests)
FAULTS = [
    ("too many requests", Bad(429, TOO_MUCH_WEIGHT), Fault.PASSING, "(429: Too much request weight", 3),
    (
        "too many requests, wait",
        Bad(429, TOO_MUCH_WEIGHT, {"Retry-After": "7"}),
        Fault.PASSING,
        "it wants to be asked again in 7 s",
        3,
    ),
    (
        "too many requests, wait long",
        Bad(429, TOO_MUCH_WEIGHT, {"Retry-After": "60"}),
        Fault.PASSING,
        "asked again in 60 s",
        1,
    ),
    ("429 without words", Bad(429, ""), Fault.PASSING, "asks for fewer requests (429)", 3),
    ("a ban", BANNED, Fault.PASSING, "has banned this address for asking too often (418", 1),
    ("a ban of an hour", Bad(418, "", {"Retry-After": "3600"}), Fault.PASSING, "again in 3600 s", 1),
    ("the firewall", Bad(403, "<html>403</html>"), Fault.PASSING, "by its firewall (403)", 1),
    ("another place", ELSEWHERE, Fault.FINAL, "does not serve this place: name another address", 1),
    ("a wrong parameter", Bad(400, '{"code":-1100,"msg":"Illegal"}'), Fault.FINAL, "(400): Illegal", 1),
    ("a key that is asked for", Bad(401, "{}"), Fault.FINAL, "(401): it refuses this address", 1),
    ("a refusal without a code", Bad(400, "{}"), Fault.FINAL, "the server refuses the request (400)", 1),
    ("a path that is gone", Bad(404, "<html>404</html>"), Fault.ABSENT, "knows nothing of it (404)", 1),
    ("an error of the server", SERVER_ERROR, Fault.PASSING, "has an error of its own (500)", 3),
    ("overloaded", Bad(503, '{"code":-1008,"msg":"Busy"}'), Fault.PASSING, "an error (503: Busy)", 3),
    ("an error with 200", Bad(200, '{"code":-1003,"msg":"no"}'), Fault.PASSING, "an error (200: no)", 3),
    ("a final error with 200", Bad(200, '{"code":-1102,"msg":"no"}'), Fault.FINAL, "an error (200: no)", 1),
    ("another object", Bad(200, '{"klines": []}'), Fault.PASSING, "answered an error (200)", 3),
    ("HTML", HTML, Fault.PASSING, "an HTML page where klines were asked for", 3),
    ("nothing", EMPTY, Fault.PASSING, "an empty page where klines were asked for", 3),
    ("half of the JSON", Bad(200, '[[1717632000000,"70'), Fault.PASSING, "no JSON where klines", 3),
    ("no list", Bad(200, '"klines"'), Fault.PASSING, "no JSON where klines were asked for", 3),
    ("no numbers in JSON", Bad(200, "[[NaN]]"), Fault.PASSING, "lack a number or their instant", 1),
    ("no rows", Bad(200, "[1, 2]"), Fault.PASSING, "klines that lack a number or their instant", 1),
    ("short rows", Bad(200, '[[1717632000000,"1"]]'), Fault.PASSING, "lack a number or their instant", 1),
    (
        "words for numbers",
        Bad(200, json.dumps([[1717632000000, "x", "1", "1", "1", "1", 1717718399999]])),
        Fault.PASSING,
        "klines that are no numbers",
        1,
    ),
    (
        "no number",
        Bad(200, json.dumps([[1717632000000, "NaN", "1", "1", "1", "1", 1717718399999]])),
        Fault.PASSING,
        "klines that are no numbers",
        1,
    ),
    (
        "a truth for a number",
        Bad(200, json.dumps([[1717632000000, True, "1", "1", "1", "1", 1717718399999]])),
        Fault.PASSING,
        "klines that are no numbers",
        1,
    ),
    (
        "no instant",
        Bad(200, json.dumps([["soon", "1", "1", "1", "1", "1", 1717718399999]])),
        Fault.PASSING,
        "klines whose instants are no numbers",
        1,
    ),
    (
        "a bar of the future",
        Bad(200, json.dumps([kline((datetime(2100, 1, 1, tzinfo=UTC), 1, 1, 1, 1, 1), DAY)])),
        Fault.PASSING,
        "klines of 2100-01-01 00:00:00 UTC, and those from 2024-06-05",
        1,
    ),
    (
        "bars of half an hour",
        Bad(200, json.dumps([kline(one, 30 * 60_000) for one in days()])),
        Fault.PASSING,
        "none of which lasts 1440 minutes",
        1,
    ),
    ("elsewhere", Bad(302, "", {"Location": "http://127.0.0.1:9/"}), Fault.FINAL, "a redirection (302)", 1),
    ("silence", SILENT, Fault.PASSING, "no answer within 0.5 s", 3),
]


@pytest.mark.parametrize(
    ("answer", "fault", "words", "requests"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS]
)
def test_a_fault_is_told_apart_and_loses_no_other_symbol(server, feed, answer, fault, words, requests):
    server.always(f"{SPOT}?symbol=BTCUSDT", answer)
    fetched = feed.fetch(["BTC-USD", "ETH-USD"], FIRST, LAST)
    missing = fetched.missing["BTC-USD"]
    assert words in str(missing)
    assert missing.fault is fault
    assert set(fetched.bars["symbol"]) == {"ETH-USD"}
    assert sum(one["symbol"] == "BTCUSDT" for one in server.queries) == requests


def test_a_pair_that_it_does_not_have_is_absent(feed, waits):
    missing = feed.fetch(["NOSUCH-USD", "SPY"], FIRST, LAST).missing
    assert {one.fault for one in missing.values()} == {Fault.ABSENT}
    assert str(missing["NOSUCH-USD"]) == "it has no such pair (400: Invalid symbol.)"
    assert str(missing["SPY"]).startswith("it has coins and their perpetuals against dollars alone")
    assert waits == []


def test_a_page_that_comes_again_is_no_answer(server, feed):
    server.rows_a_page, server.stuck = 2, True
    missing = feed.fetch(["BTC-USD"], FIRST, LAST).missing["BTC-USD"]
    assert missing.fault is Fault.PASSING
    assert "klines of 2024-06-05 00:00:00 UTC, and those from 2024-06-07" in str(missing)


def test_a_kline_that_comes_twice_counts_once_and_two_that_differ_are_no_answer(server, feed):
    server.trade("BTCUSDT", [days()[0], *days()])
    fetched = feed.fetch(["BTC-USD"], FIRST, LAST)
    assert (len(fetched.bars), fetched.dropped) == (6, {"told twice": 1})
    start, *_, volume = days()[0]
    server.trade("BTCUSDT", [(start, 1.0, 2.0, 1.0, 1.5, volume), *days()])
    missing = feed.fetch(["BTC-USD"], FIRST, LAST).missing["BTC-USD"]
    assert "two bars of 2024-06-05 00:00:00 UTC that differ" in str(missing)


def test_pages_without_end_are_given_up(server, feed, monkeypatch):
    monkeypatch.setattr("nightdesk.feeds.ccxt_line.MOST_PAGES", 3)
    server.rows_a_page = 1
    missing = feed.fetch(["BTC-USD"], FIRST, LAST).missing["BTC-USD"]
    assert "more than 3 pages of klines" in str(missing)


def test_an_answer_that_trickles_ends(waits, monkeypatch):
    monkeypatch.setattr("nightdesk.feeds.ccxt_line.WHOLE_SECONDS", 0.3)
    start = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n["
    with RawServer(trickling(start, 3)) as server:
        environ = {"NIGHTDESK_ACCOUNT_BINANCE_DATA_URL": server.url}
        feed = feed_at(environ, timeout=5, sleep=waits.append)
        missing = feed.fetch(["BTC-USD"], FIRST, LAST).missing["BTC-USD"]
    assert (missing.fault, str(missing)) == (Fault.PASSING, "its answer did not end within 0.3 s")


def test_a_server_that_cannot_be_reached_is_a_passing_fault(waits):
    feed = feed_at({"NIGHTDESK_ACCOUNT_BINANCE_DATA_URL": "http://127.0.0.1:9"}, sleep=waits.append)
    missing = feed.fetch(["BTC-USD"], FIRST, LAST).missing["BTC-USD"]
    assert (missing.fault, str(missing)) == (Fault.PASSING, "the connection failed")


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://api.binance.com", "would send the key unencrypted"), ("binance", "must be https")],
)
def test_an_address_that_is_not_encrypted_is_refused(url, words):
    with pytest.raises(Refused, match=words):
        feed_at({"NIGHTDESK_ACCOUNT_BINANCE_DATA_URL": url}).fetch(["BTC-USD"], FIRST, LAST)


def test_by_its_own_addresses_it_asks_the_exchange_s_hosts_and_no_other(monkeypatch):
    asked = []

    def send(self, request, *_, **__):
        asked.append(request.url.partition("?")[0])
        raise AssertionError("nothing is sent")

    monkeypatch.setattr("nightdesk.bounded_http.BoundedAdapter.send", send)
    line = make("binance", now=lambda: NOW, environ={}).line._line
    for method in ("publicGetKlines", "fapiPublicGetKlines", "fapiPublicGetFundingRate"):
        with pytest.raises(Exception, match="cannot be read"):
            line._once("klines", method, {"symbol": "BTCUSDT"})
    assert asked == [
        "https://api.binance.com/api/v3/klines",
        "https://fapi.binance.com/fapi/v1/klines",
        "https://fapi.binance.com/fapi/v1/fundingRate",
    ]
    for method in ("dapiPublicGetKlines", "sapiV3PostAssetGetUserAsset", "publicPostOrder"):
        with pytest.raises(Exception, match=r"only reads here|cannot be read"):
            line._once("klines", method, {"symbol": "BTCUSDT"})
    assert len(asked) == 3


def test_what_it_lacks_is_asked_of_the_next_feed(server, feed):
    server.always(f"{SPOT}?symbol=BTCUSDT", SERVER_ERROR)

    class Second(BinanceFeed):
        name = "second"

    with FakeBinance() as other:
        other.trade("BTCUSDT", days(price=50.0))
        second = feed_at(other.environ, Second)
        answer = fetch_with_fallback([feed, second], ("BTC-USD", "ETH-USD"), FIRST, LAST, MemoryHealth())
    bars = answer.fetched.bars
    assert set(bars["symbol"] + bars["source"]) == {"BTC-USDsecond", "ETH-USDbinance"}


GOOD = [kline(one, DAY) for one in days(3)]


def look_at(fetched: Fetched) -> None:
    """Whatever came: bars of the span alone, finite and each once, and a word for what did not."""
    bars = fetched.bars
    assert set(bars["symbol"]) | set(fetched.missing) == {"BTC-USD"}
    assert np.isfinite(bars[["open", "high", "low", "close", "volume"]].to_numpy()).all()
    assert bars["session"].between(str(FIRST), str(LAST)).all()
    assert not bars.duplicated(["symbol", "session"]).any()
    assert all(str(one) for one in fetched.missing.values())


@given(text=answers_like(GOOD), status=st.sampled_from((200, 200, 200, 200, 400, 429, 500)))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_it_is_answered_no_bad_bar_comes_of_it(server, feed, text, status):
    server.always(SPOT, Bad(status, text))
    look_at(feed.fetch(["BTC-USD"], FIRST, LAST))


@pytest.mark.slow
@given(text=answers_like(GOOD), status=st.sampled_from((200, 200, 200, 200, 400, 429, 500)))
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_of_500_answers_no_bad_bar_comes(server, feed, text, status):
    server.always(SPOT, Bad(status, text))
    look_at(feed.fetch(["BTC-USD"], FIRST, LAST))
