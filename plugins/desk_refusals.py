"""A refusal is one line of a task's log: where in the code it was raised helps nobody who reads it."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk.exceptions import AirflowFailException

#: What Airflow calls the process of a task among those that start.
TASK_PROCESS = "TaskRunnerMarker"


def in_one_line(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The event of a refusal with its sentence in place of the traceback; any other as it is."""
    from nightdesk.core.errors import Refused

    told = event.get("exc_info")
    error = sys.exc_info()[1] if told is True else told[1] if isinstance(told, tuple) else told
    if isinstance(error, Refused | AirflowFailException):
        del event["exc_info"]
        event["event"] = f"{event['event']}: {error}"
    return event


class RefusalListener:
    """Has the log of a task begin with `in_one_line`."""

    @hookimpl
    def on_starting(self, component: object) -> None:
        if type(component).__name__ != TASK_PROCESS:
            return
        # In place: loggers that were made before keep the list itself.
        processors = structlog.get_config()["processors"]
        if in_one_line not in processors:
            processors.insert(0, in_one_line)


class RefusalPlugin(AirflowPlugin):
    """Registers the listener."""

    name = "nightdesk_refusals"
    listeners = [RefusalListener()]  # noqa: RUF012 (Airflow reads a list)
