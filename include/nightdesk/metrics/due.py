"""What each book should have by now: decisions that are due, and bars that are late; by its own schedule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightdesk.core.errors import NightdeskError
from nightdesk.metrics.families import Sample
from nightdesk.metrics.samples import sample
from nightdesk.operations.watchdog import GRACE
from nightdesk.session.context import book_path

if TYPE_CHECKING:
    from nightdesk.core.schedule import Schedule


class BookSchedules:
    """When the books of a project decide; a file is read again only when it was changed.

    Parameters
    ----------
    root : Path
        The project.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[Path, tuple[tuple[int, int], Schedule | None]] = {}

    def of(self, book: str) -> Schedule | None:
        """The schedule of a book; None where its file is gone or wrong."""
        from nightdesk.core.book import load_book
        from nightdesk.core.schedule import schedule_of

        try:
            path = book_path(book, self._root)
            stat = path.stat()
        except (NightdeskError, OSError):
            return None
        mark = (stat.st_mtime_ns, stat.st_size)
        kept = self._known.get(path)
        if kept is not None and kept[0] == mark:
            return kept[1]
        try:
            found = schedule_of(load_book(path))
        except (NightdeskError, OSError):
            found = None
        self._known[path] = (mark, found)
        return found


def due_samples(
    progress: list[dict[str, Any]], moment: datetime, schedules: BookSchedules
) -> Iterator[Sample]:
    """Samples of what is due, of each started book.

    Parameters
    ----------
    progress : list of dict
        As `DeskFigures.progress`.
    moment : datetime
        The database's clock, UTC.
    schedules : BookSchedules
        A book whose file cannot be read is shown as such, and without what is due.
    """
    for row in progress:
        schedule = schedules.of(row["book"])
        yield from sample("nightdesk_book_readable", schedule is not None, book=row["book"])
        if row["ingested"] is not None:
            yield from sample(
                "nightdesk_data_age_seconds", _seconds(moment - row["ingested"]), book=row["book"]
            )
        if schedule is not None:
            try:
                yield from _of_book(row, moment, schedule)
            except NightdeskError:  # the calendar does not reach so far: nothing can be said of what is due
                continue


def _of_book(row: Mapping[str, Any], moment: datetime, schedule: Schedule) -> Iterator[Sample]:
    book, newest = row["book"], schedule.latest_completed(moment)
    first = schedule.first_of(row["inception"]) if row["closed"] is None else schedule.after(row["closed"])
    due = max(0, schedule.index(newest) - schedule.index(first) + 1)
    # A book that was only just started is given the time that any other has.
    waited = moment - max(schedule.known_from(first), row["created_at"])
    yield from sample("nightdesk_decisions_due", due, book=book)
    yield from sample("nightdesk_decision_overdue_seconds", _seconds(waited) if due else 0, book=book)
    yield from sample("nightdesk_decision_grace_seconds", GRACE[schedule.kind].total_seconds(), book=book)
    stored = row["ingested"] is not None and row["ingested"] >= newest
    unborn = newest < schedule.first_of(row["inception"])
    late = timedelta(0) if stored or unborn else moment - max(_lacking(row, schedule), row["created_at"])
    yield from sample("nightdesk_data_late_seconds", _seconds(late), book=book)


def _lacking(row: Mapping[str, Any], schedule: Schedule) -> datetime:
    """From when on the first bars could be had that are not stored."""
    if row["ingested"] is None:
        return schedule.known_from(schedule.first_of(row["inception"]))
    return schedule.known_from(schedule.after(row["ingested"]))


def _seconds(span: timedelta) -> float:
    return max(0.0, span.total_seconds())
