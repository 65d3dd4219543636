"""Every layout in which people have daily bars is read as it is: a small file of each, as written."""

import gzip
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.feeds.files import FilesFeed
from nightdesk.feeds.layouts import LAYOUTS, PLAIN, recognise

NOW = datetime(2024, 7, 5, 22, tzinfo=UTC)
SPAN = (date(2020, 1, 1), date(2024, 7, 5))


def fetch(path: Path, *symbols: str, continuous: tuple[str, ...] = ()):
    feed = FilesFeed(path, get_calendar(), continuous=continuous, now=lambda: NOW)
    return feed.fetch(symbols or ("AAPL",), *SPAN)


@dataclass(frozen=True)
class Case:
    """A file, and the two bars that it holds: 2024-07-01 and 02."""

    name: str
    text: str
    symbol: str = "AAPL"
    volume: tuple[float, float] = (60402900, 58046200)
    encoding: str = "utf-8"


#: Open, high, low, close of the two days in every file.
BARS = [[212.09, 217.51, 211.92, 216.75], [216.15, 220.38, 215.1, 220.27]]
VOLUMES = (60402900, 58046200)
ALPHA_VANTAGE = ("1. open", "2. high", "3. low", "4. close", "5. volume")
DAYS = ("2024-07-01", "2024-07-02")
ROWS = tuple(zip(DAYS, BARS, VOLUMES, strict=True))
MS = (1719792000000, 1719878400000)  # UTC midnights
NEW_YORK = (1719806400000, 1719892800000)  # midnights there


def short(day: str) -> dict[str, object]:
    """A bar under the short keys of Alpaca and Polygon."""
    (o, h, low, c), v = next((bar, volume) for name, bar, volume in ROWS if name == day)
    return {"t": f"{day}T04:00:00Z", "o": o, "h": h, "l": low, "c": c, "v": v, "n": 1, "vw": c}


