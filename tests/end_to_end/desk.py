"""A whole desk in a temporary folder: its own databases, its own Airflow, its own ports."""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg2
import pytest
from tests.end_to_end.project import BOOK, INCEPTION, lay_out
from tests.fakes.yahoo import FakeYahoo
from tests.of_the_database import OF_THE_DATABASE

from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.feeds.vendor_pools import POOLS
from nightdesk.machine import postgres
from nightdesk.machine.airflow import Airflow
from nightdesk.machine.cluster import SUPERUSER
from nightdesk.machine.home import Home
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection
from nightdesk.store.migrations import migrate

DAG = f"daily__{BOOK}"

#: No file of a test's project changes while it runs: each is parsed once, and not every quarter of a minute.
STILL_FILES = {
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "600",
}

#: Times and numbers of attempts; everything else must be the same however a session came about.
STAMPED_TABLES = {
    *OF_THE_DATABASE,
    "run_steps",
    "order_events",
    "alerts",
    "alert_deliveries",
    "feed_health",
    "quality_runs",
}
STAMPED_COLUMNS = {"attempts"}
#: A report says up to when its decision knew the market.
STAMP = re.compile(r"<time.*?</time>")


@dataclass
class Desk:
    """A running desk with one book.

    Parameters
    ----------
    airflow : Airflow
        Its Airflow.
    home : Home
        Its folders.
    addresses : Addresses
        Its databases.
    vendor : FakeYahoo
        Where the book `VENDOR` gets its bars.
    """

    airflow: Airflow
    home: Home
    addresses: postgres.Addresses
    vendor: FakeYahoo
    _reference: set[date] = field(default_factory=set)

    def switch_on(self, book: str, rhythm: str = "daily") -> str:
        """Switch the DAG of a book on that decides in a rhythm; its id."""
        dag = f"{rhythm}__{book}"
        self.airflow.await_dag(dag)
        self.airflow.unpause(dag)
        return dag

    def decide(self, *sessions: date, timeout: float = 120.0) -> list[str]:
        """Trigger a run for each session and wait for them; their states in that order."""
        ids = [self.airflow.trigger(DAG, session) for session in sessions]
        runs = {run.run_id: run.state for run in self.airflow.wait(DAG, ids, timeout=timeout)}
        return [runs[one] for one in ids]

    def has_decided(self, *sessions: date) -> None:
        """Decide those of `sessions` that no test before this one has, so that each test can run alone."""
        states = self.decide(*(one for one in sessions if not self.attempts(one, "close")), timeout=600.0)
        assert set(states) <= {"success"}

    @contextmanager
    def database(self, name: str = "nightdesk") -> Iterator[Connection]:
        """A connection to one of its databases."""
        connection = connect(self.addresses.nightdesk.replace("/nightdesk?", f"/{name}?"))
        try:
            yield connection
        finally:
            connection.close()

    def reference(self, sessions: Sequence[date]) -> dict[str, list[str]]:
        """What one clean pass through `sessions`, in one process, stores in a database of its own."""
        if not self._reference:
            with self.database() as connection, connection.cursor() as cursor:
                cursor.execute("CREATE DATABASE reference")
        environ = {
            "NIGHTDESK_ROOT": str(self.home.root),
            "NIGHTDESK_HOME": str(self.home.state / "reference"),
        }
        with self.database("reference") as connection:
            migrate(connection)
            for session in sessions:
                if session not in self._reference:
                    with open_context(BOOK, session, conn=connection, environ=environ) as context:
                        run_session(context)
                    self._reference.add(session)
            return dump(connection)

    def stored(self) -> dict[str, list[str]]:
        """What the desk itself has stored."""
        with self.database() as connection:
            return dump(connection)

    @contextmanager
    def held(self, table: str) -> Iterator[None]:
        """Nothing can be written into `table` within the block: a step that tries waits in its middle."""
        # Not in autocommit: the lock lasts as long as the transaction that took it.
        connection = psycopg2.connect(self.addresses.nightdesk)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE nightdesk.{table} IN SHARE MODE")
            yield
        finally:
            connection.close()

    @contextmanager
    def sending(self, session: date) -> Iterator[tuple[str, psutil.Process]]:
        """A run of `session` that stands still within the block, in the middle of sending its first order.

        The run's id and the process of its task. Settling writes into the same tables before it, so the run
        is stopped once on the way: where its orders are written down.
        """
        with self.held("order_intents"):
            run = self.airflow.trigger(DAG, session)
            self.await_blocked(session, "orders")
            submitting = self.held("paper_orders")
            submitting.__enter__()
        try:
            (task,) = self.await_blocked(session, "submit")
            yield run, task
        finally:
            submitting.__exit__(None, None, None)

    def await_blocked(
        self, session: date, step: str, *, book: str = BOOK, processes: int = 1, timeout: float = 150.0
    ) -> list[psutil.Process]:
        """Wait until a step waits for a held table, with so many processes of tasks alive; these."""

        def blocked() -> list[psutil.Process] | None:
            with self.database() as connection, connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = 'nightdesk' "
                    "AND wait_event_type = 'Lock' AND wait_event = 'relation'"
                )
                waiting = cursor.fetchone()[0]
            found = self.task_processes()
            begun = "running" in self.attempts(session, step, book)
            return found if waiting and begun and len(found) == processes else None

        return wait_for(blocked, timeout, f"{step} does not wait for the table")

    def task_processes(self) -> list[psutil.Process]:
        """The processes in which tasks run, those included whose supervisor is gone."""
        # Such an orphan has another parent, but still belongs to the scheduler's session of processes.
        session = self.airflow.process_ids()["scheduler"]
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                title = " ".join(process.cmdline())
                if title.startswith("airflow worker -- ") and os.getsid(process.pid) == session:
                    found += [] if "LocalExecutor" in title else [process]
        return found

    def attempts(self, session: date, step: str, book: str = BOOK) -> list[str]:
        """How the attempts at a step ended, in their order."""
        with self.database() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT status FROM nightdesk.run_steps WHERE book = %s AND session = %s AND step = %s "
                "ORDER BY run_step_id",
                (book, session, step),
            )
            return [status for (status,) in cursor.fetchall()]


