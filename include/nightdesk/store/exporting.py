"""Tables and views of the schema read for export: their columns, and the rows of a span of sessions."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from psycopg2 import sql

from nightdesk.core.errors import Refused
from nightdesk.store.db import Connection, address, cursor, transaction
from nightdesk.store.faults import in_words
from nightdesk.store.queries import query

#: Rows that are in memory at once.
ROWS_AT_ONCE = 50_000

#: What rows are put in a span by, the first that a table has: its day, or the day (UTC) of an instant.
_DAYS = (
    "session", "ex_date", "period", "fiscal_end", "report_date", "day", "as_of", "known_at", "at",
    "created_at", "raised_at", "started_at",
)  # fmt: skip
#: What tells the versions of one fact apart, in the key of tables that only grow; the newest is the largest.
_VERSION = ("known_at", "stored_at")


@dataclass(frozen=True)
class ExportedColumn:
    """A column: its name, and its type as PostgreSQL calls it, such as ``float8`` or ``_text``."""

    name: str
    kind: str


@dataclass(frozen=True)
class ExportedTable:
    """A table or view that can be exported; `by_number` where its symbols are numbers of `symbols`.

    The column of those numbers is exported as the symbols themselves.
    """

    name: str
    columns: tuple[ExportedColumn, ...]
    by_number: bool = False

    def has(self, column: str) -> bool:
        """Whether it has a column of that name."""
        return any(one.name == column for one in self.columns)

    @property
    def day(self) -> str | None:
        """The column by which its rows are put in a span; None where no column has a day."""
        return next((one for one in _DAYS if self.has(one)), None)


def tables(conn: Connection) -> tuple[str, ...]:
    """Names of all tables and views of the schema, sorted."""
    with cursor(conn) as cur:
        cur.execute(query("export_tables"))
        return tuple(name for (name,) in cur.fetchall())


def find(conn: Connection, name: str) -> ExportedTable:
    """A table or view by its name; `Refused` where there is none, with the nearest."""
    with cursor(conn) as cur:
        cur.execute(query("export_columns"), {"table": name})
        columns = tuple(ExportedColumn(*row) for row in cur.fetchall())
    numbered = name != "symbols" and any(one.name == "symbol_id" for one in columns)
    if numbered:
        columns = tuple(
            ExportedColumn("symbol", "text") if one.name == "symbol_id" else one for one in columns
        )
    if not columns:
        known = tables(conn)
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"near ones are {', '.join(near)}" if near else "`nightdesk export --list` names them"
        raise Refused(f"there is no table or view {name!r}; {hint}")
    return ExportedTable(name, columns, numbered)


def rows(
    conn: Connection,
    table: ExportedTable,
    *,
    span: tuple[date, date] | None = None,
    book: str | None = None,
    versions: bool = False,
) -> Iterator[Sequence[tuple[object, ...]]]:
    """Its rows, some at a time, as one statement sees them; ordered by the key of the table where it has one.

    Parameters
    ----------
    span : (date, date), optional
        First and last day.
    book : str, optional
        Of one book alone.
    versions : bool
        Whether rows that a later version took the place of are among them.

    Raises
    ------
    Refused
        When the table has no day or no book to choose by.
    """
    if span is not None and table.day is None:
        raise Refused(f"{table.name} has no day, so it has no span: leave --from and --to out")
    if book is not None and not table.has("book"):
        raise Refused(f"{table.name} is of no book: leave --book out")
    wanted, values = list[sql.Composable](), dict[str, object]()
    if span is not None:
        day = next(one for one in table.columns if one.name == table.day)
        of_day = "{}" if day.kind == "date" else "({} AT TIME ZONE 'UTC')::date"
        wanted.append(
            sql.SQL(f"{of_day} BETWEEN %(first)s AND %(last)s").format(sql.Identifier("t", day.name))
        )
        values |= {"first": span[0], "last": span[1]}
    if book is not None:
        wanted.append(sql.SQL("{} = %(book)s").format(sql.Identifier("t", "book")))
        values["book"] = book
    key = _key(conn, table)
    if not versions and table.has("superseded_at"):
        wanted.append(sql.SQL("{} IS NULL").format(sql.Identifier("t", "superseded_at")))
    if not versions and set(_VERSION) <= set(key):
        wanted.append(_is_newest(table, key))
    statement = sql.SQL("SELECT {} FROM {} AS t {} {} {}").format(
        sql.SQL(", ").join(_selected(table, one) for one in table.columns),
        sql.Identifier("nightdesk", table.name),
        _SYMBOLS if table.has("symbol") and table.by_number else sql.SQL(""),
        sql.SQL("WHERE {}").format(sql.SQL(" AND ").join(wanted)) if wanted else sql.SQL(""),
        _in_order(key),
    )
    with transaction(conn), in_words(address(conn.dsn)), conn.cursor(name="export", withhold=True) as cur:
        cur.execute(statement, values)
        while some := cur.fetchmany(ROWS_AT_ONCE):
            yield some


_SYMBOLS = sql.SQL("LEFT JOIN nightdesk.symbols AS s ON s.symbol_id = t.symbol_id")


def _selected(table: ExportedTable, column: ExportedColumn) -> sql.Composable:
    return sql.Identifier("s" if column.name == "symbol" and table.by_number else "t", column.name)


def _key(conn: Connection, table: ExportedTable) -> list[str]:
    """The columns of the table's key; none of a view."""
    with cursor(conn) as cur:
        cur.execute(query("export_key"), {"table": table.name})
        return [name for (name,) in cur.fetchall()]


def _is_newest(table: ExportedTable, key: Sequence[str]) -> sql.Composable:
    """Whether no version of the same fact was known later, or stored later of two known at one instant."""
    same = sql.SQL(" AND ").join(
        sql.SQL("later.{0} = t.{0}").format(sql.Identifier(name)) for name in key if name not in _VERSION
    )
    return sql.SQL(
        "NOT EXISTS (SELECT FROM {} AS later WHERE {} "
        "AND (later.known_at, later.stored_at) > (t.known_at, t.stored_at))"
    ).format(sql.Identifier("nightdesk", table.name), same)


def _in_order(key: Sequence[str]) -> sql.Composable:
    """By the table's key, so that the same rows make the same file."""
    if not key:
        return sql.SQL("")
    return sql.SQL("ORDER BY {}").format(sql.SQL(", ").join(sql.Identifier("t", one) for one in key))
