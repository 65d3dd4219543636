"""The whole desk, up and down: databases, Airflow, and the newest sessions decided by its books."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from nightdesk.calendar import as_date, get_calendar
from nightdesk.errors import Refused
from nightdesk.machine import postgres
from nightdesk.machine.airflow import Airflow
from nightdesk.machine.environment import login
from nightdesk.machine.home import Home, exclusive
from nightdesk.machine.rest import Run

if TYPE_CHECKING:
    from nightdesk.book import Book
    from nightdesk.store.db import Connection

#: A book without an inception of its own begins this many completed sessions back.
FIRST_SESSIONS = 5
#: At most so many tasks ask the vendors at once; `dags/` names the pool.
FEEDS_POOL, FEEDS_SLOTS = "feeds", 4
#: What serves all books: alerts are sent, and orders at real brokers are asked about.
DESK_DAGS = ("alerts", "fills")
DECISION_TIMEOUT_SECONDS = 1800.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Span:
    """The sessions that a started book should have decided: inception to the newest completed one."""

    dag_id: str
    sessions: tuple[date, ...]


def up(tell: Say = print, *, home: Home | None = None) -> None:
    """Start what does not run, have every book decide the sessions it lacks, and say what they decided.

    A second call finds everything done and ends within seconds; two at once wait for one another.

    Parameters
    ----------
    tell : callable
        Takes the lines of the result; progress goes to standard error.
    home : Home, optional
        The desk; default: that of this process.

    Raises
    ------
    Refused
        When a session's run has failed, no book can be read, or a part of the desk does not start.
    Transient
        When a part does not answer in time.
    """
    from nightdesk.store.db import connect
    from nightdesk.store.migrations import migrate

    home = Home.find() if home is None else home
    with exclusive(home.run / "desk.lock", timeout=DECISION_TIMEOUT_SECONDS, tell=_tell_of_another):
        _note("PostgreSQL")
        addresses = postgres.start(home)
        conn = connect(addresses.nightdesk)
        try:
            applied = migrate(conn)
            _note(
                f"Nightdesk's schema: {len(applied)} migrations applied" if applied else "Nightdesk's schema"
            )
            books, refused = _load_books(home)
            for reason in refused:
                _note(reason)
            _note("Airflow (the first start takes a minute)")
            airflow = Airflow(home, addresses)
            airflow.start()
            airflow.ensure_pool(FEEDS_POOL, FEEDS_SLOTS, "tasks that ask a market data vendor")
            for dag_id in DESK_DAGS:
                airflow.await_dag(dag_id)
                airflow.unpause(dag_id)
            # All books begin before the first is waited for: they depend on nothing of each other.
            begun = [(book, _begin(airflow, conn, book)) for book in books]
            failed = [
                failure
                for book, span in begun
                for failure in ([span] if isinstance(span, str) else _finish(airflow, conn, book, span, tell))
            ]
        finally:
            conn.close()
        user = login(home)
        tell(f"web UI  {airflow.address}")
        tell(f"login   {user.username} / {user.password}")
    if failed or refused:
        raise Refused("\n".join([*failed, *refused]))


def down(*, home: Home | None = None) -> list[str]:
    """End this desk's Airflow and its embedded PostgreSQL, and nothing else.

    Returns
    -------
    list of str
        Names of what ran.
    """
    home = Home.find() if home is None else home
    if not home.run.exists():
        return []
    # Not under the lock of `up`, which a person may want to end while it waits for its sessions.
    stopped = Airflow.stop_in(home)
    if postgres.stop(home):
        stopped.append("postgres")
    return stopped


def start_book(conn: Connection, book: Book) -> Span:
    """Fix where a book begins, when it was never started, and say what it should have decided by now.

    Its inception is the one of its file; else the newest `FIRST_SESSIONS` completed sessions, on the
    database's clock, are its first.
    """
    from nightdesk.pipeline.context import beginning
    from nightdesk.store.books import book_record
    from nightdesk.store.books import start_book as store_start
    from nightdesk.store.db import now

    calendar = get_calendar(book.calendar)
    newest = calendar.latest_completed(now(conn))
    record = book_record(conn, book.name)
    if record is None:
        record = store_start(conn, beginning(book, calendar.shift(newest, 1 - FIRST_SESSIONS)))
    sessions = tuple(as_date(session) for session in calendar.between(record.inception, newest))
    return Span(dag_id=f"daily__{book.name}", sessions=sessions)


def _begin(airflow: Airflow, conn: Connection, book: Book) -> Span | str:
    """Have a book begin to decide what it lacks; or the reason why it cannot."""
    try:
        span = start_book(conn, book)
        airflow.await_dag(span.dag_id)
    except Refused as error:
        return str(error)
    _decide(airflow, span, _closed(_summaries(conn, book, span)))
    return span


def _finish(airflow: Airflow, conn: Connection, book: Book, span: Span, tell: Say) -> list[str]:
    """Wait for a book's runs and say what they decided; the reasons why something is still lacking."""
    _await(airflow, span)
    found = _summaries(conn, book, span)
    for line in _told(book, found):
        tell(line)
    closed = _closed(found)
    return [
        f"{book.name} {session}: its run has failed ({_failed_tasks(airflow, span, session)}). "
        f"Read its log at {airflow.address}/dags/{span.dag_id}, put right what it names and clear the task"
        for session in span.sessions
        if session not in closed
    ]


