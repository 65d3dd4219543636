"""How long a DAG file takes to parse in a fresh process, as Airflow's DAG processor parses it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.measurement import RUNS, Measurement

ROOT = Path(__file__).resolve().parents[1]

#: The DAG processor has Airflow loaded when it forks a process for a file: that import is timed by itself.
PARSE = """
import time
began = time.perf_counter()
import airflow.sdk, airflow.timetables.base
loaded = time.perf_counter()
import {module}
print(loaded - began, time.perf_counter() - loaded)
"""


def measure() -> list[Measurement]:
    """For each DAG file its own seconds, and with Airflow's import before it, beside that import."""
    found = []
    with tempfile.TemporaryDirectory(prefix="nightdesk-parse-") as home:
        for path in sorted((ROOT / "dags").glob("*.py")):
            taken = [_parse(path.stem, home) for _ in range(RUNS + 1)][1:]
            airflow, own = (median(times) for times in zip(*taken, strict=True))
            name = f"parse of dags/{path.name}"
            found += [
                Measurement(name, own, "Airflow's import", airflow, limit=0.5),
                Measurement(f"{name}, Airflow's import included", airflow + own, "Airflow's import", airflow),
            ]
    return found


def _parse(module: str, home: str) -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-c", PARSE.format(module=module)],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": home,
            "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("plugins", "dags")),
            "NIGHTDESK_ROOT": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    airflow, own = done.stdout.split()[-2:]
    return float(airflow), float(own)
