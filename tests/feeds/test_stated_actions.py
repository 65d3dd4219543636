"""Corporate actions that files state: an actions file, columns beside the bars, vendors' own lists."""

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.panel import ACTION_KINDS
from nightdesk.feeds.feed import Fetched
from nightdesk.feeds.files import FilesFeed

NOW = datetime(2024, 7, 5, 22, tzinfo=UTC)
DAYS = ("2024-06-07", "2024-06-10", "2024-06-11", "2024-06-12", "2024-06-13")


def fetch(path: Path, *symbols: str, first: date = date(2024, 6, 3)) -> Fetched:
    feed = FilesFeed(path, get_calendar(), now=lambda: NOW)
    return feed.fetch(symbols or ("NVDA",), first, date(2024, 7, 5))


def actions(fetched: Fetched) -> list[tuple[str, str, str, float]]:
    rows = fetched.actions[["symbol", "session", "kind", "value"]].itertuples(index=False, name=None)
    return [(symbol, str(day.date()), kind, round(value, 9)) for symbol, day, kind, value in rows]


def bars(folder: Path, symbol: str = "NVDA") -> Path:
    lines = [f"{day},{symbol},10,10,10,10,5" for day in DAYS]
    path = folder / f"{symbol}.csv"
    path.write_text("\n".join(["date,symbol,open,high,low,close,volume", *lines]) + "\n", encoding="utf-8")
    return path


def stated(
    folder: Path, *lines: str, header: str = "symbol,session,kind,value", name: str = "actions.csv"
) -> Path:
    path = folder / name
    content = ("\n".join([header, *lines]) + "\n").encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("name", ["actions.csv", "actions.csv.gz", "Actions.CSV"])
def test_an_actions_file_of_the_folder_becomes_actions_with_ratios_as_people_write_them(
    tmp_path, name
) -> None:
    bars(tmp_path)
    stated(
        tmp_path,
        "NVDA,2024-06-10,split,10:1",
        "NVDA,2024-06-11,dividend,0.01",
        "NVDA,2024-06-12,capital_gain,0.5",
        "NVDA,2024-06-13,split,3/2",
        "AAPL,2024-06-10,split,4",
        name=name,
    )
    fetched = fetch(tmp_path)
    assert actions(fetched) == [
        ("NVDA", "2024-06-10", "split", 10.0),
        ("NVDA", "2024-06-11", "dividend", 0.01),
        ("NVDA", "2024-06-12", "capital_gain", 0.5),
        ("NVDA", "2024-06-13", "split", 1.5),
    ]
    assert fetched.bars["close"].tolist() == [10.0] * 5
    assert fetched.passed_over == {}


@pytest.mark.parametrize("name", ["actions.csv", "actions.csv.gz"])
def test_an_actions_file_with_a_header_alone_states_none(tmp_path: Path, name: str) -> None:
    bars(tmp_path)
    stated(tmp_path, name=name)
    fetched = fetch(tmp_path)
    assert (actions(fetched), len(fetched.bars)) == ([], 5)


def test_every_kind_of_action_is_read_with_what_belongs_to_it(tmp_path: Path) -> None:
    bars(tmp_path)
    rows = {
        "split": "2,,,",
        "dividend": "0.1,,,",
        "capital_gain": "0.1,,,",
        "return_of_capital": "0.1,,,",
        "adjustment": "1.01,,,",
        "accept": "1,,,the close is right",
        "symbol_change": "1,NVD,,",
        "merger": "0,,12.5,paid in cash",
        "spin_off": "0.25,BBB,40,",
        "delisting": "0,,0.07,",
    }
    assert set(rows) == set(ACTION_KINDS)
    stated(
        tmp_path,
        *[f"NVDA,2024-06-11,{kind},{rest}" for kind, rest in rows.items()],
        header="symbol,date,kind,value,other,cash,note",
    )
    found = fetch(tmp_path).actions.set_index("kind")
    assert set(found.index) == set(ACTION_KINDS)
    assert found.loc["spin_off", ["value", "other", "cash"]].tolist() == [0.25, "BBB", 40.0]
    assert found.loc["merger", ["value", "other", "cash", "note"]].tolist() == [0.0, "", 12.5, "paid in cash"]
    assert found.loc["accept", "note"] == "the close is right"
    assert set(found["source"]) == {"files"}


