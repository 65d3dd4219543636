"""Positions, cash and value of a book rebuilt from its ledger, and compared with what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from nightdesk.execution.fills import Fill
from nightdesk.execution.ledger import Entry, Ledger, Mark, Position
from nightdesk.execution.money import ZERO
from nightdesk.execution.orders import Cross
from nightdesk.execution.settling import cross_entries
from nightdesk.store.db import Connection
from nightdesk.store.ledger import read_entries, read_marks
from nightdesk.store.orders import all_crosses, all_fills
from nightdesk.store.performance import profit_by_session
from nightdesk.store.rows import read_rows

#: The fields of a position that follow from the ledger.
FOLLOWS = ("quantity", "cost", "realised", "entry_session", "commission", "dividends", "borrow")

#: What executions and crosses move, and their entries in the ledger together.
MOVED = ("quantity", "cash", "commission")


@dataclass(frozen=True)
class Difference:
    """What is stored of a session and does not follow from what it is made of, or the other way about."""

    session: date
    item: str
    rebuilt: Decimal | date | None
    stored: Decimal | date | None

    def __str__(self) -> str:
        return f"{self.session} {self.item}: rebuilt {self.rebuilt}, stored {self.stored}"


@dataclass(frozen=True)
class Verified:
    """What was compared, and what does not agree."""

    sessions: int
    entries: int
    differences: tuple[Difference, ...]


def verify(conn: Connection, book: str) -> Verified:
    """Rebuild a book from its fills and ledger entries, and compare it with every stored session.

    The entries of an order's executions in a session must add up to them: quantity, cash and commission. What
    changed hands inside the book must be what was decided to, and leave the book's cash alone. Positions and
    cash must follow from the entries. The kept profits of the strategies must add up to the book's.

    Parameters
    ----------
    conn : Connection
        Only read from.
    book : str
        Name of the book.

    Returns
    -------
    Verified
        With no difference where positions, cash, and NAV as their sum agree to the cent in every session.
    """
    entries, marks = read_entries(conn, book), read_marks(conn, book)
    stored = _by_session(read_rows(conn, "position_span", book=book))
    ledger, at = Ledger(), 0
    found: list[Difference] = []
    for mark in marks:
        stop = at
        while stop < len(entries) and entries[stop].session <= mark.session:
            stop += 1
        ledger, at = ledger.apply(entries[at:stop]), stop
        found += _compare(ledger, mark, stored.get(mark.session, []))
    found += _compare_fills(entries, all_fills(conn, book))
    found += _compare_crosses(entries, all_crosses(conn, book), marks)
    found += _compare_profits(entries, profit_by_session(conn, book), marks)
    last = marks[-1].session if marks else None
    found += [
        Difference(one.session, f"entry {one.reference} after {last}", one.cash, None) for one in entries[at:]
    ]
    return Verified(len(marks), len(entries), tuple(found))


def _compare_fills(entries: Iterable[Entry], fills: Iterable[Fill]) -> list[Difference]:
    """The executions of each order in a session beside the sums of the entries that book them."""
    booked: dict[tuple[date, str, str], list[Entry]] = {}
    for entry in entries:
        if entry.kind == "fill":
            booked.setdefault((entry.session, entry.reference, entry.symbol), []).append(entry)
    given: dict[tuple[date, str, str], list[Fill]] = {}
    for fill in fills:
        given.setdefault((fill.session, fill.client_order_id, fill.symbol), []).append(fill)
    found = []
    for key in sorted({*booked, *given}):
        session, order, _ = key
        sums = {name: sum((getattr(one, name) for one in booked.get(key, [])), ZERO) for name in MOVED}
        moved = [(one.signed_quantity, one.cash, one.commission) for one in given.get(key, [])]
        told = {name: sum((one[at] for one in moved), ZERO) for at, name in enumerate(MOVED)}
        found += [
            Difference(session, f"{name} of the executions of {order}", told[name], sums[name])
            for name in MOVED
            if told[name] != sums[name]
        ]
    return found


def _compare_crosses(
    entries: Iterable[Entry], crosses: Iterable[Cross], marks: Sequence[Mark]
) -> list[Difference]:
    """What was decided to change hands inside the book beside the entries of the session that books it."""
    following = dict(pairwise(mark.session for mark in marks))
    decided = [one for one in crosses if one.session in following]
    expected = [entry for one in decided for entry in cross_entries([one], following[one.session])]
    booked = [entry for entry in entries if entry.kind == "cross"]
    mine, theirs = (
        {(one.session, one.reference, one.strategy): one for one in several} for several in (expected, booked)
    )
    found = []
    for key in sorted({*mine, *theirs}):
        session, reference, strategy = key
        for name in MOVED:
            rebuilt, stored = (
                getattr(several[key], name) if key in several else ZERO for several in (mine, theirs)
            )
            if rebuilt != stored:
                item = f"{name} of {reference} ({strategy})"
                found.append(Difference(session, item, rebuilt, stored))
    return found


def _compare_profits(
    entries: Iterable[Entry], kept: Mapping[date, Decimal], marks: Sequence[Mark]
) -> list[Difference]:
    """The change of NAV, without capital paid in, beside the kept profits of all strategies."""
    paid_in: dict[date, Decimal] = {}
    for entry in entries:
        if entry.kind == "capital":
            paid_in[entry.session] = paid_in.get(entry.session, ZERO) + entry.cash
    found, before = [], ZERO
    for mark in marks:
        rebuilt = mark.nav - before - paid_in.get(mark.session, ZERO)
        stored, before = kept.get(mark.session), mark.nav
        if stored is not None and stored != rebuilt:  # a session that has no report yet has none
            found.append(Difference(mark.session, "profit of all strategies", rebuilt, stored))
    return found


def _by_session(rows: Iterable[Mapping[str, Any]]) -> dict[date, list[Mapping[str, Any]]]:
    return {session: list(group) for session, group in groupby(rows, key=itemgetter("session"))}


def _compare(ledger: Ledger, mark: Mark, rows: Iterable[Mapping[str, Any]]) -> list[Difference]:
    by_key = {(row["strategy"], row["symbol"]): row for row in rows}
    found = []
    for key in sorted({*ledger.positions, *by_key}):
        rebuilt, row = ledger.positions.get(key, Position(*key)), by_key.get(key)
        for name in FOLLOWS:
            ours, theirs = getattr(rebuilt, name), None if row is None else row[name]
            if ours != theirs and (row is not None or rebuilt.quantity):
                found.append(Difference(mark.session, f"{name} of {key[1]} ({key[0]})", ours, theirs))
    worth = sum((row["market_value"] for row in by_key.values()), ZERO)
    sums = {
        "cash": (ledger.cash, mark.cash),
        "positions_value": (worth, mark.positions_value),
        "nav": (ledger.cash + worth, mark.nav),
    }
    return found + [
        Difference(mark.session, item, ours, theirs)
        for item, (ours, theirs) in sums.items()
        if ours != theirs
    ]
