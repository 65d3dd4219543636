"""Rows of any table by key: replaced, compared, added and read, with only the differences written.

Values travel as one JSON document that PostgreSQL reads into the table's own types, so a row equals what is
stored by the rules of its columns (a Decimal by value, NaN equal to NaN), and several tables are written in
one statement however many rows they take.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import numpy as np
from psycopg2 import sql

from nightdesk.store import queries
from nightdesk.store.ahead import NamedQuery, keep_answer, known_answer
from nightdesk.store.db import Connection, cursor, one

Row = Mapping[str, Any]
SCHEMA = "nightdesk"

#: The ends of a span of decisions that is open there.
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
#: A setting of the connection in which a statement leaves how many rows it changed, and their sum.
_COUNTS = "nightdesk.changed"
ROWS_CHANGED = (
    "(SELECT coalesce(sum(n::integer), 0) "
    f"FROM unnest(string_to_array(current_setting('{_COUNTS}'), ' ')) AS n)"
)


@dataclass(frozen=True)
class Ending:
    """The end of a transaction that goes to the server with its last statement.

    Attributes
    ----------
    before, after : str
        Statements before the commit and after it, each with its semicolon.
    values : mapping of str to object
        What they are given.
    commits : bool
        False where the transaction goes on: it is the caller's.
    """

    before: str = ""
    after: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    commits: bool = True

    def after_statement(self, statement: str) -> str:
        """A statement that leaves its counts in the setting for them, and the end: the counts are its row."""
        # Of several statements the driver gives the row of the last one alone.
        shown = f"SELECT current_setting('{_COUNTS}')"
        return f"{statement}; {self.before}{'COMMIT; ' if self.commits else ''}{self.after}{shown}"


@dataclass(frozen=True)
class Changed:
    """How many rows a write inserted, updated and deleted; false when it found everything in place."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    def __bool__(self) -> bool:
        return bool(self.inserted or self.updated or self.deleted)


@dataclass(frozen=True)
class Write:
    """What a table is to hold: exactly `rows` under `key`, or, where it only grows, these as well.

    Attributes
    ----------
    table : str
        Name of a table in the schema, with a primary key. A row is itself by the primary key.
    key : mapping of column to value
        Which rows of the table are meant; none of its values is None. Its columns may be left out of `rows`.
    rows : sequence of mapping of column to value
        All with the same columns. Columns that are not named keep their defaults.
    grows : bool
        Whether rows that are there already stay as they are, and none is deleted.
    """

    table: str
    key: Row
    rows: Sequence[Row]
    grows: bool = False


def write_all(conn: Connection, writes: Sequence[Write], ending: Ending | None = None) -> list[Changed]:
    """Bring several tables to what they are to hold, in one statement, whatever their number.

    Each table may be named once. References among the rows are checked at the end of the statement, so the
    order of the tables does not matter. With an `ending` the transaction of the caller ends on the same way.

    Returns
    -------
    list of Changed
        The differences that were written, in the order of `writes`; rows in place already are not touched.
    """
    if len({one.table for one in writes}) < len(writes):
        raise ValueError(f"a table is named twice: {[one.table for one in writes]}")
    parts: list[sql.Composable] = []
    counts: list[sql.Composable] = []
    values: dict[str, Any] = {}
    for number, write in enumerate(writes):
        whole = _complete(write.table, write.key, write.rows)
        values[f"document_{number}"] = _document(whole)
        values |= {f"key_{number}_{name}": value for name, value in write.key.items()}
        parts += _statements(conn, write, whole, number)
        counts += _counted(bool(whole), not write.grows, number)
    if not parts and ending is None:
        return []
    comma, name = sql.SQL(", "), sql.Literal(_COUNTS)
    common = sql.SQL("WITH {} ").format(comma.join(parts)) if parts else sql.SQL("")
    counted = sql.SQL("SELECT set_config({}, concat_ws(' ', {}), false)").format(
        name, comma.join(counts or [sql.SQL("NULL")])
    )
    with cursor(conn) as cur:
        statement = (common + counted).as_string(cur)
        if ending is not None:
            statement, values = ending.after_statement(statement), {**values, **ending.values}
        cur.execute(statement, values)
        found = [int(count) for count in one(cur)[0].split()]
    return [Changed(*found[at : at + 3]) for at in range(0, len(found), 3)]