def test_an_actions_file_may_be_parquet_and_spell_a_class_of_shares_its_own_way(tmp_path: Path) -> None:
    bars(tmp_path, "BRK-B")
    frame = pd.DataFrame(
        {"symbol": ["BRK.B"], "session": [date(2024, 6, 11)], "kind": ["split"], "value": [50.0]}
    )
    frame.to_parquet(tmp_path / "actions.parquet")
    assert actions(fetch(tmp_path, "BRK/B")) == [("BRK/B", "2024-06-11", "split", 50.0)]


FULL = "symbol,session,kind,value,other,cash"
STATED = "NVDA,2024-06-10"
BAD = [
    ("a missing column", "symbol,session,value", f"{STATED},1", "line 1: the column kind is missing"),
    ("an unknown column", f"{FULL},csah", f"{STATED},split,2,,,1", "line 1: the column csah is not known"),
    ("a column twice", f"{FULL},date", f"{STATED},split,2,,,2024-06-10", "line 1: a column is there twice"),
    (
        "an unknown kind",
        FULL,
        f"{STATED},bonus,1,,",
        "line 2, column kind: found 'bonus', expected one of split,",
    ),
    ("no value", FULL, f"{STATED},split,,,", "line 2, column value: found nothing, expected a value"),
    ("no symbol", FULL, ",2024-06-10,split,2,,", "line 2, column symbol: found nothing, expected a value"),
    ("no day", FULL, "NVDA,,split,2,,", "line 2, column session: found nothing, expected a value"),
    ("no such day", FULL, "NVDA,10 June,split,2,,", "column session: found '10 June', expected a date like"),
    ("words", FULL, f"{STATED},split,two,,", "found 'two', expected shares after for one before, such as"),
    (
        "a ratio of nothing",
        FULL,
        f"{STATED},split,3:0,,",
        "found '3:0', expected shares after for one before",
    ),
    ("a split of 0", FULL, f"{STATED},split,0,,", "column value: found 0, which is no split"),
    ("a negative dividend", FULL, f"{STATED},dividend,-0.1,,", "found '-0.1', expected dollars a share"),
    ("an infinite dividend", FULL, f"{STATED},dividend,inf,,", "found 'inf', expected dollars a share"),
    ("a change to none", FULL, f"{STATED},symbol_change,1,,", "found nothing, expected the new symbol of"),
    (
        "a merger for nothing",
        FULL,
        f"{STATED},merger,0,,",
        "found nothing; a merger pays shares (value), cash",
    ),
    ("a merger into none", FULL, f"{STATED},merger,0.5,,", "expected the new symbol of a merger"),
    ("a negative payment", FULL, f"{STATED},delisting,0,,-1", "column cash: found '-1', expected dollars"),
    ("a delisting of value", FULL, f"{STATED},delisting,5,,", "found '5', expected 0: what a share is paid"),
    (
        "an accepted nothing",
        FULL,
        f"{STATED},accept,2,,",
        "found '2', expected 1 for a price that is accepted",
    ),
    (
        "the same twice",
        FULL,
        f"{STATED},dividend,1,,\n{STATED},dividend,2,,",
        "line 2: NVDA has two actions of kind dividend on 2024-06-10: write one line",
    ),
]


