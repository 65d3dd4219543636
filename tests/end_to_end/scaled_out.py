"""A desk whose tasks are done by workers of Celery, with the settings of docker-compose.yaml."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path

import psutil
import pytest
import yaml
from tests.brokered import Broker, broker
from tests.compose_file import health_check_of, settings_of
from tests.end_to_end.desk import STAMP, Desk, wait_for, whole_desk
from tests.end_to_end.equity_project import BOOK as EQUITY
from tests.end_to_end.equity_project import INCEPTION as FIRST_OF_EQUITY
from tests.end_to_end.equity_project import lay_out_equity
from tests.end_to_end.project import BOOK, INCEPTION, lay_out

from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.machine.celery_settings import RESULTS_VARIABLE
from nightdesk.machine.postgres import AIRFLOW_VARIABLE, DATABASE_VARIABLE
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.db import Connection
from nightdesk.store.migrations import migrate

INCEPTIONS = {BOOK: INCEPTION, EQUITY: FIRST_OF_EQUITY}
#: So many tasks ask for the bars of the first book; the other's are asked for by its ingest.
SHARDS = 2
#: What says how often or when something was done, and numbers that follow from the order of two books.
NOT_DECIDED = {"runs", "run_steps", "order_events", "alerts", "quality_runs", "books", "task_failures"}
NUMBERED = {"attempts", "factor_set_id", "document"}


def lay_out_both(root: Path) -> None:
    """The usual project of a test with its first book, in shards, and the equity book; the sample market."""
    other = root.with_name("of-equity")
    lay_out_equity(other)
    lay_out(root)
    for path in (root / "books").glob("*.yaml"):
        if path.stem != BOOK:
            path.unlink()
    first = root / "books" / f"{BOOK}.yaml"
    tree = yaml.safe_load(first.read_text())
    tree["feeds"]["shards"] = SHARDS
    first.write_text(yaml.safe_dump(tree, sort_keys=False))
    (root / "books" / f"{EQUITY}.yaml").write_text((other / "books" / f"{EQUITY}.yaml").read_text())
    assert yaml.safe_load((root / "books" / f"{EQUITY}.yaml").read_text())["inception"] == FIRST_OF_EQUITY


def sessions_of(book: str, count: int) -> list[date]:
    """The first sessions of a book."""
    calendar, first = get_calendar(), INCEPTIONS[book]
    return [as_date(one) for one in calendar.between(first, calendar.shift(first, count - 1))]


@dataclass
class Scaled:
    """A desk with workers."""

    desk: Desk
    broker: Broker
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """That of a person who starts a worker: the settings of the desk, as .env would have them."""
        airflow, addresses = self.desk.airflow, self.desk.addresses
        kept = {name: value for name, value in airflow.environment.items() if name != RESULTS_VARIABLE}
        return kept | {DATABASE_VARIABLE: addresses.nightdesk, AIRFLOW_VARIABLE: addresses.airflow}

    def start_worker(self, name: str, concurrency: int = 4) -> None:
        """Start a worker by the desk's own command and wait until the broker knows it."""
        log = self.desk.home.logs / f"worker-{name}.log"
        command = [
            sys.executable,
            "-m",
            "nightdesk",
            "worker",
            "--name",
            name,
            "--concurrency",
            f"{concurrency}",
        ]
        with log.open("wb") as output:
            self.workers[name] = subprocess.Popen(
                command,
                env=self.environment(),
                cwd=self.desk.home.root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

        def ready() -> bool | None:
            text = log.read_text(errors="replace")
            assert self.workers[name].poll() is None, text[-3000:]
            return True if " ready." in text else None

        wait_for(ready, 180, f"the worker {name} is not ready")

    def is_well(self, name: str) -> bool:
        """Whether compose's own health check, asked in its container, would find a worker well."""
        check = health_check_of("worker", {})
        bin_folder = Path(sys.executable).parent
        environ = self.environment() | {"HOSTNAME": name}
        environ["PATH"] = f"{bin_folder}{os.pathsep}{environ['PATH']}"
        return (
            subprocess.run(check, env=environ, capture_output=True, timeout=120, check=False).returncode == 0
        )

    def tasks_of(self, name: str) -> list[psutil.Process]:
        """The processes of a worker that do a task."""
        return [one for one in self.family(name) if _title(one).startswith("airflow worker -- ")]

    def worker_of(self, run: str, task: str) -> str:
        """The worker that was given a task of a run, by its own words."""
        for name in self.workers:
            lines = (self.desk.home.logs / f"worker-{name}.log").read_text(errors="replace").splitlines()
            if any(
                "Executing workload" in one and run in one and f"task_id='{task}'" in one for one in lines
            ):
                return name
        pytest.fail(f"no worker was given {task} of {run}")

    def family(self, name: str) -> list[psutil.Process]:
        """A worker and all that it has started."""
        with suppress(psutil.Error):
            leader = psutil.Process(self.workers[name].pid)
            return [leader, *leader.children(recursive=True)]
        return []

    def kill(self, name: str) -> None:
        """SIGKILL to a worker and all that it has started, as when its machine is gone."""
        for process in self.family(name):
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        self.workers.pop(name).wait(10)

    def end_workers(self) -> None:
        """End those that are left."""
        for name in list(self.workers):
            self.workers[name].terminate()
        for name in list(self.workers):
            try:
                self.workers[name].wait(20)
                del self.workers[name]
            except subprocess.TimeoutExpired:
                self.kill(name)

    def asked_ahead(self, book: str) -> list[str | None]:
        """How many parts of its bars each ingest of a book was given by tasks before it."""
        with self.desk.database() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT counts ->> 'asked_ahead' FROM nightdesk.run_steps "
                "WHERE book = %s AND step = 'ingest' AND status = 'done' ORDER BY run_step_id",
                (book,),
            )
            return [words for (words,) in cursor.fetchall()]

    @contextmanager
    def with_a_part_lost(self) -> Iterator[None]:
        """The tasks that ask for bars stand still at the end of the block; then one loses its connection."""
        with self.desk.held("bar_shards"):
            yield
            with self.desk.database() as connection, connection.cursor() as cursor:

                def waiting() -> list[int] | None:
                    cursor.execute(
                        "SELECT pid FROM pg_stat_activity WHERE datname = 'nightdesk' "
                        "AND wait_event_type = 'Lock' AND query LIKE '%bar_shards%' ORDER BY pid"
                    )
                    found = [pid for (pid,) in cursor.fetchall()]
                    return found if len(found) == SHARDS else None

                lost, *_ = wait_for(waiting, 300, "the tasks that ask for bars do not come to keep them")
                cursor.execute("SELECT pg_terminate_backend(%s)", (lost,))

    def decided(self, book: str) -> dict[str, str]:
        """A hash of what each table has of a book's decisions."""
        with self.desk.database() as connection:
            return hashes(connection, book)

    def reference(self, decisions: dict[str, Sequence[date]]) -> dict[str, dict[str, str]]:
        """The same of one clean pass in one process, without Airflow, in a database of its own, by book."""
        with self.desk.database() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE reference")
        environ = {
            "NIGHTDESK_ROOT": str(self.desk.home.root),
            "NIGHTDESK_HOME": str(self.desk.home.state / "reference"),
        }
        with self.desk.database("reference") as connection:
            migrate(connection)
            for book, sessions in decisions.items():
                for session in sessions:
                    with open_context(book, session, conn=connection, environ=environ) as context:
                        run_session(context)
            return {book: hashes(connection, book) for book in decisions}


