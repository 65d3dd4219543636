"""The ibkr feed, over the wire protocol of TWS at a gateway on loopback."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tests.fakes.ibkr import Error, IbkrGateway

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.feeds import Fault, Feed, Fetched, make
from nightdesk.feeds.chain import MemoryHealth, fetch_with_fallback
from nightdesk.feeds.feed import KnownSplits
from nightdesk.feeds.ibkr_bars import UNKNOWN_SPLITS, IbkrFeed
from nightdesk.feeds.ibkr_pacing import MOST_REQUESTS, WITHIN_SECONDS, Pacing
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.testing.feed_contract import FeedContract

NEW_YORK = ZoneInfo("America/New_York")
#: The evening of the last session of the span.
NOW = datetime(2024, 6, 10, 21, tzinfo=UTC)
FIRST, LAST = date(2024, 6, 3), date(2024, 6, 10)
SESSIONS = [one.item() for one in get_calendar().between(FIRST, LAST)]
EVERY = KnownSplits(date(2000, 1, 1), {})

Row = tuple[float, float, float, float, float]


def prices(number: int, base: float = 100.0) -> Row:
    return (base + number, base + number + 2, base + number - 1, base + number + 1, 1000.0 + number)


def days(base: float = 100.0) -> list[tuple[date, float, float, float, float, float]]:
    return [(day, *prices(number, base)) for number, day in enumerate(SESSIONS)]


def half_hours(day: date, base: float = 100.0) -> list[tuple[datetime, float, float, float, float, float]]:
    opens = datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK)
    return [(opens + timedelta(minutes=30 * n), *prices(n, base)) for n in range(13)]


@pytest.fixture(autouse=True)
def _own_pacing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pacing, "_known", {})


@pytest.fixture
def gateway() -> Iterator[IbkrGateway]:
    with IbkrGateway(NOW) as server:
        server.history.days("SPY", days())
        server.history.days("QQQ", days(300.0))
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def feed(gateway: IbkrGateway, waits: list[float]) -> IbkrFeed:
    return feed_at(gateway, waits)


def feed_at(
    gateway: IbkrGateway, waits: list[float] | None = None, known: KnownSplits | None = EVERY
) -> IbkrFeed:
    made = IbkrFeed(
        get_calendar(), now=lambda: gateway.now, timeout=2.0, sleep=([] if waits is None else waits).append
    )
    made.environ = {"NIGHTDESK_ACCOUNT_IBKR_DATA_URL": f"ib://127.0.0.1:{gateway.port}/31"}
    made.splits = None if known is None else lambda symbol: known
    return made


def asked(gateway: IbkrGateway) -> int:
    return len(gateway.asked("reqHistoricalData"))


class TestIbkrFeed(FeedContract):
    @pytest.fixture
    def feed(self, feed: Feed) -> Feed:
        return feed

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ("SPY", "QQQ")

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        return FIRST, LAST

    def test_only_continuous_markets_have_bars_off_the_sessions(self, feed: Feed, fetched: Fetched) -> None:
        day = fetched.bars["session"].to_numpy().astype("datetime64[D]")
        assert np.isin(day, feed.calendar.sessions).all()  # it has no market that never closes


def test_days_are_those_of_regular_hours_and_the_connection_ends_with_the_question(
    gateway: IbkrGateway, feed: IbkrFeed
) -> None:
    for _ in range(2):
        fetched = feed.fetch(["SPY", "QQQ"], SESSIONS[1], SESSIONS[3])
        spy = fetched.bars[fetched.bars["symbol"] == "SPY"]
        assert [one.date() for one in spy["session"]] == SESSIONS[1:4]
        assert spy[["open", "high", "low", "close", "volume"]].to_numpy().tolist() == [
            list(prices(number)) for number in (1, 2, 3)
        ]
        assert set(fetched.bars["source"]) == {"ibkr"}
        assert fetched.dropped == {}
    assert asked(gateway) == 4
    assert not feed_at(gateway).fetch(["SPY"], FIRST, LAST).missing  # the client id is free again


def test_a_class_of_shares_is_asked_for_as_ibkr_writes_it(gateway: IbkrGateway, feed: IbkrFeed) -> None:
    gateway.history.days("BRK-B", days(400.0))
    for symbol in ("BRK-B", "BRK.B"):
        assert set(feed.fetch([symbol], FIRST, LAST).bars["symbol"]) == {symbol}
    assert all("BRK B" in one.fields for one in gateway.asked("reqHistoricalData"))


def test_a_session_that_is_not_complete_is_not_given() -> None:
    with IbkrGateway(datetime(2024, 6, 10, 18, tzinfo=UTC)) as gateway:
        gateway.history.days("SPY", days())
        bars = feed_at(gateway).fetch(["SPY"], FIRST, LAST).bars
    assert bars["session"].max().date() == date(2024, 6, 7)


def test_known_splits_are_taken_out_of_prices_and_volumes(gateway: IbkrGateway) -> None:
    gateway.history.split("SPY", SESSIONS[3], 10.0)
    told = feed_at(gateway).fetch(["SPY"], FIRST, LAST).bars
    assert told["close"].tolist()[:4] == [10.1, 10.2, 10.3, 104.0]  # as IBKR gives it
    known = KnownSplits(date(2020, 1, 2), {SESSIONS[3]: 10.0, date(2024, 7, 1): 3.0})
    raw = feed_at(gateway, known=known).fetch(["SPY"], FIRST, LAST).bars
    assert raw["close"].tolist() == [101.0 + n for n in range(len(SESSIONS))]
    assert raw["volume"].tolist() == [1000.0 + n for n in range(len(SESSIONS))]


def test_days_since_which_nobody_knows_the_splits_are_not_given(gateway: IbkrGateway) -> None:
    unknown = feed_at(gateway, known=None).fetch(["SPY"], FIRST, LAST)
    assert [one.date() for one in unknown.bars["session"]] == [LAST]  # it is of today's own dollars
    assert unknown.dropped == {UNKNOWN_SPLITS: len(SESSIONS) - 1}
    partly = feed_at(gateway, known=KnownSplits(SESSIONS[2], {})).fetch(["SPY"], FIRST, LAST)
    assert [one.date() for one in partly.bars["session"]] == SESSIONS[2:]
    assert partly.dropped == {UNKNOWN_SPLITS: 2}


def test_a_day_after_its_session_nothing_is_given_whose_splits_nobody_knows(gateway: IbkrGateway) -> None:
    gateway.now = datetime(2024, 6, 11, 12, tzinfo=UTC)
    fetched = feed_at(gateway, known=None).fetch(["SPY"], FIRST, LAST)
    assert fetched.bars.empty
    assert "no bar" in str(fetched.missing["SPY"])


def test_hours_are_made_of_half_hours_and_of_those_that_are_over(gateway: IbkrGateway) -> None:
    gateway.history.half_hours("SPY", [one for day in SESSIONS for one in half_hours(day)])
    hours = feed_at(gateway).fetch_hours(["SPY"], FIRST, LAST).bars
    assert len(hours) == 7 * len(SESSIONS)
    first, second = hours.iloc[0], hours.iloc[1]
    assert first["end"] == np.datetime64("2024-06-03T14:00:00")
    assert first[["open", "high", "low", "close", "volume"]].tolist() == list(prices(0))
    assert second[["open", "high", "low", "close", "volume"]].tolist() == [101.0, 104.0, 100.0, 103.0, 2003.0]


def test_an_hour_that_still_runs_is_none_yet() -> None:
    with IbkrGateway(datetime(2024, 6, 10, 15, 40, tzinfo=UTC)) as gateway:  # 11:40 in New York
        gateway.history.half_hours("SPY", half_hours(LAST))
        hours = feed_at(gateway).fetch_hours(["SPY"], LAST, LAST).bars
    assert [str(one) for one in hours["end"]] == ["2024-06-10 14:00:00", "2024-06-10 15:00:00"]


def test_a_long_span_is_asked_for_in_parts_the_newest_first(gateway: IbkrGateway) -> None:
    sessions = [one.item() for one in get_calendar().between(date(2024, 3, 1), LAST)]
    gateway.history.half_hours("SPY", [one for day in sessions for one in half_hours(day)])
    hours = feed_at(gateway).fetch_hours(["SPY"], date(2024, 3, 1), LAST).bars
    assert len(hours) == 7 * len(sessions)
    assert asked(gateway) == 4


def test_before_the_first_day_of_a_stock_nothing_more_is_asked_for(gateway: IbkrGateway) -> None:
    bars = feed_at(gateway).fetch(["SPY"], date(2004, 1, 2), LAST).bars
    assert len(bars) == len(SESSIONS)
    assert asked(gateway) == 2


def test_what_it_cannot_have_is_missing_without_a_question(gateway: IbkrGateway, feed: IbkrFeed) -> None:
    fetched = feed.fetch(["^VIX", "BTC-USD"], FIRST, LAST)
    assert {one.fault for one in fetched.missing.values()} == {Fault.ABSENT}
    assert asked(gateway) == 0


@pytest.mark.parametrize(
    ("answer", "fault", "words", "times"),
    [
        (Error(200, "No security definition has been found"), Fault.ABSENT, "no such stock or fund", 1),
        (Error(162, "Historical Market Data Service error message:HMDS query returned no data: SPY@SMART"),
         Fault.ABSENT, "no bar from", 1),
        (Error(162, "Historical data request pacing violation"), Fault.PASSING, "asked again in 600 s", 1),
        (Error(420, "Invalid Real-time Query"), Fault.PASSING, "it asks for fewer requests", 1),
        (Error(162, "No market data permissions for ARCA STK"), Fault.FINAL, "No market data permissions", 1),
        (Error(162, "Historical data query cancelled"), Fault.PASSING, "query cancelled (162)", 3),
        (Error(321, "Error validating request"), Fault.FINAL, "IBKR says: Error validating request (321)", 1),
    ],
)  # fmt: skip
def test_an_error_says_what_asking_again_would_do(
    gateway: IbkrGateway, feed: IbkrFeed, answer: Error, fault: Fault, words: str, times: int
) -> None:
    gateway.always("reqHistoricalData", answer)
    missing = feed.fetch(["SPY"], FIRST, LAST).missing["SPY"]
    assert (missing.fault, words in str(missing)) == (fault, True), str(missing)
    assert asked(gateway) == times


def test_a_fault_that_passes_is_outlasted(gateway: IbkrGateway, feed: IbkrFeed, waits: list[float]) -> None:
    gateway.script("reqHistoricalData", Error(162, "Historical data query cancelled"))
    assert len(feed.fetch(["SPY"], FIRST, LAST).bars) == len(SESSIONS)
    assert len(waits) == 1


def test_what_ibkr_itself_refuses_for_its_pace_waits_for_ten_minutes(
    gateway: IbkrGateway, feed: IbkrFeed
) -> None:
    gateway.history.limit = (1, 600.0)
    fetched = feed.fetch(["SPY", "QQQ"], FIRST, LAST)
    assert set(fetched.bars["symbol"]) == {"SPY"}
    assert "pacing violation (162); it wants to be asked again in 600 s" in str(fetched.missing["QQQ"])


def test_no_more_is_sent_than_ibkr_takes(gateway: IbkrGateway) -> None:
    gateway.history.limit = (10_000, 1.0)
    feeds = [feed_at(gateway), feed_at(gateway)]  # of one process, at one TWS
    for number in range(MOST_REQUESTS):
        assert not feeds[number % 2].fetch(["SPY"], FIRST, LAST).missing
    missing = feeds[0].fetch(["SPY"], FIRST, LAST).missing["SPY"]
    assert missing.fault is Fault.PASSING
    assert "its 60 requests in 10 minutes are used up; it wants to be asked again in" in str(missing)
    assert asked(gateway) == MOST_REQUESTS


def test_after_ten_minutes_more_may_be_sent() -> None:
    now = [0.0]
    pacing = Pacing(clock=lambda: now[0])
    for second in range(MOST_REQUESTS):
        now[0] = float(second)
        pacing.take()
    with pytest.raises(SourceFault) as told:
        pacing.take()
    assert told.value.retry_after == WITHIN_SECONDS - 59.0
    now[0] = WITHIN_SECONDS
    pacing.take()
    with pytest.raises(SourceFault):
        pacing.take()


def test_without_a_gateway_everything_is_missing_for_a_passing_reason(gateway: IbkrGateway) -> None:
    with gateway.away():
        missing = feed_at(gateway).fetch(["SPY"], FIRST, LAST).missing["SPY"]
    assert missing.fault is Fault.PASSING
    assert "is TWS or Gateway running and logged in" in str(missing)


def test_while_ibkr_is_lost_to_tws_it_is_asked_again_later(gateway: IbkrGateway, feed: IbkrFeed) -> None:
    gateway.lose_connection()
    missing = feed.fetch(["SPY"], FIRST, LAST).missing["SPY"]
    assert missing.fault is Fault.PASSING
    gateway.restore_connection()
    assert not feed.fetch(["SPY"], FIRST, LAST).missing


def test_without_an_address_it_says_what_to_set() -> None:
    feed = make("ibkr", environ={})
    missing = feed.fetch(["SPY"], FIRST, LAST).missing["SPY"]
    assert missing.fault is Fault.FINAL
    assert "set NIGHTDESK_ACCOUNT_IBKR_DATA_URL=ib://host:port/clientId" in str(missing)


def test_an_address_that_is_none_is_refused() -> None:
    feed = make("ibkr", environ={"NIGHTDESK_ACCOUNT_IBKR_DATA_URL": "https://127.0.0.1:4002"})
    with pytest.raises(Refused, match="expected ib://host:port/clientId"):
        feed.fetch(["SPY"], FIRST, LAST)


def test_last_in_order_it_gives_the_days_that_the_first_lacks(gateway: IbkrGateway, tmp_path) -> None:
    lines = ["symbol,session,open,high,low,close,volume"]
    lines += [f"SPY,{day},1,3,1,2,5" for day in SESSIONS[:-1]]
    (tmp_path / "bars.csv").write_text("\n".join(lines))
    first = make(f"files:{tmp_path}", now=lambda: gateway.now)
    answer = fetch_with_fallback([first, feed_at(gateway)], ["SPY"], FIRST, LAST, MemoryHealth())
    assert answer.fetched.bars["source"].tolist() == ["files"] * (len(SESSIONS) - 1) + ["ibkr"]
    assert answer.fetched.bars["close"].tolist()[-1] == 101.0 + len(SESSIONS) - 1
