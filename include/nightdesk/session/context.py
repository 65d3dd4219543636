"""What every step of a decision is given: the connection, the book, the instant and what is known of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightdesk.accounting.tax import tax_terms
from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import Calendar, get_calendar
from nightdesk.core.errors import BadRequest, Refused
from nightdesk.core.schedule import Schedule, schedule_of
from nightdesk.engine.warm_up import origin_before
from nightdesk.store.book_rows import (
    BookRecord,
    account_records,
    keep_document,
    kept_book,
    start_book,
    stored_book,
)
from nightdesk.store.db import Connection
from nightdesk.store.run_rows import OpenAttempt, StoredRun, find_run
from nightdesk.store.tax_rows import keep_tax_terms
from nightdesk.version import code_version

if TYPE_CHECKING:
    from nightdesk.core.members import Membership
    from nightdesk.core.panel import Panel
    from nightdesk.engine import Desk, Injection
    from nightdesk.feeds.quality import Quality
    from nightdesk.sentiment import Sentiment
    from nightdesk.session.checked import Checked

#: How long a step waits for its turn, or for the book's lock, before it gives its slot back.
TURN_SECONDS = 20.0


@dataclass(frozen=True)
class Context:
    """One decision of one book.

    Parameters
    ----------
    conn : Connection
        In autocommit; the steps open the transactions.
    book : Book
        The validated book.
    record : BookRecord
        Where the book begins; what is stored of it, or will be by the first step.
    as_of : datetime
        The decision: an instant of the book's schedule, UTC.
    dry_run : bool
        Compute and report; keep nothing, send no order.
    feeds : tuple of str
        Names of sources that are asked for all bars in place of the book's, in order; empty: the book's own.
    reports : Path
        Folder in which report pages are written, one folder per book.
    turn_seconds : float
        How long to wait for the book's turn.
    rehearsing : bool
        Whether the steps run within the one transaction of a dry run, which is rolled back.
    environ : mapping of str to str
        Where the credentials of brokers are.
    task : str or None
        The task of Airflow that makes the attempt, as ``DAG/run/task/try``; None without Airflow.
    injected : tuple of Injection
        Synthetic signals that this run asked for; never of a book at a real broker.
    listed_by : datetime or None
        The instant by which the members of the book's universe were known; None where it was not read.
    """

    conn: Connection
    book: Book
    record: BookRecord
    as_of: datetime
    dry_run: bool
    feeds: tuple[str, ...]
    reports: Path
    turn_seconds: float = TURN_SECONDS
    rehearsing: bool = False
    environ: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    task: str | None = None
    injected: tuple[Injection, ...] = ()
    listed_by: datetime | None = None
    _attempts: list[OpenAttempt] = field(default_factory=list, repr=False, compare=False)
    _started: set[str] = field(default_factory=set, repr=False, compare=False)
    _panels: dict[datetime, Panel] = field(default_factory=dict, repr=False, compare=False)
    _examined: dict[datetime, Quality] = field(default_factory=dict, repr=False, compare=False)
    _checked: dict[datetime, Checked] = field(default_factory=dict, repr=False, compare=False)
    _sentiments: dict[datetime, Sentiment] = field(default_factory=dict, repr=False, compare=False)
    _listed: dict[datetime, Context] = field(default_factory=dict, repr=False, compare=False)

    def as_listed(self) -> Context:
        """The decision with the members that it knew; of a book that lists its symbols, itself.

        Before its first ingest they are those that are known now.
        """
        if self.book.members is None:
            return self
        if self.attempt is None:
            return self._with_stored_list()
        known_by = self.attempt.run.known_by
        if known_by is None or known_by == self.listed_by:
            return self
        if known_by not in self._listed:
            self._listed.clear()
            self._listed[known_by] = self.with_list_of(known_by)
        return self._listed[known_by]

    def _with_stored_list(self) -> Context:
        from nightdesk.store.db import now
        from nightdesk.store.member_rows import members_of_decision

        found = members_of_decision(self.conn, self.book.name, self.as_of)
        if found is None:
            return self if self.listed_by is not None else self.with_list_of(now(self.conn))
        known_by, listed = found
        if known_by == self.listed_by:
            return self
        return self._with_members(_with_pairs(self.conn, self.book, known_by, listed), known_by)

    def with_list_of(self, known_by: datetime) -> Context:
        """The decision with the members that were known by an instant."""
        return self._with_members(_listed(self.conn, self.book, known_by), known_by)

    def _with_members(self, membership: Membership, known_by: datetime) -> Context:
        book = self.book.with_members(membership, self.record.origin, self.session)
        return replace(self, book=book, listed_by=known_by)

    @cached_property
    def calendar(self) -> Calendar:
        """The book's exchange calendar."""
        return get_calendar(self.book.calendar)

    @cached_property
    def desk(self) -> Desk:
        """The book with its strategies, sizing and rules."""
        from nightdesk.engine import resolve

        return resolve(self.book)

    @cached_property
    def schedule(self) -> Schedule:
        """When the book decides."""
        return schedule_of(self.book)

    @cached_property
    def session(self) -> date:
        """The session that the decision lies in."""
        return self.schedule.session_of(self.as_of)

    @cached_property
    def name(self) -> str:
        """The decision in people's words: its session, and the time of day where that has several."""
        return self.schedule.name_of(self.as_of)

    @property
    def option(self) -> str:
        """The decision as commands take it: ``--session`` of the last one in a session, else ``--as-of``."""
        return self.schedule.option_of(self.as_of)

    @property
    def moment(self) -> tuple[datetime, date]:
        """The decision's instant and its session."""
        return self.as_of, self.session

    @property
    def is_hourly(self) -> bool:
        """Whether the book decides within sessions."""
        return self.schedule.kind != "daily"

    @property
    def key(self) -> dict[str, Any]:
        """What every decided row is found by, with its session."""
        return {"book": self.book.name, "as_of": self.as_of, "session": self.session}

    @cached_property
    def previous(self) -> datetime | None:
        """The decision before; None for the book's first."""
        if self.as_of == self.schedule.first_of(self.record.inception):
            return None
        return self.schedule.before(self.as_of)

    def new_run(self) -> StoredRun:
        """The run as its first step opens it."""
        return StoredRun(
            book=self.book.name,
            session=self.session,
            as_of=self.as_of,
            known_by=None,
            status="open",
            code_version=code_version(self.desk),
            config_hash=self.book.config_hash,
        )

    def is_started(self) -> bool:
        """Whether a step of this process has found the book started, and stored as it is."""
        return self.book.name in self._started

    def note_started(self) -> None:
        """Remember that it is; of a rehearsal nothing stays."""
        if not self.rehearsing:
            self._started.add(self.book.name)

    @contextmanager
    def working_on(self, attempt: OpenAttempt) -> Iterator[None]:
        """Let an attempt at a step be that of the block; its run is not looked up again."""
        self._attempts.append(attempt)
        try:
            yield
        finally:
            self._attempts.pop()

    @property
    def attempt(self) -> OpenAttempt | None:
        """The attempt at a step that is under way; None outside of one."""
        return self._attempts[-1] if self._attempts else None

    def run(self) -> StoredRun | None:
        """The run of the decision, within a step as it stood when that began; None before any step."""
        return self.attempt.run if self.attempt else find_run(self.conn, self.book.name, self.as_of)

    def known_by(self) -> datetime:
        """The instant up to which this decision uses what was known; `Refused` before its first ingest."""
        run = self.run()
        if run is None or run.known_by is None:
            raise Refused(
                f"{self.book.name} {self.name}: no bars were ingested for it: run its ingest step first"
            )
        return run.known_by

    def panel(self) -> Panel:
        """Bars from the book's origin to the session, and what was said and known beside, as it was known.

        Read once a process.
        """
        known_by = self.known_by()
        if known_by not in self._panels:
            panel = self._read_panel(known_by)
            self._panels.clear()
            self._sentiments.clear()
            panel = self._with_news(panel, known_by) if self.book.feeds.news else panel
            self._panels[known_by] = self._with_facts(panel, known_by)
        return self._panels[known_by]

    def _with_news(self, panel: Panel, known_by: datetime) -> Panel:
        from nightdesk.sentiment import with_sentiment
        from nightdesk.session.headlines import scored_headlines

        told, self._sentiments[known_by] = with_sentiment(
            panel, scored_headlines(self, known_by), self.calendar
        )
        return told

    def _with_facts(self, panel: Panel, known_by: datetime) -> Panel:
        from nightdesk.core.book_facts import fact_subjects

        if not fact_subjects(self.book):
            return panel
        from nightdesk.core.fact_arrays import with_facts
        from nightdesk.store.fact_rows import read_book_facts

        known_from = self.schedule.known_from(self.as_of)
        found = read_book_facts(self.conn, self.book, self.record.origin, known_from, known_by)
        return with_facts(panel, self.book, found, self.schedule)

    def _read_panel(self, known_by: datetime) -> Panel:
        if self.is_hourly:
            from nightdesk.store.bars_hourly import read_hourly_panel

            return read_hourly_panel(self.conn, self.book, self.record.origin, self.as_of, known_by)
        from nightdesk.store.panels import read_panel

        return read_panel(self.conn, self.book, self.record.origin, self.session, known_by)

    def sentiment(self) -> Sentiment | None:
        """What was said of the symbols in all rows of the panel, as it was known; None for a book without
        news.
        """
        if not self.book.feeds.news:
            return None
        self.panel()
        return self._sentiments[self.known_by()]

    def usable_panel(self) -> Panel:
        """The panel as factors and signals see it: without the bars that the checks withhold."""
        return self.checked().usable_panel()

    def checked(self) -> Checked:
        """What the checks leave of the session's market: as the quality step stored it, else worked out."""
        from nightdesk.session.checked import Checked

        known_by = self.known_by()
        if known_by not in self._checked:
            self._checked.clear()
            self._checked[known_by] = Checked(self, known_by)
        return self._checked[known_by]

    def has_examined(self, known_by: datetime) -> bool:
        """Whether this process has examined the bars as they were known by then."""
        return known_by in self._examined

    def examined(self) -> Quality:
        """What the checks say of all sessions of the panel that were over; computed once a process."""
        from nightdesk.feeds.quality import examine
        from nightdesk.store.fact_rows import second_closes_of

        known_by = self.known_by()
        if known_by not in self._examined:
            panel = self.panel().days
            second = second_closes_of(self.conn, self.book, panel, known_by)
            self._examined.clear()
            self._examined[known_by] = examine(panel, self.book, second)
        return self._examined[known_by]

    def at(self, when: date | datetime) -> Context:
        """The same book at another decision: at an instant, or the last of a session."""
        as_of = decision_at(self.schedule, when)
        must_be_decidable(self.book, self.record, self.schedule.session_of(as_of))
        return replace(
            self,
            as_of=as_of,
            listed_by=None,
            _attempts=[],
            _panels={},
            _examined={},
            _checked={},
            _sentiments={},
            _listed={},
        ).as_listed()


