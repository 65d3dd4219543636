"""Hourly bars from files: which hours they are, and what is refused or left out."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.schedule import hourly
from nightdesk.feeds import Fetched, covers_hours, make
from nightdesk.feeds.feed import HOUR_COLUMNS
from nightdesk.feeds.files import FilesFeed

HEADER = "bar_start_et,symbol,open,high,low,close,volume"
NOW = datetime(2024, 7, 5, 15, 20, tzinfo=UTC)  # 11:20 in New York
SPAN = (date(2024, 7, 1), date(2024, 7, 5))
HOURLY = hourly(get_calendar())


def fetch(folder: Path, *rows: str, header: str = HEADER, symbols: tuple[str, ...] = ("SPY",)) -> Fetched:
    path = folder / "hours.csv"
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return FilesFeed(path, get_calendar(), now=lambda: NOW).fetch_hours(symbols, *SPAN)


def bar(start: str, symbol: str = "SPY", volume: str = "5") -> str:
    return f"{start},{symbol},10,12,9,11,{volume}"


def ends(fetched: Fetched) -> list[str]:
    return fetched.bars["end"].dt.strftime("%Y-%m-%d %H:%M").tolist()


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-07-02 09:00", "2024-07-02 14:00"),  # the hour that the session opens within, by its full hour
        ("2024-07-02 09:30", "2024-07-02 14:00"),  # or by the open
        ("2024-07-02 10:00", "2024-07-02 15:00"),
        ("2024-07-02 15:00", "2024-07-02 20:00"),
        ("2024-07-03 12:00", "2024-07-03 17:00"),  # an early close at 13:00
    ],
)
def test_an_hour_ends_at_the_next_full_hour_of_the_exchange_or_at_the_close(
    tmp_path: Path, start: str, end: str
) -> None:
    fetched = fetch(tmp_path, bar(start))
    assert tuple(fetched.bars.columns) == HOUR_COLUMNS
    assert ends(fetched) == [end]
    assert fetched.bars["session"].dt.strftime("%Y-%m-%d").tolist() == [start[:10]]


@pytest.mark.parametrize(
    "start",
    ["2024-07-02 08:00", "2024-07-02 08:30", "2024-07-02 16:00", "2024-07-03 13:00", "2024-07-04 10:00"],
)
def test_an_hour_outside_the_sessions_is_left_out_and_counted(tmp_path: Path, start: str) -> None:
    fetched = fetch(tmp_path, bar(start), bar("2024-07-02 10:00"))
    assert ends(fetched) == ["2024-07-02 15:00"]
    assert fetched.dropped == {"outside the hours of a session": 1}


def test_a_bar_that_is_still_filled_is_none_and_one_without_a_trade_is_none(tmp_path: Path) -> None:
    rows = [bar("2024-07-05 10:00"), bar("2024-07-05 11:00"), bar("2024-07-02 11:00", volume="0")]
    fetched = fetch(tmp_path, *rows)
    assert ends(fetched) == ["2024-07-05 15:00"]
    assert fetched.dropped == {"hours that are not over yet": 1, "hours without a trade": 1}


def test_hours_of_utc_are_the_same_hours(tmp_path: Path) -> None:
    header = HEADER.replace("_et", "_utc")
    for start in ("2024-07-02 13:00", "2024-07-02T13:30:00Z", "2024-07-02T15:30:00+02:00"):
        assert ends(fetch(tmp_path, bar(start), header=header)) == ["2024-07-02 14:00"]


def test_an_hour_of_a_market_that_never_closes_counts_in_the_session_that_follows_it(tmp_path: Path) -> None:
    rows = [bar(start, "BTC-USD") for start in ("2024-07-02 15:00", "2024-07-02 16:00", "2024-07-04 03:00")]
    fetched = fetch(tmp_path, *rows, symbols=("BTC-USD",))
    assert ends(fetched) == ["2024-07-02 20:00", "2024-07-02 21:00", "2024-07-04 08:00"]
    assert fetched.bars["session"].dt.day.tolist() == [2, 3, 5]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [bar("2024-07-02 10:30")],
            r"hours\.csv, line 2, column bar_start_et: this bar of SPY begins within an",
        ),
        ([bar("2024-07-02 09:45")], "begins within an hour, at 2024-07-02T13:45:00 UTC"),
        (
            [bar("2024-07-02 10:00"), bar("02.07.2024 11")],
            r"line 3, column bar_start_et: found '02\.07\.2024 11'",
        ),
        ([bar("yesterday")], "found 'yesterday', expected an instant like 2020-03-06 09:00"),
        ([bar("2024-11-03 01:00")], "the clock of America/New_York shows twice or never"),
        (
            [bar("2024-07-02 09:00"), bar("2024-07-02 09:30")],
            "SPY has two bars of the hour to 2024-07-02 14:00:00",
        ),
        ([bar("2024-07-05 12:00")], r"begins at 2024-07-05 16:00:00 UTC is in the future"),
        ([], "the file has a header and no rows"),
    ],
)
def test_what_is_no_table_of_hours_is_refused_with_its_place(
    tmp_path: Path, rows: list[str], said: str
) -> None:
    with pytest.raises(Refused, match=said):
        fetch(tmp_path, *rows)


def test_a_file_without_its_columns_is_refused_with_those_that_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="the columns low, volume are missing; found bar_start_et"):
        fetch(tmp_path, "2024-07-02 10:00,SPY,1,2,1", header="bar_start_et,symbol,open,high,close")
    with pytest.raises(Refused, match=r"the columns bar_start_et \(or bar_start_utc\) are missing"):
        fetch(tmp_path, bar("2024-07-02"), header=HEADER.replace("bar_start_et", "date"))


def test_a_folder_of_days_has_no_hours_and_other_feeds_have_none(tmp_path: Path) -> None:
    (tmp_path / "days.csv").write_text("date,symbol,open,high,low,close,volume\n2024-07-01,SPY,1,2,1,2,5\n")
    with pytest.raises(Refused, match="no file of hourly bars in this folder"):
        make(f"files:{tmp_path}").fetch_hours(["SPY"], *SPAN)
    with pytest.raises(Refused, match="feed yahoo has no hourly bars"):
        make("yahoo").fetch_hours(["SPY"], *SPAN)
    assert not covers_hours("yahoo", "SPY")


def test_a_symbol_of_which_the_files_have_no_hour_is_missing(tmp_path: Path) -> None:
    fetched = fetch(tmp_path, bar("2024-07-02 10:00"), symbols=("AAPL",))
    assert fetched.bars.empty
    assert str(fetched.missing["AAPL"]).startswith("the files hold no hour of it")


def test_the_real_hours_are_those_of_every_session_and_end_near_the_close_of_its_day(market: Path) -> None:
    feed = make(f"files:{market}")
    span = (date(2015, 1, 2), date(2020, 12, 31))
    bars = feed.fetch_hours(["SPY", "AAPL", "BAC"], *span).bars
    expected = HOURLY.instants(*span)
    for symbol in ("SPY", "AAPL", "BAC"):
        own = bars[bars["symbol"] == symbol]
        assert np.array_equal(own["end"].to_numpy(), expected)
    days = feed.fetch(["SPY", "BAC"], *span).bars.set_index(["symbol", "session"])["close"]
    last = bars.groupby(["symbol", "session"])["close"].last().loc[["SPY", "BAC"]]
    assert (abs(last / days.loc[last.index] - 1) < 0.003).all()
    assert covers_hours(f"files:{market}", "BAC")
    assert not covers_hours(f"files:{market}", "GLD")


@settings(deadline=None, max_examples=8)
@given(st.sets(st.integers(0, 27), min_size=1))
def test_any_hours_of_a_week_come_back_where_they_were(
    tmp_path_factory: pytest.TempPathFactory, chosen
) -> None:
    instants = HOURLY.instants(date(2024, 6, 24), date(2024, 6, 27))[sorted(chosen)]
    rows = [bar(str(one - np.timedelta64(1, "h")).replace("T", " ")[:16]) for one in instants]
    path = tmp_path_factory.mktemp("hours") / "hours.csv"
    path.write_text("\n".join((HEADER.replace("_et", "_utc"), *rows)) + "\n", encoding="utf-8")
    feed = FilesFeed(path, get_calendar(), now=lambda: NOW)
    found = feed.fetch_hours(["SPY"], date(2024, 6, 24), date(2024, 6, 27)).bars
    assert np.array_equal(found["end"].to_numpy(), instants)
