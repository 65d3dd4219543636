"""Facts in the store: a version each, read as they were known, whatever way and order they came in."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import psycopg2
import pytest

from nightdesk.core.facts import EARNINGS, FACT_KINDS, LISTINGS, MACRO, QUOTES, SECOND_CLOSES, FactKind
from nightdesk.feeds.fact_feed import fact_frame
from nightdesk.store.bar_rows import known_now
from nightdesk.store.db import Connection, cursor
from nightdesk.store.fact_rows import (
    SavedFacts,
    fact_history,
    facts_changed,
    known_facts,
    read_versions,
    save_facts,
    table_of,
)

#: From when on the tests' facts are known.
START = datetime(2024, 3, 4, 14, 0, tzinfo=UTC)
PERIOD = date(2024, 3, 1)
LAST = date(2030, 1, 1)


def moment(days: float) -> datetime:
    """An instant some days after the start, as frames hold it."""
    return (START + timedelta(days=days)).replace(tzinfo=None)


def macro(*rows: tuple[str, date, float, float | None], source: str = "fred") -> pd.DataFrame:
    """Values of series: of a period, known some days after the start."""
    return fact_frame(
        MACRO,
        [
            (series, period, moment(days), float("nan") if value is None else value, source)
            for series, period, days, value in rows
        ],
    )


def known(conn: Connection, days: float, known_by: datetime | None = None) -> dict[tuple[str, date], float]:
    """What was known of the tests' series some days after the start, by what is stored by an instant."""
    rows = known_facts(
        conn,
        MACRO,
        ["CPI", "DGS10"],
        first=date(2000, 1, 1),
        last=LAST,
        known_from=START + timedelta(days=days),
        known_by=known_by or known_now(conn),
    )
    return {(row["series"], row["period"]): row["value"] for row in rows}


def test_the_same_facts_again_write_nothing(conn: Connection) -> None:
    two = macro(("CPI", PERIOD, 0, 3.5), ("DGS10", PERIOD, 1, None))
    assert save_facts(conn, MACRO, two) == SavedFacts(new=2)
    before = fact_history(conn, MACRO, "CPI", PERIOD, PERIOD)
    assert save_facts(conn, MACRO, two) == SavedFacts(unchanged=2)
    assert save_facts(conn, MACRO, macro(("CPI", PERIOD, 0, 3.5), source="another")) == SavedFacts(
        unchanged=1
    )
    assert save_facts(conn, MACRO, macro()) == SavedFacts()
    assert fact_history(conn, MACRO, "CPI", PERIOD, PERIOD) == before
    assert [(row["value"], row["source"]) for row in before] == [(3.5, "fred")]


def test_a_revision_counts_from_when_it_was_known(conn: Connection) -> None:
    save_facts(conn, MACRO, macro(("CPI", PERIOD, 0, 3.5)))
    assert save_facts(conn, MACRO, macro(("CPI", PERIOD, 30, 3.7))) == SavedFacts(corrected=1)
    assert known(conn, -0.01) == {}
    assert known(conn, 0) == {("CPI", PERIOD): 3.5}
    assert known(conn, 29.9) == {("CPI", PERIOD): 3.5}
    assert known(conn, 30) == {("CPI", PERIOD): 3.7}


def test_a_decision_does_not_read_what_was_stored_after_it(conn: Connection) -> None:
    save_facts(conn, MACRO, macro(("CPI", PERIOD, 0, 3.5)))
    decided = known_now(conn)
    save_facts(conn, MACRO, macro(("CPI", PERIOD, 0, 3.6)))  # the source has rewritten it in place
    save_facts(conn, MACRO, macro(("CPI", PERIOD, 0, 3.9), ("DGS10", PERIOD, 0, 4.0)))
    assert known(conn, 1, decided) == {("CPI", PERIOD): 3.5}
    assert known(conn, 1) == {("CPI", PERIOD): 3.9, ("DGS10", PERIOD): 4.0}
    changed = {"subjects": ["CPI"], "known_from": START + timedelta(days=1)}
    assert facts_changed(conn, MACRO, since=decided, **changed)  # type: ignore[arg-type]
    assert not facts_changed(conn, MACRO, since=known_now(conn), **changed)  # type: ignore[arg-type]
    assert not facts_changed(conn, MACRO, ["CPI"], since=decided, known_from=START - timedelta(days=1))
    assert not facts_changed(conn, MACRO, ["OTHER"], since=decided)


def test_what_is_known_only_later_than_now_is_left_for_later(conn: Connection) -> None:
    ahead = (datetime.now(UTC) + timedelta(days=3) - START).total_seconds() / 86400
    frame = macro(("CPI", PERIOD, 0, 3.5), ("CPI", PERIOD, ahead, 9.9))
    assert save_facts(conn, MACRO, frame) == SavedFacts(new=1, ahead=1)
    assert [row["value"] for row in fact_history(conn, MACRO, "CPI", PERIOD, PERIOD)] == [3.5]


def earnings(report: date | None, timing: str, at: datetime) -> pd.DataFrame:
    """When one company reports its quarter, as it was seen at an instant."""
    return fact_frame(
        EARNINGS, [("AAPL", date(2024, 3, 31), at.replace(tzinfo=None), report, timing, "calendar")]
    )