CASES = {
    "polygon flat file": Case(
        "2024-07-01.csv.gz",
        "ticker,volume,open,close,high,low,window_start,transactions\n"
        "AAPL,60402900,212.09,216.75,217.51,211.92,1719806400000000000,543210\n"
        "AAPL,58046200,216.15,220.27,220.38,215.1,1719892800000000000,523456\n",
    ),
    "alpha vantage daily": Case(
        "daily_AAPL.csv",
        "timestamp,open,high,low,close,volume\r\n"
        "2024-07-02,216.1500,220.3800,215.1000,220.2700,58046200\r\n"
        "2024-07-01,212.0900,217.5100,211.9200,216.7500,60402900\r\n",
    ),
    "alpha vantage daily adjusted": Case(
        "daily_adjusted_AAPL.csv",
        "timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient\n"
        "2024-07-02,216.15,220.38,215.1,220.27,219.1,58046200,0.0000,1.0\n"
        "2024-07-01,212.09,217.51,211.92,216.75,215.6,60402900,0.0000,1.0\n",
    ),
    "alpha vantage daily adjusted, with blanks in its names": Case(
        "AAPL.csv",
        "timestamp,open,high,low,close,adjusted close,volume,dividend amount,split coefficient\n"
        "2024-07-01,212.09,217.51,211.92,216.75,215.6,60402900,0.0000,1.0\n"
        "2024-07-02,216.15,220.38,215.1,220.27,219.1,58046200,0.0000,1.0\n",
    ),
    "alpha vantage json": Case(
        "alpha.json",
        json.dumps({
            "Meta Data": {"1. Information": "Daily Prices", "2. Symbol": "AAPL"},
            "Time Series (Daily)": {
                day: dict(zip(ALPHA_VANTAGE, map(str, (o, h, low, c, v)), strict=True))
                for day, (o, h, low, c), v in ROWS
            },
        }),
    ),
    "stooq web": Case(
        "aapl_us_d.csv",
        "Date,Open,High,Low,Close,Volume\n"
        "2024-07-01,212.09,217.51,211.92,216.75,60402900\n"
        "2024-07-02,216.15,220.38,215.1,220.27,58046200\n",
    ),
    "stooq text": Case(
        "aapl.us.txt",
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        "AAPL.US,D,20240701,000000,212.09,217.51,211.92,216.75,60402900,0\n"
        "AAPL.US,D,20240702,000000,216.15,220.38,215.1,220.27,58046200,0\n",
    ),
    "yahoo download": Case(
        "AAPL.csv",
        "Date,Open,High,Low,Close,Adj Close,Volume\n"
        "2024-07-01,212.090000,217.509995,211.919998,216.750000,216.0,60402900\n"
        "2024-07-02,216.149994,220.380005,215.100006,220.270004,219.5,58046200\n"
        "2024-07-03,null,null,null,null,null,null\n",
    ),
    "yahoo through yfinance": Case(
        "AAPL.csv",
        "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits\n"
        "2024-07-01 00:00:00-04:00,212.09,217.51,211.92,216.75,216.0,60402900,0.0,0.0\n"
        "2024-07-02 00:00:00-04:00,216.15,220.38,215.1,220.27,219.5,58046200,0.0,0.0\n",
    ),
    "tiingo": Case(
        "tiingo.AAPL.csv",
        "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor\n"
        "2024-07-01T00:00:00.000Z,216.75,217.51,211.92,212.09,60402900,215.6,216.4,210.8,211,60402900,0.0,1.0\n"
        "2024-07-02,220.27,220.38,215.1,216.15,58046200,219.1,219.2,214,215,58046200,0.0,1.0\n".replace(
            "2024-07-02,", "2024-07-02T00:00:00.000Z,"
        ),
    ),
    "tiingo json": Case(
        "AAPL.json",
        json.dumps([
            {"date": f"{day}T00:00:00.000Z", "open": o, "high": h, "low": low, "close": c, "volume": v,
             "adjClose": c, "divCash": 0.0, "splitFactor": 1.0}
            for day, (o, h, low, c), v in ROWS
        ]),
    ),
    "binance klines without a header, milliseconds": Case(
        "BTCUSDT-1d-2024-07.csv",
        f"{MS[0]},212.09,217.51,211.92,216.75,12345.5,{MS[0] + 86399999},1.0,5,1.0,1.0,0\n"
        f"{MS[1]},216.15,220.38,215.1,220.27,23456.5,{MS[1] + 86399999},1.0,5,1.0,1.0,0\n",
        "BTC-USD",
        (12345.5, 23456.5),
    ),
    "binance klines with a header, microseconds": Case(
        "BTCUSDT-1d-2024-07-01.csv",
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
        "taker_buy_quote_volume,ignore\n"
        f"{MS[0]}000,212.09,217.51,211.92,216.75,12345.5,{MS[0] + 86399999}999,1.0,5,1.0,1.0,0\n"
        f"{MS[1]}000,216.15,220.38,215.1,220.27,23456.5,{MS[1] + 86399999}999,1.0,5,1.0,1.0,0\n",
        "BTC-USD",
        (12345.5, 23456.5),
    ),
    "investing.com": Case(
        "AAPL Historical Data (1).csv",
        '\ufeff"Date","Price","Open","High","Low","Vol.","Change %"\n'
        '"07/02/2024","220.27","216.15","220.38","215.10","58.05M","1.62%"\n'
        '"07/01/2024","216.75","212.09","217.51","211.92","60.40M","2.91%"\n',
        volume=(60.40e6, 58.05e6),
    ),
    "nasdaq.com": Case(
        "AAPL.csv",
        "Date,Close/Last,Volume,Open,High,Low\n"
        "07/02/2024,$220.27,58046200,$216.15,$220.38,$215.10\n"
        "07/01/2024,$216.75,60402900,$212.09,$217.51,$211.92\n",
    ),
    "alpaca json of one symbol": Case(
        "bars.json",
        json.dumps({"bars": [short(day) for day in DAYS], "next_page_token": None, "symbol": "AAPL"}),
    ),
    "alpaca json by symbol": Case(
        "bars.json.gz", json.dumps({"bars": {"AAPL": [short(day) for day in DAYS]}, "next_page_token": None})
    ),
    "polygon json": Case(
        "aggs.json",
        json.dumps({
            "ticker": "AAPL", "adjusted": True, "status": "OK",
            "results": [short(day) | {"t": t} for day, t in zip(DAYS, NEW_YORK, strict=True)],
        }),
    ),
    "polygon json of all symbols of a day, stamped at the close": Case(
        "grouped.json",
        json.dumps({
            "adjusted": False,
            "results": [
                short(day) | {"T": "AAPL", "t": t + 16 * 3_600_000}
                for day, t in zip(DAYS, NEW_YORK, strict=True)
            ],
        }),
    ),
    "alpaca csv": Case(
        "bars.csv",
        "symbol,timestamp,open,high,low,close,volume,trade_count,vwap\n"
        "AAPL,2024-07-01 04:00:00+00:00,212.09,217.51,211.92,216.75,60402900.0,1.0,214.5\n"
        "AAPL,2024-07-02 04:00:00+00:00,216.15,220.38,215.1,220.27,58046200.0,1.0,218.5\n",
    ),
    "semicolons with decimal commas": Case(
        "kurse.csv",
        "Date;Symbol;Open;High;Low;Close;Volume\n"
        "01.07.2024;AAPL;212,09;217,51;211,92;216,75;60.402.900\n"
        "02.07.2024;AAPL;216,15;220,38;215,10;220,27;58.046.200\n",
    ),
    "thousands separators": Case(
        "bars.csv",
        "date,symbol,open,high,low,close,volume\n"
        '2024-07-01,AAPL,212.09,217.51,211.92,216.75,"60,402,900"\n'
        '2024-07-02,AAPL,216.15,220.38,215.1,220.27,"58,046,200"\n',
    ),
    "tabs": Case(
        "bars.tsv",
        "date\tsymbol\topen\thigh\tlow\tclose\tvolume\n"
        "2024-07-01\tAAPL\t212.09\t217.51\t211.92\t216.75\t60402900\n"
        "2024-07-02\tAAPL\t216.15\t220.38\t215.1\t220.27\t58046200\n",
    ),
    "epoch seconds": Case(
        "bars.csv",
        "time,symbol,open,high,low,close,Volume\n"
        f"{MS[0] // 1000},AAPL,212.09,217.51,211.92,216.75,60402900\n"
        f"{MS[1] // 1000},AAPL,216.15,220.38,215.1,220.27,58046200\n",
    ),
    "epoch seconds of the exchange's open": Case(
        "AAPL.csv",
        "time,open,high,low,close,Volume\n"
        f"{NEW_YORK[0] // 1000 + 9 * 3600 + 1800},212.09,217.51,211.92,216.75,60402900\n"
        f"{NEW_YORK[1] // 1000 + 9 * 3600 + 1800},216.15,220.38,215.1,220.27,58046200\n",
    ),
    "epoch nanoseconds": Case(
        "bars.csv",
        "timestamp,symbol,open,high,low,close,volume\n"
        f"{MS[0]}000000,AAPL,212.09,217.51,211.92,216.75,60402900\n"
        f"{MS[1]}000000,AAPL,216.15,220.38,215.1,220.27,58046200\n",
    ),
    "capitals in names of columns and in the ending": Case(
        "BARS.Csv.GZ",
        "DATE,SYMBOL,OPEN,HIGH,LOW,CLOSE,VOLUME\n"
        "2024-07-01,AAPL,212.09,217.51,211.92,216.75,60402900\n"
        "2024-07-02,AAPL,216.15,220.38,215.1,220.27,58046200\n",
    ),
    "cp1252": Case(
        "bars.csv",
        "date,symbol,open,high,low,close,volume,company\n"
        "2024-07-01,AAPL,212.09,217.51,211.92,216.75,60402900,Äpfel & Söhne\n"
        "2024-07-02,AAPL,216.15,220.38,215.1,220.27,58046200,Äpfel & Söhne\n",
        encoding="cp1252",
    ),
    "utf-16 with its mark": Case(
        "bars.csv",
        "date\tsymbol\topen\thigh\tlow\tclose\tvolume\n"
        "2024-07-01\tAAPL\t212.09\t217.51\t211.92\t216.75\t60402900\n"
        "2024-07-02\tAAPL\t216.15\t220.38\t215.1\t220.27\t58046200\n",
        encoding="utf-16",
    ),
    "prices without volume": Case(
        "^VIX.csv",
        "DATE,OPEN,HIGH,LOW,CLOSE\n"
        "07/01/2024,212.09,217.51,211.92,216.75\n07/02/2024,216.15,220.38,215.10,220.27\n",
        "^VIX",
        (np.nan, np.nan),
    ),
}  # fmt: skip


