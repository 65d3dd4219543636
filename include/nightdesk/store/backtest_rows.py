"""Backtests that were kept: what was asked, what they were made with, their figures and their course."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from nightdesk.core.masking import mask_line, one_line
from nightdesk.store.db import Connection, cursor, lock_key, lone_lock, one, transaction
from nightdesk.store.rows import add_rows, read_row, read_rows

BacktestState = Literal["running", "done", "failed"]
SeriesKind = Literal["nav", "benchmark", "strategy"]

#: Characters that are kept of why one failed.
LONGEST_ERROR = 2_000


@dataclass(frozen=True)
class BacktestSeries:
    """A value a session of a kept backtest, dollars.

    `kind` is "nav" (at the close), "benchmark" (the same capital in it, dividends reinvested; NaN before its
    first bar) or "strategy" (what `strategy` has earned until then).
    """

    kind: SeriesKind
    strategy: str
    sessions: Sequence[date]
    dollars: Sequence[float]


@dataclass(frozen=True)
class BacktestAsked:
    """What a person asks for, and what it is made with.

    Attributes
    ----------
    book : str
        Name of the book.
    by, note : str
        The person, and what they wrote with it.
    run : str
        The run of Airflow, as ``DAG/run``; empty: a command.
    first, last : date
        First and last decided session.
    capital : Decimal
        What the book begins with, dollars.
    config_hash, code_version, document : str
        Of the book that decides, `document` as JSON.
    changes : mapping of str to str
        Values over the book's file, by dotted key.
    release_after : int or None
        Sessions after which a simulated person releases a kill of a rule; None: nobody does.
    """

    book: str
    by: str
    first: date
    last: date
    capital: Decimal
    config_hash: str
    code_version: str
    document: str
    run: str = ""
    note: str = ""
    changes: Mapping[str, str] = field(default_factory=dict)
    release_after: int | None = None


@dataclass(frozen=True)
class KeptBacktest:
    """A kept backtest, without its course and its book.

    `figures` are those of ``metrics.json`` by name, None where one is not known; empty while it runs and
    where it failed, of which `error` says why. All else is as in `BacktestAsked`.
    """

    number: int
    book: str
    state: BacktestState
    asked_by: str
    run: str
    note: str
    changes: Mapping[str, str]
    first: date
    last: date
    began_at: datetime
    ended_at: datetime | None
    config_hash: str
    code_version: str
    capital: Decimal
    release_after: int | None
    sources: tuple[str, ...]
    figures: Mapping[str, Any]
    error: str


def kept_backtests(
    conn: Connection, book: str | None = None, *, newest: int = 50, before: int | None = None
) -> tuple[KeptBacktest, ...]:
    """Kept backtests, the newest first.

    Parameters
    ----------
    conn : Connection
    book : str, optional
        Of this one alone.
    newest : int
        So many at most.
    before : int, optional
        Those with a smaller number alone: the next page of a list.
    """
    rows = read_rows(conn, "backtest_rows", book=book, newest=newest, before=before, numbers=None)
    return tuple(map(_kept, rows))


def backtests_by_number(conn: Connection, numbers: Sequence[int]) -> dict[int, KeptBacktest]:
    """Those of some numbers, in their order; what there is not is left out."""
    wanted = list(dict.fromkeys(numbers))
    rows = read_rows(conn, "backtest_rows", book=None, newest=len(wanted), before=None, numbers=wanted)
    found = {row["number"]: _kept(row) for row in rows}
    return {number: found[number] for number in wanted if number in found}


def backtest_of_run(conn: Connection, run: str, book: str) -> tuple[int, BacktestState] | None:
    """Number and state of the one that a run of Airflow made of a book; None where it made none."""
    row = read_row(conn, "backtest_of_run", run=run, book=book)
    return None if row is None else (row["number"], row["state"])


def backtest_series(conn: Connection, number: int) -> tuple[BacktestSeries, ...]:
    """The course of one: its NAV, its benchmark, its strategies; empty while it runs and where it failed."""
    return tuple(BacktestSeries(**row) for row in read_rows(conn, "backtest_series", number=number))


def backtest_document(conn: Connection, number: int) -> dict[str, Any]:
    """The book that decided it, as plain values; empty where there is no such backtest."""
    row = read_row(conn, "backtest_document", number=number)
    return {} if row is None else row["document"]


@contextmanager
def lone_backtest(conn: Connection, book: str) -> Iterator[bool]:
    """Whether no other backtest of the book is being made to be kept; then the block is the only one.

    The server frees it when the connection ends, in any way. What was left running by such an end is marked
    failed by whoever comes next.
    """
    with lone_lock(conn, lock_key(f"backtest {book}")) as alone:
        if alone:
            with cursor(conn) as cur:
                cur.execute(
                    "UPDATE nightdesk.backtests SET state = 'failed', ended_at = clock_timestamp(), "
                    "error = 'its process ended before it was done' WHERE book = %s AND state = 'running'",
                    (book,),
                )
        yield alone


def begin_backtest(conn: Connection, asked: BacktestAsked) -> int:
    """Note that one begins; its number. One that a run of Airflow has failed before begins anew as itself."""
    values = {
        "book": asked.book,
        "asked_by": one_line(asked.by),
        "run": asked.run,
        "note": mask_line(asked.note),
        "changes": json.dumps(dict(asked.changes)),
        "first_session": asked.first,
        "last_session": asked.last,
        "config_hash": asked.config_hash,
        "code_version": asked.code_version,
        "document": asked.document,
        "capital": asked.capital,
        "release_after": asked.release_after,
    }
    names = ", ".join(values)
    places = ", ".join(f"%({name})s" for name in values)
    anew = ", ".join(f"{name} = excluded.{name}" for name in values if name not in ("book", "run"))
    with cursor(conn) as cur:
        cur.execute(
            f"INSERT INTO nightdesk.backtests AS held (state, {names}) VALUES ('running', {places}) "
            "ON CONFLICT (run, book) WHERE run <> '' DO UPDATE SET state = 'running', error = '', "
            f"ended_at = NULL, began_at = clock_timestamp(), {anew} WHERE held.state <> 'done' "
            "RETURNING backtest_id",
            values,
        )
        return int(one(cur)[0])


def finish_backtest(
    conn: Connection,
    number: int,
    *,
    figures: Mapping[str, object],
    series: Sequence[BacktestSeries],
    sources: Sequence[str],
) -> None:
    """Keep what came of one, all of it or nothing."""
    rows = [
        {
            "backtest_id": number,
            "kind": one.kind,
            "strategy": one.strategy,
            "sessions": list(one.sessions),
            "dollars": list(one.dollars),
        }
        for one in series
    ]
    with transaction(conn), cursor(conn) as cur:
        add_rows(conn, "backtest_series", rows)
        cur.execute(
            "UPDATE nightdesk.backtests SET state = 'done', ended_at = clock_timestamp(), figures = %s, "
            "sources = %s WHERE backtest_id = %s AND state = 'running'",
            (json.dumps(figures, allow_nan=False), list(sources), number),
        )


def fail_backtest(conn: Connection, number: int, error: str) -> None:
    """Note why one failed, masked and on one line."""
    why = mask_line(error)[:LONGEST_ERROR].strip() or "it gave no reason"
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.backtests SET state = 'failed', ended_at = clock_timestamp(), error = %s "
            "WHERE backtest_id = %s AND state = 'running'",
            (why, number),
        )


def _kept(row: Mapping[str, Any]) -> KeptBacktest:
    return KeptBacktest(**{**row, "sources": tuple(row["sources"]), "figures": row["figures"] or {}})
