"""The whole desk, up and down: databases, Airflow, and the newest sessions decided by its books."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nightdesk.core.calendar import as_instant
from nightdesk.core.errors import NightdeskError, Refused
from nightdesk.feeds.vendor_pools import POOLS
from nightdesk.machine import metrics_process, parts, postgres, supervisor, workers
from nightdesk.machine.airflow import Airflow
from nightdesk.machine.celery_settings import uses_celery
from nightdesk.machine.environment import login
from nightdesk.machine.heartbeat import heartbeat_address
from nightdesk.machine.home import Home, exclusive
from nightdesk.machine.parts import Part
from nightdesk.machine.postgres import Addresses
from nightdesk.machine.waiting import DueDecisions, Wait, deciding, note, why_failed
from nightdesk.store.connection import connect

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.store.db import Connection

#: A book without an inception of its own begins so many sessions back, by its rhythm.
FIRST_SESSIONS = {"daily": 3, "hourly": 2}
#: So many of a book's newest decisions are shown.
DECISIONS_SHOWN = 5
#: What serves all books: alerts are sent, orders at real brokers asked about, old logs and rows deleted,
#: the database copied, a copy restored for a rehearsal, and books held against their next stage.
DESK_DAGS = ("alerts", "fills", "upkeep", "drill", "gates")
#: All books are waited for so long; the second call of two waits as long for the first.
DECISION_TIMEOUT_SECONDS = 1800.0
POLL_SECONDS = 1.0

Say = Callable[[str], None]


def up(tell: Say = print, *, home: Home | None = None) -> None:
    """Start what does not run, have every book make the decisions it lacks, and say what they decided.

    A second call finds everything done and ends within seconds; two at once wait for one another. A book
    whose runs do not come on is left to them after `QUIET_SECONDS`, and named.

    Parameters
    ----------
    tell : callable
        Takes the lines of the result; progress goes to standard error.
    home : Home, optional
        The desk; default: that of this process.

    Raises
    ------
    Refused
        When the run of a decision has failed or goes on, no book can be read, or a part of the desk does not
        start; when tasks are to go through a broker and none is named.
    Transient
        When a part does not answer in time.
    """
    home = Home.find() if home is None else home
    heartbeat_address(os.environ)
    metrics_process.metrics_port(os.environ)
    workers.check_broker(os.environ)
    home.make_private()
    with exclusive(home.run / "desk.lock", timeout=DECISION_TIMEOUT_SECONDS, tell=_tell_of_another):
        addresses = _prepare_database(home)
        books, refused = _load_books(home)
        for reason in refused:
            note(reason)
        airflow = _start_airflow(home, addresses, tell)
        # All books begin before the first is waited for: they depend on nothing of each other.
        with closing(connect(addresses.nightdesk)) as conn:
            begun = {book.name: (book, _begin(airflow, conn, book)) for book in books}
        refused += [reason for _, reason in begun.values() if isinstance(reason, str)]
        spans = {name: (book, span) for name, (book, span) in begun.items() if isinstance(span, DueDecisions)}
        lacking = _finish(airflow, addresses, spans, tell)
        with closing(connect(addresses.nightdesk)) as conn:
            for line in _closing_lines(conn, home, [book.name for book in books]):
                tell(line)
    if lacking or refused:
        raise Refused("\n".join([*lacking, *refused]))


def foreground(*, home: Home | None = None) -> None:
    """Be the desk's supervisor until SIGTERM: it starts all parts, has the books decide, and keeps watch.

    Raises
    ------
    Refused
        When the desk has a supervisor already.
    """
    supervisor.supervise(Home.find() if home is None else home, begin=True)


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
    # First who would start the others again. Not under the lock of `up`, which a person may want to end while
    # it waits for its sessions.
    stopped = [supervisor.NAME] if supervisor.stop(home) else []
    stopped += [metrics_process.NAME] if metrics_process.stop(home) else []
    stopped += Airflow.stop_in(home)
    if postgres.stop(home):
        stopped.append("postgres")
    return stopped


def health(environ: Mapping[str, str], *, home: Home | None = None) -> list[Part]:
    """How every part of the desk stands, its books and alerts included; nothing is started.

    Without a database that answers nothing is said of books and alerts.
    """
    import psycopg2

    from nightdesk.machine.standing import decided, undelivered

    home = Home.find() if home is None else home
    figures = metrics_process.metrics_part(home, environ)
    found = [
        _supervisor_part(home),
        *parts.look(home, environ),
        *workers.parts_of_celery(environ),
        *([] if figures is None else [figures]),
    ]
    try:
        with closing(connect(postgres.addresses(home, environ).nightdesk)) as conn:
            found += [*decided(conn, home.root), undelivered(conn, home.root, environ)]
    except (NightdeskError, psycopg2.Error) as error:
        # Nobody answers, or the tables are not there yet.
        words = str(error).strip().partition("\n")[0]
        found.append(Part("books and alerts", "doubt", f"not known: {words}"))
    return found


def start_book(conn: Connection, book: Book) -> DueDecisions:
    """Fix where a book begins, when it was never started, and say what it should have decided by now.

    Its inception is the one of its file; else the newest `FIRST_SESSIONS`, on the database's clock, are its
    first: completed ones of a daily book, those with a completed hour of an hourly one.
    """
    from nightdesk.core.schedule import schedule_of
    from nightdesk.session.book_dags import deciding_dag
    from nightdesk.session.context import beginning
    from nightdesk.store.book_rows import book_record
    from nightdesk.store.book_rows import start_book as store_start
    from nightdesk.store.db import now

    schedule = schedule_of(book)
    newest = schedule.latest_completed(now(conn))
    session = schedule.session_of(newest)
    record = book_record(conn, book.name)
    if record is None:
        first = schedule.calendar.shift(session, 1 - FIRST_SESSIONS[schedule.kind])
        record = store_start(conn, beginning(book, first))
    decisions = map(as_instant, schedule.instants(record.inception, session))
    return DueDecisions(deciding_dag(book), schedule, tuple(one for one in decisions if one <= newest))


def _begin(airflow: Airflow, conn: Connection, book: Book) -> DueDecisions | str:
    """Have a book begin to decide what it lacks; or the reason why it cannot."""
    try:
        span = start_book(conn, book)
        airflow.await_dag(span.dag_id)
        _decide(airflow, span, _closed(_summaries(conn, book, span)))
    except NightdeskError as error:
        # It costs the other books nothing.
        return f"{book.name}: {error}"
    return span


def _finish(
    airflow: Airflow, addresses: Addresses, spans: Mapping[str, tuple[Book, DueDecisions]], tell: Say
) -> list[str]:
    """Wait for the books' runs, all at once, and say what each decided; the reasons why something lacks."""
    waits = {name: Wait(airflow, span) for name, (_, span) in spans.items()}
    ends, lacking = time.monotonic() + DECISION_TIMEOUT_SECONDS, []
    while waits:
        for name, wait in list(waits.items()):
            ended = wait.look()
            if not ended and not wait.is_stuck and time.monotonic() < ends:
                continue
            del waits[name]
            book, span = spans[name]
            with closing(connect(addresses.nightdesk)) as conn:
                found = _summaries(conn, book, span)
            for line in _told(book, span, found):
                tell(line)
            closed = _closed(found)
            left = [as_of for as_of in span.decisions if as_of not in closed]
            if ended:
                named = [(span.schedule.name_of(one), why_failed(airflow, span, one)) for one in left]
                lacking += [f"{name} {decision}: {why}" for decision, why in named]
            elif left:
                lacking.append(f"{name}: {wait.words}")
        if waits:
            time.sleep(POLL_SECONDS)
    return lacking


