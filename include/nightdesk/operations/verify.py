"""Positions, cash and value of a book rebuilt from its ledger, and compared with what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from nightdesk.accounting.account_marks import AccountMark
from nightdesk.accounting.booking import cross_entries, late_reference
from nightdesk.accounting.ledger import Entry, Ledger, Mark, Position
from nightdesk.core.contracts import Contract
from nightdesk.core.money import ZERO
from nightdesk.orders.fills import Fill
from nightdesk.orders.order import Cross
from nightdesk.store.db import Connection
from nightdesk.store.ledger_rows import dated_account_marks, dated_entries, dated_marks
from nightdesk.store.order_rows import dated_crosses, dated_fills
from nightdesk.store.performance_rows import profit_by_decision
from nightdesk.store.rows import read_rows

#: The fields of a position that follow from the ledger.
FOLLOWS = ("quantity", "cost", "realised", "entry_session", "commission", "dividends", "borrow")

#: What executions and crosses move, and their entries in the ledger together.
MOVED = ("quantity", "cash", "commission")
type _Amounts = tuple[Decimal, Decimal, Decimal]

#: A fact with the decision whose settling booked it.
type Dated[Fact] = tuple[datetime, Fact]


@dataclass(frozen=True)
class Mismatch:
    """What is stored of a decision and does not follow from what it is made of, or the other way about."""

    session: date
    item: str
    rebuilt: Decimal | date | None
    stored: Decimal | date | None

    def __str__(self) -> str:
        return f"{self.session} {self.item}: rebuilt {self.rebuilt}, stored {self.stored}"


@dataclass(frozen=True)
class Verified:
    """What was compared, and what does not agree; of an hourly book its decisions are counted."""

    sessions: int
    entries: int
    differences: tuple[Mismatch, ...]


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
    dated, marks = dated_entries(conn, book), dated_marks(conn, book)
    accounts = dated_account_marks(conn, book)
    stored = _by_decision(read_rows(conn, "position_span", book=book))
    ledger, at = Ledger(), 0
    found: list[Mismatch] = []
    for as_of, mark in marks.items():
        stop = at
        while stop < len(dated) and dated[stop][0] <= as_of:
            stop += 1
        ledger, at = ledger.apply(entry for _, entry in dated[at:stop]), stop
        found += _compare(ledger, mark, stored.get(as_of, []))
        found += _compare_accounts(ledger, mark, stored.get(as_of, []), accounts.get(as_of, ()))
    found += _compare_fills(dated, dated_fills(conn, book))
    found += _compare_crosses(dated, dated_crosses(conn, book), marks, _contracts(stored))
    found += _compare_profits(dated, profit_by_decision(conn, book), marks)
    last = next(reversed(marks.values())).session if marks else None
    found += [
        Mismatch(one.session, f"entry {one.reference} after {last}", one.cash, None) for _, one in dated[at:]
    ]
    return Verified(len(marks), len(dated), tuple(found))


def _contracts(stored: Mapping[datetime, Iterable[Mapping[str, Any]]]) -> dict[str, Contract]:
    """What a unit stands for, of the symbols whose unit is not worth its price."""
    return {
        row["symbol"]: Contract(row["multiplier"], on_margin=row["on_margin"])
        for rows in stored.values()
        for row in rows
        if row["on_margin"] or row["multiplier"] != 1
    }


def _compare_fills(entries: Iterable[Dated[Entry]], fills: Iterable[Dated[Fill]]) -> list[Mismatch]:
    """The executions of each order in a settling beside the sums of the entries that book them."""
    booked: dict[tuple[datetime, str, str], list[Entry]] = {}
    for as_of, entry in entries:
        if entry.kind == "fill":
            booked.setdefault((as_of, entry.reference, entry.symbol), []).append(entry)
    given: dict[tuple[datetime, str, str], list[_Amounts]] = {}
    versions: dict[str, Fill] = {}
    pending: dict[str, str] = {}
    late = _late_commissions(booked)
    for as_of, fill in fills:
        root = fill.corrects or fill.execution_id
        before, versions[root] = versions.get(root), _completed(fill, late)
        if before is None:
            reference, moved = fill.client_order_id, _amounts(fill)
        else:
            reference = late_reference(fill.client_order_id, fill.execution_id)
            moved = _more(_amounts(fill), _amounts(before))
        given.setdefault((as_of, reference, fill.symbol), []).append(moved)
        if fill.commission_pending:
            pending[late_reference(fill.client_order_id, fill.execution_id, commission=True)] = fill.symbol
    # What a broker told later of a commission is in no row of fills.
    booked = {key: one for key, one in booked.items() if pending.get(key[1]) != key[2]}
    found = []
    for key in sorted({*booked, *given}):
        order = key[1]
        session = next((one.session for one in booked.get(key, ())), key[0].date())
        sums = dict.fromkeys(MOVED, ZERO)
        for one in booked.get(key, []):
            for name, amount in zip(MOVED, (one.quantity, one.in_full, one.commission), strict=True):
                sums[name] += amount
        told = {name: sum((one[at] for one in given.get(key, [])), ZERO) for at, name in enumerate(MOVED)}
        found += [
            Mismatch(session, f"{name} of the executions of {order}", told[name], sums[name])
            for name in MOVED
            if told[name] != sums[name]
        ]
    return found


def _more(now: _Amounts, then: _Amounts) -> _Amounts:
    return now[0] - then[0], now[1] - then[1], now[2] - then[2]


def _late_commissions(booked: Mapping[tuple[datetime, str, str], Iterable[Entry]]) -> dict[str, Decimal]:
    """What was booked by each reference, of which those of late commissions are looked up."""
    return {key[1]: sum((one.commission for one in several), ZERO) for key, several in booked.items()}


def _completed(fill: Fill, late: Mapping[str, Decimal]) -> Fill:
    """The execution with the commission that was booked of it later."""
    reference = late_reference(fill.client_order_id, fill.execution_id, commission=True)
    return replace(fill, commission=fill.commission + late.get(reference, ZERO))


def _amounts(fill: Fill) -> _Amounts:
    return fill.signed_quantity, fill.cash, fill.commission


def _compare_crosses(
    entries: Iterable[Dated[Entry]],
    crosses: Mapping[datetime, Sequence[Cross]],
    marks: Mapping[datetime, Mark],
    contracts: Mapping[str, Contract],
) -> list[Mismatch]:
    """What was decided to change hands inside the book beside the entries of the settling that books it."""
    expected = [
        (settled, entry)
        for decided, settled in pairwise(marks)
        for entry in cross_entries(crosses.get(decided, ()), marks[settled].session, settled, contracts)
    ]
    booked = [(as_of, entry) for as_of, entry in entries if entry.kind == "cross"]
    mine, theirs = (
        {(as_of, one.reference, one.strategy): one for as_of, one in several}
        for several in (expected, booked)
    )
    found = []
    for key in sorted({*mine, *theirs}):
        _, reference, strategy = key
        session = (mine.get(key) or theirs[key]).session
        for name in MOVED:
            rebuilt, stored = (
                getattr(several[key], name) if key in several else ZERO for several in (mine, theirs)
            )
            if rebuilt != stored:
                item = f"{name} of {reference} ({strategy})"
                found.append(Mismatch(session, item, rebuilt, stored))
    return found


def _compare_profits(
    entries: Iterable[Dated[Entry]], kept: Mapping[datetime, Decimal], marks: Mapping[datetime, Mark]
) -> list[Mismatch]:
    """The change of NAV, without capital paid in, beside the kept profits of all strategies."""
    paid_in: dict[datetime, Decimal] = {}
    for as_of, entry in entries:
        if entry.kind == "capital":
            paid_in[as_of] = paid_in.get(as_of, ZERO) + entry.cash
    found, before = [], ZERO
    for as_of, mark in marks.items():
        rebuilt = mark.nav - before - paid_in.get(as_of, ZERO)
        stored, before = kept.get(as_of), mark.nav
        if stored is not None and stored != rebuilt:  # a decision that has no report yet has none
            found.append(Mismatch(mark.session, "profit of all strategies", rebuilt, stored))
    return found


def _by_decision(rows: Iterable[Mapping[str, Any]]) -> dict[datetime, list[Mapping[str, Any]]]:
    return {as_of: list(group) for as_of, group in groupby(rows, key=itemgetter("as_of"))}


def _compare_accounts(
    ledger: Ledger, mark: Mark, rows: Iterable[Mapping[str, Any]], accounts: Sequence[AccountMark]
) -> list[Mismatch]:
    """The cash of each account beside what follows from the entries, and its positions beside their rows."""
    worth: dict[str, Decimal] = {}
    for row in rows if accounts else ():
        counts = row["market_value"] - (row["cost"] if row["on_margin"] else ZERO)
        worth[row["account"]] = worth.get(row["account"], ZERO) + counts
    told = [
        (f"{item} of account {one.account}", ours, theirs)
        for one in accounts
        for item, ours, theirs in (
            ("cash", ledger.cash_in(one.account), one.cash),
            ("positions_value", worth.get(one.account, ZERO), one.positions_value),
        )
    ]
    return [Mismatch(mark.session, item, ours, theirs) for item, ours, theirs in told if ours != theirs]


def _compare(ledger: Ledger, mark: Mark, rows: Iterable[Mapping[str, Any]]) -> list[Mismatch]:
    by_key = {(row["strategy"], row["symbol"]): row for row in rows}
    found = []
    for key in sorted({*ledger.positions, *by_key}):
        rebuilt, row = ledger.positions.get(key, Position(*key)), by_key.get(key)
        for name in FOLLOWS:
            ours, theirs = getattr(rebuilt, name), None if row is None else row[name]
            if ours != theirs and (row is not None or rebuilt.quantity):
                found.append(Mismatch(mark.session, f"{name} of {key[1]} ({key[0]})", ours, theirs))
    worth = sum(
        (row["market_value"] - (row["cost"] if row["on_margin"] else ZERO) for row in by_key.values()), ZERO
    )
    sums = {
        "cash": (ledger.cash, mark.cash),
        "positions_value": (worth, mark.positions_value),
        "nav": (ledger.cash + worth, mark.nav),
    }
    return found + [
        Mismatch(mark.session, item, ours, theirs) for item, (ours, theirs) in sums.items() if ours != theirs
    ]
