"""`nightdesk facts`, and facts in `ingest`, `feeds` and `export`, as people call them."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
import yaml
from pyarrow import parquet
from tests.conftest import PROJECT, open_connection

from nightdesk.core.facts import EARNINGS, MACRO
from nightdesk.feeds.fact_feed import fact_frame
from nightdesk.store.fact_rows import save_facts

RELEASED = datetime(2024, 2, 13, 13, 30, tzinfo=UTC)


@pytest.fixture
def stored(database):
    """Two months of inflation, the first one revised, and a report of earnings without a day."""

    def value(month, days, number):
        return (
            "CPIAUCSL",
            date(2024, month, 1),
            (RELEASED + timedelta(days=days)).replace(tzinfo=None),
            number,
            "fred",
        )

    with open_connection(database) as conn:
        save_facts(
            conn, MACRO, fact_frame(MACRO, [value(1, 0, 309.685), value(1, 28, 310.1), value(2, 28, 311.05)])
        )
        report = ("AAPL", date(2024, 3, 31), RELEASED.replace(tzinfo=None), None, "", "a_calendar")
        save_facts(conn, EARNINGS, fact_frame(EARNINGS, [report]))
    return database


def test_all_versions_of_a_fact_are_shown_with_when_each_was_known(nightdesk, stored):
    lines = nightdesk("facts", "macro", "CPIAUCSL").stdout.splitlines()
    assert lines[0] == "macro CPIAUCSL: 3 versions"
    assert lines[1].split() == ["period", "known", "at", "value", "source", "stored"]
    assert lines[2].split()[:6] == ["2024-01-01", "2024-02-13", "13:30", "UTC", "309.685", "fred"]
    assert [line.split()[4] for line in lines[3:]] == ["310.1", "311.05"]
    told = nightdesk.document("facts", "macro", "CPIAUCSL", "--from", "2024-02-01")
    assert [row["value"] for row in told["facts"]] == [311.05]
    assert nightdesk("facts", "earnings", "AAPL").stdout.splitlines()[2].split()[-4] == "a_calendar"


def test_as_of_an_instant_one_version_of_each_is_shown(nightdesk, stored):
    def known(*options):
        return [row["value"] for row in nightdesk.document("facts", "macro", "CPIAUCSL", *options)["facts"]]

    assert known("--as-of", "2024-02-13T13:29Z") == []
    assert known("--as-of", "2024-02-13T08:30-05:00") == [309.685]
    assert known("--as-of", "2024-03-12T13:30Z") == [310.1, 311.05]
    assert known("--as-of", "2024-03-12T13:30Z", "--stored-by", "2024-03-12T13:30Z") == [], "it came later"
    text = nightdesk("facts", "macro", "CPIAUCSL", "--as-of", "2024-02-14T12:00Z").stdout
    assert text.startswith("macro CPIAUCSL: 1 facts as they were known at 2024-02-14 12:00 UTC")


def test_without_a_subject_all_that_are_stored_are_listed(nightdesk, stored):
    head, line = nightdesk("facts", "macro").stdout.splitlines()
    assert head.split()[:3] == ["series", "facts", "versions"]
    assert line.split()[:5] == ["CPIAUCSL", "2", "3", "2024-01-01", "2024-02-01"]
    assert (
        "no quotes facts are stored yet: a book asks for them by feeds.quotes"
        in nightdesk("facts", "quotes").stdout
    )


def test_what_is_not_there_is_said(nightdesk, stored):
    assert "there is no kind of facts 'marco'; did you mean macro?" in nightdesk.refusal("facts", "marco")
    told = nightdesk.refusal("facts", "macro", "CPIAUCNS")
    assert "there is no series among the stored macro facts 'CPIAUCNS'; did you mean CPIAUCSL?" in told
    assert "none yet" in nightdesk.refusal("facts", "quotes", "SPY")
    result = nightdesk("facts", "macro", "CPIAUCSL", "--stored-by", "2024-03-12T13:30Z", status=2)
    assert "it goes with --as-of" in result.stderr


def test_facts_are_exported_in_their_newest_version_or_in_all(nightdesk, stored, tmp_path):
    place = tmp_path / "macro.parquet"
    assert nightdesk.document("export", "macro", "--out", place)["rows"] == 2
    assert parquet.read_table(place)["value"].to_pylist() == [310.1, 311.05]
    assert nightdesk.document("export", "macro", "--out", place, "--versions")["rows"] == 3
    span = ("--from", "2024-02-01", "--to", "2024-02-29")
    assert nightdesk.document("export", "macro", "--out", place, *span)["rows"] == 1
    assert parquet.read_table(place)["period"].to_pylist() == [date(2024, 2, 1)]


def test_ingest_brings_facts_of_a_span_and_feeds_tells_of_their_source(nightdesk, database, tmp_path):
    (tmp_path / "macro.csv").write_text("series,period,value\nDGS10,2024-03-01,4.2\nDGS10,2024-03-04,4.22\n")
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())
    tree |= {
        "feeds": {"daily": ["tiingo", "sample"], "macro": [f"files:{tmp_path}"]},
        "macro": {"series": ["DGS10", "DFF"]},
    }
    book = tmp_path / "multi_asset.yaml"
    book.write_text(yaml.safe_dump(tree))
    told = nightdesk.document("ingest", book, "--from", "2024-03-01", "--to", "2024-03-05")["facts"]
    assert (told["facts"], told["new_facts"], told["missing_facts"]) == (2, 2, "macro DFF")
    assert (
        "source tiingo failed: it has no key: set NIGHTDESK_ACCOUNT_TIINGO_KEY"
        in nightdesk("ingest", book, "--from", "2024-03-01", "--to", "2024-03-05").stdout
    )
    text = nightdesk("ingest", book, "--from", "2024-03-01", "--to", "2024-03-05").stdout
    assert "2 facts beside prices, 0 of them new, 0 versions of known ones" in text
    assert "without facts: macro DFF: files" in text
    assert f"{tmp_path}/macro.csv has no macro of DFF from 2024-03-01 to 2024-03-05" in text
    rows = json.loads(nightdesk("feeds", "--json").stdout)["feeds"]
    assert {row["source"]: row["status"] for row in rows}["macro:files"] == "healthy"
