"""What a backfill of a book will run, and what it leaves out, before anything is started."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from nightdesk.core.calendar import as_instant
from nightdesk.core.errors import Refused
from nightdesk.core.schedule import Schedule

#: The decisions of a plan, by what becomes of them.
_KINDS = ("runs", "decided", "left_alone", "too_early", "not_over")


@dataclass(frozen=True)
class BackfillPlan:
    """The decisions of a span, each in one of the tuples `runs`, `left_alone`, `too_early` and `not_over`.

    Parameters
    ----------
    book : str
        Name of the book.
    schedule : Schedule
        When it decides.
    inception : date
        Its first session.
    runs : tuple of datetime
        They get a run; ascending, as all of these.
    decided : tuple of datetime
        Those of `runs` that are closed: they are compared, and nothing of them is written.
    left_alone : tuple of datetime
        They have a run in Airflow.
    too_early : tuple of datetime
        They lie before the inception.
    not_over : tuple of datetime
        Their bars are not known yet.
    """

    book: str
    schedule: Schedule
    inception: date
    runs: tuple[datetime, ...]
    decided: tuple[datetime, ...]
    left_alone: tuple[datetime, ...]
    too_early: tuple[datetime, ...]
    not_over: tuple[datetime, ...]

    @property
    def sessions(self) -> tuple[date, date]:
        """The first and the last session of `runs`."""
        return self.schedule.session_of(self.runs[0]), self.schedule.session_of(self.runs[-1])

    def document(self) -> dict[str, Any]:
        """The plan for programs: each decision by its session in a daily book, else by its instant."""
        daily = self.schedule.kind == "daily"
        told = {kind: getattr(self, kind) for kind in _KINDS}
        if daily:
            told = {kind: tuple(map(self.schedule.session_of, found)) for kind, found in told.items()}
        return {"book": self.book, "inception": self.inception, **told}

    def sentences(self) -> Iterator[str]:
        """The plan in words, a line for each kind of decision that there is."""
        words = self.schedule.span_of
        if self.runs:
            line = f"{words(self.runs)} of {self.book} will run, in order"
            if self.decided:
                line += f"; {words(self.decided)} decided before: compared, and nothing is written"
            yield line
        else:
            yield f"no {self.schedule.noun} of {self.book} will run"
        if self.left_alone:
            yield f"{words(self.left_alone)} left alone: Airflow has a run (--again runs them too)"
        if self.too_early:
            yield f"{words(self.too_early)} left out: before the book's first, {self.inception}"
        if self.not_over:
            yield f"{words(self.not_over)} left out: not over yet"


def decidable(
    schedule: Schedule, first: date, last: date, inception: date, newest: datetime
) -> tuple[tuple[datetime, ...], tuple[datetime, ...], tuple[datetime, ...]]:
    """The decisions of sessions that lie before a book's inception, that it can make, and that are not over.

    Raises
    ------
    Refused
        When the span holds no session.
    """
    decisions = tuple(map(as_instant, schedule.instants(first, last)))
    if not decisions:
        raise Refused(
            f"there is no session of {schedule.calendar.name} from {first} to {last}: widen the span"
        )
    from_inception = tuple(one for one in decisions if schedule.session_of(one) >= inception)
    return (
        decisions[: len(decisions) - len(from_inception)],
        tuple(one for one in from_inception if one <= newest),
        tuple(one for one in from_inception if one > newest),
    )
