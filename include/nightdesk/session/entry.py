"""Opening what the steps of a session need: the book, the connection, where the book stands."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nightdesk.accounting.tax import tax_terms
from nightdesk.core.book import Book, load_book
from nightdesk.core.errors import BadRequest, Refused
from nightdesk.core.schedule import Schedule, schedule_of
from nightdesk.session.context import (
    TURN_SECONDS,
    Context,
    beginning,
    book_path,
    decision_at,
    must_be_decidable,
    project_root,
)
from nightdesk.session.sequencing import await_over
from nightdesk.store.ahead import reading_once
from nightdesk.store.book_rows import (
    FIXED,
    BookRecord,
    book_record,
    kept_book,
    record_asks,
    refuse_changes,
)
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection
from nightdesk.store.run_rows import newest_begun
from nightdesk.store.server_clock import CLOCKS

if TYPE_CHECKING:
    from nightdesk.engine import Injection


@contextmanager
def open_context(
    book: str | Path,
    when: date | datetime,
    *,
    dry_run: bool = False,
    feed: str | None = None,
    conn: Connection | None = None,
    turn_seconds: float = TURN_SECONDS,
    environ: Mapping[str, str] | None = None,
    task: str | None = None,
    inject: Path | None = None,
    begun: bool = False,
) -> Iterator[Context]:
    """Open what the steps of a decision need; the connection is closed at the end unless it was given.

    Parameters
    ----------
    book : str or Path
        Name of a book in ``books/``, or the path of a YAML file.
    when : date or datetime
        The decision: its instant, or a session, which means the last one in it.
    dry_run : bool
        Compute and report; keep nothing, send no order.
    feed : str, optional
        A source of bars in place of the book's own.
    conn : Connection, optional
        Default: a new one to the desk's database.
    turn_seconds : float
        How long to wait for the book's turn before `NotYet`.
    environ : mapping of str to str, optional
        The environment: ``NIGHTDESK_ROOT`` names the project, ``NIGHTDESK_HOME`` the folder of its state.
    task : str, optional
        The task of Airflow that makes the attempt, as ``DAG/run/task/try``.
    inject : Path, optional
        A CSV of synthetic signals of the decision, for an exercise on a paper account.
    begun : bool
        Whether it is to look after a decision that was begun before: no clock is asked whether its bars are
        known.

    Raises
    ------
    Refused
        When the book is wrong.
    BadRequest
        When the session is a holiday, or nothing is decided at the instant; when it lies before the book's
        inception, or its bars are not known yet.
    Transient
        When PostgreSQL cannot be reached, or its clock is not this process's.
    """
    environ = os.environ if environ is None else environ
    root = project_root(environ)
    loaded = load_book(book_path(book, root))
    schedule = schedule_of(loaded)
    as_of = _decision(schedule, when)
    session = schedule.session_of(as_of)
    asked, asks = datetime.now(UTC), [*record_asks(loaded.name, loaded.document, tax_terms(loaded)), CLOCKS]
    with ExitStack() as held:
        if conn is None:
            conn = held.enter_context(closing(connect(environ=environ, ahead=asks)))
        with reading_once(conn, asks):
            record, is_kept = _started(conn, loaded, session)
            if not begun:
                await_over(conn, schedule, as_of, asked)
        context = Context(
            conn=conn,
            book=loaded,
            record=record,
            as_of=as_of,
            dry_run=dry_run,
            feeds=() if feed is None else (feed,),
            reports=Path(environ.get("NIGHTDESK_HOME") or root / ".nightdesk").expanduser() / "reports",
            turn_seconds=turn_seconds,
            environ=environ,
            task=task,
        )
        if is_kept:
            context.note_started()
        context = context.as_listed()
        if inject is not None:
            context = replace(context, injected=_injected(inject, context.book, schedule, as_of))
        yield context


def _started(conn: Connection, book: Book, session: date) -> tuple[BookRecord, bool]:
    """How the book was started, or begins now, and whether the store has it as its file says it; `Refused`
    where neither the file nor the session agrees with that.
    """
    record = book_record(conn, book.name) or beginning(book, session)
    _must_be_unchanged(book, record)
    must_be_decidable(book, record, session)
    return record, kept_book(conn, record, book.document, tax_terms(book)) is not None


def _decision(schedule: Schedule, when: date | datetime) -> datetime:
    try:
        return decision_at(schedule, when)
    except Refused as error:
        raise BadRequest(str(error)) from None


def _injected(path: Path, book: Book, schedule: Schedule, as_of: datetime) -> tuple[Injection, ...]:
    """The synthetic signals of a file, all of them of the decision."""
    from nightdesk.engine import within
    from nightdesk.engine.injection import read_injections

    return within(read_injections(path, book), schedule, as_of, as_of)


@contextmanager
def open_standing(
    book: str | Path,
    *,
    conn: Connection,
    feed: str | None = None,
    turn_seconds: float = TURN_SECONDS,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Context]:
    """Open the newest decision that was begun of a started book, to look after what it has at its broker.

    Raises
    ------
    Refused
        When the book is wrong or was never started.
    """
    root = project_root(os.environ if environ is None else environ)
    name = load_book(book_path(book, root)).name
    record = book_record(conn, name)
    if record is None:
        raise Refused(
            f"book {name} was never started, so it trades nothing: "
            "`nightdesk up` or `nightdesk run` starts it"
        )
    newest = newest_begun(conn, name) or record.inception
    with open_context(
        book, newest, conn=conn, feed=feed, turn_seconds=turn_seconds, environ=environ, begun=True
    ) as context:
        yield context


def looking_at(
    conn: Connection,
    book: Book,
    record: BookRecord,
    as_of: datetime,
    environ: Mapping[str, str] | None = None,
) -> Context:
    """A decision that was begun before, only to be looked at: nothing is checked, and no clock is asked.

    Parameters
    ----------
    conn : Connection
        Only read from.
    book : Book
        As its file says it now.
    record : BookRecord
        Where it began.
    as_of : datetime
        The decision.
    environ : mapping of str to str, optional
        The environment.

    Raises
    ------
    Refused
        When nothing is decided at that instant on the book's schedule.
    """
    environ = os.environ if environ is None else environ
    schedule_of(book).index(as_of)
    home = Path(environ.get("NIGHTDESK_HOME") or project_root(environ) / ".nightdesk").expanduser()
    return Context(
        conn=conn,
        book=book,
        record=record,
        as_of=as_of,
        dry_run=True,
        feeds=(),
        reports=home / "reports",
        environ=environ,
    ).as_listed()


def _must_be_unchanged(book: Book, record: BookRecord) -> None:
    stated = [name for name in ("inception", "origin") if getattr(book, name) is not None]
    refuse_changes(record, beginning(book, record.inception), (*FIXED, *stated))
