"""A desk for the cockpit's tests: two books that have decided, one that never started, one that is wrong.

`small` has one strategy and one account; `twofold` has two strategies and a second account for coins. They
decided as Airflow's tasks let them, so that runs are known by their ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from tests.conftest import PROJECT, open_connection
from tests.session.new_desk import new_desk
from tests.session.small_desk import SmallDesk, instant, session
from tests.session.two_accounts import OTHER, with_two_accounts

from nightdesk.core.errors import Refused
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session, settle
from nightdesk.store.kill_switch_rows import set_kill_switch

#: Sessions that both books have decided.
DECIDED = 8
SMALL, TWOFOLD, WAITING, BROKEN = "small", "twofold", "waiting", "broken"

__all__ = [
    "BROKEN",
    "DECIDED",
    "OTHER",
    "SMALL",
    "TWOFOLD",
    "WAITING",
    "DecidedDesk",
    "decide",
    "instant",
    "session",
]


@dataclass(frozen=True)
class DecidedDesk:
    """A project with its books and the address of its database; only to be read.

    What a test writes goes into a copy: `Databases.copy`.
    """

    url: str
    root: Path
    home: Path

    @property
    def environ(self) -> dict[str, str]:
        """Where a process finds it."""
        return {
            "NIGHTDESK_DATABASE_URL": self.url,
            "NIGHTDESK_ROOT": str(self.root),
            "NIGHTDESK_HOME": str(self.home),
        }

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What a statement gives."""
        with open_connection(self.url) as conn, conn.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())


def run_id(day: date) -> str:
    """The id that Airflow gives to the scheduled run of a session."""
    return f"scheduled__{day}T00:00:00+00:00"


def as_project(folder: Path) -> Path:
    """Make a folder one that `NIGHTDESK_ROOT` may name, without any book."""
    (folder / "books").mkdir(parents=True)
    (folder / "sql").symlink_to(PROJECT / "sql")
    return folder


def decide(folder: Path, url: str, walks: list[list[str]]) -> DecidedDesk:
    """Make the desk and let its books decide; the ninth session of `small` was begun and failed."""
    small = new_desk(folder, url, walks)
    books = as_project(folder) / "books"
    small = SmallDesk(url, small.book.rename(books / f"{SMALL}.yaml"), small.bars)
    twofold = _twofold(small, books)
    tree = yaml.safe_load(small.book.read_text())
    tree |= {"name": WAITING, "title": "Waiting", "broker": {"kind": "paper", "account": "waiting"}}
    (books / f"{WAITING}.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    (books / f"{BROKEN}.yaml").write_text("name: broken\nunheard: 1\n")
    for number in range(DECIDED):
        for book in (small, twofold):
            _run(book, number)
    _fail_next(small)
    with open_connection(url) as conn:
        set_kill_switch(conn, TWOFOLD, on=True, reason="a <b>drill</b>", who="ann", session=session(DECIDED))
    return DecidedDesk(url, folder, folder / "home")


def _twofold(small: SmallDesk, books: Path) -> SmallDesk:
    tree = yaml.safe_load(small.book.read_text())
    (name, entry) = next(iter(tree["strategies"].items()))
    tree |= {"name": TWOFOLD, "title": "Two <strategies> & accounts"}
    tree["broker"] = {"kind": "paper", "account": "paper-twofold"}
    tree["strategies"] = {
        name: {**entry, "share": 0.5},
        "slower": {**entry, "kind": name, "share": 0.5},
    }
    book = books / f"{TWOFOLD}.yaml"
    book.write_text(yaml.safe_dump(tree, sort_keys=False))
    desk = SmallDesk(small.url, book, small.bars)
    with_two_accounts(desk, "BTC-USD")
    return desk


def _task(desk: SmallDesk, number: int) -> str:
    return f"daily__{desk.book.stem}/{run_id(session(number))}/step/1"


def _run(desk: SmallDesk, number: int) -> None:
    with (
        desk.connection() as conn,
        open_context(
            desk.book, session(number), conn=conn, turn_seconds=0.0, feed=desk.feed, task=_task(desk, number)
        ) as context,
    ):
        run_session(context)


def _fail_next(desk: SmallDesk) -> None:
    """Let the next session be begun, and fail in its settling: nothing was ingested for it."""
    with (
        desk.connection() as conn,
        open_context(
            desk.book,
            session(DECIDED),
            conn=conn,
            turn_seconds=0.0,
            feed=desk.feed,
            task=_task(desk, DECIDED),
        ) as context,
    ):
        try:
            settle(context)
        except Refused:
            return
    raise AssertionError("a session without bars was settled")
