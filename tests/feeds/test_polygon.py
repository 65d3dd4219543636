"""The polygon feed over the vendor's own client: what it gives, and what it makes of every bad answer."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from tests.fakes.loopback import Bad, as_json
from tests.fakes.polygon import ANOTHER_PLAN, KEY, NEW_YORK, FakePolygon, Ticker, at_midnight
from tests.fakes.raw_server import RawServer
from tests.fakes.yahoo import EMPTY, HTML, SERVER_ERROR, SILENT, too_many

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.feeds import Fault, Feed, make
from nightdesk.feeds.chain import MemoryHealth, fetch_with_fallback
from nightdesk.feeds.polygon import PolygonFeed
from nightdesk.testing.feed_contract import FeedContract

NOW = datetime(2024, 6, 20, 22, tzinfo=UTC)
FIRST, LAST = date(2024, 6, 5), date(2024, 6, 10)
AGGS, SPLITS, DIVIDENDS = "/v2/aggs", "/v3/reference/splits", "/v3/reference/dividends"


def history(*, every_day: bool = False, price: float = 120.0, days: int = 6):
    zone = "UTC" if every_day else "America/New_York"
    out = []
    for offset in range(days):
        day = FIRST + timedelta(days=offset)
        if every_day or get_calendar().is_session(day):
            out.append((at_midnight(day, zone), price, price + 2, price - 1, price + offset, 1000.0))
    return out


@pytest.fixture
def server() -> Iterator[FakePolygon]:
    with FakePolygon() as fake:
        fake.tickers["SPY"] = Ticker(history(), dividends=[(date(2024, 6, 7), 1.759, "CD")])
        fake.tickers["X:BTCUSD"] = Ticker(history(every_day=True))
        fake.tickers["I:VIX"] = Ticker(history(price=13.0))
        yield fake


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def feed(server: FakePolygon, waits: list[float]) -> PolygonFeed:
    return feed_at(server.environ, timeout=0.5, sleep=waits.append)


def feed_at(environ: dict[str, str], kind=PolygonFeed, now: datetime = NOW, **more) -> PolygonFeed:
    feed = kind(get_calendar(), now=lambda: now, **more)
    feed.environ = environ
    return feed


class TestPolygonFeed(FeedContract):
    @pytest.fixture
    def feed(self, feed: Feed) -> Feed:
        return feed

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ("SPY", "BTC-USD", "^VIX")

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        return FIRST, LAST


def actions_of(fetched):
    rows = fetched.actions[["symbol", "session", "kind", "value"]].itertuples(index=False)
    return [(symbol, day.date(), kind, value) for symbol, day, kind, value in rows]


def test_bars_are_raw_and_actions_come_outright(server, feed):
    server.tickers["BRK.B"] = Ticker(
        history(price=400.0),
        splits=[(date(2024, 6, 7), 1, 10), (date(2024, 7, 1), 1, 2)],
        dividends=[
            (date(2024, 6, 6), 1.0, "CD"),
            (date(2024, 6, 6), 0.5, "SC"),
            (date(2024, 6, 6), 0.25, "LT"),
            (date(2024, 5, 6), 9.0, "CD"),
        ],
    )
    fetched = feed.fetch(["BRK-B"], FIRST, LAST)
    assert fetched.bars["close"].tolist() == [400.0, 401.0, 402.0, 405.0]
    assert set(fetched.bars["source"]) == {"polygon"}
    assert actions_of(fetched) == [
        ("BRK-B", date(2024, 6, 6), "capital_gain", 0.25),
        ("BRK-B", date(2024, 6, 6), "dividend", 1.5),
        ("BRK-B", date(2024, 6, 7), "split", 10.0),
    ]


def test_a_day_that_was_not_asked_for_is_left_out_and_counted(server, feed):
    """A service that overlooks the end of the span gives the day that is still running, too."""
    rows = [[start, *rest] for start, *rest in history(days=8)]
    answer = [dict(zip("ohlcvt", [*row[1:], int(row[0].timestamp() * 1000)], strict=True)) for row in rows]
    server.always(f"{AGGS}/ticker/SPY", as_json(200, {"status": "OK", "results": answer}))
    fetched = feed.fetch(["SPY"], FIRST + timedelta(days=1), LAST)
    assert [str(day.date()) for day in fetched.bars["session"]] == ["2024-06-06", "2024-06-07", "2024-06-10"]
    assert fetched.dropped == {"outside the days that were asked for": 3}


def test_a_payment_in_another_currency_is_left_out_and_counted(server, feed):
    server.tickers["SPY"].currency = "CAD"
    fetched = feed.fetch(["SPY"], FIRST, LAST)
    assert actions_of(fetched) == []
    assert fetched.dropped == {"a dividend in another currency than dollars": 1}


def test_pages_are_followed_to_the_end(server, feed):
    server.rows_a_page = 1
    assert len(feed.fetch(["SPY"], FIRST, LAST).bars) == 4


def test_a_page_that_fails_in_the_middle_is_asked_again_whole(server, feed, waits):
    server.rows_a_page = 2
    server.script(AGGS, None, SERVER_ERROR)
    assert len(feed.fetch(["SPY"], FIRST, LAST).bars) == 4
    assert len(waits) == 1


def test_a_page_that_comes_twice_counts_once(server, feed):
    ticker = server.tickers["SPY"]
    ticker.bars = [*ticker.bars[:2], *ticker.bars]
    fetched = feed.fetch(["SPY"], FIRST, LAST)
    assert len(fetched.bars) == 4
    assert fetched.dropped == {"told twice": 2}


def test_a_page_that_changes_while_it_is_read_is_no_answer(server, feed, waits):
    ticker = server.tickers["SPY"]
    start, *_, volume = ticker.bars[1]
    ticker.bars = [*ticker.bars, (start, 1.0, 2.0, 1.0, 1.5, volume)]
    missing = feed.fetch(["SPY"], FIRST, LAST).missing["SPY"]
    assert missing.fault is Fault.PASSING
    assert "two bars of 2024-06-06 04:00:00 UTC that differ" in str(missing)


def test_pages_without_end_are_given_up(server, feed):
    server.endless = True
    missing = feed.fetch(["SPY"], FIRST, LAST).missing["SPY"]
    assert "gives the same page again of bars: they have no end" in str(missing)


def test_hours_are_made_of_half_hours_of_regular_trading(server, feed):
    day = datetime(2024, 6, 6, tzinfo=NEW_YORK)
    halves = [
        (day + timedelta(hours=9), 1.0, 1.0, 1.0, 1.0, 5.0),  # before the open
        (day + timedelta(hours=9, minutes=30), 10.0, 12.0, 9.0, 11.0, 100.0),
        (day + timedelta(hours=10), 11.0, 15.0, 11.0, 14.0, 50.0),
        (day + timedelta(hours=10, minutes=30), 14.0, 14.0, 8.0, 9.0, 60.0),
        (day + timedelta(hours=15, minutes=30), 9.0, 9.5, 9.0, 9.25, 70.0),
        (day + timedelta(hours=16), 9.0, 9.0, 9.0, 9.0, 7.0),  # after the close
    ]
    server.tickers["SPY"] = Ticker(halves)
    fetched = feed.fetch_hours(["SPY"], FIRST, LAST)
    columns = ["end", "open", "high", "low", "close", "volume"]
    rows = [(str(end), *rest) for end, *rest in fetched.bars[columns].itertuples(index=False)]
    assert rows == [
        ("2024-06-06 14:00:00", 10.0, 12.0, 9.0, 11.0, 100.0),
        ("2024-06-06 15:00:00", 11.0, 15.0, 8.0, 9.0, 110.0),
        ("2024-06-06 20:00:00", 9.0, 9.5, 9.0, 9.25, 70.0),
    ]
    assert fetched.dropped == {"outside the hours of a session": 2}


def test_an_hour_of_which_a_half_lacks_a_price_is_left_out_and_counted(server, feed):
    """What is left of it would pass for the whole."""
    day = datetime(2024, 6, 6, tzinfo=NEW_YORK)
    halves = [(day + timedelta(hours=10, minutes=30 * n), 1.0, 1.0, 1.0, 1.0, 5.0) for n in range(4)]
    halves[1] = (halves[1][0], 1.0, None, 1.0, 1.0, 5.0)
    server.tickers["SPY"] = Ticker(halves)
    fetched = feed.fetch_hours(["SPY"], FIRST, LAST)
    assert [str(end) for end in fetched.bars["end"]] == ["2024-06-06 16:00:00"]
    assert fetched.dropped == {"without open, high, low or close": 2}


def test_an_infinite_price_is_none_and_an_infinite_volume_unknown(server, feed):
    rows = history()
    rows[0] = (rows[0][0], 120.0, float("inf"), 119.0, 120.0, 1000.0)
    rows[1] = (*rows[1][:5], float("inf"))
    server.tickers["SPY"] = Ticker(rows)
    fetched = feed.fetch(["SPY"], FIRST, LAST)
    assert fetched.dropped == {"without open, high, low or close": 1}
    assert fetched.bars["volume"].isna().tolist() == [True, False, False]


def test_an_hour_that_is_not_over_is_none_yet(server):
    day = datetime(2024, 6, 6, tzinfo=NEW_YORK)
    halves = [(day + timedelta(hours=10, minutes=30 * n), 1.0, 1.0, 1.0, 1.0, 5.0) for n in range(4)]
    server.tickers["SPY"] = Ticker(halves)
    now = day + timedelta(hours=11, minutes=45)
    feed = feed_at(server.environ, now=now)
    assert feed.fetch_hours(["SPY"], FIRST, LAST).bars["volume"].tolist() == [10.0]


def test_a_session_that_is_not_complete_is_left_out(server):
    server.tickers["SPY"] = Ticker(history(days=16))
    noon = datetime(2024, 6, 20, 16, tzinfo=UTC)
    feed = feed_at(server.environ, now=noon)
    assert feed.fetch(["SPY"], FIRST, date(2024, 6, 20)).bars["session"].max().date() == date(2024, 6, 18)


#: (what happens, where, answer, fault, words, whether it is asked again)
FAULTS = [
    ("a bad key", AGGS, Bad(401, '{"error":"Unknown API Key"}'), Fault.FINAL, "(401): its key is unknown"),
    ("another plan", AGGS, ANOTHER_PLAN, Fault.FINAL, "You are not entitled to this data"),
    ("another plan for splits", SPLITS, ANOTHER_PLAN, Fault.FINAL, "its plan does not hold this"),
    ("another plan for dividends", DIVIDENDS, ANOTHER_PLAN, Fault.FINAL, "its plan does not hold this"),
    ("too many requests", AGGS, too_many(), Fault.PASSING, "asks for fewer requests (429)"),
    ("a long wait", AGGS, too_many("600"), Fault.PASSING, "it wants to be asked again in 600 s"),
    ("an error of the server", AGGS, SERVER_ERROR, Fault.PASSING, "has an error of its own (500)"),
    ("an error for dividends", DIVIDENDS, SERVER_ERROR, Fault.PASSING, "has an error of its own (500)"),
    ("HTML", AGGS, HTML, Fault.PASSING, "an HTML page where bars were asked for"),
    ("nothing", AGGS, EMPTY, Fault.PASSING, "an empty page where bars were asked for"),
    ("half of the JSON", AGGS, Bad(200, '{"status":"OK","results":[{"o":1'), Fault.PASSING, "no JSON object"),
    ("another JSON", AGGS, Bad(200, "[1]"), Fault.PASSING, "no JSON object where bars"),
    ("no status", AGGS, Bad(200, "{}"), Fault.PASSING, "has the status None"),
    ("an error with 200", AGGS, Bad(200, '{"status":"ERROR","error":"no"}'), Fault.PASSING, "'ERROR': no"),
    (
        "no list",
        AGGS,
        Bad(200, '{"status":"OK","resultsCount":2,"results":{"o":1}}'),
        Fault.PASSING,
        "has no list of bars",
    ),
    (
        "a count without a list",
        AGGS,
        Bad(200, '{"status":"OK","resultsCount":2}'),
        Fault.PASSING,
        "has no list of bars",
    ),
    (
        "words for numbers",
        AGGS,
        Bad(200, '{"status":"OK","results":[{"o":"x","h":1,"l":1,"c":1,"v":1,"t":1717646400000}]}'),
        Fault.PASSING,
        "bars that are no numbers",
    ),
    (
        "no instant",
        AGGS,
        Bad(200, '{"status":"OK","results":[{"o":1,"h":1,"l":1,"c":1,"v":1}]}'),
        Fault.PASSING,
        "bars that are no numbers",
    ),
    (
        "another symbol",
        AGGS,
        Bad(200, '{"status":"OK","ticker":"QQQ","adjusted":false,"results":[]}'),
        Fault.FINAL,
        "whose ticker is 'QQQ', and 'SPY' was asked for",
    ),
    (
        "adjusted bars",
        AGGS,
        Bad(200, '{"status":"OK","ticker":"SPY","adjusted":true,"results":[]}'),
        Fault.FINAL,
        "whose adjusted is True, and False was asked for",
    ),
    (
        "a bar of the future",
        AGGS,
        Bad(200, '{"status":"OK","results":[{"o":1,"h":1,"l":1,"c":1,"v":1,"t":4102444800000}]}'),
        Fault.FINAL,
        "one of the two clocks is wrong",
    ),
    (
        "a split of no day",
        SPLITS,
        Bad(200, '{"status":"OK","results":[{"execution_date":"soon","split_from":1,"split_to":2}]}'),
        Fault.PASSING,
        "'soon' where a day was expected",
    ),
    (
        "a split of nothing",
        SPLITS,
        Bad(200, '{"status":"OK","results":[{"execution_date":"2024-06-06","split_to":2}]}'),
        Fault.PASSING,
        "splits or dividends that lack a number (TypeError)",
    ),
    (
        "a split to nothing",
        SPLITS,
        Bad(200, '{"status":"OK","results":[{"execution_date":"2024-06-06","split_to":0,"split_from":1}]}'),
        Fault.PASSING,
        "stated a split of 0 on 2024-06-06",
    ),
    (
        "a payment that is taken",
        DIVIDENDS,
        Bad(200, '{"status":"OK","results":[{"ex_dividend_date":"2024-06-06","cash_amount":-0.5}]}'),
        Fault.PASSING,
        "stated a dividend of -0.5 on 2024-06-06",
    ),
    (
        "elsewhere",
        AGGS,
        Bad(302, "", {"Location": "http://127.0.0.1:9/"}),
        Fault.FINAL,
        "a redirection (302)",
    ),
    ("silence", AGGS, SILENT, Fault.PASSING, "no answer within 0.5 s"),
]


@pytest.mark.parametrize(
    ("where", "answer", "fault", "words"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS]
)
def test_a_fault_is_told_apart_and_loses_no_other_symbol(server, feed, where, answer, fault, words):
    server.always(f"{AGGS}/ticker/SPY" if where == AGGS else where, answer)
    fetched = feed.fetch(["SPY", "^VIX"], FIRST, LAST)
    missing = fetched.missing["SPY"]
    assert words in str(missing)
    assert missing.fault is fault
    assert KEY not in str(missing)
    assert set(fetched.bars["symbol"]) == {"^VIX"}
    tries = sum(path.startswith(f"{AGGS}/ticker/SPY" if where == AGGS else where) for path in server.asked)
    once = fault is not Fault.PASSING or any(
        one in words for one in ("600", "no numbers", "a day was", "lack a number", "stated a")
    )
    assert tries == (1 if once else 3)


def test_a_symbol_that_it_does_not_know_is_absent(server, feed, waits):
    missing = feed.fetch(["NOSUCH"], FIRST, LAST).missing["NOSUCH"]
    assert (missing.fault, str(missing)) == (Fault.ABSENT, "no bar from 2024-06-05 to 2024-06-10")
    assert waits == []


def test_an_answer_that_trickles_ends(waits, monkeypatch):
    monkeypatch.setattr("nightdesk.feeds.polygon_http.WHOLE_SECONDS", 0.4)

    def trickle():
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
        for _ in range(100):
            yield b" "

    with RawServer(trickle) as server:
        environ = {"NIGHTDESK_ACCOUNT_POLYGON_KEY": KEY, "NIGHTDESK_ACCOUNT_POLYGON_URL": server.url}
        feed = feed_at(environ, timeout=5, sleep=waits.append)
        missing = feed.fetch(["SPY"], FIRST, LAST).missing["SPY"]
    assert missing.fault is Fault.PASSING


def test_a_server_that_cannot_be_reached_is_a_passing_fault(waits):
    environ = {"NIGHTDESK_ACCOUNT_POLYGON_KEY": KEY, "NIGHTDESK_ACCOUNT_POLYGON_URL": "http://127.0.0.1:9"}
    feed = feed_at(environ, sleep=waits.append)
    missing = feed.fetch(["SPY"], FIRST, LAST).missing["SPY"]
    assert (missing.fault, str(missing)) == (Fault.PASSING, "the connection failed")


def test_without_a_key_every_symbol_is_missing_and_says_what_to_set(monkeypatch):
    monkeypatch.delenv("NIGHTDESK_ACCOUNT_POLYGON_KEY", raising=False)
    feed = make("polygon", now=lambda: NOW)
    missing = feed.fetch(["SPY", "^VIX"], FIRST, LAST).missing
    assert {one.fault for one in missing.values()} == {Fault.FINAL}
    assert "set NIGHTDESK_ACCOUNT_POLYGON_KEY in the environment" in str(missing["SPY"])


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://api.polygon.io", "would send the key unencrypted"), ("polygon", "must be https")],
)
def test_an_address_that_would_give_the_key_away_is_refused(url, words):
    environ = {"NIGHTDESK_ACCOUNT_POLYGON_KEY": KEY, "NIGHTDESK_ACCOUNT_POLYGON_URL": url}
    with pytest.raises(Refused, match=words):
        feed_at(environ).fetch(["SPY"], FIRST, LAST)


def test_what_it_lacks_is_asked_of_the_next_feed(server, feed):
    server.always(f"{AGGS}/ticker/SPY", ANOTHER_PLAN)

    class Second(PolygonFeed):
        name = "second"

    with FakePolygon() as other:
        other.tickers["SPY"] = Ticker(history(price=50.0))
        second = feed_at(other.environ, Second)
        answer = fetch_with_fallback([feed, second], ("SPY", "^VIX"), FIRST, LAST, MemoryHealth())
    bars = answer.fetched.bars
    assert bars[bars["symbol"] == "SPY"]["open"].tolist() == [50.0] * 4