def decision_at(schedule: Schedule, when: date | datetime) -> datetime:
    """The decision at an instant, or the last of a session; `Refused` where there is none, with its
    neighbours.
    """
    if not isinstance(when, datetime):
        return schedule.last_of(when)
    schedule.index(when)
    return when


def beginning(book: Book, inception: date) -> BookRecord:
    """Where a book begins that was never started.

    Parameters
    ----------
    book : Book
        Its own inception and origin are used where it states them.
    inception : date
        First decided session of a book that states none.
    """
    first, entry = book.inception or inception, book.entry_of(book.account_names[0])
    return BookRecord(
        book=book.name,
        inception=first,
        origin=origin_before(book, first),
        initial_capital=book.initial_capital,
        broker=entry.kind,
        account=entry.account,
        accounts=account_records(book),
    )


def ensure_started(context: Context) -> None:
    """Store where the book begins, where it is not stored yet, what it is now, and whose gains it makes."""
    if context.is_started():
        return
    conn, document, terms = context.conn, context.book.document, tax_terms(context.book)
    found = kept_book(conn, context.record, document, terms)
    if found is None:
        found = start_book(conn, context.record)
        keep_document(conn, context.book.name, document)
        keep_tax_terms(conn, context.book.name, terms)
    if found != context.record:
        must_be_decidable(context.book, found, context.session)
        raise Refused(
            f"book {context.book.name} was started at {found.inception} by another run meanwhile: "
            "run this session again"
        )
    context.note_started()