def write(folder: Path, case: Case) -> Path:
    path = folder / case.name
    content = case.text.encode(case.encoding)
    path.write_bytes(gzip.compress(content) if case.name.lower().endswith(".gz") else content)
    return path


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_layout_is_known_by_its_header_and_read_as_it_is(tmp_path: Path, case: Case) -> None:
    (tmp_path / "beside.csv").write_text(
        "date,symbol,open,high,low,close,volume\n2024-07-01,SPY,545,546,542,545,4e7\n", encoding="utf-8"
    )
    write(tmp_path, case)
    fetched = fetch(tmp_path, case.symbol, "SPY")
    bars = fetched.bars[fetched.bars["symbol"] == case.symbol]
    assert bars["session"].astype(str).tolist() == ["2024-07-01", "2024-07-02"]
    np.testing.assert_allclose(bars[["open", "high", "low", "close"]].to_numpy(), BARS, rtol=1e-7)
    np.testing.assert_allclose(bars["volume"], case.volume)
    assert fetched.passed_over == {}
    assert fetched.missing == {}
    assert "SPY" in set(fetched.bars["symbol"])


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_layout_is_read_from_a_single_file_too_and_its_symbol_is_known_without_its_bars(
    tmp_path: Path, case: Case
) -> None:
    path = write(tmp_path, case)
    feed = FilesFeed(path, get_calendar(), now=lambda: NOW)
    assert feed.covers(case.symbol)
    assert not feed.covers("SPY")
    assert len(feed.fetch([case.symbol], *SPAN).bars) == 2


