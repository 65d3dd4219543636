"""Days for the protocol machine: what depends on no position is computed once and found again each evening.

Most of what a session costs goes into the checks of its data. Here the steps before the settling are run once
for all sessions, for real, and their rows are put aside; a session that begins gets its rows back, and
everything from its settling on is run as always.
"""

import threading
import time
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg2 import sql
from tests.clock import set_clock
from tests.matrices.scenes import WatchedDesk
from tests.of_the_database import OF_THE_DATABASE
from tests.session.small_desk import session
from tests.session.true_account import AlpacaAccount

from nightdesk.core.calendar import get_calendar

_ASIDE = "aside"

#: Tables, whether their rows are of a book's sessions, and their columns but for those of the server.
_TABLES = """
SELECT table_name::text, count(*) FILTER (WHERE column_name IN ('book', 'session')) = 2,
    string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) FILTER (WHERE is_generated = 'NEVER')
FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = 'nightdesk' AND table_type = 'BASE TABLE' GROUP BY table_name
ORDER BY table_name <> 'runs', table_name
"""

#: Tables that hold facts of the market or of the book, and nothing of a session's own.
_LASTING = {
    *OF_THE_DATABASE, "symbols", "bars", "corporate_actions", "feed_health", "books",
    "factor_sets",
}  # fmt: skip

_OTHERS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class Days:
    """A desk whose days can be lived again and again.

    Parameters
    ----------
    desk : WatchedDesk
        A new one.
    count : int
        How many sessions it may live.
    """

    def __init__(self, desk: WatchedDesk, count: int) -> None:
        self.desk, self.fake, self.count = desk, desk.fake, count
        for number in range(count):
            set_clock(desk.url, _evening_of(number))
            desk.run_steps(number, "ingest", "signals")
        self._prices = {number: (desk.prices(number), desk.prices(number, 5)) for number in range(count)}
        exchange = desk.fake.exchange
        self._account = exchange.state, exchange.before
        #: The desk's own, in this process.
        self.watch = desk.kept_connection()
        self._conditions: dict[str, sql.SQL] = {}
        self._put_aside()

    @property
    def account(self) -> AlpacaAccount:
        """The account as the broker truly has it."""
        return self.desk.account

    def close(self) -> None:
        """Let go of the database."""
        self.desk.leave()

    def begin(self) -> None:
        """Before the first evening; nothing has happened."""
        self._clear()
        exchange = self.fake.exchange
        exchange.state, exchange.before = self._account
        exchange.slow_cancels = False
        self.fake.heal()
        self.fake.requests.clear()
        self.fake.told.clear()
        self.fake.created = 0
        self.evening(0)

    def evening(self, number: int) -> None:
        """The evening of a session, whose conditions are known."""
        self.desk.go_to(_evening_of(number))
        self.fake.exchange.price("BTC-USD", self._prices[number][1]["BTC-USD"])
        with self.watch.cursor() as cursor:
            for table, columns in self._conditions.items():
                statement = sql.SQL(
                    "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} WHERE session = %s"
                ).format(_live(table), columns, columns, sql.Identifier(_ASIDE, table))
                cursor.execute(statement, (session(number),))

    def open_market(self, number: int, volume: dict[str, int]) -> None:
        """Let a session open; `volume` bounds what of a symbol is traded at the open."""
        opens = get_calendar().open_at(session(number))
        self.fake.exchange.open_market(self._prices[number][0], at=opens, volume=volume)
        set_clock(self.desk.url, opens)

    def close_market(self, number: int) -> None:
        """Let a session close."""
        self.fake.exchange.close_market(self._prices[number][1])

    def price(self, number: int, symbol: str) -> Decimal:
        """The close of a session."""
        return Decimal(str(self._prices[number][1][symbol]))

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What a statement finds; its values by their places, or one mapping of them by their names."""
        with self.watch.cursor() as cursor:
            cursor.execute(statement, values[0] if values and isinstance(values[0], dict) else values)
            return cursor.fetchall()

    def come_to_rest(self) -> None:
        """Wait until nobody works on the book: no request is being answered, and killed processes let go."""
        deadline = time.monotonic() + 10
        while self._is_busy():
            assert time.monotonic() < deadline, "the desk does not come to rest"
            time.sleep(0.002)

    def _is_busy(self) -> bool:
        if any("process_request" in one.name for one in threading.enumerate()):
            return True
        return self.rows(_OTHERS) != [(0,)]

    def _put_aside(self) -> None:
        """Keep the rows of all sessions, and let the desk be without them."""
        with self.watch.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(_ASIDE)))
            for table, of_sessions, columns in self.rows(_TABLES):
                cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(_live(table)))
                if of_sessions and cursor.fetchone() == (True,):
                    self._conditions[table] = sql.SQL(columns)
                    cursor.execute(
                        sql.SQL("CREATE TABLE {} AS TABLE {}").format(
                            sql.Identifier(_ASIDE, table), _live(table)
                        )
                    )
        self._clear()

    def _clear(self) -> None:
        tables = [_live(table) for table, *_ in self.rows(_TABLES) if table not in _LASTING]
        deletions = sql.SQL("; ").join(sql.SQL("DELETE FROM {}").format(table) for table in tables)
        with self.watch.cursor() as cursor:
            # Foreign keys are checked by triggers, which do not fire in this role: any order will do.
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(deletions)
            cursor.execute("RESET session_replication_role")


def _live(table: str) -> sql.Identifier:
    return sql.Identifier("nightdesk", table)


def _evening_of(number: int) -> datetime:
    """When a session's run begins."""
    return get_calendar().known_from(session(number)) + timedelta(minutes=1)
