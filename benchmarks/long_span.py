"""Many sessions of both books through Airflow's backfill and ``replay__BOOK``, beside DAGs of empty tasks.

On one scheduler with the settings of `nightdesk up`: DAGs of the daily ones' shape with empty tasks, the
daily DAGs, the replay DAGs, and the empty ones again. What both ways have stored must be what one process
stores.

``NIGHTDESK_LONG_SPAN`` says how many sessions (default 30); ``python -m benchmarks.long_span`` also prints
the memory of Airflow's processes.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from benchmarks.measurement import Measurement
from benchmarks.memory_watch import Growth, MemoryWatch
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.errors import NightdeskError, Transient
from nightdesk.core.schedule import schedule_of
from nightdesk.machine import postgres
from nightdesk.machine.airflow import Airflow
from nightdesk.machine.environment import login
from nightdesk.machine.home import Home
from nightdesk.machine.transport import Rest
from nightdesk.operations.replay import due_decisions, walk
from nightdesk.session.books import read_book
from nightdesk.session.entry import open_context
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection
from nightdesk.store.ledger_rows import read_marks
from nightdesk.store.migrations import migrate

ROOT = Path(__file__).resolve().parents[1]
BOOKS = ("multi_asset", "equity_swing")
#: The same books under a second name: these go through the replay DAG.
WALKED = "_walked"
INCEPTION = date(2025, 1, 3)
SESSIONS = int(os.environ.get("NIGHTDESK_LONG_SPAN", "30"))
#: Airflow itself does not slow down with the length of a span: of a long one, so many tell.
FLOOR_SESSIONS = min(SESSIONS, 60)
#: As `nightdesk backfill` asks for.
ACTIVE_RUNS = 6
#: The goal of a backfill, both books together, on two cores.
SESSIONS_A_MINUTE = 20
#: How many times what empty tasks take the daily DAG may take.
BACKFILL_LIMIT = 3.0
HOURS_AT_MOST = 4
TABLES = ("orders", "order_intents", "fills", "ledger_entries")


@dataclass(frozen=True)
class Span:
    """What was measured: seconds of each way for all sessions of both books, and the memory beside them."""

    floor: float
    backfill: float
    replay: float
    growth: Sequence[Growth]
    counts: dict[str, dict[str, int]]


def measure() -> list[Measurement]:
    """Seconds a session, against the empty DAGs on the same scheduler in the same run."""
    span, books = measured(), len(BOOKS)
    each, floor = SESSIONS * books, span.floor / (FLOOR_SESSIONS * books)
    empty = "DAGs of that shape, empty tasks"
    return [
        Measurement(
            f"backfill of {SESSIONS} sessions, both books, a session",
            span.backfill / each, empty, floor, BACKFILL_LIMIT,
        ),
        Measurement("the same by replay__BOOK, a session", span.replay / each, empty, floor),
    ]  # fmt: skip


def measured() -> Span:
    """Everything on one scheduler; raises where a run fails, or what was stored differs."""
    folder = Path(tempfile.mkdtemp(prefix="nightdesk-benchmark-"))
    home, shapes = Home(root=folder / "project", state=folder / "state"), folder / "shapes.json"
    _lay_out(home.root)
    with postgres.ephemeral() as addresses:
        with _database(addresses.nightdesk) as conn:
            migrate(conn)
        airflow = Airflow(home, addresses, _environment(shapes))
        try:
            airflow.start()
            airflow.ensure_pool("feeds", 4, "tasks that ask a market data vendor")
            return _span(airflow, addresses, shapes)
        except NightdeskError:
            print(airflow.last_words("api-server", 60), file=sys.stderr)
            raise
        finally:
            airflow.stop()
            shutil.rmtree(folder, ignore_errors=True)


def _span(airflow: Airflow, addresses: postgres.Addresses, shapes: Path) -> Span:
    dags = [f"daily__{book}" for book in BOOKS]
    for dag in dags:
        airflow.await_dag(dag)
    empty = _mirror(airflow, dags, shapes)
    sessions = _sessions(SESSIONS)
    days = [INCEPTION + timedelta(days=n) for n in range(FLOOR_SESSIONS)]
    with MemoryWatch(airflow.process_ids()) as watch:
        before = _backfilled(airflow, addresses.airflow, empty, days)
        watch.mark()
        backfill = _backfilled(airflow, addresses.airflow, dags, sessions)
        growth = watch.growth()
        replay = _replayed(airflow, addresses.airflow, sessions)
        later = [one + timedelta(days=FLOOR_SESSIONS) for one in days]
        after = _backfilled(airflow, addresses.airflow, empty, later)
    counts = _compared(airflow.home, addresses, sessions)
    return Span((before + after) / 2, backfill, replay, growth, counts)


def _mirror(airflow: Airflow, dags: Sequence[str], shapes: Path) -> list[str]:
    """Have the DAGs of the same shape made, and switched on; their ids."""
    rest, made = Rest(airflow.address, login(airflow.home)), {}
    for dag in dags:
        found = rest.send("GET", f"dags/{dag}/tasks")["tasks"]
        made[f"empty_{dag}"] = {
            task["task_id"]: {
                "operator": task["operator_name"],
                "trigger_rule": task["trigger_rule"],
                "downstream": task["downstream_task_ids"],
            }
            for task in found
        }
    shapes.write_text(json.dumps(made))
    for dag in made:
        airflow.await_dag(dag)
    for dag in (*made, *dags):
        airflow.unpause(dag)
    return list(made)


def _backfilled(airflow: Airflow, database: str, dags: Sequence[str], days: Sequence[date]) -> float:
    """Seconds of a backfill of each DAG, side by side, from the request to the end of the last run."""
    began = time.monotonic()
    for dag in dags:
        _ask_for(airflow, dag, days)
    _wait(database, {dag: len(days) for dag in dags}, days[0], days[-1])
    return time.monotonic() - began


def _ask_for(airflow: Airflow, dag: str, days: Sequence[date]) -> None:
    """Ask for a backfill, once more where Airflow's database was in the way of another transaction."""
    try:
        airflow.backfill(dag, days[0], days[-1], max_active_runs=ACTIVE_RUNS)
    except Transient as error:
        print(f"asked again: {error}\n{airflow.last_words('api-server', 60)}", file=sys.stderr)
        time.sleep(2.0)
        airflow.backfill(dag, days[0], days[-1], max_active_runs=ACTIVE_RUNS)


