"""A stored screen of a book as people look at it, and the same screen computed once more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from nightdesk.core.book import Book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.pool_book import book_of_pool
from nightdesk.core.screen_weeks import LONGEST_IN_FORCE, screened_before
from nightdesk.store.db import Connection
from nightdesk.store.rows import LATEST
from nightdesk.store.screen_rows import StoredScreen, newest_screens, pairs_of, results_of

#: So many differences are named.
MOST_TOLD = 20


@dataclass(frozen=True)
class ScreenStanding:
    """A good screen, and what failed since.

    Attributes
    ----------
    screen : StoredScreen
        The newest good one.
    failed : tuple of StoredScreen
        Attempts at later ones, newest first.
    results : sequence of mapping
        A row a stock, see `nightdesk.store.screen_rows.results_of`.
    pairs : sequence of mapping
        See `nightdesk.store.screen_rows.pairs_of`.
    """

    screen: StoredScreen
    failed: tuple[StoredScreen, ...]
    results: Sequence[Mapping[str, Any]]
    pairs: Sequence[Mapping[str, Any]]


def screen_standing(conn: Connection, book: Book, session: date | None = None) -> ScreenStanding:
    """The screen in force in a session, or the newest one.

    Raises
    ------
    Refused
        When there is no good one; with what the newest attempt failed for.
    """
    by = LATEST
    if session is not None:
        by = screened_before(get_calendar(book.calendar).close_at(session))
    attempts = newest_screens(conn, book.name, by)
    good = next((one for one in attempts if one.good), None)
    if good is None:
        words = f" The newest attempt failed: {attempts[0].reason}." if attempts else ""
        when = "" if session is None else f" for session {session}"
        raise Refused(
            f"no good screen of book {book.name} is stored{when}.{words} `nightdesk screen {book.name} "
            "--run` makes that of the week, and so does the first decision after it"
        )
    return ScreenStanding(
        good,
        tuple(one for one in attempts if not one.good),
        results_of(conn, book.name, good),
        pairs_of(conn, book.name, good),
    )


def screen_lines(conn: Connection, book: str) -> tuple[str, ...]:
    """How the screens of a book stand, as sentences; nothing of a book that never had one."""
    attempts = newest_screens(conn, book)
    good = next((one for one in attempts if one.good), None)
    lines = []
    if good is not None:
        lines.append(
            f"screen of {good.screened_at:%Y-%m-%d}: {good.members:,} members of {good.pool:,} stocks, "
            f"{good.admitted:,} pairs, in force from {good.first_session}"
        )
    if attempts and not attempts[0].good:
        until = "" if good is None else f", that of {good.screened_at:%Y-%m-%d} stays in force"
        if good is not None:
            until += f" until {good.screened_at + LONGEST_IN_FORCE:%Y-%m-%d} at most"
        lines.append(
            f"SCREEN FAILED: that of {attempts[0].screened_at:%Y-%m-%d}: {attempts[0].reason}{until}"
        )
    return tuple(lines)


def screened_again(conn: Connection, book: Book, standing: ScreenStanding) -> list[str]:
    """What would differ if the screen were made once more of what was known when it was made.

    The pool is that of then, the terms are those of the book as it is now.

    Returns
    -------
    list of str
        Sentences, `MOST_TOLD` at most and how many more; empty where nothing differs.
    """
    import os

    from nightdesk.screening.outcomes import rows_of
    from nightdesk.session.screening_step import Screener, screen_as_known

    one = standing.screen
    pool = book_of_pool(book, [row["symbol"] for row in standing.results])
    screener = Screener.of_book(conn, book, one.screened_at, os.environ)
    again = rows_of(*screen_as_known(screener, pool, one.screened_at, one.known_by))
    found = [*_differing(standing, again.results), *_differing_pairs(standing, again.pairs)]
    rest = len(found) - MOST_TOLD
    return found if rest <= 0 else [*found[:MOST_TOLD], f"and {rest:,} more differences"]


def _differing(standing: ScreenStanding, again: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    now = {row["symbol"]: row for row in again}
    for row in standing.results:
        for name in ("member", "leg", "outcomes"):
            if row[name] != now[row["symbol"]][name]:
                yield f"{row['symbol']}: {name} was {row[name]}, would be {now[row['symbol']][name]}"


def _differing_pairs(standing: ScreenStanding, again: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    then = {(row["a"], row["b"]): row["admitted"] for row in standing.pairs}
    now = {(row["a"], row["b"]): row["admitted"] for row in again}
    words = {True: "traded", False: "found and not traded", None: "not found"}
    for pair in sorted(then.keys() | now.keys()):
        if then.get(pair) != now.get(pair):
            yield f"{' and '.join(pair)}: {words[then.get(pair)]} then, would be {words[now.get(pair)]}"
