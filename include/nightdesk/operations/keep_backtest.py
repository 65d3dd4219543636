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

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.research.backtest.decided_span import Start
    from nightdesk.research.backtest.run import Result
    from nightdesk.store.db import Connection

#: What a form takes; a book trades with no more.
MOST_CAPITAL = 1e12

#: The keys of the form.
FORM = ("books", "from", "to", "capital", "note")


@dataclass(frozen=True)
class BacktestForm:
    """What a person asks for: a book over a span; `capital` None means that of the book."""

    book: str
    first: date
    last: date
    capital: Decimal | None = None
    note: str = ""


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
    return [BacktestForm(name, first, last, capital, note) for name in names]


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


def run_backtest(
    conn: Connection, form: BacktestForm, *, by: str, run: str = "", environ: Mapping[str, str]
) -> KeptBacktest:
    """Decide what a form asks for, in memory, and keep what came of it.

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
        number = begin_backtest(conn, asked_of(book, start, by=by, run=run, note=form.note, changes=changes))
        try:
            market = start.read(None)
            from nightdesk.research.backtest.run import backtest

            result = backtest(start.book, market.panel, start.inception, start.last)
            finish(conn, number, result, tuple(market.sources))
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
    """
    asked = asked_of(book, start, by=by, note=read_asked_note({"note": note}), changes=changes)
    with transaction(conn):
        number = begin_backtest(conn, asked)
        finish(conn, number, result, sources)
    return backtests_by_number(conn, [number])[number]


def asked_of(
    book: Book, start: Start, *, by: str, run: str = "", note: str = "", changes: Mapping[str, str]
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
    )


def finish(conn: Connection, number: int, result: Result, sources: tuple[str, ...]) -> None:
    """Keep the figures and the course of a backtest that was begun."""
    from nightdesk.research.backtest.courses import course_of
    from nightdesk.research.backtest.metrics import metrics

    finish_backtest(conn, number, figures=metrics(result), series=course_of(result), sources=sources)


def _under_way(conn: Connection, book: str) -> str:
    newest = next((one for one in kept_backtests(conn, book, newest=5) if one.state == "running"), None)
    which = "" if newest is None else f" ({newest.number}, asked for by {newest.asked_by})"
    return f"a backtest of {book} is under way{which}: one at a time; ask again when it has ended"
