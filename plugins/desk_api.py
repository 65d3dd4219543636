"""Airflow's REST API as tasks reach it: in the name of the desk's own user, whose password is on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nightdesk.machine.rest import AirflowClient

#: Where tasks find the server that they report to; the REST API is beside it.
_EXECUTION = "/execution"


def airflow_client() -> AirflowClient | None:
    """A session with the API server; None where users are kept elsewhere than in the desk's file."""
    from airflow.sdk.configuration import conf
    from airflow.sdk.log import mask_secret

    from nightdesk.machine.environment import ADMIN, Login
    from nightdesk.machine.home import read_json
    from nightdesk.machine.rest import AirflowClient

    server = conf.get("core", "execution_api_server_url", fallback="") or ""
    file = conf.get("core", "simple_auth_manager_passwords_file", fallback="") or ""
    try:
        password = (read_json(Path(file)) or {}).get(ADMIN) if file else None
    except OSError:
        return None
    if not server or password is None:
        return None
    mask_secret(password)
    return AirflowClient(server.rstrip("/").removesuffix(_EXECUTION), Login(ADMIN, password))
