"""A backtest that is kept: from a person's form, or from a command, to its rows in the store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nightdesk.core.errors import BadRequest, NightdeskError, Refused
from nightdesk.operations.count_trials import count_backtest
from nightdesk.operations.research_form import (
    begin_asked,
    read_asked_book,
    read_asked_note,
    read_asked_span,
    refuse_strange_keys,
    shown,
)
from nightdesk.store.backtest_rows import (
    BacktestAsked,
    KeptBacktest,
    backtest_of_run,
    backtests_by_number,
    begin_backtest,
    fail_backtest,
    finish_backtest,
    kept_backtests,
    lone_backtest,
)
from nightdesk.store.db import transaction
from nightdesk.store.gate_evidence_rows import keep_evidence

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.research.backtest.decided_span import Start
    from nightdesk.research.backtest.run import Result
    from nightdesk.store.db import Connection

#: What a form takes; a book trades with no more.
MOST_CAPITAL = 1e12
#: Sessions; after more a book would stand still for most of any span.
MOST_RELEASE_AFTER = 2520

#: The keys of the form.
FORM = ("books", "from", "to", "capital", "release_after", "note")


@dataclass(frozen=True)
class BacktestForm:
    """What a person asks for: a book over a span.

    `capital` None means that of the book, `release_after` None that nobody releases what a rule has killed.
    """

    book: str
    first: date
    last: date
    capital: Decimal | None = None
    note: str = ""
    release_after: int | None = None


def read_forms(values: Mapping[str, Any]) -> list[BacktestForm]:
    """A form as it was sent: what is asked of each of its books.

    Parameters
    ----------
    values : mapping
        By `FORM`; anything may stand in it.

    Raises
    ------
    BadRequest
        With the key, what was found and what is expected.
    """
    refuse_strange_keys(values, FORM)
    books = values.get("books")
    if not isinstance(books, list | tuple) or not books:
        raise BadRequest(f"books: found {shown(books)}; expected the names of one book or more")
    names = dict.fromkeys(read_asked_book({"book": one}) for one in books)
    first, last = read_asked_span(values)
    capital, note = _capital(values.get("capital")), read_asked_note(values)
    released = _release_after(values.get("release_after"))
    return [BacktestForm(name, first, last, capital, note, released) for name in names]


def _capital(value: Any) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool):
            raise ValueError
        amount = float(value)
    except (TypeError, ValueError):
        amount = math.nan
    if not math.isfinite(amount) or not 0.01 <= amount <= MOST_CAPITAL:
        raise BadRequest(f"capital: found {shown(value)}; expected dollars above 0, or nothing")
    return Decimal(str(amount)).quantize(Decimal("0.01"))


def _release_after(value: Any) -> int | None:
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool) or float(value) != int(value):
            raise ValueError
        sessions = int(value)
    except (TypeError, ValueError, OverflowError):
        sessions = 0
    if not 1 <= sessions <= MOST_RELEASE_AFTER:
        raise BadRequest(
            f"release_after: found {shown(value)}; expected sessions from 1 to {MOST_RELEASE_AFTER:,}, or "
            "nothing: nobody releases the book"
        )
    return sessions


def run_backtest(
    conn: Connection, form: BacktestForm, *, by: str, run: str = "", environ: Mapping[str, str]
) -> KeptBacktest:
    """Decide what a form asks for, in memory, keep what came of it, and count it among the book's trials.

    Parameters
    ----------
    conn : Connection
        Where it is kept; it holds a lock for as long as it takes.
    form : BacktestForm
    by : str
        The person who asks.
    run : str
        The run of Airflow, as ``DAG/run``: what it has done of the book already is given back as it is.
    environ : mapping of str to str
        Where the project's folder is named.

    Raises
    ------
    BadRequest
        When there is no such book, or its span cannot be decided: nothing is stored.
    Refused
        When another backtest of the book is under way, or the backtest itself is refused, which is kept.
    Transient
        When a source does not answer, which is kept.
    """
    before = backtest_of_run(conn, run, form.book)
    if before is not None and before[1] == "done":
        return backtests_by_number(conn, [before[0]])[before[0]]
    changes = {} if form.capital is None else {"initial_capital": str(form.capital)}
    book, start = begin_asked(form.book, form.first, form.last, changes, environ)
    with lone_backtest(conn, form.book) as alone:
        if not alone:
            raise Refused(_under_way(conn, form.book))
        asked = asked_of(
            book, start, by=by, run=run, note=form.note, changes=changes, release_after=form.release_after
        )
        number = begin_backtest(conn, asked)
        try:
            market = start.read(None)
            from nightdesk.research.backtest.run import backtest

            result = backtest(
                start.book, market.panel, start.inception, start.last, release_after=form.release_after
            )
            sources = tuple(market.sources)
            with transaction(conn):
                count_backtest(
                    conn,
                    result,
                    market.panel,
                    sources,
                    by=by,
                    changes=changes,
                    release_after=form.release_after,
                )
                finish(conn, number, book, result, sources)
        except BaseException as error:
            with suppress(Exception):  # on a lost connection whoever comes next marks it
                fail_backtest(conn, number, f"{error}" if isinstance(error, NightdeskError) else repr(error))
            raise
    return backtests_by_number(conn, [number])[number]


def keep_result(
    conn: Connection,
    book: Book,
    start: Start,
    result: Result,
    sources: tuple[str, ...],
    *,
    by: str,
    note: str = "",
    changes: Mapping[str, str],
    release_after: int | None = None,
) -> KeptBacktest:
    """Keep a backtest that a command has made.

    Parameters
    ----------
    conn : Connection
    book : Book
        As it was asked for; `start` has given it its span.
    start : Start
    result : Result
    sources : tuple of str
        Of its bars.
    by, note : str
        The person, and what they wrote with it.
    changes : mapping of str to str
        Values over the book's file.
    release_after : int, optional
        Sessions after which a simulated person released a kill of a rule.
    """
    words = read_asked_note({"note": note})
    asked = asked_of(book, start, by=by, note=words, changes=changes, release_after=release_after)
    with transaction(conn):
        number = begin_backtest(conn, asked)
        finish(conn, number, book, result, sources)
    return backtests_by_number(conn, [number])[number]


def asked_of(
    book: Book,
    start: Start,
    *,
    by: str,
    run: str = "",
    note: str = "",
    changes: Mapping[str, str],
    release_after: int | None = None,
) -> BacktestAsked:
    """What is asked of a book, with what it is made with."""
    from nightdesk.engine import resolve
    from nightdesk.version import code_version

    return BacktestAsked(
        book=book.name,
        by=by,
        run=run,
        note=note,
        first=start.inception,
        last=start.last,
        capital=book.initial_capital,
        config_hash=book.config_hash,
        code_version=code_version(resolve(book)),
        document=book.document,
        changes=changes,
        release_after=release_after,
    )


def finish(conn: Connection, number: int, book: Book, result: Result, sources: tuple[str, ...]) -> None:
    """Keep the figures and the course of a backtest that was begun, and its evidence of the book's rules."""
    from nightdesk.research.backtest.courses import course_of
    from nightdesk.research.backtest.metrics import metrics
    from nightdesk.version import code_version

    figures = metrics(result)
    finish_backtest(conn, number, figures=figures, series=course_of(result), sources=sources)
    days = [result.decided[at].state.mark.session for at in (0, -1)]
    shown = {name: figures[name] for name in ("sharpe", "max_drawdown", "annual_return", "config_hash")}
    evidence = {
        **shown,
        "backtest": number,
        "first": f"{days[0]}",
        "last": f"{days[1]}",
        "sources": list(sources),
    }
    code = code_version(result.desk)
    keep_evidence(conn, book.name, "backtest", book.rules_hash, code, evidence)


def _under_way(conn: Connection, book: str) -> str:
    newest = next((one for one in kept_backtests(conn, book, newest=5) if one.state == "running"), None)
    which = "" if newest is None else f" ({newest.number}, asked for by {newest.asked_by})"
    return f"a backtest of {book} is under way{which}: one at a time; ask again when it has ended"
