import gzip
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.feeds import Feed, make
from nightdesk.feeds.files import FilesFeed
from nightdesk.testing.feed_contract import FeedContract

HEADER = "date,symbol,open,high,low,close,adj_close,volume"
SPY = "2024-07-01,SPY,545.6,545.9,542.5,545.3,540.1,40297800"
NEXT = "2024-07-02,SPY,543.7,549.0,543.6,549.0,543.8,40434800"
NOW = datetime(2024, 7, 5, 22, tzinfo=UTC)
SPAN = (date(2024, 6, 1), date(2024, 7, 5))


def write(path: Path, *lines: str) -> Path:
    text = "\n".join(lines) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def fetch(path: Path, *symbols: str):
    return FilesFeed(path, get_calendar(), now=lambda: NOW).fetch(symbols or ("SPY",), *SPAN)


class TestFilesFeed(FeedContract):
    @pytest.fixture
    def feed(self, market: Path) -> Feed:
        return make(f"files:{market}")

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ("SPY", "BTC-USD", "AAPL", "^VIX")

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        return date(2022, 1, 3), date(2022, 12, 30)


def test_a_folder_of_vendor_files_is_read_as_it_is_and_other_tables_are_left_alone(market):
    fetched = make(f"files:{market}").fetch(["SPY", "AAPL", "^VIX"], date(2020, 3, 16), date(2020, 3, 16))
    close = fetched.bars.set_index("symbol")["close"]
    assert close["^VIX"] == 82.69
    assert sorted(close.index) == ["AAPL", "SPY", "^VIX"]
    assert np.isnan(fetched.bars.set_index("symbol").loc["^VIX", "volume"])


def test_bars_on_no_session_are_dropped_and_counted_but_for_crypto(market):
    fetched = make(f"files:{market}").fetch(["^VIX", "BTC-USD"], date(2022, 5, 28), date(2022, 5, 31))
    assert fetched.dropped == {"on no session of the calendar": 1}
    assert fetched.bars["symbol"].tolist() == ["BTC-USD"] * 4 + ["^VIX"]


def test_an_adjusted_close_becomes_as_many_actions_as_the_fund_paid_dividends(market):
    paid = pd.read_csv(market / "etf_dividends.csv.gz")
    paid = paid[paid["date"] <= "2022-12-30"].groupby("symbol").size()
    symbols = ["SPY", "QQQ", "TLT", "TIP", "XLE", "VNQ", "GLD"]
    actions = make(f"files:{market}").fetch(symbols, date(2005, 1, 3), date(2022, 12, 30)).actions
    assert set(actions["kind"]) == {"adjustment"}
    counted = actions.groupby("symbol").size()
    assert counted.to_dict() == {one: paid[one] for one in symbols if one != "GLD"}


def test_the_first_adjustment_of_a_span_is_measured_against_the_bar_before_it(market):
    feed = make(f"files:{market}")
    whole = feed.fetch(["SPY"], date(2005, 1, 3), date(2022, 12, 30)).actions
    ex_date = whole["session"].iloc[10].date()
    alone = feed.fetch(["SPY"], ex_date, ex_date).actions
    assert alone["value"].tolist() == [whole["value"].iloc[10]]


@pytest.mark.parametrize("name", ["bars.csv", "bars.csv.gz"])
def test_csv_is_read_plain_and_gzipped(tmp_path, name):
    path = write(tmp_path / name, HEADER, SPY, NEXT)
    bars = fetch(path).bars
    assert bars["close"].tolist() == [545.3, 549.0]
    assert bars["source"].tolist() == ["files"] * 2