def test_no_layout_is_hidden_by_one_before_it() -> None:
    for layout in LAYOUTS:
        assert recognise(sorted(layout.marks)) is layout
    assert recognise(["day", "price"]) is None
    assert recognise(["date", "close", "high"]) is PLAIN


@pytest.mark.parametrize("name", ["alphav", "binance", "polygon", "semicolon", "stooq", "tiingo"])
def test_the_small_vendor_files_are_read_beside_a_file_of_the_desks_own(market: Path, tmp_path, name) -> None:
    cases = market.parent / "cases" / "layouts"
    if not cases.is_dir():
        pytest.skip(f"there are no small cases in {cases}")
    for path in (cases / f"{name}.AAA.csv", cases / "rest.csv.gz"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    feed = FilesFeed(tmp_path, get_calendar(), now=lambda: NOW)
    fetched = feed.fetch(["AAA", "BBB"], date(2018, 1, 2), date(2021, 7, 30))
    bars = fetched.bars[fetched.bars["symbol"] == "AAA"]
    first = {"semicolon": ("2018-01-02", 45.540001)}.get(name, ("2020-05-22", 45.029999))
    assert (str(bars["session"].iloc[0].date()), bars["close"].iloc[0]) == first
    assert len(bars) == (6 if name == "binance" else 5)
    assert fetched.passed_over == {}


def bars_csv(
    folder: Path, *lines: str, name: str = "bars.csv", header: str = "date,symbol,open,high,low,close,volume"
):
    path = folder / name
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_footer_of_words_is_left_out_and_counted(tmp_path: Path) -> None:
    path = bars_csv(
        tmp_path,
        "2024-07-01,AAPL,1,1,1,1,5",
        '"Downloaded from Barchart.com as of 07-05-2024 05:00pm CDT"',
    )
    fetched = fetch(path)
    assert len(fetched.bars) == 1
    assert fetched.dropped == {"a footer under the bars": 1}
    path = bars_csv(tmp_path, "2024-07-01,AAPL,1,1,1,1,5", "Source: our vendor,,,,,,")
    assert fetch(path).dropped == {"a footer under the bars": 1}


@pytest.mark.parametrize(
    "line", ["2024-07-02,AAPL,1", "2024-07-02 00:00:00,AAPL,1", "2024-07-02,AAPL,1,1,1,1,5,9", "AAPL"]
)
def test_a_line_that_is_cut_off_is_no_footer(tmp_path: Path, line: str) -> None:
    path = bars_csv(tmp_path, "2024-07-01,AAPL,1,1,1,1,5", line)
    with pytest.raises(Refused, match=r"line 3: found . fields, expected 7: give every line as many fields"):
        fetch(path)


def test_words_between_the_bars_are_no_footer(tmp_path: Path) -> None:
    path = bars_csv(tmp_path, "2024-07-01,AAPL,1,1,1,1,5", "a note of mine", "2024-07-02,AAPL,1,1,1,1,5")
    with pytest.raises(Refused, match="line 3: found 1 fields, expected 7"):
        fetch(path)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["2024-07-01;AAPL;1.234,5;1,5;1;1;5", "2024-07-02;AAPL;12.5;1;1;1;5"], "has a decimal point and"),
        (["2024-07-01;AAPL;1,5;1,5;1,5;1.5;5"], "'1.5' has a decimal point and '1,5' a decimal comma"),
    ],
)
def test_numbers_of_two_kinds_in_one_file_are_refused(tmp_path: Path, rows, words) -> None:
    path = bars_csv(tmp_path, *rows, header="date;symbol;open;high;low;close;volume")
    with pytest.raises(Refused, match="decimal point") as error:
        fetch(path)
    assert words in str(error.value)


