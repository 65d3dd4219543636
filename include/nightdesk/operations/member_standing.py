"""Who is a member of a book's universe at a decision, who is leaving it with what, and what changed last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.members import Membership
from nightdesk.core.money import ZERO
from nightdesk.feeds.member_lists import read_members
from nightdesk.session.context import Context
from nightdesk.session.member_list import leaving_symbols
from nightdesk.store.ledger_rows import positions_of
from nightdesk.store.member_rows import ListChange, last_change, read_stored_members

#: leaving: held, and no member; always: by the book itself; member: by its list or screen; off: a member that
#: failed the check before the open of the session.
MemberState = Literal["leaving", "always", "member", "off"]


@dataclass(frozen=True)
class MemberLine:
    """A symbol: since when it is a member, or was last, until when, and units and dollars held of it."""

    symbol: str
    group: str
    state: MemberState
    since: date | None
    until: date | None
    quantity: Decimal
    value: Decimal


@dataclass(frozen=True)
class ListStanding:
    """A list as a decision knew it.

    Attributes
    ----------
    lines : tuple of MemberLine
        What is leaving first, then the members by symbol.
    changed : datetime or None
        When the desk found the list changed last, up to what the decision knew.
    changes : tuple of ListChange
        What that was.
    file : str
        How the file stands against what the desk has read of it; empty where it says the same.
    """

    lines: tuple[MemberLine, ...]
    changed: datetime | None
    changes: tuple[ListChange, ...]
    file: str


def list_standing(context: Context) -> ListStanding:
    """How the list of a book stands at a decision.

    Raises
    ------
    Refused
        When the book lists its symbols, or the decision was never ingested.
    """
    book = context.book
    if book.members is None or book.membership is None:
        raise Refused(
            f"book {book.name} lists its symbols: all of them are members. A list that changes is named by "
            "universe: {members: files:PATH, each: {...}}, a screen by universe: {screen: {...}, each: {...}}"
        )
    known_by = context.known_by()
    changed, changes = last_change(context.conn, book.name, known_by)
    return ListStanding(tuple(_lines(context, book.membership)), changed, changes, _file_words(context))


def _lines(context: Context, membership: Membership) -> Iterator[MemberLine]:
    book, session, held = context.book, context.session, _held(context)
    always = frozenset(() if book.members is None else book.members.always)
    leaving, off = leaving_symbols(context), membership.off_at(session).keys() - always

    def line(symbol: str, state: MemberState) -> MemberLine:
        span = membership.newest_by(symbol, session)
        quantity, value = held.get(symbol, (ZERO, ZERO))
        first, last = (None, None) if span is None else (span.first, span.last)
        return MemberLine(symbol, _group(book, symbol), state, first, last, quantity, value)

    yield from (line(one, "leaving") for one in sorted(held) if one in leaving)
    for one in book.symbols:
        if one not in leaving:
            yield line(one, "always" if one in always else "off" if one in off else "member")


def _group(book: Book, symbol: str) -> str:
    one = book.universe[symbol]
    return one.group or one.asset_class


def _held(context: Context) -> dict[str, tuple[Decimal, Decimal]]:
    """Units and value over all strategies of what is held at the decision's mark."""
    out: dict[str, tuple[Decimal, Decimal]] = {}
    for row in positions_of(context.conn, context.book.name, context.as_of):
        if row["quantity"]:
            units, value = out.get(row["symbol"], (ZERO, ZERO))
            out[row["symbol"]] = (units + row["quantity"], value + row["market_value"])
    return out


def _file_words(context: Context) -> str:
    """What the next ingest would find: the file changed, or one that it would refuse."""
    book = context.book
    source = None if book.members is None else book.members.members
    if source is None:
        return ""
    try:
        written = read_members(source)
    except Refused as error:
        return f"the next ingest would be refused: {error}"
    stored = read_stored_members(context.conn, book.name, datetime.max.replace(tzinfo=context.as_of.tzinfo))
    if set(written.spans) == set(stored.spans):
        return ""
    return f"{source} has changed since it was read: the next ingest reads it"
