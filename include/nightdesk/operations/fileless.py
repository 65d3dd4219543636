"""Started books whose file is gone or wrong: they decide nothing, and may hold positions all the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nightdesk.accounting.ledger import Ledger
from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.session.context import book_path
from nightdesk.session.notices import Condition, Look, notice
from nightdesk.store.alert_spells import AlertSpell, Kind
from nightdesk.store.book_rows import started_books
from nightdesk.store.broker_rows import orders_due
from nightdesk.store.db import Connection, now
from nightdesk.store.ledger_rows import latest_marked, read_ledger, read_mark

_KINDS: tuple[Kind, ...] = ("book_file",)


@dataclass(frozen=True)
class Fileless:
    """A started book without a file that can be read.

    Attributes
    ----------
    book : str
        Its name.
    reason : str
        What is wrong with its file.
    holds : str
        What it holds and which orders of it are open, in words; empty where it has neither.
    """

    book: str
    reason: str
    holds: str

    @property
    def words(self) -> str:
        """The whole of it."""
        held = f"It has {self.holds}." if self.holds else "It holds nothing and has no open order."
        return f"{self.reason}. The book decides nothing, and nobody settles what its broker does. {held}"

    @property
    def todo(self) -> str:
        """What to do about it."""
        return (
            f"Put the file back: `nightdesk books {self.book} --stored` shows the book as it was last used. "
            f"Or give it up: `nightdesk kill {self.book}` cancels what waits at its broker without that; "
            "what it holds is then yours to close there."
        )


def fileless_books(conn: Connection, root: Path) -> tuple[Fileless, ...]:
    """The started books whose file in the project at `root` is gone or wrong, by name."""
    found = []
    for record in started_books(conn):
        try:
            load_book(book_path(record.book, root))
        except Refused as error:
            found.append(Fileless(record.book, str(error), _holds(conn, record.book)))
    return tuple(found)


def tell_fileless(conn: Connection, root: Path) -> int:
    """Tell of each started book without its file, once, and once of its return; how many alerts that were."""
    lacking = {one.book: one for one in fileless_books(conn, root)}
    stamp = now(conn).isoformat()
    return sum(
        notice(
            conn,
            Look(record.book, _KINDS, stamp),
            [_condition(lacking[record.book])] if record.book in lacking else [],
            partial(_back, record.book),
        )
        for record in started_books(conn)
    )


def _condition(one: Fileless) -> Condition:
    return Condition("book_file", "", "CRITICAL" if one.holds else "WARNING", one.words, one.todo)


def _back(book: str, spell: AlertSpell) -> str:
    since = f"{spell.created_at:%Y-%m-%d %H:%M} UTC"
    return f"The file of book {book} can be read again; it was missed since {since}."


def _holds(conn: Connection, book: str) -> str:
    marked, orders = latest_marked(conn, book), orders_due(conn, book)
    ledger = None if marked is None else read_ledger(conn, book, marked)
    mark = None if marked is None else read_mark(conn, book, marked)
    held = (Ledger() if ledger is None else ledger).net()
    words = [
        f"{quantity.normalize():f} {symbol} at the mark of {mark.session}"
        for symbol, quantity in held.items()
        if mark is not None
    ]
    if orders:
        words.append(f"{orders} open orders")
    return ", ".join(words)
