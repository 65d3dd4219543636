"""What the cockpit reads of screens: attempts, what was found of each stock, members by week, who is off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from nightdesk.store.db import Connection
from nightdesk.store.rows import read_row, read_rows
from nightdesk.store.screen_rows import OpenCheck, StoredScreen


@dataclass(frozen=True, slots=True)
class ScreenedStock:
    """A stock of a pool: by criterion what was measured (NaN: nothing, or a word), the word, the outcome."""

    symbol: str
    sector: str
    passed: bool
    member: bool
    leg: bool
    measured: Sequence[float]
    words: Sequence[str]
    outcomes: Sequence[str]


@dataclass(frozen=True, slots=True)
class MemberWeek:
    """Members of a screen, sorted, from its first session on."""

    screened_at: datetime
    first_session: date
    symbols: Sequence[str]


@dataclass(frozen=True, slots=True)
class PairFound:
    """A pair as a screen found it; log a = alpha + beta log b, half-life in sessions.

    `reason` is why it was not admitted; empty where it was.
    """

    a: str
    b: str
    place: int
    correlation: float
    p: float
    q: float
    alpha: float
    beta: float
    half_life: float
    spread_volatility: float
    same_sector: bool
    sector: str
    admitted: bool
    reason: str


def screens_listed(conn: Connection, book: str, rows: int) -> tuple[StoredScreen, ...]:
    """The newest attempts, the newest first."""
    return tuple(StoredScreen(**row) for row in read_rows(conn, "screens_listed", book=book, rows=rows))


def screen_of_instant(conn: Connection, book: str, at: datetime) -> StoredScreen | None:
    """The screen of an instant, of several attempts the good one or the last; None where none was made."""
    row = read_row(conn, "screen_of_instant", book=book, at=at)
    return None if row is None else StoredScreen(**row)


def screened_stocks(
    conn: Connection,
    book: str,
    attempt: StoredScreen,
    *,
    which: str,
    narrowed: int,
    place: int,
    falling: bool,
    symbol: str,
    before: Sequence[str] = (),
    rows: int,
    skipped: int,
) -> tuple[int, tuple[ScreenedStock, ...]]:
    """Stocks of a screen, a page of them, and how many they are together.

    Parameters
    ----------
    conn : Connection
    book : str
    attempt : StoredScreen
    which : str
        ``all``, ``member``, ``leg`` (of a pair), ``came`` and ``went`` (as members, against `before`),
        ``passed``, ``failed``, or ``unknown`` (passed, since nothing is known).
    narrowed : int
        Place of the criterion that failed and unknown are narrowed to; 0: any.
    place : int
        Of the criterion by whose value it is sorted; 0: by symbol.
    falling : bool
        Largest value first. What was not measured comes last either way.
    symbol : str
        With what the symbol begins.
    before : sequence of str
        Members of the screen before.
    rows, skipped : int
    """
    found = read_rows(
        conn,
        "screen_page",
        book=book,
        at=attempt.screened_at,
        known_by=attempt.known_by,
        which=which,
        narrowed=narrowed,
        place=place,
        falling=falling,
        symbol=symbol,
        before=list(before),
        rows=rows,
        skipped=skipped,
    )
    together = int(found[0]["together"]) if found else 0
    return together, tuple(
        ScreenedStock(**{name: value for name, value in row.items() if name != "together"}) for row in found
    )


def member_weeks(conn: Connection, book: str, at: datetime, rows: int) -> tuple[MemberWeek, ...]:
    """Members of the newest good screens up to an instant, the newest first."""
    return tuple(MemberWeek(**row) for row in read_rows(conn, "screen_members", book=book, at=at, rows=rows))


def pairs_found(
    conn: Connection, book: str, attempt: StoredScreen, rows: int, skipped: int = 0
) -> tuple[PairFound, ...]:
    """So many pairs of a screen after those that are skipped, best ranked first."""
    key = {"book": book, "at": attempt.screened_at, "known_by": attempt.known_by}
    found = read_rows(conn, "screen_pairs_found", **key, rows=rows, skipped=skipped)
    return tuple(PairFound(**row) for row in found)


def pair_in_screens(
    conn: Connection, book: str, a: str, b: str, until: datetime
) -> tuple[datetime, PairFound] | None:
    """What the newest good screen up to an instant that found a pair says of it; None where none did."""
    row = read_row(conn, "pair_in_screens", book=book, a=a, b=b, until=until)
    return None if row is None else (row.pop("screened_at"), PairFound(**row))


def newest_open_check(conn: Connection, book: str) -> tuple[OpenCheck, tuple[tuple[str, str], ...]] | None:
    """The newest check before an open, and what is off with the reason, by symbol; None without a check."""
    row = read_row(conn, "newest_open_check", book=book)
    if row is None:
        return None
    failures = read_rows(conn, "open_check_failures_of", book=book, session=row["session"])
    return OpenCheck(**row), tuple((one["symbol"], one["reason"]) for one in failures)


def optional_pages(conn: Connection, book: str) -> tuple[str, ...]:
    """Which of the pages ``screen`` and ``pairs`` a book has: those that something is stored for."""
    row = read_row(conn, "optional_pages", book=book)
    return () if row is None else tuple(name for name, there in row.items() if there)
