"""Airflow hides the desk's secrets in every process, before it reads a DAG file."""

from __future__ import annotations

import subprocess
import sys

import pytest
from airflow.sdk.execution_time.task_runner import TaskRunnerMarker
from airflow.sdk.log import redact

from desk_masking import MaskingListener

NAME, SECRET = "NIGHTDESK_ACCOUNT_SWING_SECRET", "planted/of the'process"
OTHER_PROCESS = f"""
import os, sys
os.environ["{NAME}"] = "planted-elsewhere"
from desk_masking import MaskingListener
from airflow.sdk.log import redact
MaskingListener().on_starting(object())
assert "nightdesk.core.masking" not in sys.modules, "what is forked from here would run an old version"
print(redact("it is planted-elsewhere"))
"""


def test_a_task_begins_with_the_secrets_of_its_environment_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, SECRET)
    MaskingListener().on_starting(TaskRunnerMarker())
    shown = redact(f"{SECRET} {[SECRET]} planted/of%20the%27process planted%2Fof+the%27process")
    assert "planted" not in str(shown)
    assert "nightdesk.core.masking" in sys.modules


def test_another_process_hides_them_too_and_keeps_no_module_of_the_desk() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OTHER_PROCESS],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "it is ***"
