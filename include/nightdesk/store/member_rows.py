"""The members of a book's universe, in every version of its list."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from nightdesk.core.members import Membership, MemberSpan
from nightdesk.store.bar_rows import MARKET_LOCK, Saved
from nightdesk.store.db import CLOCK, Connection, cursor, transaction
from nightdesk.store.queries import query
from nightdesk.store.rows import read_row, read_rows


def save_members(conn: Connection, book: str, membership: Membership) -> Saved:
    """Store a list as it is now: lines that it does not have any more are superseded, new ones are known from
    now on. A list that stands already writes nothing.

    Returns
    -------
    Saved
        `new` lines, and as `withdrawn` those that do not stand any more; a changed line is one of each.
    """
    values = {"book": book, "document": _document(membership.spans)}
    if not read_rows(conn, "members_differ", **values)[0]["differs"]:
        return Saved(unchanged=len(membership.spans))
    first = f"SELECT pg_advisory_xact_lock({MARKET_LOCK}); {CLOCK}"
    with transaction(conn, first) as row:
        return write_members(conn, book, membership.spans, None if row is None else row[0])


def write_members(conn: Connection, book: str, spans: Sequence[MemberSpan], at: datetime | None) -> Saved:
    """Let a book's list be these spans from an instant on, in a transaction that holds the market's lock."""
    values = {"book": book, "document": _document(spans), "at": at}
    with cursor(conn) as cur:
        cur.execute(query("supersede_members"), values)
        withdrawn = cur.rowcount
        cur.execute(query("insert_members"), values)
        new = cur.rowcount
    return Saved(new=new, withdrawn=withdrawn, unchanged=len(spans) - new)


def _document(spans: Sequence[MemberSpan]) -> str:
    return json.dumps(
        [
            {
                "symbol": one.symbol,
                "from_session": one.first.isoformat(),
                "until_session": None if one.last is None else one.last.isoformat(),
                "group_name": one.group,
            }
            for one in spans
        ]
    )


def read_stored_members(conn: Connection, book: str, known_by: datetime) -> Membership:
    """The list of a book as it was known by an instant; without a line where none was read by then."""
    return _membership(read_rows(conn, "members_known", book=book, known_by=known_by))


def members_of_decision(conn: Connection, book: str, as_of: datetime) -> tuple[datetime, Membership] | None:
    """The list that a decision knows, and by when it was known; None before its first ingest."""
    rows = read_rows(conn, "members_of_decision", book=book, as_of=as_of)
    if not rows:
        return None
    return rows[0]["known_by"], _membership([row for row in rows if row["symbol"] is not None])


def _membership(rows: Sequence[Mapping[str, Any]]) -> Membership:
    stands: list[MemberSpan] = []
    before: list[MemberSpan] = []
    for row in rows:
        span = MemberSpan(row["symbol"], row["from_session"], row["until_session"], row["group_name"])
        (stands if row["stands"] else before).append(span)
    return Membership(tuple(stands), tuple(before))


def not_members(conn: Connection, book: str, as_of: datetime) -> tuple[str, ...]:
    """What the list of a book has named and is no member at a decision, as that knew it, sorted."""
    return tuple(row["symbol"] for row in read_rows(conn, "not_members", book=book, as_of=as_of))


def members_changed(conn: Connection, book: str, since: datetime) -> bool:
    """Whether the list of a book has another line than at an instant."""
    row = read_row(conn, "members_changed", book=book, since=since)
    return row is not None and bool(row["changed"])


@dataclass(frozen=True)
class ListChange:
    """A line of a list that was changed: the spans before and after; None where there was or is none."""

    symbol: str
    before: MemberSpan | None
    after: MemberSpan | None

    @property
    def words(self) -> str:
        """The change in words."""
        if self.after is None and self.before is not None:
            return f"{self.symbol}: its line from {self.before.first} was taken out"
        if self.after is None:
            return self.symbol
        until = "on" if self.after.last is None else f"until {self.after.last}"
        if self.before is None:
            return f"{self.symbol}: new, from {self.after.first} {until}"
        ended = "no end" if self.before.last is None else f"the end {self.before.last}"
        return f"{self.symbol}: from {self.after.first} {until}, before with {ended}"


def last_change(
    conn: Connection, book: str, known_by: datetime
) -> tuple[datetime | None, tuple[ListChange, ...]]:
    """When the list of a book was changed last up to an instant, and what changed, by symbol.

    None and nothing where none was read by then. The first reading of a list is a change of all its lines.
    """
    row = read_row(conn, "newest_list", book=book, known_by=known_by)
    if row is None or row["at"] is None:
        return None, ()
    at = row["at"]
    before: dict[tuple[str, date], MemberSpan] = {}
    after: dict[tuple[str, date], MemberSpan] = {}
    for line in read_rows(conn, "list_changes", book=book, at=at):
        span = MemberSpan(line["symbol"], line["from_session"], line["until_session"], line["group_name"])
        (after if line["known_at"] == at else before)[span.symbol, span.first] = span
    changes = [
        ListChange(key[0], before.get(key), after.get(key)) for key in sorted(before.keys() | after.keys())
    ]
    return at, tuple(changes)
