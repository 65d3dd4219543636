"""Screens of a book's pool of stocks, what they found, and the checks of their members before an open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

from nightdesk.core.calendar import Calendar
from nightdesk.core.members import Membership, OffSpan, Succession
from nightdesk.core.screen_weeks import ScreenedWeek, membership_of
from nightdesk.store.bar_rows import MARKET_LOCK
from nightdesk.store.db import CLOCK, Connection, transaction
from nightdesk.store.member_rows import write_members
from nightdesk.store.rows import LATEST, Row, add_rows, read_row, read_rows

ScreenOutcome = Literal["good", "failed"]


@dataclass(frozen=True)
class StoredScreen:
    """An attempt at a screen; the columns of `screens`, without its book.

    `criteria`, `limits` and `failures` (stocks that fail) go together, in the order of the criteria.
    """

    screened_at: datetime
    known_by: datetime
    stored_at: datetime
    outcome: ScreenOutcome
    reason: str
    last_session: date
    first_session: date
    terms: Mapping[str, Any]
    criteria: Sequence[str]
    limits: Sequence[str]
    failures: Sequence[int]
    pool: int
    passed: int
    members: int
    tests: int
    expected_false: float
    pairs: int
    admitted: int

    @property
    def good(self) -> bool:
        """Whether its members count."""
        return self.outcome == "good"


@dataclass(frozen=True)
class OpenCheck:
    """A check before an open that was made: how many members, and how many of them are off."""

    session: date
    known_by: datetime
    stored_at: datetime
    checked: int
    off: int


def save_screen(
    conn: Connection,
    book: str,
    calendar: Calendar,
    screen: Row,
    results: Sequence[Row] = (),
    pairs: Sequence[Row] = (),
) -> bool:
    """Store an attempt at a screen whole, and of a good one the members that follow from all of them.

    Parameters
    ----------
    conn : Connection
    book : str
    calendar : Calendar
        Of the book: a span of members ends with the session before the next screen.
    screen : mapping of column to value
        The columns of `StoredScreen` but `stored_at`.
    results, pairs : sequence of mapping of column to value
        The columns of `screen_results` and `screen_pairs` beside their key.

    Returns
    -------
    bool
        False where a good screen of the instant stands already: it is not replaced, and nothing is written.
    """
    key = {"book": book, "screened_at": screen["screened_at"], "known_by": screen["known_by"]}
    with transaction(conn, f"SELECT pg_advisory_xact_lock({MARKET_LOCK}); {CLOCK}") as row:
        at = None if row is None else row[0]
        found = newest_good(conn, book, screen["screened_at"])
        if found is not None and found.screened_at == screen["screened_at"]:
            return False
        add_rows(conn, "screens", [{**key, **screen, "stored_at": at}])
        add_rows(conn, "screen_results", [{**key, **one} for one in results])
        add_rows(conn, "screen_pairs", [{**key, **one} for one in pairs])
        if screen["outcome"] == "good":
            write_members(conn, book, membership_of(_weeks(conn, book), calendar).spans, at)
    return True


def _weeks(conn: Connection, book: str) -> list[ScreenedWeek]:
    """The members of all good screens of a book."""
    members: defaultdict[date, dict[str, str]] = defaultdict(dict)
    for row in read_rows(conn, "screened_members", book=book):
        members[row["first_session"]][row["symbol"]] = row["sector"]
    return [ScreenedWeek(first, found) for first, found in members.items()]


def with_screened(
    conn: Connection, book: str, calendar: Calendar, known_by: datetime, listed: Membership
) -> Membership:
    """The members of a screened book with its pairs, what is off, and what members have become, as they were
    known by an instant.
    """
    known = {"book": book, "known_by": known_by}
    pairs: defaultdict[date, list[tuple[str, str, str]]] = defaultdict(list)
    for row in read_rows(conn, "screened_pairs", **known):
        pairs[row["first_session"]].append((row["a"], row["b"], row["sector"]))
    legs: defaultdict[date, dict[str, str]] = defaultdict(dict)
    for row in read_rows(conn, "screened_legs", **known):
        legs[row["first_session"]][row["symbol"]] = row["sector"]
    firsts = [row["first_session"] for row in read_rows(conn, "good_screens", **known)]
    weeks = [
        ScreenedWeek(first, legs[first], tuple(pairs[first]), frozenset(legs[first])) for first in firsts
    ]
    found = membership_of(weeks, calendar)
    off = (OffSpan(**row) for row in read_rows(conn, "off_members", **known))
    whole = replace(listed, pairs=found.pairs, legs=found.legs, off=tuple(off))
    successions = read_rows(conn, "successions", known_by=known_by)
    return whole.with_successors(Succession(**row) for row in successions)


def newest_screens(
    conn: Connection, book: str, screened_by: datetime = LATEST, known_by: datetime = LATEST
) -> tuple[StoredScreen, ...]:
    """The newest good screen of a book up to an instant and all attempts after it, newest first.

    Parameters
    ----------
    conn : Connection
    book : str
    screened_by : datetime
        Screens of later instants are left out.
    known_by : datetime
        Those that were stored later too.
    """
    values = {"book": book, "screened_by": screened_by, "known_by": known_by}
    return tuple(StoredScreen(**row) for row in read_rows(conn, "newest_screens", **values))


def newest_good(
    conn: Connection, book: str, screened_by: datetime = LATEST, known_by: datetime = LATEST
) -> StoredScreen | None:
    """The newest good screen of a book up to an instant; None where there is none."""
    return next((one for one in newest_screens(conn, book, screened_by, known_by) if one.good), None)


def results_of(conn: Connection, book: str, screen: StoredScreen) -> list[dict[str, Any]]:
    """What a screen found of each stock, by the columns of `screen_results`, sorted."""
    return read_rows(
        conn, "results_of_screen", book=book, screened_at=screen.screened_at, known_by=screen.known_by
    )


def pairs_of(conn: Connection, book: str, screen: StoredScreen) -> list[dict[str, Any]]:
    """The pairs that a screen found, by the columns of `screen_pairs`, best ranked first."""
    return read_rows(
        conn, "pairs_of_screen", book=book, screened_at=screen.screened_at, known_by=screen.known_by
    )


def save_open_check(
    conn: Connection, book: str, session: date, known_by: datetime, checked: int, off: Mapping[str, str]
) -> bool:
    """Store the check before the open of a session, with what is off and why; False where one stands."""
    with transaction(conn, f"SELECT pg_advisory_xact_lock({MARKET_LOCK}); {CLOCK}") as row:
        at = None if row is None else row[0]
        made = {"known_by": known_by, "stored_at": at, "checked": checked, "off": len(off)}
        if not add_rows(conn, "open_checks", [{"book": book, "session": session, **made}]):
            return False
        failures = [
            {"book": book, "session": session, "symbol": symbol, "reason": reason}
            for symbol, reason in sorted(off.items())
        ]
        add_rows(conn, "open_check_failures", failures)
    return True


def open_check_of(conn: Connection, book: str, session: date) -> OpenCheck | None:
    """The check before the open of a session; None where it was not made."""
    row = read_row(conn, "open_check", book=book, session=session)
    return None if row is None else OpenCheck(**row)


def off_in_session(conn: Connection, book: str, session: date, known_by: datetime) -> dict[str, str]:
    """Members that are off in a session as it was known by an instant, sorted, with the reason."""
    rows = read_rows(conn, "off_in_session", book=book, session=session, known_by=known_by)
    return {row["symbol"]: row["reason"] for row in rows}


def screens_changed(conn: Connection, book: str, session: date, since: datetime) -> bool:
    """Whether a good screen or a check before an open, in force by a session, was stored after an instant."""
    row = read_row(conn, "screens_changed", book=book, session=session, since=since)
    return row is not None and bool(row["changed"])