def replace_rows(conn: Connection, table: str, key: Row, rows: Sequence[Row]) -> Changed:
    """Make `table` hold exactly `rows` under `key`; see `Write`."""
    return write_all(conn, [Write(table, key, rows)])[0]


def _statements(conn: Connection, write: Write, whole: list[Row], number: int) -> list[sql.Composable]:
    """The parts of one table: what is to be there, what goes, what is written."""
    primary, table = _primary_key(conn, write.table), _name(write.table)
    fresh, gone, written = (sql.Identifier(f"{name}_{number}") for name in ("fresh", "gone", "written"))
    key = _and(
        sql.SQL("{} = {}").format(sql.Identifier("held", name), sql.Placeholder(f"key_{number}_{name}"))
        for name in write.key
    )
    same = _and(sql.SQL("fresh.{0} = held.{0}").format(sql.Identifier(name)) for name in primary)
    given = sql.SQL(
        "{fresh} AS MATERIALIZED (SELECT * FROM json_populate_recordset(NULL::{table}, {document}))"
    ).format(fresh=fresh, table=table, document=sql.Placeholder(f"document_{number}"))
    removing = sql.SQL(
        "{gone} AS (DELETE FROM {table} AS held WHERE {key} "
        "AND NOT EXISTS (SELECT FROM {fresh} AS fresh WHERE {same}) RETURNING 1)"
    ).format(gone=gone, table=table, key=key, fresh=fresh, same=same)
    out: list[sql.Composable] = [given] if write.grows else [given, removing]
    if whole:
        # What goes goes first: another unique column of a new row may be that of a row that goes.
        first = sql.SQL("") if write.grows else sql.SQL(" WHERE (SELECT count(*) FROM {}) >= 0").format(gone)
        compared = () if write.grows else [name for name in whole[0] if name not in primary]
        conflict = sql.SQL("") if write.grows else sql.SQL("({}) ").format(_list(primary))
        out.append(
            sql.SQL(
                "{written} AS (INSERT INTO {table} AS held ({columns}) SELECT {columns} FROM {fresh} AS fresh"
                "{first} ON CONFLICT {conflict}DO {action} RETURNING xmax = 0 AS inserted)"
            ).format(
                written=written,
                table=table,
                columns=_list(whole[0]),
                fresh=fresh,
                first=first,
                conflict=conflict,
                action=_update(compared),
            )
        )
    return out


def _counted(written: bool, deletes: bool, number: int) -> list[sql.Composable]:
    """How many rows of one table were inserted, updated and deleted."""
    none = sql.SQL("0")
    rows = sql.Identifier(f"written_{number}")
    inserted, updated = (
        sql.SQL("(SELECT count(*) FILTER (WHERE {}) FROM {})").format(sql.SQL(which), rows)
        if written
        else none
        for which in ("inserted", "NOT inserted")
    )
    gone = sql.SQL("(SELECT count(*) FROM {})").format(sql.Identifier(f"gone_{number}")) if deletes else none
    return [inserted, updated, gone]


