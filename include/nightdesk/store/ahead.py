"""Several named queries answered on one way to the server, and none of them asked twice within a block.

Every function of the store asks for its own rows, so a step that needs much of what is stored asks often.
A block of `reading_once` keeps the answers; what it will need can be named at its beginning and comes in one
statement. Inside it nothing may be written: the block is for a step that reads first, then decides.

The server gives each row as text, which the driver turns into the same values as ever; for that it must know
the types of a query's columns. ``tools/write_columns.py`` writes them down, and a test compares them with the
schema. A query that is not written down is asked by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from psycopg2.extensions import string_types

from nightdesk.store.db import Connection, Cursor, cursor, one, sql_folder, transaction

#: Names and types (by the server's number) of a query's columns.
Columns = list[tuple[str, int]]

#: A value of a row in the server's words, quoted or bare, after the bracket or comma before it. psycopg2 has
#: a pattern for this too, which keeps a way back of 160 bytes for each character: 0.8 GB for 2.6 MB of
#: returns.
_FIELD = re.compile(r"""[(,](?:"([^"]*+(?:""[^"]*+)*+)"|([^",)]*+))""")
_DOUBLED = re.compile(r"""(["\\])\1""")


@dataclass(frozen=True)
class NamedQuery:
    """A named query that only reads, and the values of its places."""

    query_name: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The same for the same question."""
        return f"{self.query_name} {sorted(self.values.items())!r}"


Answers = dict[str, list[dict[str, Any]]]

_KNOWN: WeakKeyDictionary[Connection, Answers] = WeakKeyDictionary()
#: What came with the opening of a connection or a transaction, until the next block.
_CAME: WeakKeyDictionary[Connection, Answers] = WeakKeyDictionary()


@dataclass(frozen=True)
class Together:
    """Named queries as one statement, `text`, and the way from its one row to their answers."""

    conn: Connection
    asks: tuple[NamedQuery, ...]
    text: str

    def answers(self, row: tuple[Any, ...]) -> Answers:
        """The rows of each query, by its key."""
        columns = _columns(sql_folder() / "queries")
        with self.conn.cursor() as cur:
            return {
                ask.key: [_row(cur, columns[ask.query_name], text) for text in found]
                for ask, found in zip(self.asks, row, strict=True)
            }


def together(conn: Connection, asks: Iterable[NamedQuery]) -> Together:
    """Those of the queries whose columns are written down, as one statement; its text is empty for none."""
    from nightdesk.store.queries import query

    columns = _columns(sql_folder() / "queries")
    known = tuple(ask for ask in asks if ask.query_name in columns)
    with conn.cursor() as cur:
        texts = [cur.mogrify(query(ask.query_name), dict(ask.values)).decode() for ask in known]
    parts = [f"ARRAY(SELECT q::text FROM (\n{text}\n) AS q)" for text in texts]
    return Together(conn, known, f"SELECT {', '.join(parts)}" if parts else "")


def came_with(conn: Connection, answers: Answers) -> None:
    """Give what was answered when a connection or transaction was opened to the next `reading_once`."""
    _CAME[conn] = answers


@contextmanager
def reading_once(conn: Connection, ahead: Iterable[NamedQuery] = ()) -> Iterator[None]:
    """Keep what is read within the block: a question that was asked has the answer that it had.

    Parameters
    ----------
    conn : Connection
        Where it is read. A block within another keeps on with it.
    ahead : iterable of NamedQuery
        What the block will need; answered at once by the rows of one moment.
    """
    outer = _KNOWN.get(conn)
    known = _KNOWN.setdefault(conn, {})
    try:
        known.update(_CAME.pop(conn, {}))
        known.update(_answers(conn, [one for one in ahead if one.key not in known]))
        yield
    finally:
        if outer is None:
            _KNOWN.pop(conn, None)


@contextmanager
def reading_transaction(conn: Connection, ahead: Iterable[NamedQuery], first: str = "") -> Iterator[Answers]:
    """A transaction that begins with what it reads: its begin, the statements of `first` and the answers come
    in one call.

    The first block of `reading_once` in it has the answers.
    """
    asked = together(conn, ahead)
    with transaction(conn, f"{first}; {asked.text}" if first else asked.text) as row:
        answers = asked.answers(row or ())
        came_with(conn, answers)
        try:
            yield answers
        finally:
            _CAME.pop(conn, None)


def known_answer(conn: Connection, ask: NamedQuery) -> list[dict[str, Any]] | None:
    """The rows of a question that the block has an answer to; None for a new one, or outside any block."""
    rows = _KNOWN.get(conn, {}).get(ask.key)
    return None if rows is None else [dict(row) for row in rows]


def keep_answer(conn: Connection, ask: NamedQuery, rows: list[dict[str, Any]]) -> None:
    """Keep an answer to the end of the block, where there is one."""
    if conn in _KNOWN:
        _KNOWN[conn][ask.key] = [dict(row) for row in rows]


def columns_of(folder: Path) -> dict[str, Columns]:
    """What is written down of the queries' columns."""
    text = (folder / "columns.json").read_text(encoding="utf-8")
    return {name: [(column, code) for column, code in columns] for name, columns in json.loads(text).items()}


@cache
def _columns(folder: Path) -> dict[str, Columns]:
    return columns_of(folder)


def _answers(conn: Connection, asks: list[NamedQuery]) -> Answers:
    asked = together(conn, asks)
    if not asked.asks:
        return {}
    with cursor(conn) as cur:
        cur.execute(asked.text)
        return asked.answers(one(cur))


def _row(cur: Cursor, columns: Columns, text: str) -> dict[str, Any]:
    """A row in the server's words as the driver would have given it."""
    return {name: _value(cur, code, one) for (name, code), one in zip(columns, _fields(text), strict=True)}


def _fields(text: str) -> Iterator[str | None]:
    """The values of a row in the server's words; None for NULL, which is written as nothing."""
    for found in _FIELD.finditer(text):
        quoted, bare = found.groups()
        yield (bare or None) if quoted is None else _DOUBLED.sub(r"\1", quoted)


def _value(cur: Cursor, code: int, text: str | None) -> Any:
    caster = string_types.get(code)
    return text if caster is None or text is None else caster(text, cur)