def _decide(airflow: Airflow, span: Span, closed: Collection[date]) -> None:
    """Backfill the sessions that nothing decides, and switch the DAG on."""
    seen = {*closed, *(run.session for run in _deciding(airflow, span))}
    missing = [session for session in span.sessions if session not in seen]
    if missing:
        # Before the DAG is on: switched on first, it would start with the newest session alone.
        airflow.backfill(span.dag_id, missing[0], missing[-1])
    airflow.unpause(span.dag_id)


def _await(airflow: Airflow, span: Span) -> None:
    """Wait for the runs that decide a session of the span."""
    ids = [run.run_id for run in _deciding(airflow, span)]
    progress = _Progress(span.dag_id)
    airflow.wait(span.dag_id, ids, timeout=DECISION_TIMEOUT_SECONDS, progress=progress)


def _deciding(airflow: Airflow, span: Span) -> list[Run]:
    """The runs that decide a session of the span: a dry run keeps nothing, so it decides nothing."""
    return [
        run
        for run in airflow.runs(span.dag_id)
        if run.session in span.sessions and not run.conf.get("dry_run")
    ]


def _failed_tasks(airflow: Airflow, span: Span, session: date) -> str:
    ids = [run.run_id for run in _deciding(airflow, span) if run.session == session]
    states = airflow.task_states(span.dag_id, ids[-1]) if ids else {}
    return ", ".join(task for task, state in states.items() if state == "failed") or "no run was made"


def _summaries(conn: Connection, book: Book, span: Span) -> Sequence[Mapping[str, Any]]:
    from nightdesk.store.rows import read_rows

    return read_rows(
        conn, "session_summaries", book=book.name, first=span.sessions[0], last=span.sessions[-1]
    )


def _closed(summaries: Sequence[Mapping[str, Any]]) -> set[date]:
    return {row["session"] for row in summaries if row["status"] == "closed"}


def _told(book: Book, summaries: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line per session: regime, NAV, orders."""
    lines = [f"{book.title} ({book.name})"]
    lines.append(f"{'session':<12}{'regime':<12}{'VIX':>6}{'NAV, dollars':>16}{'day':>9}  orders")
    for row in summaries[-FIRST_SESSIONS:]:
        vix = "" if row["vix"] is None else f"{row['vix']:.2f}"
        nav = "" if row["nav"] is None else f"{row['nav']:,.2f}"
        day = "" if row["day_return"] is None else f"{row['day_return']:+.2%}"
        orders = ", ".join(row["orders"]) or ("none" if row["status"] == "closed" else row["status"])
        lines.append(f"{row['session']!s:<12}{row['regime'] or '':<12}{vix:>6}{nav:>16}{day:>9}  {orders}")
    return lines


def _load_books(home: Home) -> tuple[list[Book], list[str]]:
    from nightdesk.pipeline.shelf import read_shelf

    shelf = read_shelf(home.root / "books")
    books, refused = list(shelf.books.values()), list(shelf.refused.values())
    if not books:
        raise Refused("\n".join(refused) or f"no book in {home.root / 'books'}: a book is a YAML file there")
    return books, refused


class _Progress:
    """Tells, on standard error, how many runs are in which state, whenever that changes."""

    def __init__(self, dag_id: str) -> None:
        self._dag_id = dag_id
        self._told = ""

    def __call__(self, runs: list[Run]) -> None:
        states = Counter(run.state for run in runs)
        line = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        if line != self._told:
            _note(f"{self._dag_id}: {line}")
            self._told = line


def _tell_of_another() -> None:
    _note("another `nightdesk up` is at work on this desk: waiting for it")


def _note(line: str) -> None:
    sys.stderr.write(f"· {line}\n")
    sys.stderr.flush()
