"""What a long-lived process of Airflow makes once, so that those that it starts need not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
#: On a busy machine a scheduler takes a minute to import what it does.
pytestmark = pytest.mark.timeout(400)

PARENTS = [["scheduler"], ["celery", "worker"], ["dag-processor"]]

PRELOADED = """
import sys
sys.argv = ["airflow", *sys.argv[1:]]
import airflow_local_settings
from exchange_calendars.exchange_calendar_xnys import XNYSExchangeCalendar
def refuse(*args, **kwargs):
    raise AssertionError("the calendar is built a second time")
XNYSExchangeCalendar.__init__ = refuse
from nightdesk.core.calendar import get_calendar
print(len(get_calendar().sessions))
"""


@pytest.mark.parametrize("parent", [["scheduler"], ["celery", "worker"]], ids=" ".join)
def test_tasks_find_the_calendar_made(parent: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRELOADED, *parent],
        env=os.environ | {"PYTHONPATH": str(CONFIG)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 9000, done.stdout


#: Forks as Airflow does, and tells in the last process what it has and by which code it would decide; after a
#: line of input once more.
FORKED = """
import os, sys
sys.argv = ["airflow", *sys.argv[1:]]
import airflow_local_settings
def tell(generations):
    if generations:
        child = os.fork()
        if not child:
            tell(generations - 1)
            os._exit(0)
        os.waitpid(child, 0)
        return
    found = "nightdesk.session.books" in sys.modules, "desk_of_a_test" in sys.modules
    from nightdesk.version import code_version
    print("FOUND", *found, code_version(), flush=True)
sys.path.append(os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"])
import desk_of_a_test
tell(2)
for line in sys.stdin:
    tell(int(line))
"""


class Parent:
    """A long-lived process of Airflow, over a copy of the package and a folder of plugins."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        self.package, self.plugins = folder / "include" / "nightdesk", folder / "plugins"
        self.command = command
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "include" / "nightdesk", self.package, ignore=ignored)
        self.plugins.mkdir()
        (self.plugins / "desk_of_a_test.py").write_text("SAID = 1\n")
        self._process: Any = None

    def start(self) -> list[str]:
        """What the first task finds: whether the package is there, whether the plugin is, and the code."""
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", FORKED, *self.command],
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join([str(CONFIG), str(self.package.parent)]),
                "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.plugins),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self._line()

    def fork(self, generations: int = 2) -> list[str]:
        """The same of a process that is forked now."""
        self._process.stdin.write(f"{generations}\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> list[str]:
        # Airflow logs into the same output.
        lines = iter(self._process.stdout.readline, "")
        return next(line.split()[1:] for line in lines if line.startswith("FOUND "))

    def stop(self) -> None:
        if self._process is not None:
            self._process.communicate("")


@pytest.fixture
def parent(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Parent]:
    made = Parent(tmp_path, getattr(request, "param", ["dag-processor"]))
    yield made
    made.stop()


@pytest.mark.parametrize("parent", PARENTS, indirect=True, ids=" ".join)
def test_a_task_finds_the_package_imported_and_an_edit_reaches_the_next_one(parent: Parent) -> None:
    *found, decided_by = parent.start()
    assert found == ["True", "True"]
    assert parent.fork() == ["True", "True", decided_by]
    with (parent.package / "regime.py").open("a") as file:
        file.write("\n# an edit\n")
    *found, edited = parent.fork()
    assert found == ["False", "False"], "what a plugin has imported of the package is old too"
    assert edited != decided_by
    assert parent.fork(1) == ["False", "False", edited]


@pytest.mark.parametrize("edit", ["data", "removed", "plugin"])
def test_every_file_of_the_package_and_of_the_plugins_counts(parent: Parent, edit: str) -> None:
    assert parent.start()[:2] == ["True", "True"]
    match edit:
        case "data":
            (parent.package / "feeds" / "desk_suite.yaml").open("a").write("\n")
        case "removed":
            (parent.package / "strategies" / "rotation.py").unlink()
        case "plugin":
            (parent.plugins / "desk_of_a_test.py").write_text("SAID = 2\n")
    assert parent.fork()[:2] == ["False", "False"]


def test_a_package_that_does_not_import_keeps_no_process_of_airflow_from_starting(parent: Parent) -> None:
    with (parent.package / "session" / "books.py").open("a") as file:
        file.write("\nraise RuntimeError('broken by a test')\n")
    assert parent.start()[0] == "False"


MASKED = """
import sys
sys.argv = ["airflow", "scheduler"]
import airflow_local_settings
from airflow.sdk.log import mask_secret
mask_secret("planted-in-a-task")
print("it is planted-in-a-task")
"""


def test_what_a_tasks_log_hides_is_hidden_in_the_output_of_the_scheduler_too() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MASKED],
        env=os.environ | {"PYTHONPATH": str(CONFIG)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "it is ***"