def _replayed(airflow: Airflow, database: str, sessions: Sequence[date]) -> float:
    """The same of a run of each replay DAG."""
    dags = [f"replay__{book}{WALKED}" for book in BOOKS]
    for dag in dags:
        airflow.await_dag(dag)
    began = time.monotonic()
    form = {"from": sessions[0].isoformat(), "to": sessions[-1].isoformat()}
    for dag in dags:
        airflow.trigger(dag, conf=form)
    _wait(database, dict.fromkeys(dags, 1), None, None)
    return time.monotonic() - began


def _wait(database: str, expected: dict[str, int], first: date | None, last: date | None) -> None:
    """Wait for the runs of the span in Airflow's own tables: asking its server would slow it down."""
    deadline = time.monotonic() + HOURS_AT_MOST * 3600
    with _database(database) as conn, conn.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT dag_id, state, count(*) FROM dag_run WHERE dag_id = ANY(%s) "
                "AND (%s::date IS NULL OR logical_date::date BETWEEN %s AND %s) GROUP BY dag_id, state",
                (list(expected), first, first, last),
            )
            states = {(dag, state): count for dag, state, count in cursor.fetchall()}
            broken = {dag: count for (dag, state), count in states.items() if state == "failed"}
            if broken:
                raise RuntimeError(f"runs have failed: {broken}")
            if all(states.get((dag, "success"), 0) == count for dag, count in expected.items()):
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"runs have not ended after {HOURS_AT_MOST} hours: {states}")
            time.sleep(1.0)


def _compared(
    home: Home, addresses: postgres.Addresses, sessions: Sequence[date]
) -> dict[str, dict[str, int]]:
    """Rows of each book by table; raises where the ways differ in a count or in a mark."""
    expected = _in_one_process(home, addresses, sessions)
    with _database(addresses.nightdesk) as conn:
        for name, (counts, marks) in expected.items():
            found = _counts(conn, name)
            if found != counts or read_marks(conn, name) != marks:
                raise AssertionError(f"{name} has {found}, and one process stores {counts}")
            if len(marks) != len(sessions):
                raise AssertionError(f"{name} has {len(marks)} marks of {len(sessions)} sessions")
    return {name: counts for name, (counts, _) in expected.items()}


