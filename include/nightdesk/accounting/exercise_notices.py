"""Options that end before their expiry: notices of exercise and of assignment, as dated facts.

Whoever holds an American option may exercise it on any day; the clearing house assigns that overnight to
somebody who is short. Neither follows from prices, so a person or a file says it. A notice counts in the
night before the open of its session: what it delivers is held before that session's dividends and orders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal

from nightdesk.core.book import Book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.csv_table import CsvTable
from nightdesk.core.documents import read_bytes
from nightdesk.core.errors import Refused

NoticeKind = Literal["exercise", "assignment"]

#: The columns of a file of notices; `reason` may be left out.
NOTICE_COLUMNS = ("session", "contract", "kind", "quantity")

#: How the references of entries begin by which contracts ended before their expiry.
EARLY = "early-"

_MOST_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class ExerciseNotice:
    """So many contracts ended early.

    Attributes
    ----------
    session : date
        It counts in the night before this session's open.
    symbol : str
        The contract.
    kind : str
        "exercise" of a long position, "assignment" of a short one. A later notice of the same session,
        contract and kind takes the place of the earlier one.
    quantity : Decimal
        Contracts, whole and positive; 0 withdraws an earlier notice.
    reason, who : str
    """

    session: date
    symbol: str
    kind: NoticeKind
    quantity: Decimal
    reason: str = ""
    who: str = ""

    @property
    def key(self) -> tuple[date, str, NoticeKind]:
        """Which fact it is."""
        return self.session, self.symbol, self.kind

    @property
    def reference(self) -> str:
        """That of the ledger's entries which book it."""
        return f"{EARLY}{self.kind}-{self.symbol}-{self.session}"

    def __str__(self) -> str:
        return f"{self.kind} of {self.quantity:f} {self.symbol} in {self.session}"


def check_notice(notice: ExerciseNotice, book: Book) -> None:
    """Refuse a notice that can be true of no position of a book.

    Raises
    ------
    Refused
        When its contract is no option of the universe, is European or expired, its quantity is no whole
        number, or its session is none.
    """
    contract = book.contracts.get(notice.symbol)
    option = None if contract is None else contract.option
    if option is None:
        known = ", ".join(sorted(name for name, one in book.contracts.items() if one.option is not None))
        raise Refused(
            f"{notice.symbol} is no option of book {book.name}: its universe names {known or 'none'}; "
            "put the contract there, or correct the symbol"
        )
    if option.style == "european":
        raise Refused(
            f"{notice.symbol} is European: it is exercised at its expiry alone ({option.expiry}), by the "
            "close of its underlying; leave the notice out, or correct the style in the universe"
        )
    if notice.quantity < 0 or notice.quantity != notice.quantity.to_integral_value():
        raise Refused(
            f"{notice.symbol}: found {notice.quantity:f} contracts; expected a whole number, 0 or more (the "
            "kind says on which side)"
        )
    if not get_calendar(book.calendar).is_session(notice.session):
        raise Refused(
            f"{notice.session} is no session of {book.calendar}: name the session before whose open it "
            "became known"
        )
    if notice.session > option.expiry:
        raise Refused(
            f"{notice.symbol} expired on {option.expiry}, before {notice.session}: it ended by the close of "
            "its underlying then, and nothing of it is left"
        )


def standing(notices: Iterable[ExerciseNotice]) -> tuple[ExerciseNotice, ...]:
    """Of notices in the order in which they were given, those that count: the last of each key, none of 0.

    They come by contract and kind, whatever the order in which they were given.
    """
    newest = {one.key: one for one in notices}
    return tuple(one for _, one in sorted(newest.items()) if one.quantity)


def parse_notices(text: str, source: str, book: Book) -> tuple[ExerciseNotice, ...]:
    """Read and check a CSV of notices for a book.

    Parameters
    ----------
    text : str
        With a header of `NOTICE_COLUMNS` in any order, and of `reason` if you like; a row a notice.
    source : str
        Names the text in errors.
    book : Book

    Raises
    ------
    Refused
        With the line, what was found and what is allowed.
    """
    table = CsvTable(text, source)
    header = table.header
    if sorted(name for name in header if name != "reason") != sorted(NOTICE_COLUMNS):
        raise Refused(
            f"{source}:1: found the columns {', '.join(header) or 'none'}; they are "
            f"{', '.join(NOTICE_COLUMNS)}, and reason if you like"
        )
    out: dict[tuple[date, str, NoticeKind], ExerciseNotice] = {}
    for number, cells in table.lines():
        place = table.place(number)
        one = _read_notice(dict(zip(header, cells, strict=True)), place)
        if one.key in out:
            raise Refused(f"{place}: {out[one.key]} is stated above already; give one of them")
        try:
            check_notice(one, book)
        except Refused as error:
            raise Refused(f"{place}: {error}") from error
        out[one.key] = one
    return tuple(out.values())


def _read_notice(cells: Mapping[str, str], place: str) -> ExerciseNotice:
    try:
        session = date.fromisoformat(cells["session"])
    except ValueError:
        raise Refused(f"{place}: session: found {cells['session']!r}; write it as 2022-12-30") from None
    kind: NoticeKind
    match cells["kind"]:
        case "exercise":
            kind = "exercise"
        case "assignment":
            kind = "assignment"
        case other:
            raise Refused(f"{place}: kind: found {other!r}; it is exercise (of a long) or assignment")
    try:
        quantity = Decimal(cells["quantity"])
    except InvalidOperation:
        quantity = Decimal("NaN")
    if not quantity.is_finite():
        raise Refused(f"{place}: quantity: found {cells['quantity']!r}; it is a whole number of contracts")
    return ExerciseNotice(session, cells["contract"], kind, quantity, cells.get("reason", ""))


def read_notices(path: Path, book: Book) -> tuple[ExerciseNotice, ...]:
    """The notices of a CSV file; raises as `parse_notices`, and where the file cannot be read."""
    try:
        text = read_bytes(path, _MOST_BYTES, "a CSV of exercise notices").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{path}: not a text in UTF-8: {error.reason}: write the CSV anew") from error
    return parse_notices(text, str(path), book)