def test_a_comma_that_may_be_either_is_refused_between_commas_and_decimal_between_semicolons(
    tmp_path,
) -> None:
    path = bars_csv(tmp_path, '2024-07-01,AAPL,"1,234","1,234","1,234","1,234",5')
    with pytest.raises(Refused, match="'1,234' may be a thousand or a fraction: write numbers like"):
        fetch(path)
    path = bars_csv(
        tmp_path, "2024-07-01;AAPL;1,234;1,234;1,234;1,234;5", header="date;symbol;open;high;low;close;volume"
    )
    assert fetch(path).bars["close"].tolist() == [1.234]


@pytest.mark.parametrize(
    ("days", "sessions"),
    [
        (["07/01/2024", "07/02/2024", "07/03/2024"], ["2024-07-01", "2024-07-02", "2024-07-03"]),
        (["28/06/2024", "01/07/2024"], ["2024-06-28", "2024-07-01"]),
    ],
)
def test_month_and_day_are_told_apart_by_the_whole_column(tmp_path: Path, days, sessions) -> None:
    path = bars_csv(tmp_path, *[f"{day},AAPL,1,1,1,1,5" for day in days])
    assert fetch(path).bars["session"].astype(str).tolist() == sessions


@pytest.mark.parametrize("days", [["03/04/2024"], ["01/07/2024", "02/07/2024", "03/07/2024"], ["13/13/2024"]])
def test_month_and_day_that_cannot_be_told_apart_are_refused(tmp_path: Path, days) -> None:
    path = bars_csv(tmp_path, *[f"{day},AAPL,1,1,1,1,5" for day in days])
    with pytest.raises(
        Refused, match=r"line 2, column date: found '.*', expected dates like 03/28/2024 whose"
    ):
        fetch(path)


@pytest.mark.parametrize(
    ("book", "file"), [("BRK.B", "BRK-B"), ("BRK/B", "BRK-B"), ("BRK-B", "BRK.B"), ("BRK.B", "BRK/B")]
)
def test_a_class_of_shares_is_found_in_any_spelling_and_answered_in_the_books(tmp_path, book, file) -> None:
    path = bars_csv(tmp_path, f"2024-07-01,{file},1,1,1,1,5", header="date,symbol,open,high,low,close,volume")
    assert FilesFeed(path, get_calendar(), now=lambda: NOW).covers(book)
    assert fetch(path, book).bars["symbol"].tolist() == [book]


