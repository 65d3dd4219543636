"""A backtest that is kept: from a person's form, or from a command, to its rows in the store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightdesk.core.errors import BadRequest, NightdeskError, Refused
from nightdesk.core.masking import one_line
from nightdesk.session.books import read_book
from nightdesk.session.context import book_path, project_root
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
LONGEST_NOTE = 500

#: The keys of the form.
FORM = ("book", "from", "to", "capital", "note")


@dataclass(frozen=True)
class BacktestForm:
    """What a person asks for: a book over a span; `capital` None means that of the book."""

    book: str
    first: date
    last: date
    capital: Decimal | None = None
    note: str = ""


def read_form(values: Mapping[str, Any]) -> BacktestForm:
    """A form as it was sent.

    Parameters
    ----------
    values : mapping
        By `FORM`; anything may stand in it.

    Raises
    ------
    BadRequest
        With the key, what was found and what is expected.
    """
    strange = [str(name) for name in values if name not in FORM]
    if strange:
        raise BadRequest(f"{_shown(strange[0])} is no key of the form: known are {', '.join(FORM)}")
    book = values.get("book")
    if not isinstance(book, str) or not book.strip():
        raise BadRequest(f"book: found {_shown(book)}; expected the name of a book")
    first, last = (_day(values.get(name), name) for name in ("from", "to"))
    if last < first:
        raise BadRequest(f"the span ends ({last}) before it begins ({first}): `to` is its last session")
    note = values.get("note") or ""
    if not isinstance(note, str):
        raise BadRequest(f"note: found {_shown(note)}; expected words")
    if len(note) > LONGEST_NOTE:
        raise BadRequest(f"note: {len(note):,} characters; at most {LONGEST_NOTE} are kept")
    return BacktestForm(book.strip(), first, last, _capital(values.get("capital")), one_line(note).strip())


def _day(value: Any, name: str) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadRequest(f"{name}: found {_shown(value)}; expected a date such as 2022-12-30") from None


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
        raise BadRequest(f"capital: found {_shown(value)}; expected dollars above 0, or nothing")
    return Decimal(str(amount)).quantize(Decimal("0.01"))


def _shown(value: Any) -> str:
    """What somebody typed, on one line and not longer than a line."""
    text = one_line(repr(value))
    return text if len(text) <= 60 else f"{text[:60]}..."


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
        The run of Airflow, as ``DAG/run``: one that was done already is given back as it is.
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
    before = backtest_of_run(conn, run)
    if before is not None and before[1] == "done":
        return backtests_by_number(conn, [before[0]])[before[0]]
    changes = {} if form.capital is None else {"initial_capital": str(form.capital)}
    book, start = _begun(form, changes, environ)
    with lone_backtest(conn, form.book) as alone:
        if not alone:
            raise Refused(_under_way(conn, form.book))
        number = begin_backtest(conn, asked_of(book, start, by=by, run=run, note=form.note, changes=changes))
        try:
            market = start.read(None)
            from nightdesk.research.backtest.run import backtest

            result = backtest(start.book, market.panel, start.inception, start.last)
            with transaction(conn):
                finish(conn, number, book, result, tuple(market.sources))
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
    if len(note) > LONGEST_NOTE:
        raise BadRequest(f"note: {len(note):,} characters; at most {LONGEST_NOTE} are kept")
    with transaction(conn):
        number = begin_backtest(conn, asked_of(book, start, by=by, note=note, changes=changes))
        finish(conn, number, book, result, sources)
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


def _begun(form: BacktestForm, changes: Mapping[str, str], environ: Mapping[str, str]) -> tuple[Book, Start]:
    """The book of a form, and the same at the beginning of its span."""
    from nightdesk.research.backtest.decided_span import begin_span

    root = project_root(environ)
    known = sorted(one.stem for one in (root / "books").glob("*.yaml"))
    if form.book not in known:
        raise BadRequest(f"book: found {_shown(form.book)}; known are {', '.join(known) or 'none'}")
    try:
        book = read_book(Path(book_path(form.book, root)), changes)
        return book, begin_span(book, form.first, form.last)
    except Refused as error:
        raise BadRequest(str(error)) from error


def _under_way(conn: Connection, book: str) -> str:
    newest = next((one for one in kept_backtests(conn, book, newest=5) if one.state == "running"), None)
    which = "" if newest is None else f" ({newest.number}, asked for by {newest.asked_by})"
    return f"a backtest of {book} is under way{which}: one at a time; ask again when it has ended"