def test_parquet_is_read_with_its_own_source_column_and_without_an_adjusted_close(tmp_path):
    frame = pd.DataFrame(
        {
            "session": [date(2024, 7, 1), date(2024, 7, 2)],
            "symbol": ["SPY", "SPY"],
            **{name: [545, 549] for name in ("open", "high", "low", "close", "volume")},
            "source": ["desk", None],
        }
    )
    frame.to_parquet(tmp_path / "bars.parquet")
    fetched = fetch(tmp_path)
    assert fetched.bars["source"].tolist() == ["desk", "files"]
    assert fetched.bars["open"].tolist() == [545.0, 549.0]
    assert fetched.actions.empty


def test_a_row_without_a_price_is_dropped_and_counted(tmp_path):
    path = write(tmp_path / "bars.csv", HEADER, SPY, "2024-07-02,SPY,543.7,,543.6,549.0,543.8,40434800")
    fetched = fetch(path)
    assert len(fetched.bars) == 1
    assert fetched.dropped == {"without open, high, low or close": 1}


def test_high_below_low_is_left_to_the_quality_checks(tmp_path):
    path = write(tmp_path / "bars.csv", HEADER, "2024-07-01,SPY,545.6,500,542.5,545.3,540.1,40297800")
    assert fetch(path).bars["high"].tolist() == [500.0]


def test_a_changed_file_is_read_anew(tmp_path):
    path = write(tmp_path / "bars.csv", HEADER, SPY)
    assert len(fetch(path).bars) == 1
    write(path, HEADER, SPY, NEXT)
    os.utime(path, (1, 1))
    assert len(fetch(path).bars) == 2


def test_a_symbol_outside_its_history_is_missing_and_told_what_the_files_hold(tmp_path):
    path = write(
        tmp_path / "bars.csv", HEADER, "2024-05-01,SPY,500,501,499,500,500,1", "2024-07-01,QQQ,5,5,5,5,5,1"
    )
    assert str(fetch(path, "SPY", "QQQ").missing["SPY"]) == (
        "no bar from 2024-06-01 to 2024-07-05 (the files hold 2024-05-01 to 2024-05-01)"
    )


def test_the_feed_covers_the_symbols_that_its_files_hold_whatever_their_bars(tmp_path):
    write(tmp_path / "bars.csv", HEADER, SPY, NEXT.replace("SPY", "QQQ").replace("549.0,", "n/a,"))
    write(tmp_path / "more.csv.gz", HEADER, SPY.replace("SPY", "TLT"))
    feed = make(f"files:{tmp_path}")
    assert [one for one in ("SPY", "QQQ", "TLT", "IBM") if feed.covers(one)] == ["SPY", "QQQ", "TLT"]
    write(tmp_path / "bars.csv", HEADER, SPY.replace("SPY", "IBM"))
    assert feed.covers("IBM")