def test_parquet_with_instants_of_a_zone_is_dated_by_that_zone(tmp_path: Path) -> None:
    for zone in ("America/New_York", "UTC", "Europe/Berlin", None):
        days = pd.to_datetime(["2024-07-01", "2024-07-02"]).tz_localize(zone)
        frame = pd.DataFrame({"timestamp": days, "symbol": "AAPL", "volume": 5})
        frame = frame.assign(**dict.fromkeys(("open", "high", "low", "close"), 1.0))
        frame.to_parquet(tmp_path / "bars.parquet")
        assert fetch(tmp_path).bars["session"].astype(str).tolist() == ["2024-07-01", "2024-07-02"], zone


@pytest.mark.parametrize(
    ("stamp", "day"),
    [
        ("2024-07-01", "2024-07-01"),
        ("2024-07-01T00:00:00Z", "2024-07-01"),
        ("2024-06-30T20:00:00-04:00", "2024-07-01"),
        (f"{MS[0]}", "2024-07-01"),
        ("2024-07-01 00:00:00", "2024-07-01"),
    ],
)
def test_a_day_of_utc_of_a_market_that_never_closes_is_taken(tmp_path: Path, stamp: str, day: str) -> None:
    path = bars_csv(tmp_path, f"{stamp},BTC-USD,1,1,1,1,5", f"{stamp},XBT,1,1,1,1,5")
    bars = fetch(path, "BTC-USD", "XBT", continuous=("XBT",)).bars
    assert bars["session"].astype(str).tolist() == [day] * 2


@pytest.mark.parametrize(
    "stamp",
    ["2024-07-01T00:00:00+02:00", "2024-07-01 00:00:00-04:00", "2024-07-01T04:00:00Z", f"{NEW_YORK[0]}"],
)
def test_bitcoin_by_days_of_another_zone_is_refused_and_a_stock_is_dated_by_them(
    tmp_path, stamp: str
) -> None:
    path = bars_csv(tmp_path, f"{stamp},BTC-USD,1,1,1,1,5", f"{stamp},AAPL,1,1,1,1,5")
    assert fetch(path).bars["session"].astype(str).tolist() == ["2024-07-01"]
    with pytest.raises(Refused) as error:
        fetch(path, "BTC-USD")
    assert str(error.value) == (
        f"{path}, line 2: BTC-USD trades all day, and this bar begins at no midnight of UTC: as a day of UTC "
        "it would show hours that are yet to come. Give bars of whole days of UTC"
    )


@pytest.mark.parametrize(
    "stamp", ["2024-07-01T22:00:00Z", "2024-07-01 22:00:00", "2024-07-01T07:30:00+02:00", "1719871200"]
)
def test_an_instant_that_names_no_day_is_refused(tmp_path: Path, stamp: str) -> None:
    path = bars_csv(tmp_path, f"{stamp},AAPL,1,1,1,1,5")
    with pytest.raises(
        Refused, match=r"line 2, column date: found '.*', which is no midnight of UTC, of its own"
    ):
        fetch(path)


def test_a_short_day_is_stamped_at_its_own_close(tmp_path: Path) -> None:
    path = bars_csv(tmp_path, "2024-07-03T17:00:00Z,AAPL,1,1,1,1,5")  # 13:00 in New York
    assert fetch(path).bars["session"].astype(str).tolist() == ["2024-07-03"]