def _in_one_process(
    home: Home, addresses: postgres.Addresses, sessions: Sequence[date]
) -> dict[str, tuple[dict[str, int], Any]]:
    """What `nightdesk replay` stores of each book, in a database of its own.

    The copies come after the books, as on the scheduler: a bar that came a session late to the book is there
    when its copy decides.
    """
    with _database(addresses.nightdesk) as conn, conn.cursor() as cursor:
        cursor.execute("CREATE DATABASE reference")
    environ = {"NIGHTDESK_ROOT": str(home.root), "NIGHTDESK_HOME": str(home.state / "reference")}
    stored = {}
    with _database(addresses.nightdesk.replace("/nightdesk?", "/reference?")) as conn:
        migrate(conn)
        for name in (*BOOKS, *(f"{book}{WALKED}" for book in BOOKS)):
            book = read_book(home.root / "books" / f"{name}.yaml")
            decisions = due_decisions(conn, schedule_of(book), book.calendar, sessions[0], sessions[-1])
            with open_context(name, decisions[0], conn=conn, environ=environ) as context:
                walk(context, decisions, lambda at, steps: None, compare=False)
            stored[name] = _counts(conn, name), read_marks(conn, name)
    return stored


def _counts(conn: Connection, book: str) -> dict[str, int]:
    with conn.cursor() as cursor:
        found = {}
        for table in TABLES:
            cursor.execute(f"SELECT count(*) FROM nightdesk.{table} WHERE book = %s", (book,))
            found[table] = cursor.fetchone()[0]
        return found


@contextmanager
def _database(url: str) -> Iterator[Connection]:
    conn = connect(url)
    try:
        yield conn
    finally:
        conn.close()


def _sessions(count: int) -> list[date]:
    found = get_calendar().between(INCEPTION, INCEPTION + timedelta(days=2 * count + 10))
    return [as_date(one) for one in found[:count]]


def _lay_out(root: Path) -> None:
    (root / "books").mkdir(parents=True)
    for shared in ("plugins", "config", "sql"):
        (root / shared).symlink_to(ROOT / shared)
    (root / "dags").mkdir()
    for source in (*(ROOT / "dags").glob("*.py"), ROOT / "benchmarks" / "dags" / "floor.py"):
        (root / "dags" / source.name).symlink_to(source)
    for name in BOOKS:
        tree = yaml.safe_load((ROOT / "books" / f"{name}.yaml").read_text()) | {"inception": INCEPTION}
        tree["feeds"] |= {"daily": ["sample"]}
        _write(root, tree)
        account = tree["broker"] | {"account": tree["broker"]["account"] + WALKED}
        _write(root, tree | {"name": name + WALKED, "broker": account})


def _write(root: Path, tree: dict[str, Any]) -> None:
    (root / "books" / f"{tree['name']}.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))


def _environment(shapes: Path) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "NIGHTDESK_"))
    }
    return own | {
        "NIGHTDESK_WEB_PORT": str(port),
        "NIGHTDESK_BENCHMARK_SHAPES": str(shapes),
        # Switched on, the DAG would start with the newest session, which waits for years of others.
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
    }


def main() -> int:
    """Measure and print all of it; 1 where a promise is broken."""
    span, each = measured(), SESSIONS * len(BOOKS)
    floor = FLOOR_SESSIONS * len(BOOKS) / span.floor * 60
    backfill, replay = each / span.backfill * 60, each / span.replay * 60
    print(f"{SESSIONS} sessions of {', '.join(BOOKS)}; sessions a minute, both books together:")
    print(f"  empty DAGs of that shape   {floor:7.1f}")
    print(f"  Airflow's backfill         {backfill:7.1f}  {floor / backfill:5.2f} times the floor's time")
    print(f"  replay__BOOK               {replay:7.1f}  {floor / replay:5.2f} times the floor's time")
    for book, counts in span.counts.items():
        told = ", ".join(f"{count:,} {table}" for table, count in counts.items())
        print(f"  {book}: {told}, the same in one process; marks too")
    for one in span.growth:
        print(f"  memory of {one.name:14} {one.early:7.0f} MB early, {one.late:7.0f} MB late")
    slow = floor / backfill > BACKFILL_LIMIT
    grown = [one.name for one in span.growth if not one.is_flat]
    if slow:
        print(f"TOO SLOW: more than {BACKFILL_LIMIT} times the floor")
    if backfill < SESSIONS_A_MINUTE:
        print(f"below the goal of {SESSIONS_A_MINUTE} sessions a minute on two quiet cores")
    if grown:
        print(f"MEMORY GROWS: {', '.join(grown)}")
    return 1 if slow or grown else 0


if __name__ == "__main__":
    sys.exit(main())
