"""Signals and targets of an existing database are carried over: what was said before spoke of longs."""

from pathlib import Path

import psycopg2
import pytest
from tests.conftest import Databases, open_connection
from tests.store.old_database import make_old

from nightdesk.store.db import Connection, cursor
from nightdesk.store.migrations import migrate


def asked(conn: Connection, text: str) -> list[tuple[object, ...]]:
    with cursor(conn) as cur:
        cur.execute(text)
        return cur.fetchall()


def test_what_was_stored_before_spoke_of_longs_and_had_no_targets(
    databases: Databases, tmp_path: Path
) -> None:
    url = databases.bare()
    with open_connection(url) as conn:
        make_old(conn, tmp_path / "migrations")
        count = "SELECT count(*) FROM nightdesk.{} WHERE {}"
        before = asked(conn, count.format("signals", "direction <> 0"))
        assert before != [(0,)]
        migrate(conn)
        assert asked(conn, count.format("signals", "side <> 'long'")) == [(0,)]
        actions = "SELECT DISTINCT sign(direction)::int, action FROM nightdesk.signals ORDER BY 1"
        assert asked(conn, actions) == [(-1, "leave"), (0, "hold"), (1, "enter")]
        assert asked(conn, count.format("signals", "action <> 'hold'")) == before
        assert asked(conn, count.format("targets", "target_distance <> 0")) == [(0,)]
        assert asked(conn, count.format("targets", "stop_distance > 0")) != [(0,)]
        _sides_say_the_action(conn)
    databases.drop(url)


def _sides_say_the_action(conn: Connection) -> None:
    """The stored action is that of direction and side; a side that there is not is no side."""
    turned = (
        "UPDATE nightdesk.signals SET side = '{}' WHERE direction <> 0 RETURNING sign(direction)::int, action"
    )
    assert set(asked(conn, turned.format("short"))) == {(-1, "enter"), (1, "leave")}
    assert set(asked(conn, turned.format("either"))) == {(-1, "leave"), (1, "leave")}
    with pytest.raises(psycopg2.errors.CheckViolation, match="signals_side_check"):
        asked(conn, turned.format("sideways"))
