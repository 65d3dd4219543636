"""Historical bars of the fake gateway, asked for through `ib_async`."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from ib_async import IB, Stock
from tests.fakes.ibkr import Error, IbkrGateway
from tests.fakes.ibkr_client import AAPL, codes, connected

#: The bars of one day by the half hour: start in UTC, open, high, low, close, shares.
HALVES = [
    (
        datetime(2024, 1, 2, 14, 30, tzinfo=UTC) + timedelta(minutes=30 * n),
        100.0 + n,
        101 + n,
        99 - n,
        100.5 + n,
        1000.0,
    )
    for n in range(13)
]


@pytest.fixture
def gateway() -> Iterator[IbkrGateway]:
    with IbkrGateway(datetime(2024, 1, 3, 21, 30, tzinfo=UTC)) as server:
        server.history.days(
            "AAPL",
            [
                (date(2023, 12, 29), 190, 194, 188, 192, 4000),
                (date(2024, 1, 2), 187, 188, 183, 185, 5000),
                (date(2024, 1, 3), 92, 93, 91, 92.5, 9000),
            ],
        )
        server.history.half_hours("AAPL", HALVES)
        yield server


@pytest.fixture
def ib(gateway: IbkrGateway) -> Iterator[IB]:
    with connected(gateway) as client:
        yield client


def asked(ib: IB, until: object = "", span: str = "5 D", size: str = "1 day", **more: object) -> list[tuple]:
    terms = {"whatToShow": "TRADES", "useRTH": True, "timeout": 3} | more
    bars = ib.reqHistoricalData(AAPL, until, span, size, **terms)
    return [(bar.date, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars]


def test_daily_bars_are_told_up_to_an_instant(gateway: IbkrGateway, ib: IB) -> None:
    assert [bar[0] for bar in asked(ib)] == [date(2023, 12, 29), date(2024, 1, 2), date(2024, 1, 3)]
    assert asked(ib, datetime(2024, 1, 2, 21, tzinfo=UTC), "1 D") == [
        (date(2024, 1, 2), 187, 188, 183, 185, 5000)
    ]
    assert [bar[0] for bar in asked(ib, "20240102 23:59:59 US/Eastern", "1 W")] == [
        date(2023, 12, 29),
        date(2024, 1, 2),
    ]


def test_bars_before_a_split_are_told_in_new_shares_once_it_has_come(gateway: IbkrGateway, ib: IB) -> None:
    gateway.history.split("AAPL", date(2024, 1, 3), 2)
    assert asked(ib)[1:] == [
        (date(2024, 1, 2), 93.5, 94, 91.5, 92.5, 10_000),
        (date(2024, 1, 3), 92, 93, 91, 92.5, 9000),
    ]


def test_hours_are_the_clocks_and_the_first_is_half_of_one(gateway: IbkrGateway, ib: IB) -> None:
    bars = asked(ib, datetime(2024, 1, 2, 21, tzinfo=UTC), "1 D", "1 hour", formatDate=2)
    assert [bar[0].astimezone(UTC).time().isoformat("minutes") for bar in bars] == [
        "14:30",
        "15:00",
        "16:00",
        "17:00",
        "18:00",
        "19:00",
        "20:00",
    ]
    assert bars[0][1:] == (100, 101, 99, 100.5, 1000)
    assert bars[1][1:] == (101, 103, 97, 102.5, 2000)
    assert len(asked(ib, datetime(2024, 1, 2, 21, tzinfo=UTC), "1 D", "30 mins")) == 13


def test_a_bar_that_is_not_over_is_its_first_trade(gateway: IbkrGateway) -> None:
    with IbkrGateway(datetime(2024, 1, 2, 15, 10, tzinfo=UTC)) as early, connected(early) as ib:
        early.history.half_hours("AAPL", HALVES)
        early.history.days("AAPL", [(date(2024, 1, 2), 187, 188, 183, 185, 5000)])
        bars = asked(ib, "", "1 D", "30 mins", formatDate=2)
        assert [bar[1:] for bar in bars] == [(100, 101, 99, 100.5, 1000), (101, 101, 101, 101, 100)]
        assert asked(ib, "", "1 D") == [(date(2024, 1, 2), 187, 187, 187, 187, 100)]


def test_too_many_requests_and_the_same_again_are_refused(gateway: IbkrGateway, ib: IB) -> None:
    gateway.history.limit = (2, 0.5)
    assert [len(asked(ib)) for _ in range(3)] == [3, 3, 0]
    assert codes(ib) == [162]
    ib.sleep(0.6)
    assert len(asked(ib)) == 3
    gateway.history.limit, gateway.history.repeat_after = (60, 600.0), 15.0
    assert asked(ib) == []
    assert len(asked(ib, span="4 D")) == 3


def test_no_data_unknown_stocks_and_errors_of_the_script_are_told(gateway: IbkrGateway, ib: IB) -> None:
    assert not ib.reqHistoricalData(Stock("MSFT", "SMART", "USD"), "", "1 D", "1 day", "TRADES", True)
    assert not ib.reqHistoricalData(Stock("NONE", "SMART", "USD"), "", "1 D", "1 day", "TRADES", True)
    gateway.script("reqHistoricalData", Error(420, "Invalid Real-time Query: pacing violation"))
    assert asked(ib) == []
    assert codes(ib) == [162, 200, 420]


def test_a_duration_of_more_than_a_year_has_to_be_in_years(gateway: IbkrGateway, ib: IB) -> None:
    asked(ib, span="400 D", timeout=0.3)
    assert 321 in codes(ib)
    assert len(asked(ib, span="2 Y")) == 3
