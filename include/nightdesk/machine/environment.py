"""The environment in which the desk's Airflow runs: its settings, its secrets, its login."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nightdesk.machine.celery_settings import CELERY_SETTINGS, RESULTS_VARIABLE, uses_celery
from nightdesk.machine.home import Home, exclusive, read_json, write_json
from nightdesk.machine.postgres import DATABASE_VARIABLE, OWNER_VARIABLE, READER_VARIABLE, Addresses

ADMIN = "admin"

#: Measured on 2 cores with the LocalExecutor; the names are Airflow's own, section by section.
SETTINGS = {
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DEFAULT_TIMEZONE": "utc",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
    "AIRFLOW__CORE__PARALLELISM": "16",
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "5",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15",
    # A task's supervisor looks at its task this often: at the default of 5 s a backfill crawls.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    # The tasks of a scheduler that was killed are looked for this often; by default five minutes pass.
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
    "AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT": "False",
    "AIRFLOW__API__EXPOSE_CONFIG": "False",
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
    # Airflow gives these modes itself, whatever the umask of its processes is.
    "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
    "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
    "GX_ANALYTICS_ENABLED": "false",
    # One thread a task: Airflow runs tasks side by side already.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True)
class Login:
    """A user of the web UI."""

    username: str
    password: str


def airflow_environment(
    home: Home, addresses: Addresses, host: str, port: int, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Everything an Airflow process of this desk needs to know.

    Parameters
    ----------
    home : Home
        The desk.
    addresses : Addresses
        Its databases.
    host, port : str, int
        Where the API server listens.
    environ : mapping of str to str, optional
        What to build on (default: the environment of this process). Its ``AIRFLOW__*`` settings win over the
        measured ones, never over those that tie the processes of this desk together.

    Returns
    -------
    dict of str to str
        The whole environment.
    """
    environ = dict(os.environ if environ is None else environ)
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    environ.pop(OWNER_VARIABLE, None)  # no task migrates
    keys = _secrets(home)
    local = "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host  # nosec B104 (compared)
    ties = {
        "AIRFLOW_HOME": str(home.airflow),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home.root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home.root / "plugins"),
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet_key"],
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(password_file(home)),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{local}:{port}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": addresses.airflow_sqlalchemy,
        "AIRFLOW__API__HOST": host,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://{local}:{port}",
        "AIRFLOW__API__SECRET_KEY": keys["api_secret_key"],
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt_secret"],
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home.logs / "tasks"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home.logs / "parsing"),
        "NIGHTDESK_ROOT": str(home.root),
        "NIGHTDESK_HOME": str(home.state),
        DATABASE_VARIABLE: addresses.nightdesk,
        **_ties_of_celery(addresses, environ),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(home.root / "config"), environ.get("PYTHONPATH")])),
        # The processes talk to one another on this machine, whatever proxy leads out of it.
        "NO_PROXY": ",".join(filter(None, ["localhost,127.0.0.1", local, environ.get("NO_PROXY")])),
    }
    ties["no_proxy"] = ties["NO_PROXY"]
    if "sslmode" in addresses.airflow and "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC" not in environ:
        from nightdesk.store.tls import asynchronous

        # Airflow would hand libpq's names to a driver that does not know them.
        url, variables = asynchronous(addresses.airflow_sqlalchemy)
        ties |= variables | {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": url}
    if addresses.reader:
        ties[READER_VARIABLE] = addresses.reader
    ours = SETTINGS | {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": _named_users(home)}
    return ours | (CELERY_SETTINGS if uses_celery(environ) else {}) | environ | ties


def _ties_of_celery(addresses: Addresses, environ: Mapping[str, str]) -> dict[str, str]:
    """Where workers say how tasks ended: the database of Airflow, unless the user has a place for it."""
    if not uses_celery(environ) or environ.get(RESULTS_VARIABLE):
        return {}
    return {RESULTS_VARIABLE: f"db+{addresses.airflow_sqlalchemy}"}


def login(home: Home) -> Login:
    """The user and password of the web UI, made at the first call and kept."""
    with exclusive(home.run / "secrets.lock"):
        passwords = read_json(password_file(home)) or {}
        if ADMIN not in passwords:
            passwords[ADMIN] = secrets.token_urlsafe(12)
            write_json(password_file(home), passwords)
    return Login(ADMIN, passwords[ADMIN])


def users(home: Home) -> dict[str, str]:
    """The role of each user of the web UI, by name."""
    return {**(read_json(home.users) or {}), ADMIN: "admin"}


def _named_users(home: Home) -> str:
    return ",".join(f"{name}:{role}" for name, role in sorted(users(home).items()))


def password_file(home: Home) -> Path:
    """Where the simple auth manager reads its passwords."""
    return home.airflow / "passwords.json"


def _secrets(home: Home) -> dict[str, str]:
    with exclusive(home.run / "secrets.lock"):
        keys: dict[str, str] | None = read_json(home.secrets)
        if keys is None:
            keys = {
                "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
                "api_secret_key": secrets.token_hex(32),
                "jwt_secret": secrets.token_hex(64),
            }
            write_json(home.secrets, keys)
    return keys
