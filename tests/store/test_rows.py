"""Rows by key: only the differences are written, and every type comes back as it went in."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightdesk.core.errors import Refused
from nightdesk.store import queries as queries_store
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, cursor
from nightdesk.store.queries import query
from nightdesk.store.rows import Changed, add_rows, diff_rows, read_row, read_rows, replace_rows

KEY = {"book": "b", "session": date(2024, 1, 2)}


@pytest.fixture(scope="module")
def shared(module_database: str) -> Any:
    connection = connect(module_database)
    with cursor(connection) as cur:
        cur.execute(
            "CREATE TABLE nightdesk.things (book text, session date, symbol text, weight float8, "
            "cash numeric(18, 2), factors float8[], words text[], facts jsonb, at timestamptz, "
            "count integer, flag boolean, run text, PRIMARY KEY (book, session, symbol))"
        )
    yield connection
    connection.close()


@pytest.fixture
def conn(shared: Connection) -> Connection:
    with cursor(shared) as cur:
        cur.execute("TRUNCATE nightdesk.things")
    return shared


def contents(conn: Connection) -> list[tuple[Any, ...]]:
    """All rows with the transaction and the place that wrote them: equal when nothing was touched."""
    with cursor(conn) as cur:
        cur.execute("SELECT xmin, ctid, things::text FROM nightdesk.things ORDER BY book, session, symbol")
        return cur.fetchall()


def weights(conn: Connection) -> dict[str, float]:
    with cursor(conn) as cur:
        cur.execute("SELECT symbol, weight FROM nightdesk.things WHERE book = 'b'")
        return dict(cur.fetchall())


def row(symbol: str, weight: float | None = 0.1, **more: object) -> dict[str, object]:
    return {"symbol": symbol, "weight": weight, **more}


def test_a_second_write_of_the_same_rows_touches_nothing(conn: Connection) -> None:
    wanted = [
        row("SPY", 0.1 + 0.2, cash=Decimal("1.5"), factors=np.array([1 / 3, np.nan]), facts={"a": [1, None]}),
        row("GLD", float("nan"), cash=None, factors=np.array([]), facts=None),
    ]
    assert replace_rows(conn, "things", KEY, wanted) == Changed(inserted=2)
    before = contents(conn)
    assert not replace_rows(conn, "things", KEY, wanted)
    assert not replace_rows(conn, "things", KEY, wanted[::-1])
    assert contents(conn) == before


def test_only_rows_that_differ_are_written_and_rows_no_longer_wanted_go(conn: Connection) -> None:
    replace_rows(conn, "things", KEY, [row("A"), row("B"), row("C")])
    untouched = contents(conn)[0]
    changed = replace_rows(conn, "things", KEY, [row("A"), row("B", 0.2), row("D")])
    assert changed == Changed(inserted=1, updated=1, deleted=1)
    assert weights(conn) == {"A": 0.1, "B": 0.2, "D": 0.1}
    assert contents(conn)[0] == untouched


def test_rows_under_another_key_are_left_alone(conn: Connection) -> None:
    replace_rows(conn, "things", {"book": "other", "session": KEY["session"]}, [row("A")])
    replace_rows(conn, "things", KEY, [row("A", 0.3)])
    assert replace_rows(conn, "things", KEY, []) == Changed(deleted=1)
    assert len(contents(conn)) == 1


def test_columns_that_are_not_named_stay_as_they_are(conn: Connection) -> None:
    replace_rows(conn, "things", KEY, [row("A", count=7)])
    replace_rows(conn, "things", KEY, [row("A", 0.9)])
    with cursor(conn) as cur:
        cur.execute("SELECT weight, count FROM nightdesk.things")
        assert cur.fetchall() == [(0.9, 7)]


def test_differences_are_told_and_nothing_is_written(conn: Connection) -> None:
    replace_rows(conn, "things", KEY, [row("A", 0.4), row("B"), row("C")])
    before = contents(conn)
    assert diff_rows(conn, "things", KEY, [row("A", 0.4), row("B"), row("C")]) == []
    assert diff_rows(conn, "things", KEY, [row("A", 0.35), row("C"), row("D")]) == [
        "things (symbol=A): weight 0.4 would become 0.35",
        "things (symbol=B): would be deleted",
        "things (symbol=D): would be added",
    ]
    assert len(diff_rows(conn, "things", KEY, [])) == 3
    assert contents(conn) == before


def test_adding_rows_keeps_those_that_are_there(conn: Connection) -> None:
    assert add_rows(conn, "things", [{**KEY, **row("A", 0.1)}]) == 1
    assert add_rows(conn, "things", [{**KEY, **row("A", 0.9)}, {**KEY, **row("B", 0.9)}]) == 1
    assert weights(conn) == {"A": 0.1, "B": 0.9}
    assert add_rows(conn, "things", []) == 0


class Side(StrEnum):
    BUY = "buy"


class Level(IntEnum):
    HIGH = 2


@pytest.mark.parametrize(
    ("column", "value", "stored"),
    [
        ("weight", np.float64(0.1) + 0.2, 0.30000000000000004),
        ("weight", 5e-324, 5e-324),
        ("weight", float("-inf"), float("-inf")),
        ("weight", Level.HIGH, 2.0),
        ("cash", Decimal("12345678901234.56"), Decimal("12345678901234.56")),
        ("cash", None, None),
        ("factors", np.array([0.1, 2.0]), [0.1, 2.0]),
        ("factors", (), []),
        ("words", ["O'Neil", 'a "b", {c}', "\\N"], ["O'Neil", 'a "b", {c}', "\\N"]),
        ("facts", {"limit": 0.3, "names": ["x"]}, {"limit": 0.3, "names": ["x"]}),
        ("at", datetime(2024, 1, 2, 21, 0, 0, 1, UTC), datetime(2024, 1, 2, 21, 0, 0, 1, UTC)),
        ("count", np.int64(3), 3),
        ("flag", np.True_, True),
        ("run", Side.BUY, "buy"),
        ("run", "100 % (sure)", "100 % (sure)"),
    ],
)
def test_a_value_comes_back_as_it_went_in(
    conn: Connection, column: str, value: object, stored: object
) -> None:
    replace_rows(conn, "things", KEY, [{"symbol": "A", column: value}])
    with cursor(conn) as cur:
        cur.execute(f"SELECT {column} FROM nightdesk.things")
        assert cur.fetchall() == [(stored,)]
    assert diff_rows(conn, "things", KEY, [{"symbol": "A", column: value}]) == []


def test_a_numpy_day_may_be_a_key(conn: Connection) -> None:
    add_rows(conn, "things", [{"book": "b", "session": np.datetime64("2024-01-02"), "symbol": "A"}])
    assert weights(conn) == {"A": None}


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ([{"symbol": "A", "weight": 1}, {"symbol": "B"}], "rows of different columns"),
        ([{"symbol": "A", "book": "c"}], "under the key 'b'"),
    ],
)
def test_rows_that_do_not_fit_their_key_are_a_defect(conn: Connection, wanted: Any, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        replace_rows(conn, "things", KEY, wanted)
    assert contents(conn) == []


def test_a_type_without_a_form_in_a_table_is_a_defect(conn: Connection) -> None:
    with pytest.raises(TypeError, match="object has no form"):
        replace_rows(conn, "things", KEY, [row("A", facts=object())])


table = st.dictionaries(st.sampled_from("ABCDE"), st.floats(allow_nan=True) | st.none(), max_size=5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=table, after=table)
def test_whatever_was_there_the_table_holds_what_was_asked_for(
    conn: Connection, before: dict[str, float], after: dict[str, float]
) -> None:
    replace_rows(conn, "things", KEY, [row(name, value) for name, value in before.items()])
    wanted = [row(name, value) for name, value in after.items()]
    told = diff_rows(conn, "things", KEY, wanted)
    changed = replace_rows(conn, "things", KEY, wanted)
    assert len(told) == changed.inserted + changed.updated + changed.deleted
    assert {name: repr(value) for name, value in weights(conn).items()} == {
        name: repr(value) if value != 0 else repr(weights(conn)[name]) for name, value in after.items()
    }
    assert not replace_rows(conn, "things", KEY, wanted)


@pytest.fixture
def queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    (tmp_path / "sql" / "migrations").mkdir(parents=True)
    (tmp_path / "sql" / "queries").mkdir()
    monkeypatch.setenv("NIGHTDESK_ROOT", str(tmp_path))
    queries_store._queries.cache_clear()
    return lambda text: (tmp_path / "sql" / "queries" / "x.sql").write_text(text) and None


def test_a_named_query_gives_its_rows_by_column(conn: Connection, queries: Callable[[str], None]) -> None:
    queries(
        "-- name: one\nSELECT %(n)s + 1 AS more, 2.50 AS price;\n\n-- name: two\nSELECT 1 WHERE %(n)s = 1;\n"
    )
    assert read_rows(conn, "one", n=1) == [{"more": 2, "price": Decimal("2.50")}]
    assert read_row(conn, "one", n=1) == {"more": 2, "price": Decimal("2.50")}
    assert read_row(conn, "two", n=0) is None


def test_a_query_that_gives_several_rows_where_one_is_asked_is_a_defect(
    conn: Connection, queries: Callable[[str], None]
) -> None:
    queries("-- name: many\nSELECT generate_series(1, 2);")
    with pytest.raises(LookupError, match="many gave 2 rows"):
        read_row(conn, "many")


def test_unknown_and_doubled_query_names_are_refused(queries: Callable[[str], None]) -> None:
    queries("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;")
    with pytest.raises(Refused, match="'one' is given twice"):
        query("one")
    queries("-- name: one\nSELECT 1;")
    with pytest.raises(Refused, match="no query 'other'"):
        query("other")