@contextmanager
def whole_desk(
    settings: Mapping[str, str] | None = None,
    *,
    books: Sequence[str] = (BOOK,),
    rhythm: str = "daily",
    prepare: Callable[[Path], None] = lay_out,
    password: str | None = None,
) -> Iterator[Desk]:
    """A desk of its own, DAGs of books switched on; gone at the end with all that it wrote.

    Parameters
    ----------
    settings : mapping of str to str, optional
        Added to the environment of its processes.
    books : sequence of str
        Whose DAGs are switched on.
    rhythm : str
        In which they decide.
    prepare : callable
        Lays its project out, in a folder that is not there yet.
    password : str, optional
        A password in the addresses of its databases, whose server asks for none.
    """
    folder = Path(tempfile.mkdtemp(prefix="nightdesk-desk-"))
    home = Home(root=folder / "project", state=folder / "state")
    prepare(home.root)
    with FakeYahoo() as vendor, postgres.ephemeral() as addresses:
        if password is not None:
            addresses = with_password(addresses, password)
        connection = connect(addresses.nightdesk)
        migrate(connection)
        connection.close()
        environ = environment() | {"NIGHTDESK_YAHOO_URL": vendor.url, **(settings or {})}
        airflow = Airflow(home, addresses, environ)
        try:
            airflow.start()
            for pool in POOLS:
                airflow.ensure_pool(*pool)
            desk = Desk(airflow, home, addresses, vendor)
            for book in books:
                desk.switch_on(book, rhythm)
            yield desk
        finally:
            airflow.stop()
            shutil.rmtree(folder, ignore_errors=True)


def with_password(addresses: postgres.Addresses, password: str) -> postgres.Addresses:
    """The same databases, with a password in their addresses."""
    login = f"{SUPERUSER}:{quote(password, safe='')}@"
    return postgres.Addresses(*(url.replace(f"{SUPERUSER}@", login) for url in astuple(addresses)))


def environment() -> dict[str, str]:
    """This process's environment without a user's desk: a free port, and quick to miss a process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "NIGHTDESK_"))
    }
    return own | {
        "NIGHTDESK_WEB_PORT": str(port),
        # Switched on, the DAG would start with the newest session, which waits for years of others.
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "8",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        **STILL_FILES,
    }


def sessions(count: int, *, after: int = 0) -> list[date]:
    """`count` sessions of the book, skipping the first `after`."""
    calendar = get_calendar()
    found = calendar.between(INCEPTION, calendar.shift(INCEPTION, after + count - 1))
    return [as_date(one) for one in found[after:]]


def dump(connection: Connection) -> dict[str, list[str]]:
    """Every row of every table as text, sorted, without numbers and times that tell of the making."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE n.nspname = 'nightdesk' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped "
            "AND a.attidentity = '' AND (a.atttypid <> 'timestamptz'::regtype OR a.attname = 'as_of') "
            "GROUP BY c.relname ORDER BY c.relname"
        )
        found = {}
        for table, columns in cursor.fetchall():
            if table not in STAMPED_TABLES:
                chosen = ", ".join(f'"{one}"' for one in columns if one not in STAMPED_COLUMNS)
                cursor.execute(f'SELECT row({chosen})::text FROM nightdesk."{table}"')
                found[table] = sorted(STAMP.sub("", row) for (row,) in cursor.fetchall())
        return found


def wait_for[T](look: Callable[[], T | None], timeout: float, otherwise: str) -> T:
    """Look until something is found, and return it; fail with `otherwise` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(0.2)
    pytest.fail(f"{otherwise} within {timeout:.0f} s")
