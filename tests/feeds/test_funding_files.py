"""Funding rates from files: what is read, and what is wrong says where and what to do."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.engine.desks import book

from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.funding import FundingHistory, FundingRate, missing_instants
from nightdesk.feeds.funding_files import parse_funding
from nightdesk.feeds.funding_sources import funding_history as history_over

PERPETUAL = "BTCUSDT-PERP"
AT = datetime(2022, 3, 5, 8, tzinfo=UTC)


def perpetual(**changed: Any) -> dict[str, Any]:
    line = {"asset_class": "perpetual", "underlying": "BTC", "collateral": 0.5, "max_weight": 0.1, **changed}
    return {"GLD": {"max_weight": 0.4}, "SPY": {"max_weight": 0.4}, PERPETUAL: line}


def funding_history(book: Book) -> FundingHistory:
    """Of files all that they have, whatever the span."""
    return history_over(book, AT.date(), AT.date())


def test_an_exchange_s_own_file_is_read(market: Path) -> None:
    path = market / "funding_btcusdt_binance.csv.gz"
    history = funding_history(book(universe=perpetual(funding=f"files:{path}")))
    assert history.symbols == {PERPETUAL}
    first = datetime(2019, 9, 10, 8, tzinfo=UTC)
    assert history.rates[0] == FundingRate(PERPETUAL, first, first, Decimal("0.0001"))
    assert len(history.between(AT, AT + timedelta(days=3), AT + timedelta(days=9))) == 9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,rate\n", r"rates.csv:1: found the columns time, rate; expected instant, rate"),
        ("instant,rate\n", r"rates.csv: there is no rate in it"),
        ("instant,rate\n2022-03-05T08:00Z,low\n", r"rates.csv:2: rate: found 'low'; it is a share"),
        ("instant,rate\n2022-03-05T08:00Z,nan\n", r"rate: found 'nan'"),
        ("instant,rate\n2022-03-05T08:00Z,0.5\n", r"rate: found '0.5'; .* between -0.05 and 0.05"),
        ("instant,rate\n2022-03-05T08:00,0.0001\n", r":2: instant: found .*, which names no zone; write it"),
        ("instant,rate\nyesterday,0.0001\n", r":2: instant: found 'yesterday', which is no instant"),
        ("instant,rate,known_at\n2022-03-05T08:00Z,0.0001,later\n", r"known_at: found 'later'"),
        ("instant,rate\n2022-03-05T08:00Z\n", r":2: found 1 fields; the header has 2"),
        (
            "instant,rate\n2022-03-05T08:00Z,0.0001\n2022-03-05T08:00Z,0.0002\n",
            r":3: the rate of 2022-03-05 08:00 UTC stands in line 2 already",
        ),
    ],
)
def test_a_file_that_is_wrong_says_where_and_what(text: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        parse_funding(text, "rates.csv")


def test_a_file_that_is_not_there_or_of_another_perpetual_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        Refused, match=rf"universe.{PERPETUAL}.funding: files:gone.csv: there is no such file"
    ):
        funding_history(book(universe=perpetual(funding="files:gone.csv")))
    path = tmp_path / "eth.csv"
    path.write_text("symbol,instant,rate\nETHUSDT,2022-03-05T08:00Z,0.0001\n")
    with pytest.raises(Refused, match=rf"it holds no rate of {PERPETUAL} \(it holds ETHUSDT\)"):
        funding_history(book(universe=perpetual(funding=f"files:{path}")))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({}, r"funding_rate: missing; a perpetual says one of both"),
        ({"funding": "files:a.csv", "funding_rate": 0.0001}, r"funding_rate: given beside funding"),
        ({"funding": "Binance!"}, r"universe.BTCUSDT-PERP.funding: found 'Binance!'"),
    ],
)
def test_a_perpetual_says_one_of_both(line: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        book(universe=perpetual(**line))
    with pytest.raises(Refused, match=r"funding is of perpetual, and this is etf"):
        book(universe={"GLD": {"max_weight": 0.4}, "SPY": {"max_weight": 0.4, "funding": "files:a.csv"}})


def rate(hours: int, known: int = 0, value: str = "0.0001") -> FundingRate:
    at = AT + timedelta(hours=hours)
    return FundingRate(PERPETUAL, at, at + timedelta(hours=known), Decimal(value))


def test_what_is_known_of_a_rate_depends_on_when_it_is_asked() -> None:
    corrected = rate(8, known=20, value="0.0003")
    history = FundingHistory((rate(0), rate(8, known=2), corrected, rate(16, known=30)))
    hour = timedelta(hours=1)
    begin, end = AT, AT + 16 * hour
    assert history.between(begin, end, end) == (rate(8, known=2),)
    assert history.between(begin, end, AT + 60 * hour) == (corrected, rate(16, known=30))
    assert history.between(begin - hour, end, end) == (rate(0), rate(8, known=2))
    # what came between the two evenings, of instants of the first
    assert history.came(end, end, AT + 40 * hour) == (corrected,)
    assert history.came(end, AT + 40 * hour, AT + 60 * hour) == (rate(16, known=30),)


def test_an_instant_is_missing_by_the_times_of_day_that_a_history_has() -> None:
    end = AT + timedelta(hours=24)
    assert missing_instants([rate(8)], [], PERPETUAL, AT, end) == tuple(
        AT + timedelta(hours=hours) for hours in (16, 24)
    )
    # one that pays at 4, 12 and 20 o'clock lacks none of 0, 8 and 16
    before = [rate(hours) for hours in (-20, -12, -4)]
    assert missing_instants([rate(4), rate(12), rate(20)], before, PERPETUAL, AT, end) == ()
    assert missing_instants([rate(4), rate(20)], before, PERPETUAL, AT, end) == (AT + timedelta(hours=12),)


def test_a_rhythm_that_changes_is_followed_after_two_days() -> None:
    every_four = [rate(hours) for hours in range(-240, 1, 4)]
    day = AT + timedelta(hours=24)
    # on the day itself the instants of the old rhythm are missed, and a person is told
    eight = [rate(hours) for hours in (8, 16, 24)]
    absent = missing_instants(eight, every_four, PERPETUAL, AT, day)
    assert absent == tuple(AT + timedelta(hours=hours) for hours in (4, 12, 20))
    later = [*every_four, *(rate(hours) for hours in range(8, 73, 8))]
    third = [rate(hours) for hours in (80, 88, 96)]
    assert missing_instants(third, later, PERPETUAL, AT + 3 * (day - AT), AT + 4 * (day - AT)) == ()
    # from eight hours to four: what is new is expected as soon as it was seen
    fours = [rate(hours) for hours in range(-240, -24, 8)] + [rate(hours) for hours in range(-24, 1, 4)]
    assert missing_instants([rate(8)], fours, PERPETUAL, AT, AT + timedelta(hours=8)) == (
        AT + timedelta(hours=4),
    )


def test_an_exchange_s_stamp_within_a_second_is_the_second() -> None:
    (one,) = parse_funding("fundingTime,fundingRate\n1577836800009,0.0001\n", "rates.csv")
    assert one.instant == datetime(2020, 1, 1, tzinfo=UTC)