@pytest.mark.parametrize(("header", "line", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_an_actions_file_is_read_strictly(tmp_path: Path, header: str, line: str, words: str) -> None:
    bars(tmp_path)
    path = stated(tmp_path, line, header=header)
    with pytest.raises(Refused) as error:
        fetch(tmp_path)
    assert str(error.value).startswith(str(path))
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("header", "symbol"),
    [
        ("date,symbol,open,high,low,close,volume,split,dividend,capital_gain", True),
        ("date,close,high,low,open,volume,adjClose,divCash,splitFactor", False),
        ("timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient", False),
    ],
)
def test_columns_beside_raw_bars_become_actions_and_the_bars_stay(
    tmp_path: Path, header: str, symbol: bool
) -> None:
    names = header.split(",")
    split = {"split": ("", "10:1", "", "", "0"), "splitFactor": ("1.0", "10.0", "1.0", "1.0", "1.0")}
    split["split_coefficient"] = split["splitFactor"]
    cash = ("0.0", "0", "0.01", "0.0", "")
    prices = (1208.88, 121.79, 120.91, 125.2, 129.61)
    lines = []
    for t, day in enumerate(DAYS):
        cells = dict.fromkeys(names, f"{prices[t]}") | {"volume": "1e6", names[0]: day, "symbol": "NVDA"}
        for name in ("adjClose", "adjusted_close"):
            cells[name] = f"{prices[t] / (10 if t == 0 else 1) * (0.999 if t < 2 else 1):.4f}"
        cells |= {name: split[name][t] for name in split}
        cells |= {"dividend": cash[t], "divCash": cash[t] or "0.0", "dividend_amount": cash[t] or "0.0"}
        cells["capital_gain"] = "0.25" if t == 4 else ""
        lines.append(",".join(cells[name] for name in names))
    stated(tmp_path, *lines, header=header, name="NVDA.csv")
    fetched = fetch(tmp_path / "NVDA.csv")
    expected = [("NVDA", "2024-06-10", "split", 10.0), ("NVDA", "2024-06-11", "dividend", 0.01)]
    assert actions(fetched) == expected + ([("NVDA", "2024-06-13", "capital_gain", 0.25)] if symbol else [])
    assert fetched.bars["close"].tolist() == list(prices)


YAHOO = [
    "2024-06-07 00:00:00-04:00,119.77,121.69,118.022,120.888,120.87,412386000,0.0,0.0",
    "2024-06-10 00:00:00-04:00,120.37,123.1,117.01,121.79,121.77,314162700,0.0,10.0",
    "2024-06-11 00:00:00-04:00,121.77,122.87,118.74,120.91,120.9,222551200,0.01,0.0",
]
YAHOO_HEADER = "Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits"


def test_yahoos_split_adjusted_bars_and_dividends_come_back_raw(tmp_path: Path) -> None:
    earlier = "2024-06-05 00:00:00-04:00,118.37,122.449,117.468,122.44,122.4,528402000,0.004,0.0"
    path = stated(tmp_path, earlier, *YAHOO, header=YAHOO_HEADER, name="NVDA.csv")
    fetched = fetch(path)
    assert fetched.bars["close"].tolist() == [1224.4, 1208.88, 121.79, 120.91]
    assert fetched.bars["volume"].tolist() == [52840200.0, 41238600.0, 314162700.0, 222551200.0]
    assert actions(fetched) == [
        ("NVDA", "2024-06-05", "dividend", 0.04),
        ("NVDA", "2024-06-10", "split", 10.0),
        ("NVDA", "2024-06-11", "dividend", 0.01),
    ]


def test_a_later_split_that_yahoo_divides_by_leaves_the_raw_history_as_it_was(tmp_path: Path) -> None:
    frame = pd.DataFrame([line.split(",") for line in YAHOO], columns=YAHOO_HEADER.split(","))
    frame.to_csv(tmp_path / "NVDA.csv", index=False)
    before = fetch(tmp_path / "NVDA.csv")
    prices = ["Open", "High", "Low", "Close", "Adj Close", "Dividends"]
    divided = frame.assign(**{name: frame[name].astype(float) / 3 for name in prices})
    divided["Volume"] = frame["Volume"].astype(float) * 3
    later = dict.fromkeys(YAHOO_HEADER.split(","), 0.0) | dict.fromkeys(prices[:5], 40.5) | {"Volume": 5e8}
    later |= {"Date": "2024-06-12 00:00:00-04:00", "Stock Splits": 3.0}
    pd.concat([divided, pd.DataFrame([later])]).to_csv(tmp_path / "NVDA.csv", index=False)
    after = fetch(tmp_path / "NVDA.csv")
    pd.testing.assert_frame_equal(after.bars[:-1], before.bars)
    assert actions(after) == [*actions(before), ("NVDA", "2024-06-12", "split", 3.0)]


def test_dividends_that_adjusted_prices_hold_already_are_counted_and_not_paid(tmp_path: Path) -> None:
    header = YAHOO_HEADER.replace("Adj Close,", "")
    lines = [",".join(line.split(",")[:5] + line.split(",")[6:]) for line in YAHOO]
    fetched = fetch(stated(tmp_path, *lines, header=header, name="NVDA.csv"))
    assert fetched.actions.empty
    assert fetched.bars["close"].tolist() == [120.888, 121.79, 120.91]
    assert fetched.dropped == {"a dividend or split that its adjusted prices hold already": 2}


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_polygons_lists_of_splits_and_dividends_become_actions(tmp_path: Path, ending: str) -> None:
    bars(tmp_path)
    splits = [
        {"ticker": "NVDA", "execution_date": "2024-06-10", "split_from": 1, "split_to": 10, "id": "a"},
        {"ticker": "NVDA", "execution_date": "2024-06-12", "split_from": 2, "split_to": 3, "id": "b"},
    ]
    paid = [
        ("2024-06-11", 0.25, "CD", "c"),
        ("2024-06-11", 1.5, "SC", "d"),
        ("2024-06-12", 0.7, "LT", "e"),
        ("2024-06-12", 0.1, "ST", "f"),
        ("2024-06-12", 0.1, "ST", "f"),  # on two pages
    ]
    dividends = [
        {"ticker": "NVDA", "ex_dividend_date": day, "cash_amount": cash, "dividend_type": kind,
         "frequency": 4, "pay_date": "2024-06-28", "currency": "USD", "id": name}
        for day, cash, kind, name in paid
    ]  # fmt: skip
    dividends.append(dividends[0] | {"id": "g", "currency": "TWD"})
    for name, rows in (("splits", splits), ("dividends", dividends)):
        if ending == "csv":
            pd.DataFrame(rows).to_csv(tmp_path / f"{name}.csv", index=False)
        else:
            (tmp_path / f"{name}.json").write_text(json.dumps({"results": rows, "status": "OK"}))
    fetched = fetch(tmp_path)
    assert actions(fetched) == [
        ("NVDA", "2024-06-10", "split", 10.0),
        ("NVDA", "2024-06-11", "dividend", 1.75),
        ("NVDA", "2024-06-12", "capital_gain", 0.8),
        ("NVDA", "2024-06-12", "split", 1.5),
    ]
    assert fetched.dropped == {"a dividend in another currency than dollars": 1}


def test_polygons_adjusted_answer_comes_back_raw_where_its_splits_lie_beside_it(tmp_path: Path) -> None:
    stamps = pd.to_datetime(list(DAYS)).tz_localize("America/New_York").astype("int64") // 10**6
    results = [
        {"v": 1e7, "vw": 1, "o": 12, "c": 12.5, "h": 13, "l": 11.5, "t": int(t), "n": 1} for t in stamps
    ]
    (tmp_path / "bars.json").write_text(json.dumps({"ticker": "NVDA", "adjusted": True, "results": results}))
    stated(
        tmp_path,
        "NVDA,2024-06-10,1,10",
        header="ticker,execution_date,split_from,split_to",
        name="splits.csv",
    )
    fetched = fetch(tmp_path)
    assert fetched.bars["close"].tolist() == [125.0, 12.5, 12.5, 12.5, 12.5]
    assert fetched.bars["volume"].tolist() == [1e6, 1e7, 1e7, 1e7, 1e7]
    assert actions(fetched) == [("NVDA", "2024-06-10", "split", 10.0)]


def test_yahoos_lists_of_one_symbol_are_read_by_the_name_of_their_file(tmp_path: Path) -> None:
    bars(tmp_path)
    stated(tmp_path, "2024-06-10,10:1", header="Date,Stock Splits", name="NVDA_splits.csv")
    stated(
        tmp_path, "2024-06-07,0.004", "2024-06-11,0.01", header="Date,Dividends", name="NVDA_dividends.csv"
    )
    assert actions(fetch(tmp_path)) == [
        ("NVDA", "2024-06-07", "dividend", 0.04),
        ("NVDA", "2024-06-10", "split", 10.0),
        ("NVDA", "2024-06-11", "dividend", 0.01),
    ]


def test_what_is_stated_comes_before_what_the_adjusted_close_implies(tmp_path: Path) -> None:
    days = [str(one) for one in get_calendar().between(date(2024, 6, 3), date(2024, 7, 3))]
    lines = []
    for day in days:
        close = 100.26 if day < "2024-06-10" else 50.13
        adjusted = 49.512345 if day < "2024-06-20" else 50.13
        lines.append(f"{day},NVDA,{close},{close},{close},{close},{adjusted:.6f},5")
    stated(tmp_path, *lines, header="date,symbol,open,high,low,close,adj_close,volume", name="bars.csv")
    implied = [("2024-06-10", "adjustment"), ("2024-06-20", "adjustment")]
    assert [(day, kind) for _, day, kind, _ in actions(fetch(tmp_path))] == implied
    stated(tmp_path, "NVDA,2024-06-10,split,2:1")
    found = [(day, kind) for _, day, kind, _ in actions(fetch(tmp_path))]
    assert found == [("2024-06-10", "split"), implied[1]]


def test_two_places_that_agree_are_one_action_and_two_that_differ_are_refused(tmp_path: Path) -> None:
    path = bars(tmp_path)
    header = path.read_text().splitlines()[0] + ",split"
    lines = [f"{line},{'10' if DAYS[1] in line else ''}" for line in path.read_text().splitlines()[1:]]
    stated(tmp_path, *lines, header=header, name=path.name)
    own = stated(tmp_path, "NVDA,2024-06-10,split,10:1")
    assert actions(fetch(tmp_path)) == [("NVDA", "2024-06-10", "split", 10.0)]
    stated(tmp_path, "NVDA,2024-06-10,split,4:1")
    with pytest.raises(Refused) as error:
        fetch(tmp_path)
    assert str(error.value) == (
        f"{path}, line 3 and {own}, line 2: two different actions of kind split of NVDA on 2024-06-10: "
        "keep one of them"
    )


def test_actions_outside_a_span_are_left_out_of_it(tmp_path: Path) -> None:
    bars(tmp_path)
    stated(tmp_path, "NVDA,2024-06-10,split,10", "NVDA,2024-06-12,dividend,1")
    assert actions(fetch(tmp_path, first=date(2024, 6, 11))) == [("NVDA", "2024-06-12", "dividend", 1.0)]


@pytest.mark.parametrize(
    ("value", "words"), [("-1", "found '-1', expected dollars"), ("x", "found 'x', expected")]
)
def test_an_impossible_amount_beside_a_bar_is_refused_with_its_line(
    tmp_path: Path, value: str, words: str
) -> None:
    header = "date,symbol,open,high,low,close,volume,dividend"
    path = stated(tmp_path, f"2024-06-10,NVDA,1,1,1,1,5,{value}", header=header, name="bars.csv")
    with pytest.raises(Refused) as error:
        fetch(path)
    assert f"{path}, line 2, column dividend: {words}" in str(error.value)
