"""How a task, or a command in a container, reaches the REST API of its desk's Airflow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from nightdesk.machine.environment import ADMIN, Login
from nightdesk.machine.home import Home, read_json
from nightdesk.machine.rest import AirflowClient

SERVER_VARIABLE = "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"
PASSWORDS_VARIABLE = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"

#: Tasks report to this part of the server; its REST API is beside it.
_EXECUTION = "/execution"


def client_of_tasks(
    environ: Mapping[str, str] | None = None, *, timeout: float | None = None
) -> AirflowClient | None:
    """A session with the server that tasks report to, in the name of the desk's own user.

    Parameters
    ----------
    environ : mapping of str to str, optional
        The environment of a process of Airflow (default: this process's).
    timeout : float, optional
        Seconds to wait for an answer.

    Returns
    -------
    AirflowClient or None
        None where the environment names no server, or its users are not kept in a file that can be read.
    """
    environ = os.environ if environ is None else environ
    server, file = environ.get(SERVER_VARIABLE), environ.get(PASSWORDS_VARIABLE)
    if not server or not file:
        return None
    try:
        password = (read_json(Path(file)) or {}).get(ADMIN)
    except OSError:
        return None
    if password is None:
        return None
    return AirflowClient(server.rstrip("/").removesuffix(_EXECUTION), Login(ADMIN, password), timeout=timeout)


def client_of_desk() -> AirflowClient:
    """A session with the Airflow of this process's desk: a container's, or that of `nightdesk up`."""
    from nightdesk.machine import postgres
    from nightdesk.machine.airflow import Airflow

    found = client_of_tasks()
    if found is not None:
        return found
    home = Home.find()
    return Airflow(home, postgres.start(home))