def test_what_the_files_hold_is_told_without_reading_their_bars(market):
    code = (
        "import sys; from nightdesk.feeds import covers;"
        f"assert covers('files:{market}', 'SPY') and not covers('files:{market}', 'NOSUCH');"
        "print(sorted({'pandas', 'exchange_calendars'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


BAD = [
    (
        "a missing column",
        [HEADER.replace("high,", ""), SPY],
        "line 1: the column high is missing; found date",
    ),
    (
        "no date column",
        [HEADER.replace("date", "day"), SPY],
        "line 1: the column session (or date) is missing",
    ),
    (
        "text in a number",
        [HEADER, SPY, NEXT.replace("549.0,", "n/a,")],
        "line 3, column high: found 'n/a', expected",
    ),
    (
        "text in a volume",
        [HEADER, SPY.replace("40297800", "40M")],
        "line 2, column volume: found '40M', expected a num",
    ),
    (
        "an infinite price",
        [HEADER, SPY.replace("545.6", "inf")],
        "line 2, column open: found inf, expected a finite",
    ),
    (
        "a bad date",
        [HEADER, SPY, NEXT.replace("2024-07-02", "02.07.2024")],
        "line 3, column date: found '02.07.2024'",
    ),
    (
        "a date that is none",
        [HEADER, SPY.replace("07-01", "02-30")],
        "line 2, column date: found '2024-02-30'",
    ),
    ("no symbol", [HEADER, SPY.replace("SPY", "")], "line 2, column symbol: found nothing"),
    (
        "a line too short",
        [HEADER, SPY, "2024-07-02,SPY,543.7"],
        "give every line as many fields as the header",
    ),
    (
        "a column that is there twice",
        [HEADER + ",close", SPY + ",545.3"],
        "line 1: the column close is there twice: keep one of them",
    ),
    ("a header alone", [HEADER], "the file has a header and no rows"),
    ("an empty file", [], "the file is empty; expected session (or date), symbol"),
]


@pytest.mark.parametrize(("lines", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_malformed_file_is_refused_with_file_line_and_column(tmp_path, lines, words):
    path = tmp_path / "bars.csv"
    path.write_text("\n".join(lines) + "\n" if lines else "", encoding="utf-8")
    with pytest.raises(Refused) as error:
        fetch(path)
    assert str(path) in str(error.value)
    assert words in str(error.value)


def test_a_duplicate_is_refused_naming_both_lines(tmp_path):
    one = write(tmp_path / "a.csv", HEADER, SPY, NEXT)
    other = write(tmp_path / "b.csv", HEADER, NEXT)
    with pytest.raises(Refused) as error:
        fetch(tmp_path)
    assert str(error.value) == (
        f"{one}, line 3 and {other}, line 2: SPY has two bars of 2024-07-02: keep one of them"
    )


def test_a_bar_in_the_future_is_refused(tmp_path):
    path = write(tmp_path / "bars.csv", HEADER, SPY, NEXT.replace("2024-07-02", "2024-07-08"))
    with pytest.raises(Refused) as error:
        fetch(path)
    assert str(error.value) == (
        f"{path}, line 3: the bar of SPY of 2024-07-08 is in the future (today is 2024-07-05 UTC): "
        "remove it or correct its date"
    )


def test_a_folder_without_daily_bars_is_refused_and_says_what_it_holds(tmp_path):
    write(tmp_path / "funding.csv", "symbol,fundingTime,fundingRate", "BTCUSDT,1568102400000,0.0001")
    with pytest.raises(
        Refused, match=r"no file of daily bars in this folder \(found funding\.csv\): expected session"
    ):
        fetch(tmp_path)


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Refused, match="there is no such file or folder"):
        make(f"files:{tmp_path / 'nowhere'}")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_bytes(b"\xff\xfe\x00date")
    with pytest.raises(Refused, match="cannot be read"):
        fetch(path)


def test_a_file_that_ends_too_soon_is_refused(tmp_path):
    path = write(tmp_path / "bars.csv.gz", HEADER, *[f"2024-07-01,S{n},{n},1,1,1,1,1" for n in range(50_000)])
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(Refused, match="cannot be read"):
        fetch(path)


def test_an_empty_file_in_a_folder_is_refused_too(tmp_path):
    write(tmp_path / "a.csv", HEADER, SPY)
    (tmp_path / "b.csv").touch()
    with pytest.raises(Refused, match=r"b\.csv: the file is empty"):
        fetch(tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("close", "much", "row 2, column close: found 'much', expected a number"),
        ("session", "July", "row 2, column session: found 'July', expected a date like 2024-03-28"),
        ("symbol", None, "row 2, column symbol: found nothing, expected a value"),
    ],
)
def test_a_malformed_parquet_file_is_refused_with_row_and_column(tmp_path, column, value, words):
    good = {
        "session": "2024-07-01",
        "symbol": "SPY",
        **dict.fromkeys(("open", "high", "low", "close", "volume"), "5"),
    }
    path = tmp_path / "bars.parquet"
    pd.DataFrame([good, good | {"session": "2024-07-02", column: value}]).to_parquet(path)
    with pytest.raises(Refused) as error:
        fetch(path)
    assert str(error.value) == f"{path}, {words}"
