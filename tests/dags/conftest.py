"""Airflow without a server: DAGs and plugins are imported as Airflow's own processes import them."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import pytest
from tests.session.conftest import make_desk, walks

__all__ = ["make_desk", "walks"]

ROOT = Path(__file__).parents[2]

# Read once, when Airflow is first imported: nothing of a user's own Airflow may take part.
_home = tempfile.mkdtemp(prefix="nightdesk-airflow-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ |= {
    "AIRFLOW_HOME": _home,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
}
# Airflow puts both folders on the path of every process that it starts.
sys.path += [str(ROOT / folder) for folder in ("plugins", "dags")]


@pytest.fixture(scope="session")
def daily() -> ModuleType:
    """The DAG file."""
    import daily

    return daily
