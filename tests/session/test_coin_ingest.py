"""Hours of a coin for a daily book: what came is stored, what is late is decided without, nobody waits."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.clock import set_clock
from tests.conftest import open_connection
from tests.fakes.polygon import ANOTHER_PLAN, FakePolygon, Ticker
from tests.session.coin_desk import COIN, coin_book, write_hours

from nightdesk.cli.trace_commands import _lines as trace_lines
from nightdesk.core.errors import Refused
from nightdesk.operations.trace import trace
from nightdesk.session import steps
from nightdesk.session.books import read_book
from nightdesk.session.entry import open_context

#: A Friday, and the Monday after the clocks went back: the exchange closes at 20:00 and at 21:00 UTC.
FRIDAY, MONDAY = date(2019, 11, 1), date(2019, 11, 4)
ORIGIN = {"origin": "2019-10-15", "inception": "2019-11-01"}


def panel_at(database: str, path: Path, session: date):
    with open_connection(database) as conn, open_context(path, session, conn=conn) as context:
        return context.panel()


def ingest_at(database: str, path: Path, session: date, **options):
    with open_connection(database) as conn, open_context(path, session, conn=conn, **options) as context:
        outcome = steps.ingest(context)
        with conn.cursor() as cursor:
            cursor.execute(
                "SELECT subject, detail FROM nightdesk.ingest_notes WHERE subject LIKE %s", [f"{COIN}%"]
            )
            return outcome, dict(cursor.fetchall())


def test_an_hour_that_comes_late_counts_in_the_decisions_after_it_alone(
    database: str, market: Path, tmp_path: Path
) -> None:
    late = tuple(f"2019-11-01T{hour}" for hour in range(16, 21))
    path = coin_book(tmp_path, market, write_hours(tmp_path, market, "2019-11-03T00", without=late), **ORIGIN)
    set_clock(database, datetime(2019, 11, 1, 21, tzinfo=UTC))
    outcome, _ = ingest_at(database, path, FRIDAY)
    assert outcome["new_hours"] == outcome["hours"] > 300
    friday = panel_at(database, path, FRIDAY)
    n = friday.column(COIN)
    assert np.isnan(friday.close[-1, n])
    assert friday.age[-1, n] == 1
    write_hours(tmp_path, market, "2019-11-05T00")
    set_clock(database, datetime(2019, 11, 4, 22, tzinfo=UTC))
    outcome, _ = ingest_at(database, path, MONDAY)
    assert outcome["corrected_hours"] == 0
    assert outcome["new_hours"] == len(late) + 3 * 24 + 1
    monday = panel_at(database, path, MONDAY)
    assert not np.isnan(monday.close[-2:, n]).any()
    assert np.isnan(panel_at(database, path, FRIDAY).close[-1, n])
    again, _ = ingest_at(database, path, MONDAY)
    assert (again["new_hours"], again["corrected_hours"]) == (0, 0)


def test_without_any_hour_its_days_stay_and_a_note_says_so(
    database: str, market: Path, tmp_path: Path
) -> None:
    hours = write_hours(tmp_path, market, "2019-09-03T00", begin="2019-09-01T00")
    path = coin_book(tmp_path, market, hours, **ORIGIN)
    outcome, notes = ingest_at(database, path, FRIDAY)
    assert outcome["hours"] == 0
    assert list(notes) == [f"{COIN} (hours)"]
    assert "the files hold no hour of it from 2019-10-15 to 2019-11-01" in notes[f"{COIN} (hours)"]
    panel = panel_at(database, path, FRIDAY)
    assert not np.isnan(panel.close[:, panel.column(COIN)]).any()


@pytest.fixture
def polygon(market: Path, tmp_path: Path):
    """Hours of bitcoin, each as two halves: the vendor is asked for half hours."""
    file = write_hours(tmp_path, market, "2019-11-05T00")
    rows = [line.split(",") for line in file.read_text().splitlines()[1:]]
    halves = []
    for start, _, *cells in rows:
        open_, high, low, close, volume = map(float, cells)
        begin = datetime.fromisoformat(start).replace(tzinfo=UTC)
        halves += [
            (begin, open_, high, low, open_, volume / 2),
            (begin + timedelta(minutes=30), open_, high, low, close, volume / 2),
        ]
    with FakePolygon() as fake:
        fake.tickers["X:BTCUSD"] = Ticker(halves)
        yield fake


def test_hours_of_a_vendor_are_those_of_a_file(
    database: str, market: Path, tmp_path: Path, polygon: FakePolygon
) -> None:
    hours = tmp_path / "coin_hours.csv"
    from_file = coin_book(tmp_path, market, hours, **ORIGIN)
    ingest_at(database, from_file, MONDAY)
    of_file = panel_at(database, from_file, MONDAY)
    environ = {**os.environ, **polygon.environ}
    feeds = {"daily": [f"files:{market}"], "hourly": {"crypto": ["polygon", f"files:{hours}"]}}
    path = coin_book(tmp_path, market, hours, feeds=feeds, **ORIGIN)
    outcome, _ = ingest_at(database, path, MONDAY, environ=environ)
    assert (outcome["new_hours"], outcome["corrected_hours"]) == (0, 0)
    assert np.array_equal(panel_at(database, path, MONDAY).close, of_file.close, equal_nan=True)
    polygon.always("/v2/aggs/ticker/X:BTCUSD", ANOTHER_PLAN)
    outcome, notes = ingest_at(database, path, MONDAY, environ=environ)
    assert outcome["hours"] > 0  # of the next feed
    assert notes == {}


def test_a_second_source_is_compared_by_the_hour_that_ends_at_the_close(
    database: str, market: Path, tmp_path: Path, polygon: FakePolygon
) -> None:
    feeds = {
        "daily": [f"files:{market}"],
        "hourly": {"crypto": [f"files:{tmp_path / 'coin_hours.csv'}"]},
        "compare_with": {"crypto": "polygon"},
    }
    path = coin_book(tmp_path, market, tmp_path / "coin_hours.csv", feeds=feeds, **ORIGIN)
    with (
        open_connection(database) as conn,
        open_context(path, MONDAY, conn=conn, environ={**os.environ, **polygon.environ}) as context,
    ):
        steps.ingest(context)
        panel = context.panel()
        with conn.cursor() as cursor:
            cursor.execute(
                "SELECT symbol, session, source, close FROM nightdesk.second_closes ORDER BY session"
            )
            rows = cursor.fetchall()
    close = panel.close[-2:, panel.column(COIN)]
    assert rows == [(COIN, FRIDAY, "polygon", close[0]), (COIN, MONDAY, "polygon", close[1])]


def test_a_book_whose_feeds_have_no_hours_of_it_is_refused(market: Path, tmp_path: Path) -> None:
    path = coin_book(tmp_path, market, tmp_path / "none.csv", feeds={"daily": ["sample"]})
    with pytest.raises(
        Refused, match=r"universe\.BTC-USD: no feed of this book knows its hours \(feeds\.daily: sample"
    ):
        read_book(path)
    with pytest.raises(Refused, match=r"universe\.BTC-USD\.close_from: the book decides hourly"):
        read_book(path, {"schedule": "hourly"})


def test_a_trace_lists_the_hours_that_the_session_was_gathered_from(
    database: str, market: Path, tmp_path: Path
) -> None:
    path = coin_book(tmp_path, market, write_hours(tmp_path, market, "2019-11-05T00"), **ORIGIN)
    with open_connection(database) as conn, open_context(path, FRIDAY, conn=conn) as context:
        steps.ingest(context)
        told, panel = trace(context, COIN), context.panel()
        other = trace(context, "GLD")
    hours = told["hours"]
    assert (len(hours), hours[0]["bar_end"].hour, hours[-1]["bar_end"].hour) == (24, 21, 20)
    assert hours[-1]["close"] == panel.close[-1, panel.column(COIN)]
    assert any("hours of the session" in line for line in trace_lines(told))
    assert other["hours"] == []
    assert not any("hours of the session" in line for line in trace_lines(other))
