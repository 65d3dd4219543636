"""The rows of a desk's database at one moment, which are put back as often as a test likes."""

import uuid

from psycopg2 import sql

from nightdesk.store.db import Connection

_TABLES = (
    "SELECT relname::text FROM pg_class "
    "WHERE relnamespace = 'nightdesk'::regnamespace AND relkind = 'r' ORDER BY 1"
)

#: The columns of each table that are written: those that the server computes are left out.
_COLUMNS = (
    "SELECT relname::text, string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_class "
    "JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' "
    "WHERE relnamespace = 'nightdesk'::regnamespace AND relkind = 'r' GROUP BY relname"
)


class KeptRows:
    """All rows as they stand when it is made.

    They are put back table by table, and only where they differ: that takes some milliseconds, a database of
    its own some hundred.

    Parameters
    ----------
    conn : Connection
        To the desk's database, in which they are kept in a schema beside the desk's own.
    """

    def __init__(self, conn: Connection) -> None:
        self._schema = f"stage_{uuid.uuid4().hex[:8]}"
        self._tables = [str(name) for (name,) in all_of(conn, sql.SQL(_TABLES))]
        self._columns = {str(name): str(columns) for name, columns in all_of(conn, sql.SQL(_COLUMNS))}
        statements = [sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self._schema))]
        statements += [
            sql.SQL("CREATE TABLE {} AS TABLE {}").format(self._saved(name), _live(name))
            for name in self._tables
        ]
        _run(conn, statements)
        self._marks = self._marks_of(conn)

    def restore(self, conn: Connection) -> None:
        """Put them back."""
        found = self._marks_of(conn)
        statements = []
        for name in self._tables:
            if found[name] != self._marks[name]:
                statements += [
                    sql.SQL("DELETE FROM {}").format(_live(name)),
                    sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}").format(
                        _live(name),
                        sql.SQL(self._columns[name]),
                        sql.SQL(self._columns[name]),
                        self._saved(name),
                    ),
                ]
        # Foreign keys are checked by triggers, which do not fire in this role: any order will do.
        begin, end = sql.SQL("BEGIN; SET LOCAL session_replication_role = replica"), sql.SQL("COMMIT")
        _run(conn, [begin, *statements, end])

    def text(self, conn: Connection) -> str:
        """All rows of all tables as they are now, as text."""
        every = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT t::text FROM {} t").format(_live(name)) for name in self._tables
        )
        return "\n".join(str(row) for (row,) in all_of(conn, every))

    def _saved(self, table: str) -> sql.Composable:
        return sql.Identifier(self._schema, table)

    def _marks_of(self, conn: Connection) -> dict[str, tuple[object, ...]]:
        """What tells the rows of each table from others: their number, and a sum of their hashes."""
        marks = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {}, count(*), sum(hashtextextended(t::text, 0)) FROM {} t").format(
                sql.Literal(name), _live(name)
            )
            for name in self._tables
        )
        return {str(name): tuple(rest) for name, *rest in all_of(conn, marks)}


def all_of(conn: Connection, statement: sql.Composable) -> list[tuple[object, ...]]:
    """All rows of a statement."""
    with conn.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def _live(table: str) -> sql.Composable:
    return sql.Identifier("nightdesk", table)


def _run(conn: Connection, statements: list[sql.Composable]) -> None:
    with conn.cursor() as cursor:
        cursor.execute(sql.SQL("; ").join(statements))
