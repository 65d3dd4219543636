"""What Polygon says of former names, over the wire, and the bars under them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np
import pytest
from tests.fakes.loopback import Bad
from tests.fakes.polygon import ANOTHER_PLAN, FakePolygon, Ticker, at_midnight

from nightdesk.core.calendar import get_calendar
from nightdesk.core.names import NameChange, former_names
from nightdesk.feeds.chain import MemoryHealth, fetch_with_fallback
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.former import with_former_bars
from nightdesk.feeds.polygon import PolygonFeed
from nightdesk.feeds.source_fault import SourceFault

NOW = datetime(2022, 6, 17, 22, tzinfo=UTC)
CHANGE = date(2022, 6, 9)
FIRST, LAST = date(2022, 6, 1), date(2022, 6, 15)
EVENTS = "/vX/reference/tickers"


def bars(first: date, last: date, price: float) -> list[tuple[datetime, float, float, float, float, float]]:
    days = get_calendar().between(first, last).tolist()
    return [(at_midnight(one), price, price + 1, price - 1, price, 100.0) for one in days]


@pytest.fixture
def server() -> Iterator[FakePolygon]:
    """META was FB until the change and another fund's ticker before; afterwards FB is another company's."""
    with FakePolygon() as fake:
        fake.tickers["META"] = Ticker(
            [*bars(FIRST, date(2022, 6, 3), 12.0), *bars(CHANGE, LAST, 180.0)],
            names=[(date(2012, 5, 18), "FB"), (CHANGE, "META")],
        )
        fake.tickers["FB"] = Ticker(
            [*bars(FIRST, date(2022, 6, 8), 190.0), *bars(CHANGE, LAST, 3.0)],
            dividends=[(date(2022, 6, 3), 0.25, "CD"), (date(2022, 6, 14), 9.0, "CD")],
        )
        fake.tickers["SPY"] = Ticker(bars(FIRST, LAST, 400.0), names=[(date(1993, 1, 29), "SPY")])
        yield fake


@pytest.fixture
def feed(server: FakePolygon) -> PolygonFeed:
    made = PolygonFeed(get_calendar(), now=lambda: NOW, timeout=0.5, sleep=lambda _: None)
    made.environ = server.environ
    return made


def test_the_events_of_a_ticker_are_its_changes_of_name(server: FakePolygon, feed: PolygonFeed) -> None:
    assert feed.former_names("META") == (NameChange("FB", "META", np.datetime64(CHANGE)),)
    assert feed.former_names("SPY") == ()
    assert feed.former_names("NOSUCH") == ()
    assert server.asked == [f"{EVENTS}/{one}/events" for one in ("META", "SPY", "NOSUCH")]
    assert feed.former_names("^VIX") == feed.former_names("BTC-USD") == ()
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("answer", "fault", "words"),
    [
        (ANOTHER_PLAN, Fault.FINAL, "not entitled"),
        (
            Bad(200, '{"status":"OK","results":[{"events":[]}]}'),
            Fault.PASSING,
            "no changes of ticker",
        ),
        (
            Bad(200, '{"status":"OK","results":{"events":[{"date":"2022-06-09"}]}}'),
            Fault.PASSING,
            "read",
        ),
        (
            Bad(200, '{"status":"OK","results":{"events":[{"date":7,"ticker_change":{"ticker":"A"}}]}}'),
            Fault.PASSING,
            "without day or name",
        ),
        (
            Bad(200, '{"status":"OK","results":{"events":[{"date":"June","ticker_change":{"ticker":"A"}}]}}'),
            Fault.PASSING,
            "'June' where a day was expected",
        ),
    ],
)
def test_an_answer_that_is_none_is_a_fault_of_the_source(
    server: FakePolygon, feed: PolygonFeed, answer: Bad, fault: Fault, words: str
) -> None:
    server.always(EVENTS, answer)
    with pytest.raises(SourceFault, match=words) as error:
        feed.former_names("META")
    assert error.value.fault is fault


def brought(feed: PolygonFeed, last: date = LAST):
    feeds = {"META": (feed,), "SPY": (feed,)}
    fetched = fetch_with_fallback(feeds, ("META", "SPY"), FIRST, last, MemoryHealth(), lambda: NOW).fetched
    return with_former_bars(feeds, fetched, ("META", "SPY"), FIRST, last, MemoryHealth(), now=lambda: NOW)


def test_bars_and_payments_under_the_old_name_come_up_to_the_change_alone(feed: PolygonFeed) -> None:
    came = brought(feed)
    assert former_names(("META", "SPY"), came.changes) == ("FB",)
    of_old = came.fetched.bars[came.fetched.bars["symbol"] == "FB"]
    assert of_old["close"].tolist() == [190.0] * 6
    assert of_old["session"].max().date() == date(2022, 6, 8)
    actions = came.fetched.actions
    rows = actions[["symbol", "kind", "other", "value", "source"]].values.tolist()
    assert rows == [
        ["FB", "dividend", "", 0.25, "polygon"],
        ["FB", "symbol_change", "META", 1.0, "polygon names"],
    ]


def test_a_change_after_the_span_is_none_yet(feed: PolygonFeed) -> None:
    came = brought(feed, date(2022, 6, 8))
    assert came.changes == ()
    assert set(came.fetched.bars["symbol"]) == {"META", "SPY"}


def test_a_source_that_does_not_tell_costs_the_history_alone(server: FakePolygon, feed: PolygonFeed) -> None:
    server.always(EVENTS, ANOTHER_PLAN)
    came = brought(feed)
    assert set(came.fetched.bars["symbol"]) == {"META", "SPY"}
    assert set(came.fetched.missing) == {"META (former names)", "SPY (former names)"}
    assert "not entitled" in str(came.fetched.missing["META (former names)"])
