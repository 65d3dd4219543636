"""The book and the decision that a page of the cockpit is about, found by the words of its address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from fastapi import HTTPException

from nightdesk.core.errors import Refused
from nightdesk.core.schedule import schedule_of
from nightdesk.session.entry import looking_at
from nightdesk.store.book_rows import book_record, stored_book
from nightdesk.store.cockpit_book_rows import decisions_beside, last_decision_of
from nightdesk.store.run_rows import StoredRun, find_run, latest_closed, newest_begun

if TYPE_CHECKING:
    from nightdesk.cockpit.screen import Screen
    from nightdesk.core.book import Book
    from nightdesk.core.schedule import Schedule
    from nightdesk.session.context import Context
    from nightdesk.store.book_rows import BookRecord
    from nightdesk.store.db import Connection

#: Bars that are read and checked within a tenth of a second.
AT_ONCE_BARS = 20_000

#: Characters of a wrong word of an address that an answer repeats.
REPEATED = 60


@dataclass(frozen=True)
class KnownBook:
    """A book that has a file, or was started.

    Attributes
    ----------
    name : str
    book : Book or None
        As its file says it; where that is gone or wrong, as it was last used. None where neither can be read.
    record : BookRecord or None
        Where it began; None where it was never started.
    without_file : str
        Why its file is not to be read; empty where it is.
    """

    name: str
    book: Book | None
    record: BookRecord | None
    without_file: str = ""

    @cached_property
    def schedule(self) -> Schedule | None:
        """When it decides; None where the book cannot be read."""
        return None if self.book is None else schedule_of(self.book)

    @property
    def label(self) -> str:
        """Title and name."""
        return self.name if self.book is None else self.book.label

    @property
    def noun(self) -> str:
        """What people call one of its decisions."""
        return "session" if self.schedule is None else self.schedule.noun

    def name_of(self, as_of: datetime) -> str:
        """A decision in people's words."""
        return f"{as_of.date()}" if self.schedule is None else self.schedule.name_of(as_of)


@dataclass(frozen=True)
class NamedDecision:
    """One decision of a book: how it stands, what people call it, and those beside it."""

    run: StoredRun
    name: str
    before: datetime | None
    after: datetime | None

    @property
    def as_of(self) -> datetime:
        return self.run.as_of

    @property
    def session(self) -> date:
        return self.run.session

    @property
    def word(self) -> str:
        """The decision as an address names it."""
        return instant_word(self.as_of)

    @property
    def word_before(self) -> str:
        """The same of the decision before; empty where there is none."""
        return "" if self.before is None else instant_word(self.before)

    @property
    def word_after(self) -> str:
        """The same of the decision after; empty where there is none."""
        return "" if self.after is None else instant_word(self.after)

    @property
    def status(self) -> str:
        """How it stands: decided, under way, or failed."""
        return {"closed": "decided", "open": "under way", "failed": "failed"}[self.run.status]


def instant_word(as_of: datetime) -> str:
    """A decision as an address names it."""
    return f"{as_of.astimezone(UTC):%Y-%m-%dT%H:%M}Z"


def known_book(screen: Screen, name: str) -> KnownBook:
    """The book of an address.

    Raises
    ------
    HTTPException
        404 when no file and no started book that the visitor may see is called so.
    """
    broken = screen.book_list.broken
    if name not in {*screen.books, *broken, *screen.started}:
        names = sorted({*screen.books, *broken, *screen.started})
        known = f"The desk's books are {', '.join(names)}" if names else "The desk has no book"
        raise HTTPException(404, f"There is no book {name[:REPEATED]!r}. {known}.")
    record = book_record(screen.conn, name)
    if name in screen.books:
        return KnownBook(name, screen.books[name], record)
    why = broken.get(name, f"the file of book {name} is gone")
    return KnownBook(name, None if record is None else _as_last_used(screen.conn, name), record, why)


def _as_last_used(conn: Connection, name: str) -> Book | None:
    try:
        return stored_book(conn, name)
    except Refused:  # of a version that is gone; that its file cannot be read is said beside
        return None


def decision_of(conn: Connection, known: KnownBook, as_of: str = "") -> NamedDecision | None:
    """The decision that an address asks for: an instant, the last of a session, or the newest closed one.

    Parameters
    ----------
    conn : Connection
    known : KnownBook
    as_of : str
        An instant such as ``2025-01-08T21:00Z``, or a session such as ``2025-01-08``; empty: the newest
        closed decision, or the newest begun one where none is closed.

    Returns
    -------
    NamedDecision or None
        None where the book has begun none at all, and none was asked for.

    Raises
    ------
    HTTPException
        400 when `as_of` is neither, 404 when nothing of the book was begun then.
    """
    if not as_of:
        found = latest_closed(conn, known.name) or newest_begun(conn, known.name)
        return None if found is None else _named(conn, known, found)
    at = _asked(conn, known.name, as_of)
    decision = None if at is None else _named(conn, known, at)
    if decision is None:
        newest = newest_begun(conn, known.name)
        had = "it has decided nothing yet" if newest is None else f"its newest is {known.name_of(newest)}"
        raise HTTPException(404, f"Book {known.name} has no decision of {as_of[:REPEATED]!r}: {had}.")
    return decision


def _asked(conn: Connection, book: str, text: str) -> datetime | None:
    """The instant of an address; that of a session is its last decision, None where it has none."""
    try:
        if len(text) == len("2025-01-08"):
            return last_decision_of(conn, book, date.fromisoformat(text))
        moment = datetime.fromisoformat(text[:REPEATED])
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        expected = "an instant such as 2025-01-08T21:00Z, or a session such as 2025-01-08"
        raise HTTPException(400, f"as_of: found {text[:REPEATED]!r}; expected {expected}.") from None


def _named(conn: Connection, known: KnownBook, as_of: datetime) -> NamedDecision | None:
    run = find_run(conn, known.name, as_of)
    if run is None:
        return None
    beside = decisions_beside(conn, known.name, as_of)
    return NamedDecision(run, known.name_of(as_of), beside.before, beside.after)


def explains_at_once(context: Context) -> bool:
    """Whether the signals of a decision can be given in words without a wait.

    They are made from the day's bars, which are stored for the newest decisions; for others they are worked
    out of the history up to then, where that has at most `AT_ONCE_BARS`.
    """
    if context.checked().is_quick():
        return True
    sessions = len(context.calendar.between(context.record.origin, context.session))
    periods = context.schedule.periods_a_session
    return 0 < sessions * periods * len(context.book.panel_symbols) <= AT_ONCE_BARS


def context_of(conn: Connection, known: KnownBook, decision: NamedDecision) -> Context:
    """The decision as the steps see it, to be read only.

    Raises
    ------
    Refused
        When the book cannot be read, or its schedule has no such decision any more.
    """
    if known.book is None or known.record is None:
        raise Refused(
            f"book {known.name} cannot be read as a book any more: {known.without_file or 'it never began'}. "
            f"Put its file back into books/{known.name}.yaml"
        )
    return looking_at(conn, known.book, known.record, decision.as_of)