def test_what_was_seen_and_not_dated_is_a_version_only_where_it_differs(conn: Connection) -> None:
    """A calendar that is fetched every day is not stored every day."""
    day, later = date(2024, 5, 2), date(2024, 5, 3)
    counts = []
    for report, timing in ((day, ""), (day, ""), (later, ""), (later, "after"), (None, ""), (day, "")):
        begun = datetime.now(UTC)
        counts.append(save_facts(conn, EARNINGS, earnings(report, timing, begun), begun))
    new, same, changed = SavedFacts(new=1), SavedFacts(unchanged=1), SavedFacts(corrected=1)
    assert counts == [new, same, changed, changed, changed, changed]
    rows = fact_history(conn, EARNINGS, "AAPL", date(2024, 1, 1), LAST)
    assert [row["report_date"] for row in rows] == [day, later, later, None, day]
    assert all(row["known_at"] == row["stored_at"] for row in rows)


def test_a_clock_ahead_of_the_database_loses_nothing(conn: Connection) -> None:
    """What was seen is known from the moment it is stored, whatever the clock of the machine that saw it."""
    begun = datetime.now(UTC) + timedelta(minutes=5)
    seen = begun + timedelta(seconds=2)
    assert save_facts(conn, EARNINGS, earnings(date(2024, 5, 2), "", seen), begun) == SavedFacts(new=1)
    [row] = fact_history(conn, EARNINGS, "AAPL", date(2024, 1, 1), LAST)
    assert row["known_at"] < begun


def test_all_values_come_back_as_they_were(conn: Connection) -> None:
    listing = (
        "AAPL", date(2024, 3, 1), moment(0), 'Apple, "Inc"', "XNAS", "common", "", "Computers\nand more",
        2.1e12 / 3, float("nan"), date(1980, 12, 12), None, "polygon",
    )  # fmt: skip
    save_facts(conn, LISTINGS, fact_frame(LISTINGS, [listing]))
    [row] = fact_history(conn, LISTINGS, "AAPL", PERIOD, PERIOD)
    row.pop("stored_at")
    assert row == dict(zip(LISTINGS.columns, listing, strict=True)) | {"known_at": START, "shares": None}
    found = read_versions(
        conn, LISTINGS, ["MSFT", "AAPL"], first=PERIOD, known_from=START, known_by=known_now(conn)
    )
    assert found.subject.tolist() == [1]
    assert found.values["market_cap"].tolist() == [2.1e12 / 3]
    assert np.isnan(found.values["shares"]).all()
    assert np.isnan(found.values["delisted_on"]).all()
    assert found.values["listed_from"].tolist() == [np.datetime64("1980-12-12", "D").astype(int)]


def test_closes_of_two_sources_are_two_facts(conn: Connection) -> None:
    rows = [("SPY", PERIOD, moment(1), 500.0, "yahoo"), ("SPY", PERIOD, moment(2), 501.0, "alpaca")]
    assert save_facts(conn, SECOND_CLOSES, fact_frame(SECOND_CLOSES, rows)) == SavedFacts(new=2)
    for source, close in (("yahoo", 500.0), ("alpaca", 501.0)):
        found = read_versions(
            conn,
            SECOND_CLOSES,
            ["SPY"],
            first=PERIOD,
            known_from=known_now(conn),
            known_by=known_now(conn),
            source=source,
        )
        assert found.values["close"].tolist() == [close]


def test_nothing_of_a_malformed_frame_is_stored(conn: Connection) -> None:
    rows = [
        ("SPY", PERIOD, moment(1), 1.0, 2.0, 1.0, 1.0, "x"),
        ("QQQ", PERIOD, moment(1), -1.0, 2.0, 1.0, 1.0, "x"),
    ]
    with pytest.raises(psycopg2.errors.CheckViolation):
        save_facts(conn, QUOTES, fact_frame(QUOTES, rows))
    assert fact_history(conn, QUOTES, "SPY", PERIOD, PERIOD) == []


@pytest.mark.parametrize("kind", [*FACT_KINDS.values(), SECOND_CLOSES], ids=lambda one: one.name)
def test_a_table_has_the_columns_of_its_kind(conn: Connection, kind: FactKind) -> None:
    with cursor(conn) as cur:
        cur.execute(f"SELECT * FROM nightdesk.{table_of(kind)} LIMIT 0")
        assert {column.name for column in cur.description or ()} == {*kind.columns, "stored_at"}
    assert known_facts(
        conn, kind, ["A"], first=PERIOD, last=LAST, known_from=START, known_by=known_now(conn)
    ) == []  # fmt: skip


@pytest.mark.slow
def test_a_long_history_is_stored_and_read_at_once(conn: Connection) -> None:
    """Sixty years of ten series, each value revised once."""
    days = pd.date_range("1965-01-01", "2024-01-01", freq="B")
    parts = []
    for n in range(10):
        for late, value in ((1, 1.0), (40, 2.0)):
            frame = pd.DataFrame({"series": f"S{n}", "period": days, "value": value + n, "source": "fred"})
            frame["known_at"] = days + pd.Timedelta(days=late)
            parts.append(frame[list(MACRO.columns)])
    frame = fact_frame(MACRO, pd.concat(parts))
    assert save_facts(conn, MACRO, frame).new == len(frame)
    found = read_versions(
        conn, MACRO, ["S3"], first=date(1900, 1, 1), known_from=known_now(conn), known_by=known_now(conn)
    )
    assert len(found) == 2 * len(days)
