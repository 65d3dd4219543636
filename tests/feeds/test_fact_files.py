"""Facts from files: what is read, from when it counts as known, and what is refused with its place."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest

from nightdesk.core.errors import Refused
from nightdesk.core.facts import EARNINGS, FACT_KINDS, LISTINGS, MACRO, POSITIONING, QUOTES, FactKind
from nightdesk.feeds.fact_feed import FactFeed, FetchedFacts, make_facts
from nightdesk.feeds.fact_files import AHEAD, FilesFacts, parse_facts
from nightdesk.feeds.fact_sources import check_fact_source
from nightdesk.feeds.feed import Fault
from nightdesk.testing.fact_feed_contract import FactFeedContract

NOW = datetime(2024, 6, 3, 21, tzinfo=UTC)
FIRST, LAST = date(2024, 1, 1), date(2024, 6, 3)
HEADER = "series,period,value,known_at"


def write(folder: Path, name: str, *lines: str) -> Path:
    path, text = folder / name, "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode("utf-8-sig"))
    return path


def fetch(path: Path, kind: FactKind, *subjects: str, first: date = FIRST, last: date = LAST) -> FetchedFacts:
    return FilesFacts(path, now=lambda: NOW).fetch(kind, subjects, first, last)


def known(facts: FetchedFacts) -> list[str]:
    """The instants from which facts are known, New York, in their order."""
    return [
        f"{one:%a %Y-%m-%d %H:%M}"
        for one in facts.rows["known_at"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    ]


class TestFilesFacts(FactFeedContract):
    """Two series in a file, each with versions."""

    @pytest.fixture
    def feed(self, tmp_path: Path) -> FactFeed:
        lines = [
            f"{series},2024-0{month}-01,{month}.5,2024-0{month + 1}-{day}T12:30Z"
            for series in ("CPI", "PCE")
            for month in range(1, 5)
            for day in (12, 28)
        ]
        write(tmp_path, "macro.csv", HEADER, *lines)
        return FilesFacts(tmp_path, now=lambda: NOW)

    @pytest.fixture
    def kind(self) -> FactKind:
        return MACRO

    @pytest.fixture
    def subjects(self) -> tuple[str, ...]:
        return ("CPI", "PCE", "GDP")

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        return (date(2024, 3, 1), date(2024, 5, 15))


def test_series_as_fred_gives_them_are_read_and_revised_ones_are_not(market: Path) -> None:
    path = market / "fred_series.csv.gz"
    facts = fetch(path, MACRO, "DGS10", "CPIAUCSL", "DGS99", first=date(2020, 3, 6), last=date(2020, 3, 10))
    rows = facts.rows[facts.rows["period"] >= "2020-03-06"]
    assert rows["value"].tolist() == [0.74, 0.54, 0.76]
    # Friday's yield is known when Monday is over, Monday's when Tuesday is.
    assert known(FetchedFacts(rows))[:2] == ["Tue 2020-03-10 00:00", "Wed 2020-03-11 00:00"]
    revised, unknown = facts.missing["CPIAUCSL"], facts.missing["DGS99"]
    assert revised.fault is Fault.FINAL
    assert "CPIAUCSL is a series that is revised" in revised.reason
    assert "add a column known_at" in revised.reason
    assert unknown.fault is Fault.ABSENT


def test_a_revised_series_with_its_releases_is_read_in_all_its_versions(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "macro.csv.gz",
        "period,series,value,known_at,source",
        "2024-01-01,CPIAUCSL,309.7,2024-02-13T08:30-05:00,bls",
        "2024-01-01,CPIAUCSL,309.8,2024-03-12T08:30-04:00,bls",
        "2024-02-01,CPIAUCSL,.,2024-03-12T08:30-04:00,",
    )
    facts = fetch(path.parent, MACRO, "CPIAUCSL")
    assert known(facts) == ["Tue 2024-02-13 08:30", "Tue 2024-03-12 08:30", "Tue 2024-03-12 08:30"]
    assert facts.rows["source"].tolist() == ["bls", "bls", "files"]
    assert facts.rows["value"].isna().tolist() == [False, False, True]


def test_an_earnings_calendar_is_read_as_its_vendor_gives_it(market: Path) -> None:
    path = market / "earnings_calendar_alphavantage_sample.csv"
    feed = FilesFacts(path, now=lambda: datetime(2026, 5, 20, 12, tzinfo=UTC))
    facts = feed.fetch(EARNINGS, ["HD", "NVDA", "MRK"], date(2026, 5, 1), date(2026, 8, 31))
    assert facts.rows["timing"].tolist() == ["before", "", "after"]
    assert facts.rows["report_date"].dt.strftime("%m-%d").tolist() == ["05-19", "08-04", "05-20"]
    # What is past was known when its day was over; what is to come since the file is read.
    assert known(facts) == ["Wed 2026-05-20 00:00", "Wed 2026-05-20 08:00", "Wed 2026-05-20 08:00"]


def test_positions_are_known_from_the_release_of_their_report(tmp_path: Path) -> None:
    own = write(tmp_path, "own.csv", "code,report_date,long,short,open_interest", "088691,2024-05-21,10,4,20")
    cftc = write(
        tmp_path,
        "cftc.csv",
        "market_and_exchange_names,cftc_contract_market_code,report_date_as_yyyy_mm_dd,open_interest_all,"
        "noncomm_positions_long_all,noncomm_positions_short_all,noncomm_postions_spread_all",
        "GOLD,088691,2024-05-21T00:00:00.000,20,10,4,1",
    )
    for path in (own, cftc):
        facts = fetch(path, POSITIONING, "088691")
        assert known(facts) == ["Fri 2024-05-24 15:30"]
        assert facts.rows[["long", "short", "open_interest"]].to_numpy().tolist() == [[10, 4, 20]]


def test_quotes_are_known_at_the_close_and_listings_when_the_day_is_over(tmp_path: Path) -> None:
    quotes = write(tmp_path, "quotes.csv", "symbol,session,bid,ask", "SPY,2024-05-24,529.1,529.2")
    assert known(fetch(quotes, QUOTES, "SPY")) == ["Fri 2024-05-24 16:00"]
    listings = write(
        tmp_path, "listings.csv", "symbol,day,market_cap,delisted_on", "XYZ,2024-05-24,1e9,2024-05-31"
    )
    facts = fetch(listings, LISTINGS, "XYZ")
    assert known(facts) == ["Sat 2024-05-25 00:00"]
    assert facts.rows.iloc[0]["title"] == ""
    assert facts.rows.iloc[0]["delisted_on"] == pd.Timestamp("2024-05-31")


def test_the_pool_of_a_file_is_every_symbol_that_it_lists_by_now(tmp_path: Path) -> None:
    write(
        tmp_path,
        "listings.csv",
        "symbol,day,delisted_on",
        "XYZ,2024-05-24,",
        "GONE,2019-05-24,2019-05-24",
        "XYZ,2024-06-28,",
        "LATE,2030-01-02,",
    )
    assert FilesFacts(tmp_path, now=lambda: datetime(2024, 7, 1, tzinfo=UTC)).pool() == ("XYZ", "GONE")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refused, match=r"found neither listings\.csv nor listings\.csv\.gz"):
        FilesFacts(tmp_path / "empty").pool()


def test_the_listings_that_the_docs_show_are_read_as_the_docs_say(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "facts.md").read_text()
    block = text[text.index("    symbol,day,title,exchange") :].split("\n\n")[0]
    path = write(tmp_path, "listings.csv", *(line.strip() for line in block.splitlines()))
    feed = FilesFacts(path, now=lambda: NOW)
    assert feed.pool() == ("AAPL", "XLNX")
    rows = feed.fetch(LISTINGS, feed.pool(), date(2017, 1, 1), LAST).rows
    assert rows["delisted_on"].dropna().tolist() == [pd.Timestamp("2022-02-14")]
    assert rows["market_cap"].isna().tolist() == [False, False, False, True]


def test_what_is_known_later_than_now_is_left_out_and_counted(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "macro.csv",
        "series,period,value,known_at",
        "CPI,2024-05-01,1,2024-06-12T12:30Z",
        "CPI,2024-04-01,1,2024-05-15T12:30Z",
        "CPI,2023-04-01,1,2023-05-15T12:30Z",
    )
    facts = fetch(path, MACRO, "CPI")
    assert facts.rows["period"].dt.strftime("%Y-%m").tolist() == ["2024-04"]
    assert facts.dropped == {AHEAD: 1}
    assert facts.missing == {}


@pytest.mark.parametrize(
    ("kind", "lines", "words"),
    [
        (MACRO, (), r"facts.csv:1: found no column series, period, value; a file of macro facts has series"),
        (MACRO, ("series,period,valeu",), r"facts.csv:1: found no column value"),
        (MACRO, (f"{HEADER},note",), r"facts.csv:1: found the unknown column note; a file of macro"),
        (MACRO, ("series,series_id,period,value",), r":1: found series and series_id, which both say series"),
        (MACRO, (HEADER,), r"facts.csv: there is no fact in it"),
        (MACRO, (HEADER, "CPI,2024-04-01,1"), r"facts.csv:2: found 3 fields; the header has 4"),
        (MACRO, (HEADER, ",2024-04-01,1,"), r"facts.csv:2:series: found '', expected a name"),
        (MACRO, (HEADER, "CPI,2024-13-01,1,"), r"facts.csv:2:period: found '2024-13-01', expected a day"),
        (MACRO, (HEADER, "CPI,,1,"), r"facts.csv:2:period: found '', expected a day"),
        (MACRO, (HEADER, "CPI,2024-04-01,inf,"), r"facts.csv:2:value: found 'inf', expected a number"),
        (MACRO, (HEADER, 'CPI,2024-04-01,"1,000",'), r"facts.csv:2:value: found '1,000', expected a number"),
        (MACRO, (HEADER, "CPI,2024-04-01,1,2024-05-15T12:30"), r":2:known_at: .* an instant with its zone"),
        (
            MACRO,
            (HEADER, "CPI,2024-04-01,1,2024-05-15T12:30Z", "CPI,2024-04-01,2,2024-05-15T08:30-04:00"),
            r"facts.csv:3: CPI of 2024-04-01 stands in line 2 already, known at the same instant",
        ),
        (
            MACRO,
            ("series,period,value", "CPI,2024-04-01,1", "CPI,2024-04-01,2"),
            r"facts.csv:3: .* in line 2 already, without an instant: .* state from when each was known",
        ),
        (
            EARNINGS,
            ("symbol,fiscalDateEnding,reportDate,timeOfTheDay", "A,2024-03-31,2024-04-20,noon"),
            r"facts.csv:2:timeOfTheDay: found 'noon', expected one of nothing, before, after",
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_says_where_and_what(kind: FactKind, lines: tuple[str, ...], words: str) -> None:
    with pytest.raises(Refused, match=words):
        parse_facts(kind, "\n".join(lines), "facts.csv")


def test_a_file_that_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "macro.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(Refused, match=r"macro.csv.gz: no text in UTF-8: .* write a CSV of macro facts anew"):
        fetch(tmp_path, MACRO, "CPI")
    with pytest.raises(Refused, match=r"feeds.quotes: files:.*: found neither quotes.csv nor quotes.csv.gz"):
        fetch(tmp_path, QUOTES, "SPY")
    with pytest.raises(Refused, match=r"feeds.quotes: files:.*gone.csv: there is no such file"):
        check_fact_source(f"files:{tmp_path}/gone.csv", QUOTES)
    with pytest.raises(Refused, match=r"feeds.macro: there is no source of facts 'fliles:x'; did you mean"):
        check_fact_source("fliles:x", MACRO)


def test_the_source_of_files_has_every_kind(tmp_path: Path) -> None:
    source = make_facts(f"files:{tmp_path}")
    assert source.kinds == tuple(FACT_KINDS.values())


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path, "macro.csv", HEADER, "CPI,2024-04-01,1,2024-05-15T12:30Z")
    assert fetch(path, MACRO, "CPI").rows["value"].tolist() == [1.0]
    write(tmp_path, "macro.csv", HEADER, "CPI,2024-04-01,1.25,2024-05-15T12:30Z")
    assert fetch(path, MACRO, "CPI").rows["value"].tolist() == [1.25]
