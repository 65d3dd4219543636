"""What the scheduler, or a worker of Celery, makes once, so that its tasks need not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = Path(__file__).parents[2] / "config"

PRELOADED = """
import sys
sys.argv = ["airflow", *sys.argv[1:]]
import airflow_local_settings
assert not [name for name in sys.modules if name.startswith("nightdesk")], "an edit would not reach tasks"
from exchange_calendars.exchange_calendar_xnys import XNYSExchangeCalendar
def refuse(*args, **kwargs):
    raise AssertionError("the calendar is built a second time")
XNYSExchangeCalendar.__init__ = refuse
from nightdesk.core.calendar import get_calendar
print(len(get_calendar().sessions))
"""


@pytest.mark.parametrize("parent", [["scheduler"], ["celery", "worker"]], ids=" ".join)
def test_tasks_find_the_calendar_made_and_never_an_old_version_of_the_package(parent: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRELOADED, *parent],
        env=os.environ | {"PYTHONPATH": str(CONFIG)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 9000, done.stdout


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
