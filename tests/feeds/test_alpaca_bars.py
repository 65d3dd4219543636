"""The alpaca feed over the vendor's own clients: what it gives, and what it makes of every bad answer."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.fakes.alpaca_bars import ACTIONS, COINS, SECRET, STOCKS, FakeAlpacaBars, dividend
from tests.fakes.loopback import Bad, as_json

from nightdesk.core.calendar import get_calendar
from nightdesk.feeds import Fault, Feed, make
from nightdesk.feeds.alpaca_bars import AlpacaFeed
from nightdesk.testing.feed_contract import FeedContract

NOW = datetime(2024, 6, 20, 22, tzinfo=UTC)
FIRST, LAST = date(2024, 6, 5), date(2024, 6, 10)
NEW_YORK = ZoneInfo("America/New_York")


def history(zone: str = "America/New_York", price: float = 120.0):
    out = []
    for offset in range(6):
        day = FIRST + timedelta(days=offset)
        if zone == "UTC" or get_calendar().is_session(day):
            start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
            out.append((start, price, price + 2, price - 1, price + offset, 1000.0))
    return out


@pytest.fixture
def server() -> Iterator[FakeAlpacaBars]:
    with FakeAlpacaBars() as fake:
        fake.bars["SPY", "1Day"] = history()
        fake.bars["QQQ", "1Day"] = history(price=300.0)
        fake.bars["BTC/USD", "1Day"] = history("UTC")
        fake.actions["cash_dividends"].append(dividend("SPY", date(2024, 6, 7), 1.759))
        yield fake


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def feed(server: FakeAlpacaBars, waits: list[float]) -> AlpacaFeed:
    made = AlpacaFeed(get_calendar(), now=lambda: NOW, timeout=0.5, sleep=waits.append)
    made.environ = server.environ
    return made


class TestAlpacaFeed(FeedContract):
    @pytest.fixture
    def feed(self, feed: Feed) -> Feed:
        return feed

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ("SPY", "BTC-USD", "QQQ")

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        return FIRST, LAST


def actions_of(fetched):
    columns = ["session", "kind", "value", "other", "cash"]
    return [(day.date(), *rest) for day, *rest in fetched.actions[columns].itertuples(index=False)]


def test_every_kind_of_action_that_the_desk_books_is_taken(server, feed):
    server.bars["BRK.B", "1Day"] = history()
    rest = {"symbol": "BRK.B", "process_date": "2024-06-06", "ex_date": "2024-06-06"}
    server.actions["forward_splits"].append(rest | {"new_rate": 3, "old_rate": 2})
    server.actions["reverse_splits"].append(rest | {"ex_date": "2024-06-07", "new_rate": 1, "old_rate": 10})
    server.actions["stock_dividends"].append(rest | {"ex_date": "2024-06-10", "rate": 0.05})
    server.actions["cash_dividends"] += [
        dividend("BRK.B", date(2024, 6, 6), 1.0),
        dividend("BRK.B", date(2024, 6, 6), 0.25),
    ]
    changed = {"process_date": "2024-06-10", "old_symbol": "BRK.B", "new_symbol": "BRKB"}
    server.actions["name_changes"].append(changed)
    bought = {"acquiree_symbol": "BRK.B", "rate": 410.5, "process_date": "2024-06-10"}
    server.actions["cash_mergers"].append(bought | {"effective_date": "2024-06-10", "acquirer_symbol": "XYZ"})
    assert actions_of(feed.fetch(["BRK-B"], FIRST, LAST)) == [
        (date(2024, 6, 6), "dividend", 1.25, "", 0.0),
        (date(2024, 6, 6), "split", 1.5, "", 0.0),
        (date(2024, 6, 7), "split", 0.1, "", 0.0),
        (date(2024, 6, 10), "merger", 0.0, "XYZ", 410.5),
        (date(2024, 6, 10), "split", 1.05, "", 0.0),
        (date(2024, 6, 10), "symbol_change", 1.0, "BRKB", 0.0),
    ]


def test_bars_are_asked_for_raw_and_pages_are_followed(server, feed):
    server.rows_a_page = 1
    server.actions["cash_dividends"] += [dividend("SPY", date(2024, 6, 10), 0.01) for _ in range(3)]
    fetched = feed.fetch(["SPY"], FIRST, LAST)
    assert fetched.bars["close"].tolist() == [120.0, 121.0, 122.0, 125.0]
    assert [row[2] for row in actions_of(fetched)] == [1.759, pytest.approx(0.03)]
    assert {one["adjustment"] for one in server.queries if "adjustment" in one} == {"raw"}


def test_hours_are_made_of_half_hours_of_regular_trading(server, feed):
    day = datetime(2024, 6, 6, tzinfo=NEW_YORK)
    server.bars["SPY", "30Min"] = [
        (day + timedelta(hours=9), 1.0, 1.0, 1.0, 1.0, 5.0),
        (day + timedelta(hours=9, minutes=30), 10.0, 12.0, 9.0, 11.0, 100.0),
        (day + timedelta(hours=10), 11.0, 15.0, 11.0, 14.0, 50.0),
        (day + timedelta(hours=10, minutes=30), 14.0, 14.0, 8.0, 9.0, 60.0),
    ]
    fetched = feed.fetch_hours(["SPY"], FIRST, LAST)
    assert fetched.bars["close"].tolist() == [11.0, 9.0]
    assert fetched.bars["volume"].tolist() == [100.0, 110.0]


FORBIDDEN = as_json(403, {"message": "subscription does not permit querying recent SIP data"})
HTML = Bad(200, "<html><body>Back soon</body></html>", {"Content-Type": "text/html"})
#: (what happens, path, answer, fault, words)
FAULTS = [
    ("another plan", STOCKS, FORBIDDEN, Fault.FINAL, "refuses access (403)"),
    ("another plan for actions", ACTIONS, FORBIDDEN, Fault.FINAL, "refuses access (403)"),
    ("too many requests", STOCKS, Bad(429, "{}"), Fault.PASSING, "asks for fewer requests (429)"),
    ("an error of the server", STOCKS, Bad(500, "{}"), Fault.PASSING, "has an error of its own (500)"),
    ("a gateway that gives up", ACTIONS, Bad(504, ""), Fault.PASSING, "has an error of its own (504)"),
    ("HTML", STOCKS, HTML, Fault.PASSING, "no JSON where bars were asked for"),
    ("nothing", STOCKS, Bad(200), Fault.PASSING, "no JSON where bars were asked for"),
    ("another thing", STOCKS, as_json(200, {"news": []}), Fault.FINAL, "bars of news"),
    (
        "no list",
        STOCKS,
        as_json(200, {"bars": {"SPY": {"o": 1}}, "next_page_token": None}),
        Fault.PASSING,
        "no list where bars were asked for",
    ),
    (
        "no instant",
        STOCKS,
        as_json(200, {"bars": {"SPY": [{"o": 1, "h": 1, "l": 1, "c": 1, "v": 1}]}, "next_page_token": None}),
        Fault.PASSING,
        "lack a number or their instant",
    ),
    (
        "another symbol",
        STOCKS,
        as_json(200, {"bars": {"QQQ": []}, "next_page_token": None}),
        Fault.FINAL,
        "answered bars of QQQ, and SPY was asked for",
    ),
    (
        "a split of nothing",
        ACTIONS,
        as_json(
            200,
            {"corporate_actions": {"forward_splits": [{"ex_date": "2024-06-06"}]}, "next_page_token": None},
        ),
        Fault.PASSING,
        "corporate actions that cannot be read (KeyError)",
    ),
]


@pytest.mark.parametrize(
    ("path", "answer", "fault", "words"), [one[1:] for one in FAULTS], ids=[one[0] for one in FAULTS]
)
def test_a_fault_is_told_apart_and_loses_no_other_symbol(server, feed, path, answer, fault, words):
    server.always(path, answer)
    fetched = feed.fetch(["SPY", "BTC-USD"], FIRST, LAST)
    missing = fetched.missing["SPY"]
    assert words in str(missing)
    assert missing.fault is fault
    assert SECRET not in str(missing)
    assert set(fetched.bars["symbol"]) == {"BTC-USD"}


def test_a_fault_that_heals_leaves_no_trace(server, feed, waits):
    server.script(COINS, Bad(500, "{}"), Bad(429, "{}"))
    assert not feed.fetch(["BTC-USD"], FIRST, LAST).missing
    assert len(waits) == 2


def test_an_index_and_an_unknown_symbol_are_absent(feed):
    missing = feed.fetch(["^VIX", "NOSUCH"], FIRST, LAST).missing
    assert {str(one) for one in missing.values()} == {
        "it has no index",
        "no bar from 2024-06-05 to 2024-06-10",
    }
    assert {one.fault for one in missing.values()} == {Fault.ABSENT}
    assert not feed.covers("^VIX")


def test_without_a_key_every_symbol_is_missing_and_says_what_to_set(monkeypatch):
    monkeypatch.setenv("NIGHTDESK_ACCOUNT_ALPACA_DATA_KEY", "a-key")
    monkeypatch.delenv("NIGHTDESK_ACCOUNT_ALPACA_DATA_SECRET", raising=False)
    missing = make("alpaca", now=lambda: NOW).fetch(["SPY"], FIRST, LAST).missing["SPY"]
    assert missing.fault is Fault.FINAL
    assert "set NIGHTDESK_ACCOUNT_ALPACA_DATA_SECRET in the environment" in str(missing)
