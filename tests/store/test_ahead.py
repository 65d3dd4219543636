"""Several queries answered on one way to the server: the same values as one by one, and none asked twice."""

import re
import tracemalloc
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from nightdesk.core.errors import Refused
from nightdesk.session.reading_ahead import ASKED_AHEAD
from nightdesk.store import ahead, queries
from nightdesk.store.ahead import NamedQuery, columns_of, reading_once, reading_transaction
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, cursor, sql_folder
from nightdesk.store.queries import query
from nightdesk.store.rows import read_rows

FOLDER = sql_folder() / "queries"

EVERYTHING = """
SELECT * FROM (VALUES
    (1, 2::bigint, 0.1::float8, 'NaN'::float8, 1.50::numeric, date '2024-01-02',
     timestamptz '2024-01-02 21:00:00.000001+00', true, NULL::text, ARRAY['a "b", c', NULL, '{}'],
     ARRAY[0.1, 'Infinity']::float8[], '{"a": [1, 2.5]}'::jsonb, '\\xdeadbeef'::bytea,
     E'tab\\there (and) "quotes", \\\\ and a line\\nbreak', ''),
    (2, -2, 1e-300, '-Infinity', 'NaN', '9999-12-31', '0001-01-01 00:00:00+00', false, 'NULL', '{}',
     NULL, 'null', NULL, NULL, ' ')
) AS t (n, big, f, g, price, day, at, flag, nothing, names, numbers, facts, bytes, words, empty)
WHERE n >= %(least)s ORDER BY n DESC
"""


@pytest.fixture
def things(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A connection on which the query `things` is known, with its columns."""
    monkeypatch.setattr(queries, "query", lambda name: EVERYTHING)
    with cursor(conn) as cur:
        cur.execute(EVERYTHING, {"least": 0})
        columns = [(one.name, one.type_code) for one in cur.description or ()]
    monkeypatch.setattr(ahead, "_columns", lambda folder: {"things": columns})
    return conn


def test_every_type_comes_as_the_driver_gives_it_in_the_same_order(things: Connection) -> None:
    alone = read_rows(things, "things", least=0)
    with reading_once(things, [NamedQuery("things", {"least": 0}), NamedQuery("things", {"least": 2})]):
        together, few = read_rows(things, "things", least=0), read_rows(things, "things", least=2)
    assert [plain(row) for row in together] == [plain(row) for row in alone]
    assert [row["n"] for row in few] == [2]
    first = together[1]
    assert (first["price"], first["day"]) == (Decimal("1.50"), date(2024, 1, 2))
    assert first["at"] == datetime(2024, 1, 2, 21, 0, 0, 1, tzinfo=UTC)


def plain(row: dict[str, Any]) -> dict[str, str]:
    """Values by type and form: NaN is NaN."""
    shown = {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()}
    return {name: f"{type(value).__name__} {value!r}" for name, value in shown.items()}


def test_a_value_of_a_megabyte_takes_a_few_times_its_size(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "SELECT decode(repeat('5c22', 500000), 'hex') AS bytes, 1 AS n"
    monkeypatch.setattr(queries, "query", lambda name: text)
    monkeypatch.setattr(ahead, "_columns", lambda folder: {"large": [("bytes", 17), ("n", 23)]})
    with reading_once(conn):  # what is loaded once is loaded
        read_rows(conn, "large")
    tracemalloc.start()
    try:
        with reading_once(conn, [NamedQuery("large")]):
            (row,) = read_rows(conn, "large")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (bytes(row["bytes"]), row["n"]) == (b'\\"' * 500_000, 1)
    assert peak < 12_000_000, f"{peak:,} bytes at the peak of reading one million"


def test_within_a_block_nothing_is_asked_twice_and_after_it_everything_anew(
    things: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    text = queries.query("things")
    monkeypatch.setattr(queries, "query", lambda name: asked.append(name) or text)  # type: ignore[func-returns-value]
    with reading_once(things):
        with reading_once(things, [NamedQuery("things", {"least": 1})]):
            given = read_rows(things, "things", least=1)
        given[0]["n"] = 7  # the caller's own
        assert read_rows(things, "things", least=1)[0]["n"] == 2
        assert read_rows(things, "things", least=2) == read_rows(things, "things", least=2)
        assert len(asked) == 2
    read_rows(things, "things", least=1)
    assert len(asked) == 3


def test_what_is_written_down_of_the_columns_is_what_the_schema_says(conn: Connection) -> None:
    known = columns_of(FOLDER)
    assert set(known) == ASKED_AHEAD, "python tools/write_columns.py was not run"
    with cursor(conn) as cur:
        for name, columns in known.items():
            text = query(name)
            empty = dict.fromkeys(re.findall(r"%\((\w+)\)s", text))
            cur.execute(f"SELECT * FROM (\n{text}\n) AS q LIMIT 0", empty)
            found = [(one.name, one.type_code) for one in cur.description or ()]
            assert columns == found, f"{name}: run python tools/write_columns.py"


def test_what_a_transaction_reads_first_comes_with_its_beginning_and_not_after_it(
    things: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    text = queries.query("things")
    monkeypatch.setattr(queries, "query", lambda name: asked.append(name) or text)  # type: ignore[func-returns-value]
    ask = NamedQuery("things", {"least": 1})
    with reading_transaction(things, [ask], first="CREATE TEMPORARY TABLE beside (n integer)") as answers:
        with reading_once(things):
            known = read_rows(things, "things", least=1)
        assert [plain(row) for row in known] == [plain(row) for row in answers[ask.key]]
        assert len(asked) == 1
        assert [plain(row) for row in read_rows(things, "things", least=1)] == [plain(row) for row in known]
        assert len(asked) == 2, "one block has the answers, later ones ask"
    with reading_transaction(things, [ask]):
        pass
    with reading_once(things):
        read_rows(things, "things", least=1)
    assert len(asked) == 4, "what nobody took is gone with the transaction"


def test_what_an_opener_needs_comes_with_the_connection(database: str) -> None:
    opened = connect(database, checked=True, ahead=[NamedQuery("clocks")])
    try:
        with reading_once(opened):
            came = read_rows(opened, "clocks")
            assert read_rows(opened, "clocks") == came
        assert read_rows(opened, "clocks") != came
        with cursor(opened) as cur:
            cur.execute("SHOW timezone")
            assert cur.fetchone() == ("UTC",)
    finally:
        opened.close()


def test_a_schema_that_lacks_what_an_opener_needs_is_told_in_words(conn: Connection, database: str) -> None:
    ask = NamedQuery("book_record", {"book": "macro"})
    with cursor(conn) as cur:
        cur.execute("ALTER TABLE nightdesk.books RENAME TO books_of_another_version")
        cur.execute(
            "DELETE FROM nightdesk.migrations WHERE name = (SELECT max(name) FROM nightdesk.migrations)"
        )
    with pytest.raises(Refused, match="the database lacks 1 of the desk's migrations"):
        connect(database, checked=True, ahead=[ask])


def test_a_query_that_is_not_written_down_is_asked_by_itself(conn: Connection) -> None:
    with reading_once(conn, [NamedQuery("started_books")]):
        assert read_rows(conn, "started_books") == []
    assert Path(FOLDER, "columns.json").is_file()
