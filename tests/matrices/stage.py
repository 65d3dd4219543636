"""A desk and its broker at one moment, to which a test takes them back as often as it likes."""

import time
import uuid

from psycopg2 import sql
from tests.clock import set_clock
from tests.matrices.scenes import WatchedDesk

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

#: The database's clock goes on; after so many seconds it is set back.
_CLOCK_HOLDS = 60.0


class Stage:
    """How things stand when it is made, in the database and at the fake Alpaca.

    Rows are put back table by table, and only where they differ: that takes some milliseconds, a database of
    its own some hundred.

    Parameters
    ----------
    desk : WatchedDesk
        The desk, at rest: nothing is on its way to the broker.
    """

    def __init__(self, desk: WatchedDesk) -> None:
        self.desk = desk
        self._schema = f"stage_{uuid.uuid4().hex[:8]}"
        exchange = desk.fake.exchange
        self._state, self._before = exchange.state, exchange.before
        self._told = dict(desk.fake.told)
        self._clock_set = 0.0
        with desk.connection() as conn:
            self._tables = [str(name) for (name,) in _all(conn, sql.SQL(_TABLES))]
            self._columns = {str(name): str(columns) for name, columns in _all(conn, sql.SQL(_COLUMNS))}
            statements = [sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self._schema))]
            statements += [
                sql.SQL("CREATE TABLE {} AS TABLE {}").format(self._saved(name), _live(name))
                for name in self._tables
            ]
            _run(conn, statements)
            self._marks = self._marks_of(conn)

    def restore(self) -> None:
        """Let everything be as it was; the broker answers well and has heard nothing since."""
        with self.desk.connection() as conn:
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
        fake = self.desk.fake
        if fake.exchange.now != self._state.now or time.monotonic() > self._clock_set + _CLOCK_HOLDS:
            set_clock(self.desk.url, self._state.now)
            fake.exchange.set_at = time.monotonic()
            self._clock_set = time.monotonic()
        fake.heal()
        fake.exchange.state, fake.exchange.before = self._state, self._before
        fake.requests.clear()
        fake.told = dict(self._told)
        fake.created = fake.spoiled = 0

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
        return {str(name): tuple(rest) for name, *rest in _all(conn, marks)}


def _live(table: str) -> sql.Composable:
    return sql.Identifier("nightdesk", table)


def _run(conn: Connection, statements: list[sql.Composable]) -> None:
    with conn.cursor() as cursor:
        cursor.execute(sql.SQL("; ").join(statements))


def _all(conn: Connection, statement: sql.Composable) -> list[tuple[object, ...]]:
    with conn.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()