@contextmanager
def scaled_out() -> Iterator[Scaled]:
    """A desk with both books and two workers, `one` and `two`."""
    with ExitStack() as held:
        redis = held.enter_context(broker())
        desk = held.enter_context(whole_desk(settings_for(redis), books=(BOOK, EQUITY), prepare=lay_out_both))
        scaled = Scaled(desk, redis)
        held.callback(scaled.end_workers)
        for name in ("one", "two"):
            scaled.start_worker(name)
        yield scaled


def settings_for(redis: Broker) -> dict[str, str]:
    """What compose says to workers of Airflow and Celery, with the broker where it is here."""
    given = settings_of("worker", redis.variables)
    found = {name: value for name, value in given.items() if name.startswith("AIRFLOW__")}
    del found[RESULTS_VARIABLE]  # the desk knows its database
    return found | {"AIRFLOW__CELERY__BROKER_URL": redis.url}


def hashes(connection: Connection, book: str) -> dict[str, str]:
    """A SHA-256 of each table's rows of a book, without times and numbers that tell of the making."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE n.nspname = 'nightdesk' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped "
            "AND a.attidentity = '' AND (a.atttypid <> 'timestamptz'::regtype OR a.attname = 'as_of') "
            "GROUP BY c.relname HAVING bool_or(a.attname = 'book') ORDER BY c.relname"
        )
        found = {}
        for table, columns in cursor.fetchall():
            if table in NOT_DECIDED:
                continue
            chosen = ", ".join(f'"{one}"' for one in columns if one not in NUMBERED)
            cursor.execute(f'SELECT row({chosen})::text FROM nightdesk."{table}" WHERE book = %s', (book,))
            rows = sorted(STAMP.sub("", row) for (row,) in cursor.fetchall())
            if rows:
                found[table] = f"{len(rows)} {sha256('\n'.join(rows).encode()).hexdigest()}"
        return found


def _title(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""