def diff_rows(conn: Connection, table: str, key: Row, rows: Sequence[Row]) -> list[str]:
    """What `replace_rows` would change, in words; nothing is written.

    Returns
    -------
    list of str
        Such as ``"targets (symbol=SPY): weight 0.4 would become 0.35"``; empty when nothing differs.
    """
    whole = _complete(table, key, rows)
    primary = _primary_key(conn, table)
    with cursor(conn) as cur:
        if not whole:
            cur.execute(
                sql.SQL(
                    "SELECT NULL, to_jsonb(held_row) FROM {table} held_row WHERE {key} ORDER BY {primary}"
                ).format(table=_name(table), key=_where(key), primary=_list(primary)),
                _parameters(key),
            )
        else:
            cur.execute(
                sql.SQL(
                    "WITH held_row AS (SELECT {columns} FROM {table} WHERE {key}), "
                    "fresh_row AS (SELECT {columns} FROM {fresh}) "
                    "SELECT CASE WHEN fresh_row.{first} IS NOT NULL THEN to_jsonb(fresh_row) END, "
                    "CASE WHEN held_row.{first} IS NOT NULL THEN to_jsonb(held_row) END "
                    "FROM fresh_row FULL JOIN held_row USING ({primary}) "
                    "WHERE fresh_row IS DISTINCT FROM held_row ORDER BY {primary}"
                ).format(
                    columns=_list(whole[0]),
                    table=_name(table),
                    key=_where(key),
                    fresh=_fresh(table),
                    first=sql.Identifier(primary[0]),
                    primary=_list(primary),
                ),
                {**_parameters(key), "document": _document(whole)},
            )
        found = cur.fetchall()
    return [_difference(table, primary, key, fresh, held) for fresh, held in found]


def add_rows(conn: Connection, table: str, rows: Sequence[Row]) -> int:
    """Insert the rows whose key `table` does not hold yet, for tables that only grow; how many were new."""
    return _insert(conn, table, rows, sql.SQL("ON CONFLICT DO NOTHING"))


def merge_rows(conn: Connection, table: str, rows: Sequence[Row]) -> int:
    """Insert rows, or bring those of the same key up to date; how many were new or differed."""
    primary = _primary_key(conn, table)
    compared = [name for name in rows[0] if name not in primary] if rows else []
    action = sql.SQL("ON CONFLICT ({}) DO {}").format(_list(primary), _update(compared))
    return _insert(conn, table, rows, action)


def _insert(conn: Connection, table: str, rows: Sequence[Row], conflict: sql.Composable) -> int:
    if not rows:
        return 0
    whole = _complete(table, {}, rows)
    with cursor(conn) as cur:
        cur.execute(
            sql.SQL(
                "INSERT INTO {table} AS held ({columns}) SELECT {columns} FROM {fresh} {conflict}"
            ).format(table=_name(table), columns=_list(whole[0]), fresh=_fresh(table), conflict=conflict),
            {"document": _document(whole)},
        )
        return cur.rowcount


def read_rows(conn: Connection, query_name: str, **params: Any) -> list[dict[str, Any]]:
    """Run a named query of ``sql/queries``.

    Parameters
    ----------
    conn : Connection
        Where it runs.
    query_name : str
        Its name, given by a line ``-- name: ...`` above the statement.
    **params
        Values of its ``%(name)s`` places.

    Returns
    -------
    list of dict
        A row each, by column; `numeric` as Decimal, arrays as lists, times in UTC. Empty for a statement that
        gives no rows.
    """
    ask = NamedQuery(query_name, params)
    known = known_answer(conn, ask)
    if known is not None:
        return known
    with cursor(conn) as cur:
        cur.execute(queries.query(query_name), params)
        if cur.description is None:
            return []
        names = [column.name for column in cur.description]
        rows = [dict(zip(names, values, strict=True)) for values in cur.fetchall()]
    keep_answer(conn, ask, rows)
    return rows


def read_row(conn: Connection, query_name: str, **params: Any) -> dict[str, Any] | None:
    """The only row of a named query, None when there is none; `LookupError` when there are several."""
    rows = read_rows(conn, query_name, **params)
    if len(rows) > 1:
        raise LookupError(f"query {query_name} gave {len(rows)} rows where at most one was expected")
    return rows[0] if rows else None


#: The primary keys of a connection's schema by table; asked for once, and anew after a migration.
_PRIMARY_KEYS: WeakKeyDictionary[Connection, dict[str, tuple[str, ...]]] = WeakKeyDictionary()


