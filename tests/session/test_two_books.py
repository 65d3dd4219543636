"""Two books on one desk: in turn and at the same moment, neither disturbs the other."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
import yaml
from tests.conftest import PROJECT, Databases, open_connection
from tests.session.small_desk import STAMPED_COLUMNS, STAMPED_TABLES

from nightdesk.core.calendar import get_calendar
from nightdesk.operations.kill_switch import kill
from nightdesk.operations.verify import verify
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.db import DATABASE_VARIABLE

SESSIONS = (date(2023, 3, 1), date(2023, 3, 2), date(2023, 3, 3))
#: Both books need SPY and the VIX, so that they meet at the bars too.
UNIVERSES = {
    "multi_asset": ("SPY", "QQQ", "GLD", "TLT", "BTC-USD"),
    "equity_swing": ("AAPL", "MSFT", "AMZN", "HD", "PG", "JPM", "JNJ", "CAT", "XOM", "NEE"),
}
#: Numbers that a database gives out in the order in which it is asked.
NUMBERED = {"factor_set_id", "symbol_id", "symbol_ids", "headline_id", "risk_event_id", "adjustment_id"}
_TIME = re.compile(r"<time.*?</time>", re.DOTALL)

Rows = Mapping[str, list[str]]


@dataclass
class Books:
    """Files of both books, which begin at the first of `SESSIONS`, and what each stores when it is alone."""

    folder: Path
    alone: dict[str, list[Rows]]

    def decide(self, url: str, book: str, session: date) -> None:
        with (
            open_connection(url) as conn,
            open_context(
                self.folder / f"{book}.yaml",
                session,
                conn=conn,
                environ={"NIGHTDESK_HOME": str(self.folder / "home")},
            ) as context,
        ):
            run_session(context)

    def rows(self, url: str, book: str) -> Rows:
        """All that is stored of a book and of its account, but for stamps and numbers."""
        left_out = sorted(STAMPED_COLUMNS | NUMBERED)
        out = {}
        with open_connection(url) as conn, conn.cursor() as cursor:
            cursor.execute(
                "SELECT c.table_name::text, c.column_name::text FROM information_schema.columns c "
                "JOIN information_schema.tables t USING (table_schema, table_name) "
                "WHERE c.table_schema = 'nightdesk' AND t.table_type = 'BASE TABLE' "
                "AND c.column_name IN ('book', 'account') ORDER BY c.column_name, 1"
            )
            owner = {table: column for table, column in cursor.fetchall() if table not in STAMPED_TABLES}
            for table, column in owner.items():
                name = book if column == "book" else f"paper-{book.replace('_', '-')}"
                cursor.execute(
                    f"SELECT (to_jsonb(t) - %s::text[])::text FROM nightdesk.{table} t "
                    f"WHERE t.{column} = %s ORDER BY 1",
                    (left_out, name),
                )
                out[table] = [_TIME.sub("", row) for (row,) in cursor.fetchall()]
        return out


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Books:
    folder = tmp_path_factory.mktemp("books")
    for name, symbols in UNIVERSES.items():
        tree = yaml.safe_load((PROJECT / "books" / f"{name}.yaml").read_text())
        tree |= {"inception": SESSIONS[0], "origin": get_calendar().shift(SESSIONS[0], -380)}
        tree["universe"] = {symbol: tree["universe"][symbol] for symbol in symbols}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    made = Books(folder, {})
    for name in UNIVERSES:
        url = databases.new()
        made.alone[name] = []
        for session in SESSIONS:
            made.decide(url, name, session)
            made.alone[name].append(made.rows(url, name))
        assert made.alone[name][-1]["fills"], f"{name} trades in these sessions, or they show nothing"
    return made


def test_books_that_take_turns_store_what_each_stores_alone(
    books: Books, new_database: Callable[[], str]
) -> None:
    url = new_database()
    for session in SESSIONS:
        for name in UNIVERSES:
            books.decide(url, name, session)
    for name in UNIVERSES:
        assert books.rows(url, name) == books.alone[name][-1]


@pytest.mark.slow
def test_books_in_two_processes_at_once_store_what_each_stores_alone(
    books: Books, new_database: Callable[[], str]
) -> None:
    url = new_database()
    span = ["--from", str(SESSIONS[0]), "--to", str(SESSIONS[-1])]
    environ = os.environ | {DATABASE_VARIABLE: url, "NIGHTDESK_HOME": str(books.folder / "home")}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "nightdesk", "replay", str(books.folder / f"{name}.yaml"), *span],
            env=environ,
            stdout=subprocess.DEVNULL,
        )
        for name in UNIVERSES
    ]
    assert [one.wait(timeout=120) for one in running] == [0, 0]
    for name in UNIVERSES:
        assert books.rows(url, name) == books.alone[name][-1]
        with open_connection(url) as conn:
            assert not verify(conn, name).differences


@pytest.mark.parametrize("killed", list(UNIVERSES))
def test_the_kill_switch_of_one_book_leaves_the_other_alone(
    books: Books, new_database: Callable[[], str], killed: str
) -> None:
    url, (other,) = new_database(), set(UNIVERSES) - {killed}
    for name in UNIVERSES:
        books.decide(url, name, SESSIONS[0])
    with open_connection(url) as conn:
        turned = kill(conn, killed, reason="an exercise", who="Ann", file=books.folder / f"{killed}.yaml")
    assert turned.cancelled
    for name in UNIVERSES:
        books.decide(url, name, SESSIONS[1])
    assert books.rows(url, other) == books.alone[other][1]
    mine = books.rows(url, killed)
    assert mine["fills"] == []
    assert books.alone[killed][1]["fills"]
