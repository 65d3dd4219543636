"""An hour whose bar its vendor still owes is waited for to a bound; then the decision is made without it."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from tests.clock import set_clock
from tests.conftest import open_connection
from tests.hourly_book import SYMBOLS, hourly_tree

from nightdesk.core.errors import NotYet
from nightdesk.session import ingest
from nightdesk.session.entry import open_context

#: The first hour of a session, in which no bar of BAC has come.
HOUR = datetime(2019, 12, 2, 15, tzinfo=UTC)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """An hourly book whose files end with that hour."""
    bars = tmp_path / "bars"
    bars.mkdir()
    hours = [("2019-11-29 12:00", SYMBOLS), ("2019-12-02 09:00", SYMBOLS[:2])]
    prices = (100.0, 101.0, 99.0, 100.0, 1000)
    _write(bars / "hours.csv", "bar_start_et", [(at, one) for at, names in hours for one in names], prices)
    days = [(at, one) for at in ("2019-11-27", "2019-11-29") for one in (*SYMBOLS, "^VIX")]
    _write(bars / "days.csv", "date", days, prices)
    path = tmp_path / "hours_of_tests.yaml"
    feeds = {"daily": [f"files:{bars}"], "hourly": [f"files:{bars}"]}
    dates = {"origin": "2019-11-27", "inception": "2019-12-02"}
    path.write_text(yaml.safe_dump(hourly_tree(feeds=feeds, **dates), sort_keys=False))
    return path


def _write(path: Path, time: str, rows: list[tuple[str, str]], prices: tuple[float, ...]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([time, "symbol", "open", "high", "low", "close", "volume"])
        writer.writerows([*row, *prices] for row in rows)


def test_a_late_bar_is_waited_for_and_those_that_came_are_kept(database: str, book: Path) -> None:
    for minute, waits in ((6, True), (14, True), (16, False)):
        set_clock(database, HOUR.replace(minute=minute))
        with open_connection(database) as conn, open_context(book, HOUR, conn=conn, begun=True) as context:
            if waits:
                with pytest.raises(NotYet, match="BAC has not come; it is waited for until 15:15 UTC"):
                    ingest.store_hours(context)
            else:
                assert ingest.store_hours(context).counts["hours"] == 5
    with open_connection(database) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM nightdesk.bars_hourly")
        assert cursor.fetchone() == (5,)
