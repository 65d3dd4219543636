"""The newest decisions of every book decided again where they are sealed, and compared with what is stored.

It is meant for a copy of the database: nothing of a decision is written, but the attempts are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from nightdesk.core.errors import NightdeskError
from nightdesk.session.context import Context
from nightdesk.session.entry import open_context
from nightdesk.session.steps import changed_since, run_session
from nightdesk.store.backup_rows import newest_closed
from nightdesk.store.book_rows import started_books
from nightdesk.store.db import Connection
from nightdesk.store.run_rows import find_run

#: Keys of accounts and addresses of alerts: who decides a copy again reaches no broker and nobody.
_REACHING = ("NIGHTDESK_ACCOUNT_", "NIGHTDESK_ALERT_", "NIGHTDESK_LIVE")


@dataclass(frozen=True)
class DecidedAgain:
    """A decision that was decided again.

    Attributes
    ----------
    book : str
    as_of : datetime
        The decision, UTC.
    differing : tuple of str
        Steps whose rows would be others now, each with how many; empty for none.
    changed : str
        What differs between code and book that decided it and those of now; empty for nothing.
    failed : str
        Why it could not be decided again; empty where it was.
    """

    book: str
    as_of: datetime
    differing: tuple[str, ...] = ()
    changed: str = ""
    failed: str = ""

    @property
    def is_same(self) -> bool:
        """Whether it came out as it is stored."""
        return not self.differing and not self.failed

    def __str__(self) -> str:
        said = [*self.differing, *([self.failed] if self.failed else [])]
        words = f"{self.book} {self.as_of:%Y-%m-%d %H:%M} UTC: {', '.join(said) or 'the same again'}"
        return f"{words} ({self.changed})" if self.changed else words


def unreached(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without the keys of brokers and the addresses of people."""
    return {name: value for name, value in environ.items() if not name.startswith(_REACHING)}


def decide_again(conn: Connection, environ: Mapping[str, str], newest: int) -> tuple[DecidedAgain, ...]:
    """Decide the newest closed decisions of every started book again, in order, and compare.

    Parameters
    ----------
    conn : Connection
        To a copy of the desk's database.
    environ : mapping of str to str
        ``NIGHTDESK_ROOT`` names the project, ``NIGHTDESK_HOME`` where steps write; see `unreached`.
    newest : int
        How many of each book.
    """
    names = [one.book for one in started_books(conn)]
    return tuple(one for name in names for one in _of_book(conn, name, environ, newest))


def _of_book(conn: Connection, book: str, environ: Mapping[str, str], newest: int) -> Iterator[DecidedAgain]:
    decisions = sorted(newest_closed(conn, book, newest))
    if not decisions:
        return
    try:
        with open_context(book, decisions[0], conn=conn, environ=environ, begun=True) as first:
            yield from [_again(first.at(as_of)) for as_of in decisions]
    except NightdeskError as error:
        yield DecidedAgain(book, decisions[0], failed=f"it cannot be opened: {error}")


def _again(context: Context) -> DecidedAgain:
    """Decide a sealed decision again; whatever fails is what was found of it."""
    book, as_of = context.book.name, context.as_of
    run = find_run(context.conn, book, as_of)
    changed = "" if run is None else changed_since(context, run)
    try:
        steps = run_session(context)
    except Exception as error:  # noqa: BLE001 (a defect of one decision is what a drill is to find)
        return DecidedAgain(book, as_of, changed=changed, failed=f"{type(error).__name__}: {error}")
    differing = tuple(
        f"{step} differs in {counts['differs']} rows"
        for step, counts in steps.items()
        if counts.get("differs")
    )
    silent = tuple(f"{step} {counts['failed']}" for step, counts in steps.items() if "failed" in counts)
    return DecidedAgain(book, as_of, (*differing, *silent), changed)
