"""What the log of a task says of an error: a refusal's sentence, and of anything else where it was raised."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

#: Logs as the process of a task does: by Airflow's configuration, with a logger made before the listener.
LOGGING = """
import sys
import structlog
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.task_runner import TaskRunnerMarker
from airflow.sdk.log import configure_logging
configure_logging(json_output=True, output=sys.stdout.buffer, sending_to_supervisor=True)
log = structlog.get_logger(logger_name="task")
log.info("begins")
from desk_refusals import RefusalListener
RefusalListener().on_starting(TaskRunnerMarker())
from nightdesk.core.errors import BadRequest, Refused, Transient
for error in (Refused("no such book"), BadRequest("a holiday"), AirflowFailException("nobody has answered"),
              Transient("the broker is away"), KeyError("GLD")):
    try:
        raise error
    except Exception:
        log.exception("Task failed with exception")
"""


@pytest.fixture(scope="module")
def logged() -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOGGING],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [one for one in map(json.loads, done.stdout.splitlines()) if one["level"] == "error"]


def test_a_refusal_is_logged_as_its_sentence_without_a_traceback(logged: list[dict[str, object]]) -> None:
    assert [one["event"] for one in logged[:3]] == [
        "Task failed with exception: no such book",
        "Task failed with exception: a holiday",
        "Task failed with exception: nobody has answered",
    ]
    assert all("exception" not in one for one in logged[:3])


def test_any_other_error_keeps_its_traceback(logged: list[dict[str, object]]) -> None:
    for one, kind in zip(logged[3:], ("Transient", "KeyError"), strict=True):
        assert one["event"] == "Task failed with exception"
        [detail] = one["exception"]
        assert (detail["exc_type"], bool(detail["frames"])) == (kind, True)