def forget_primary_keys(conn: Connection) -> None:
    """Ask for the primary keys anew: the schema was changed."""
    _PRIMARY_KEYS.pop(conn, None)


def note_primary_keys(conn: Connection, rows: Iterable[Row]) -> None:
    """Keep the primary keys of the connection's schema, rows of the query ``primary_keys``."""
    _PRIMARY_KEYS[conn] = {row["table_name"]: tuple(row["columns"]) for row in rows}


def _primary_key(conn: Connection, table: str) -> tuple[str, ...]:
    if table not in _PRIMARY_KEYS.get(conn, {}):
        note_primary_keys(conn, read_rows(conn, "primary_keys"))
    names = _PRIMARY_KEYS[conn].get(table)
    if names is None:
        raise LookupError(f"table {table} has no primary key: its rows cannot be told apart")
    return names


def _complete(table: str, key: Row, rows: Sequence[Row]) -> list[Row]:
    """The rows with the key's columns in each, all of the same columns."""
    whole: list[Row] = [{**key, **row} for row in rows]
    for row in whole:
        if row.keys() != whole[0].keys():
            raise ValueError(f"{table}: rows of different columns: {list(row)} beside {list(whole[0])}")
        for name, value in key.items():
            if row[name] != value:
                raise ValueError(f"{table}: a row has {name} = {row[name]!r} under the key {value!r}")
    return whole


def _update(compared: Sequence[str]) -> sql.Composable:
    if not compared:
        return sql.SQL("NOTHING")
    return sql.SQL("UPDATE SET {sets} WHERE ({held}) IS DISTINCT FROM ({fresh})").format(
        sets=sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in compared
        ),
        held=sql.SQL(", ").join(sql.Identifier("held", name) for name in compared),
        fresh=sql.SQL(", ").join(sql.Identifier("excluded", name) for name in compared),
    )


def _fresh(table: str) -> sql.Composed:
    return sql.SQL("json_populate_recordset(NULL::{}, %(document)s) AS fresh").format(_name(table))


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(SCHEMA, table)


def _list(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _where(key: Row) -> sql.Composed:
    return _and(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(f"key_{name}")) for name in key
    )


def _and(terms: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(" AND ").join([sql.SQL("true"), *terms])


def _parameters(key: Row) -> dict[str, Any]:
    return {f"key_{name}": value for name, value in key.items()}


def _document(rows: Sequence[Row]) -> str:
    return json.dumps([{name: _plain(value) for name, value in row.items()} for row in rows], allow_nan=False)


def _plain(value: Any) -> Any:
    """`value` as JSON holds it; PostgreSQL reads a string into whatever type the column has."""
    match value:
        case None | bool() | str() if not isinstance(value, Enum):
            return value
        case Enum():
            return _plain(value.value)
        case np.generic() | np.ndarray():
            return value.astype(str).tolist() if value.dtype.kind == "M" else _plain(value.tolist())
        case int():
            return int(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal() | UUID():
            return str(value)
        case bytes():
            return f"\\x{value.hex()}"
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return {str(name): _plain(one_value) for name, one_value in value.items()}
        case list() | tuple():
            return [_plain(one_value) for one_value in value]
    raise TypeError(f"{type(value).__name__} has no form in a table: {value!r}")


def _difference(table: str, primary: Sequence[str], key: Row, fresh: Row | None, held: Row | None) -> str:
    known = fresh if fresh is not None else held or {}
    row = ", ".join(f"{name}={known[name]}" for name in primary if name not in key)
    where = f"{table} ({row})" if row else table
    if fresh is None:
        return f"{where}: would be deleted"
    if held is None:
        return f"{where}: would be added"
    changed = [name for name in fresh if fresh[name] != held[name]]
    changes = [f"{name} {held[name]} would become {fresh[name]}" for name in changed]
    return f"{where}: {', '.join(changes)}"
