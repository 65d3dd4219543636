"""Every process of Airflow begins with the desk's secrets hidden, whoever wrote the DAG that it runs."""

from __future__ import annotations

import os
import sys

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

#: What Airflow calls the process of a task among those that start.
TASK_PROCESS = "TaskRunnerMarker"


class MaskingListener:
    """Tells Airflow the secrets before a DAG file is read: what the file and its tasks write hides them."""

    @hookimpl
    def on_starting(self, component: object) -> None:
        from desk_connections import hide

        known = set(sys.modules)
        hide(os.environ)
        if type(component).__name__ != TASK_PROCESS:
            _forget(set(sys.modules) - known)


class MaskingPlugin(AirflowPlugin):
    """Registers the listener."""

    name = "nightdesk_masking"
    listeners = [MaskingListener()]  # noqa: RUF012 (Airflow reads a list)


def _forget(modules: set[str]) -> None:
    """Let the desk's own modules be imported anew: what is forked from here must not run an old version."""
    for name in modules:
        if name.partition(".")[0] == "nightdesk":
            del sys.modules[name]
