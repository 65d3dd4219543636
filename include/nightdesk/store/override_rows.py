"""Overrides: what people limit in a book for some time, and that they end it; facts that only grow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from nightdesk.core.masking import mask_line, one_line
from nightdesk.risk import Override
from nightdesk.store.ahead import NamedQuery
from nightdesk.store.bar_rows import MARKET_LOCK
from nightdesk.store.db import Connection, cursor, lock_key, one, transaction
from nightdesk.store.rows import add_rows, read_row, read_rows

#: How long a person waits for a write of the market, or for another person.
WAIT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class StatedOverride:
    """An override with its story.

    `stated_at` is when it was said, `ended_at`, `ended_by` and `ended_reason` are of its end by a person;
    None and empty where nobody has ended it.
    """

    book: str
    override: Override
    stated_at: datetime
    ended_at: datetime | None = None
    ended_by: str = ""
    ended_reason: str = ""


def overrides_known(
    conn: Connection, book: str, as_of: datetime, session: date, known_by: datetime
) -> tuple[Override, ...]:
    """Those that count in a decision, of what was said by `known_by`, in the order in which it was.

    An end that was said later is not known: the decision is read as it was made.
    """
    asked = overrides_ask(book, as_of, session, known_by)
    found = (Override(**row) for row in read_rows(conn, asked.query_name, **asked.values))
    return tuple(one for one in found if one.holds(as_of, session))


def overrides_ask(book: str, as_of: datetime, session: date, known_by: datetime) -> NamedQuery:
    """The question of `overrides_known`."""
    key = {"book": book, "as_of": as_of, "session": session, "known_by": known_by}
    return NamedQuery("overrides_known", key)


def overrides_changed(conn: Connection, book: str, as_of: datetime, session: date, since: datetime) -> bool:
    """Whether anything that counts in a decision was said or ended after an instant."""
    key = {"book": book, "as_of": as_of, "session": session, "since": since}
    return read_row(conn, "overrides_changed", **key) is not None


def standing_overrides(conn: Connection, book: str, session: date) -> tuple[Override, ...]:
    """Those that nobody has ended and that count in a session or after it, as they were stated."""
    rows = read_rows(conn, "overrides_standing", book=book, session=session)
    return tuple(Override(**row) for row in rows)


def stated_overrides(
    conn: Connection, book: str | None = None, *, newest: int = 250, before: int | None = None
) -> tuple[StatedOverride, ...]:
    """What was ever stated, the newest first.

    Parameters
    ----------
    conn : Connection
    book : str, optional
        This one alone.
    newest : int
        So many at most.
    before : int, optional
        Those with a smaller number alone: the next page of a list.
    """
    rows = read_rows(conn, "override_rows", book=book, newest=newest, before=before)
    return tuple(map(_stated, rows))


@contextmanager
def stating(conn: Connection, book: str) -> Iterator[None]:
    """A transaction in which alone something is said of a book's overrides, so that two people cannot cross.

    No decision takes the instant up to which it knows its market while it lasts: what was said is known to it
    whole, or not at all.

    Raises
    ------
    Transient
        When another process holds what it waits for too long: nothing is stored.
    """
    with transaction(conn), cursor(conn) as cur:
        cur.execute(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
        cur.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key(f"overrides {book}"),))
        cur.execute("SELECT pg_advisory_xact_lock(%s)", (MARKET_LOCK,))
        yield


def add_override(conn: Connection, book: str, fact: Override) -> int:
    """Store one, its reason masked and on one line; its number, which is given to it now."""
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.overrides (book, symbol, kind, amount, reduces, from_as_of, from_session, "
            "until_session, stated_by, reason) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "RETURNING override_id",
            (
                book, fact.symbol, fact.kind, fact.size, fact.reduces, fact.begins, fact.since, fact.until,
                one_line(fact.who), mask_line(fact.reason),
            ),
        )  # fmt: skip
        return int(one(cur)[0])


def end_overrides(
    conn: Connection, numbers: Sequence[int], *, from_as_of: datetime, who: str, reason: str
) -> int:
    """End some from a decision on; how many of them nobody had ended before."""
    rows = [
        {
            "override_id": number,
            "from_as_of": from_as_of,
            "ended_by": one_line(who),
            "reason": mask_line(reason),
        }
        for number in numbers
    ]
    return add_rows(conn, "override_ends", rows)


def _stated(row: Mapping[str, Any]) -> StatedOverride:
    names = (
        "number",
        "symbol",
        "kind",
        "size",
        "reduces",
        "begins",
        "since",
        "until",
        "who",
        "reason",
        "ends",
    )
    return StatedOverride(
        book=row["book"],
        override=Override(**{name: row[name] for name in names}),
        stated_at=row["stated_at"],
        ended_at=row["ended_at"],
        ended_by=row["ended_by"] or "",
        ended_reason=row["ended_reason"] or "",
    )