def book_as_known(conn: Connection, book: str | Path, name: str, environ: Mapping[str, str]) -> Book:
    """A started book by its file; where that is gone or wrong, as a step last used it.

    Its universe is all that its list has ever named, where it has one.

    Raises
    ------
    Refused
        What is wrong with the file, where nothing is stored of the book either.
    """
    try:
        found = load_book(book_path(book, project_root(environ)))
    except Refused:
        stored = stored_book(conn, name)
        if stored is None:
            raise
        found = stored
    return with_all_listed(conn, found)


def with_all_listed(conn: Connection, book: Book) -> Book:
    """The book with a universe of all that its list has ever named; one that lists its symbols as it is.

    For what concerns no decision: to speak with its broker, or of a price of its symbols.
    """
    if book.members is None:
        return book
    from nightdesk.store.db import now

    return book.with_members(_listed(conn, book, now(conn)), date.min, date.max)


def _listed(conn: Connection, book: Book, known_by: datetime) -> Membership:
    """The members of a book as they were known by an instant, of a screen with its pairs and what is off."""
    from nightdesk.store.member_rows import read_stored_members

    return _with_pairs(conn, book, known_by, read_stored_members(conn, book.name, known_by))


def _with_pairs(conn: Connection, book: Book, known_by: datetime, listed: Membership) -> Membership:
    if book.screen is None:
        return listed
    from nightdesk.store.screen_rows import with_screened

    return with_screened(conn, book.name, get_calendar(book.calendar), known_by, listed)


def project_root(environ: Mapping[str, str]) -> Path:
    """The project's folder: ``NIGHTDESK_ROOT`` where that is set, else the one that holds the package."""
    named = environ.get("NIGHTDESK_ROOT") or None
    return Path(__file__).resolve().parents[3] if named is None else Path(named).expanduser().resolve()


def book_path(book: str | Path, root: Path) -> Path:
    """The file of a book that is named, or given by its path."""
    text = str(book)
    if isinstance(book, Path) or "/" in text or text.endswith((".yaml", ".yml")):
        return Path(book)
    path = root / "books" / f"{text}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in path.parent.glob("*.yaml"))) or "none"
        raise Refused(f"there is no book {text!r} in {path.parent}: known are {known}")
    return path


def must_be_decidable(book: Book, record: BookRecord, session: date) -> None:
    """Refuse a session that lies before the book's inception."""
    if session < record.inception:
        raise BadRequest(
            f"{session} lies before {record.inception}, the first session of book {book.name}: "
            "choose a later session"
        )
