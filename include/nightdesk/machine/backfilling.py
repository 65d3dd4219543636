"""What a backfill of a book will run, and what it leaves out, before anything is started."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from nightdesk.core.calendar import Calendar, as_date
from nightdesk.core.errors import Refused


@dataclass(frozen=True)
class BackfillPlan:
    """The sessions of a span, each in one of the tuples `runs`, `left_alone`, `too_early` and `not_over`.

    Parameters
    ----------
    book : str
        Name of the book.
    inception : date
        Its first session.
    runs : tuple of date
        They get a run; ascending, as all of these.
    decided : tuple of date
        Those of `runs` that are closed: they are compared, and nothing of them is written.
    left_alone : tuple of date
        They have a run in Airflow.
    too_early : tuple of date
        They lie before the inception.
    not_over : tuple of date
        Their bars are not known yet.
    """

    book: str
    inception: date
    runs: tuple[date, ...]
    decided: tuple[date, ...]
    left_alone: tuple[date, ...]
    too_early: tuple[date, ...]
    not_over: tuple[date, ...]

    def sentences(self) -> Iterator[str]:
        """The plan in words, a line for each kind of session that there is."""
        if self.runs:
            line = f"{_sessions(self.runs)} of {self.book} will run, in order"
            if self.decided:
                line += f"; {_sessions(self.decided)} decided before: compared, and nothing is written"
            yield line
        else:
            yield f"no session of {self.book} will run"
        if self.left_alone:
            yield f"{_sessions(self.left_alone)} left alone: Airflow has a run (--again runs them too)"
        if self.too_early:
            yield f"{_sessions(self.too_early)} left out: before the book's first, {self.inception}"
        if self.not_over:
            yield f"{_sessions(self.not_over)} left out: not over yet"


def decidable(
    calendar: Calendar, first: date, last: date, inception: date, newest: date
) -> tuple[tuple[date, ...], tuple[date, ...], tuple[date, ...]]:
    """The sessions of a span that lie before a book's inception, that it can decide, and that are not over.

    Raises
    ------
    Refused
        When the span holds no session.
    """
    sessions = tuple(as_date(one) for one in calendar.between(first, last))
    if not sessions:
        raise Refused(f"there is no session of {calendar.name} from {first} to {last}: widen the span")
    return (
        tuple(one for one in sessions if one < inception),
        tuple(one for one in sessions if inception <= one <= newest),
        tuple(one for one in sessions if one > max(newest, inception)),
    )


def _sessions(sessions: Collection[date]) -> str:
    first, last = min(sessions), max(sessions)
    return f"{first}" if first == last else f"{len(sessions)} sessions from {first} to {last}"
