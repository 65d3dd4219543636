"""The daily run under Airflow, against DAGs of its shape that only import, and that do nothing.

All three run on one scheduler, by turns, with the settings of `nightdesk up`. A run's time is Airflow's own,
from its start to its end.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from statistics import median

import yaml

from benchmarks.measurement import RUNS, Measurement
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.machine import postgres
from nightdesk.machine.airflow import Airflow
from nightdesk.machine.home import Home
from nightdesk.store.connection import connect
from nightdesk.store.migrations import migrate

ROOT = Path(__file__).resolve().parents[1]
BOOK = "multi_asset"
INCEPTION = date(2025, 1, 3)
OURS, IMPORTS, EMPTY = f"daily__{BOOK}", "imports", "empty"
BEFORE_SIGNALS = ("ingest", "quality", "factors", "regime")
AFTER_SIGNALS = ("settle", "targets", "gate", "orders", "submit", "report", "close")

#: Runs one step as its task does, and tells which modules that has loaded.
RECORD = """
import sys
from datetime import date
book, session, name = sys.argv[1:]
before = set(sys.modules)
from nightdesk.session import steps
from nightdesk.session.entry import open_context
step, _, strategy = name.partition(".")
with open_context(book, date.fromisoformat(session)) as context:
    steps.signals(context, strategy) if strategy else getattr(steps, step)(context)
print("\\n" + " ".join(name for name in sys.modules if name not in before))
"""


def measure() -> list[Measurement]:
    """The whole daily run, after one of each DAG that is not counted (the first loads the book's history)."""
    folder = Path(tempfile.mkdtemp(prefix="nightdesk-benchmark-"))
    home = Home(root=folder / "project", state=folder / "state")
    modules = folder / "modules.json"
    _lay_out(home.root)
    with postgres.ephemeral() as addresses:
        connection = connect(addresses.nightdesk)
        migrate(connection)
        connection.close()
        modules.write_text(json.dumps(_modules(home, addresses.nightdesk)))
        airflow = Airflow(home, addresses, _environment(modules))
        try:
            airflow.start()
            airflow.ensure_pool("feeds", 4, "tasks that ask a market data vendor")
            for dag in (OURS, IMPORTS, EMPTY):
                airflow.await_dag(dag)
                airflow.unpause(dag)
            ours, imports, empty = _seconds(airflow, addresses.airflow)
        finally:
            airflow.stop()
            shutil.rmtree(folder, ignore_errors=True)
    return [
        Measurement("daily run under Airflow", ours, "same DAG, imports alone", imports, limit=1.25),
        Measurement("daily run under Airflow, against nothing", ours, "same DAG, empty tasks", empty),
    ]


def _seconds(airflow: Airflow, database: str) -> list[float]:
    """Median seconds of a run of each of the three DAGs."""
    calendar = get_calendar()
    taken: dict[str, list[float]] = {OURS: [], IMPORTS: [], EMPTY: []}
    for turn in range(RUNS + 1):
        # The inception is decided already: its modules were recorded.
        session = as_date(calendar.between(INCEPTION, date(2025, 2, 1))[turn + 1])
        for dag, times in taken.items():
            run = airflow.trigger(dag, session if dag == OURS else None)
            (ended,) = airflow.wait(dag, [run])
            if ended.state != "success":
                raise RuntimeError(f"run {run} of {dag} has failed: {airflow.task_states(dag, run)}")
            times.append(_duration(database, dag, run))
    return [median(times[1:]) for times in taken.values()]


def _duration(database: str, dag_id: str, run_id: str) -> float:
    connection = connect(database)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT extract(epoch FROM end_date - start_date) FROM dag_run "
                "WHERE dag_id = %s AND run_id = %s",
                (dag_id, run_id),
            )
            return float(cursor.fetchone()[0])
    finally:
        connection.close()


def _modules(home: Home, database: str) -> dict[str, list[str]]:
    """By task, the modules that the step loads beyond those of a bare interpreter."""
    environment = os.environ | {
        "NIGHTDESK_ROOT": str(home.root),
        "NIGHTDESK_HOME": str(home.state),
        "NIGHTDESK_DATABASE_URL": database,
    }
    found = {}
    book = yaml.safe_load((ROOT / "books" / f"{BOOK}.yaml").read_text())
    signals = [f"signals.{name}" for name in book["strategies"]]
    for step in (*BEFORE_SIGNALS, *signals, *AFTER_SIGNALS):
        command = [sys.executable, "-c", RECORD, BOOK, INCEPTION.isoformat(), step]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found[step] = done.stdout.splitlines()[-1].split()
    return found


def _lay_out(root: Path) -> None:
    (root / "books").mkdir(parents=True)
    (root / "dags").mkdir()
    for shared in ("plugins", "config", "sql"):
        (root / shared).symlink_to(ROOT / shared)
    for source in ("dags/daily.py", "benchmarks/dags/shapes.py"):
        (root / "dags" / Path(source).name).symlink_to(ROOT / source)
    book = yaml.safe_load((ROOT / "books" / f"{BOOK}.yaml").read_text())
    book |= {"inception": INCEPTION, "feeds": {"daily": ["sample"]}}
    (root / "books" / f"{BOOK}.yaml").write_text(yaml.safe_dump(book, sort_keys=False))


def _environment(modules: Path) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "NIGHTDESK_"))
    }
    return own | {
        "NIGHTDESK_WEB_PORT": str(port),
        "NIGHTDESK_BENCHMARK_MODULES": str(modules),
        # Switched on, the DAG would start with the newest session, which waits for years of others.
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
    }