PASSED_OVER = {
    "hourly.csv": (
        "timestamp,symbol,open,high,low,close,volume\n"
        "2024-07-01 09:30:00,AAPL,1,1,1,1,5\n2024-07-01 10:30:00,AAPL,1,1,1,1,5\n",
        "timestamp,symbol,open,high,low,close,volume: its bars are less than a day long",
    ),
    "minutes.csv": (
        "ticker,volume,open,close,high,low,window_start,transactions\n"
        "AAPL,5,1,1,1,1,1719840600000000000,1\nAAPL,5,1,1,1,1,1719840660000000000,1\n",
        "ticker,volume,open,close,high,low,window_start,transactions: its bars are less than a day long",
    ),
    "clock.csv": (
        "date,time,symbol,open,high,low,close,volume\n2024-07-01,09:30,AAPL,1,1,1,1,5\n2024-07-01,09:31,AAPL,1,1,1,1,5\n",
        "date,time,symbol,open,high,low,close,volume: its bars are less than a day long",
    ),
    "aapl.us.txt": (
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        "AAPL.US,60,20240701,160000,1,1,1,1,5,0\n",
        "its bars are of the period 60, not D",
    ),
    "some of my prices.csv": (
        "Date,Open,High,Low,Close,Volume\n2024-07-01,1,1,1,1,5\n",
        "Date,Open,High,Low,Close,Volume: no column of symbols, and its name says none: call it SYMBOL.csv",
    ),
    "funding.csv": (
        "symbol,fundingTime,fundingRate\nBTCUSDT,1568102400000,0.0001\n",
        "symbol,fundingTime,fundingRate: no table of daily bars (no column session (or date), open",
    ),
    "answer.json": ('{"status": "ERROR"}', "no columns: no table of daily bars"),
    "broken.json": ("{", "cannot be read"),
    "book.xlsx": ("PK", "a .xlsx file: unpack or save it as CSV, JSON or Parquet"),
    "noise.csv": ("\x00\x01", "cannot be read (it is no text)"),
}


@pytest.mark.parametrize("name", PASSED_OVER)
def test_a_file_that_is_passed_over_is_named_with_its_header_and_the_reason(
    tmp_path: Path, name: str
) -> None:
    text, reason = PASSED_OVER[name]
    (tmp_path / name).write_text(text, encoding="utf-8")
    bars_csv(tmp_path, "2024-07-01,AAPL,1,1,1,1,5", name="mine.csv")
    (tmp_path / "README.md").write_text("no data")
    fetched = fetch(tmp_path)
    assert len(fetched.bars) == 1
    assert list(fetched.passed_over) == [str(tmp_path / name)]
    assert reason in fetched.passed_over[str(tmp_path / name)]


def test_folders_and_pipes_in_a_folder_are_named_and_not_opened(tmp_path: Path) -> None:
    import os

    bars_csv(tmp_path, "2024-07-01,AAPL,1,1,1,1,5")
    (tmp_path / "2023").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    assert fetch(tmp_path).passed_over == {
        str(tmp_path / "2023"): "a folder: its files are not read; name it as a feed of its own",
        str(tmp_path / "pipe.csv"): "no plain file",
    }
    with pytest.raises(Refused, match="found a pipe or a device"):
        fetch(tmp_path / "pipe.csv")


def test_intraday_bars_that_are_named_alone_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "hourly.csv"
    path.write_text(PASSED_OVER["hourly.csv"][0])
    with pytest.raises(Refused, match=r"hourly\.csv: its bars are less than a day long: give daily bars"):
        fetch(path)


def test_what_plainly_are_daily_bars_is_refused_where_something_is_wrong_also_in_a_folder(tmp_path) -> None:
    bars_csv(tmp_path, "2024-07-01,AAPL,1,1,1,1,5", name="mine.csv")
    path = bars_csv(
        tmp_path, "2024-07-01,SPY,1,1,1,5", name="cut.csv", header="date,symbol,open,high,close,volume"
    )
    with pytest.raises(Refused) as error:
        fetch(tmp_path)
    assert str(error.value).startswith(f"{path}, line 1: the column low is missing; found date,")


def test_a_feed_without_the_symbol_says_which_it_has(tmp_path: Path) -> None:
    path = bars_csv(tmp_path, "2024-07-01,AAPL,1,1,1,1,5")
    bars_csv(tmp_path, "2024-07-01,SPY,1,1,1,1,5", name="other.csv")
    assert (
        str(fetch(tmp_path, "SPY", "IBM").missing["IBM"])
        == "the files hold no such symbol (they hold AAPL, SPY)"
    )
    assert path.exists()