def _decide(airflow: Airflow, span: DueDecisions, closed: Collection[datetime]) -> None:
    """Backfill the sessions of the decisions that nothing makes, and switch the DAG on."""
    seen = {*closed, *(run.decision(span.schedule) for run in deciding(airflow, span))}
    missing = [as_of for as_of in span.decisions if as_of not in seen]
    if missing:
        # Before the DAG is on: switched on first, it would start with the newest decision alone.
        airflow.backfill(span.dag_id, *map(span.schedule.session_of, (missing[0], missing[-1])))
    airflow.unpause(span.dag_id)


def _summaries(conn: Connection, book: Book, span: DueDecisions) -> Sequence[Mapping[str, Any]]:
    from nightdesk.store.rows import read_rows

    if not span.decisions:
        return ()
    first, last = map(span.schedule.session_of, (span.decisions[0], span.decisions[-1]))
    return read_rows(conn, "session_summaries", book=book.name, first=first, last=last)


def _closed(summaries: Sequence[Mapping[str, Any]]) -> set[datetime]:
    return {row["as_of"] for row in summaries if row["status"] == "closed"}


def _told(book: Book, span: DueDecisions, summaries: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line per decision: regime, NAV, orders."""
    from nightdesk.session.protection_lines import order_words

    lines, noun = [book.label], span.schedule.noun
    wide, period = (12, "day") if span.schedule.kind == "daily" else (18, "hour")
    lines.append(f"{noun:<{wide}}{'regime':<12}{'VIX':>6}{'NAV, dollars':>16}{period:>9}  orders")
    for row in summaries[-DECISIONS_SHOWN:]:
        vix = "" if row["vix"] is None else f"{row['vix']:.2f}"
        nav = "" if row["nav"] is None else f"{row['nav']:,.2f}"
        day = "" if row["day_return"] is None else f"{row['day_return']:+.2%}"
        orders = order_words(row) or ("none" if row["status"] == "closed" else row["status"])
        name, regime = span.schedule.name_of(row["as_of"]), row["regime"] or ""
        lines.append(f"{name:<{wide}}{regime:<12}{vix:>6}{nav:>16}{day:>9}  {orders}")
    return lines


def _load_books(home: Home) -> tuple[list[Book], list[str]]:
    from nightdesk.session.books import read_books

    found = read_books(home.root / "books")
    books, refused = list(found.books.values()), list(found.refused.values())
    if not books:
        raise Refused("\n".join(refused) or f"no book in {home.root / 'books'}: a book is a YAML file there")
    return books, refused


def _supervisor_part(home: Home) -> Part:
    process = supervisor.process_id(home)
    if process is not None:
        return Part(supervisor.NAME, "well", f"process {process}")
    why = "it has died" if supervisor.is_meant_up(home) else "the desk was taken down, or never started"
    return Part(supervisor.NAME, "dead", f"does not run, {why}: `nightdesk up` starts it")


def _prepare_database(home: Home) -> Addresses:
    """PostgreSQL, and the desk's schema in it; from now on this code is the desk's."""
    from nightdesk.store.code_rows import announce_code
    from nightdesk.store.migrations import migrate
    from nightdesk.version import code_version

    note("PostgreSQL")
    addresses = postgres.start(home)
    with closing(connect(addresses.owner or addresses.nightdesk)) as conn:
        applied = migrate(conn)
        announce_code(conn, code_version())
    note(f"Nightdesk's schema: {len(applied)} migrations applied" if applied else "Nightdesk's schema")
    return addresses


def _start_airflow(home: Home, addresses: Addresses, tell: Say) -> Airflow:
    """Airflow with its supervisor, its address and login told, and what serves all books switched on."""
    note("Airflow (the first start takes a minute)")
    airflow = Airflow(home, addresses)
    airflow.start()
    if supervisor.ensure(home):
        note("the supervisor, which starts again what dies")
    if uses_celery(os.environ) and not workers.names_of_workers(os.environ):
        note(f"no worker answers, so no task is begun: {workers.HOW_TO_START}")
    user = login(home)
    tell(f"web UI  {airflow.address}")
    tell(f"login   {user.username} / {user.password}")
    for pool in POOLS:
        airflow.ensure_pool(*pool)
    for dag_id in DESK_DAGS:
        airflow.await_dag(dag_id)
        airflow.unpause(dag_id)
    return airflow


def _closing_lines(conn: Connection, home: Home, books: Sequence[str]) -> Iterator[str]:
    """What waits for a person, the newest pages, and what to try next."""
    from nightdesk.machine.standing import commands, newest_page, waiting

    yield ""
    yield from list(waiting(conn, home.root)) or ["nothing is stopped, degraded or unacknowledged"]
    for book in books:
        page = newest_page(conn, home, book)
        if page is not None:
            yield f"page    {page}"
    for command in commands(conn, home, books):
        yield f"try     {command}"


def _tell_of_another() -> None:
    note("another `nightdesk up` is at work on this desk: waiting for it")
