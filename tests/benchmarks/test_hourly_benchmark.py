"""What the benchmark of hourly decisions counts and compares."""

from datetime import date

import pytest
from benchmarks import hourly
from benchmarks.reading import Counts

from nightdesk.core.book import load_book
from nightdesk.core.schedule import schedule_of


@pytest.mark.parametrize(
    ("text", "days", "hours"),
    [
        ("COPY (SELECT close FROM nightdesk.bars WHERE true) TO STDOUT", 1, 0),
        ("COPY (SELECT close\nFROM nightdesk.bars_hourly WHERE true) TO STDOUT", 0, 1),
        ("SELECT count(*) FROM nightdesk.bars_hourly ", 0, 0),
    ],
)
def test_reads_of_days_and_of_hours_are_counted_apart(text: str, days: int, hours: int) -> None:
    counts = Counts()
    counts.heard(text)
    assert (counts.statements, counts.panels, counts.hours) == (1, days, hours)


def test_the_backtest_is_of_five_stocks_and_as_many_hours_as_its_sessions_have() -> None:
    book = load_book(hourly.BOOK)
    first, panel = hourly.market(book, 10)
    assert len(book.symbols) == 5
    decided = schedule_of(book).instants(first, hourly.LAST)
    assert (first, len(decided)) == (date(2025, 12, 17), 10 * 7 - 3)
    assert panel.hours is not None
    assert panel.hours.instants[-len(decided) :].tolist() == decided.tolist()
