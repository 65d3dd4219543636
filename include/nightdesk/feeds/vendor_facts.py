"""What vendors of facts share that are asked over the wire: keys, spans, clocks, subjects they refuse."""

from __future__ import annotations

import math
import re
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from nightdesk.core.errors import Refused
from nightdesk.core.facts import FactKind
from nightdesk.feeds.fact_feed import Clock, FactFeed, FetchedFacts, fact_frame
from nightdesk.feeds.feed import Fault, Missing
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.vendor_answers import without_key
from nightdesk.retry_after import later_words

NEW_YORK = ZoneInfo("America/New_York")

#: Subjects in a row that a source may fail before it is left alone for the others.
MOST_FAILURES = 5

#: No vendor tells of a day outside of these.
EARLIEST, LATEST = date(1776, 7, 4), date(2199, 12, 31)

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

#: What a vendor's row is, for its subject: day, instant from which it is known, values.
FactRow = tuple[Any, ...]


class FoundFacts:
    """What came of the subjects so far.

    Parameters
    ----------
    kind : FactKind
    source : str
        Who said it.
    now : callable
        The clock, timezone-aware. A fact that counts only later than now is left for later.
    """

    def __init__(self, kind: FactKind, source: str, now: Clock) -> None:
        self._kind, self._source, self._now = kind, source, now
        self._rows: list[tuple[Any, ...]] = []
        self._missing: dict[str, Missing] = {}
        self._dropped: dict[str, int] = {}

    def add(self, subject: str, day: date, known_at: datetime, *values: Any) -> None:
        """Take a fact, if it counts by now: a run of today then knows what a backtest of today would."""
        if known_at <= self._now():
            known = known_at.astimezone(UTC).replace(tzinfo=None)
            self._rows.append((subject, day, known, *values, self._source))

    def count(self, dropped: Mapping[str, int]) -> None:
        """Add rows that were left out."""
        for reason, count in dropped.items():
            self._dropped[reason] = self._dropped.get(reason, 0) + count

    def fail(self, subjects: Iterable[str], fault: SourceFault, because: str = "") -> None:
        """Say why nothing came of some subjects."""
        reason = f"{because}{fault.reason}{later_words(fault.retry_after)}"
        self._missing |= {subject: Missing(reason, fault.fault) for subject in subjects}

    def answer(self, subjects: Sequence[str], first: date, last: date) -> FetchedFacts:
        """All of it; a subject without a fact and without a reason has none in the span."""
        had = {row[0] for row in self._rows}
        for subject in subjects:
            if subject not in had and subject not in self._missing:
                self._missing[subject] = Missing(f"nothing of it from {first} to {last}")
        return FetchedFacts(fact_frame(self._kind, self._rows), self._missing, self._dropped)


class VendorFacts(FactFeed):
    """A vendor's facts. Without its key every subject is missing, with the name of what to set.

    Parameters
    ----------
    timeout : float
        Seconds for the connection, and for each next byte.
    sleep : callable
        Waits some seconds between attempts.
    """

    #: The account whose key, and address in place of the service's own, the environment has.
    account: ClassVar[str]

    def __init__(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        now: Clock = lambda: datetime.now(UTC),
        timeout: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(environ=environ, now=now)
        self.timeout, self.sleep = timeout, sleep

    @abstractmethod
    def collect(
        self, found: FoundFacts, kind: FactKind, subjects: Sequence[str], first: date, last: date
    ) -> None:
        """Ask for the subjects; what is wrong with one is told to `found` and loses no other.

        Raises
        ------
        SourceFault
            When the vendor gives nothing of any.
        """

    def fetch(self, kind: FactKind, subjects: Sequence[str], first: date, last: date) -> FetchedFacts:
        if kind not in self.kinds:
            has = ", ".join(one.name for one in self.kinds)
            raise Refused(f"source {self.name} has no {kind.name}: it has {has}; name another one for them")
        wanted = list(dict.fromkeys(subjects))
        found = FoundFacts(kind, self.name, self.now)
        try:
            self.collect(found, kind, wanted, first, last)
        except SourceFault as error:
            # What came before it is of an answer that has no end.
            found = FoundFacts(kind, self.name, self.now)
            found.fail(wanted, error)
        return found.answer(wanted, first, last)

    def part(self, name: str) -> str | None:
        """A part of its account (KEY, SECRET, URL) as the environment has it; None where it has none."""
        return self.environ.get(f"NIGHTDESK_ACCOUNT_{self.account}_{name}") or None

    def key(self) -> str:
        """Its key; `SourceFault` without one."""
        key = self.part("KEY")
        if key is None:
            raise without_key(self.account, "KEY")
        return key


class SubjectFacts(VendorFacts):
    """A vendor that is asked for one subject after the other.

    After `MOST_FAILURES` subjects in a row that it failed, it is left alone: the others are missing for the
    last reason.
    """

    @abstractmethod
    def ask(
        self, kind: FactKind, subject: str, first: date, last: date
    ) -> tuple[Sequence[FactRow], Mapping[str, int]]:
        """The facts of a subject as (day, known_at, values), and what was left out, by reason.

        Raises
        ------
        SourceFault
            When the vendor does not give them.
        """

    def collect(
        self, found: FoundFacts, kind: FactKind, subjects: Sequence[str], first: date, last: date
    ) -> None:
        failures = 0
        for at, subject in enumerate(subjects):
            try:
                rows, dropped = self.ask(kind, subject, first, last)
            except SourceFault as error:
                found.fail([subject], error)
                failures = 0 if error.fault is Fault.ABSENT else failures + 1
                if failures == MOST_FAILURES:
                    found.fail(subjects[at + 1 :], error, f"not asked for, after {failures} failures: ")
                    return
                continue
            failures = 0
            for row in rows:
                found.add(subject, *row)
            found.count(dropped)


def is_within(day: date, known_at: datetime, first: date, last: date) -> bool:
    """Whether a fact is of a span: its day, or the day in New York on which it became known."""
    return first <= day <= last or first <= known_at.astimezone(NEW_YORK).date() <= last


def day_of_text(text: Any, wanted: str, latest: date = LATEST) -> date:
    """A day as ISO 8601 writes it; `SourceFault` where it is none that can be; `wanted` says of what."""
    try:
        day = date.fromisoformat(text)
        if EARLIEST <= day <= latest:
            return day
    except (TypeError, ValueError):
        pass
    raise SourceFault(
        Fault.PASSING, f"the server answered {_shown(text)} where the day of {wanted} was expected"
    )


def refuse_later(day: date, today: date, what: str) -> None:
    """Refuse what happened after today: one of the two clocks is wrong; `what` says what is of that day."""
    if day > today:
        raise SourceFault(
            Fault.FINAL, f"it has {what} of {day}, and here it is {today}: one of the two clocks is wrong"
        )


def number_of(found: Any) -> float:
    """A finite number, written as one or as text; NaN where it is none."""
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return math.nan
    if isinstance(found, str) and not _NUMBER.fullmatch(found):
        return math.nan
    try:
        number = float(found)
    except (ValueError, OverflowError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def _shown(found: Any) -> str:
    from nightdesk.core.masking import one_line

    return one_line(repr(found))[:60]
