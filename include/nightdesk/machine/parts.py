"""How each process of the desk stands, looked at from outside: it works when all of them are dead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from nightdesk.machine import postgres
from nightdesk.machine.airflow import COMPONENT_OF, Airflow
from nightdesk.machine.cluster import Cluster
from nightdesk.machine.home import Home

POSTGRES, API_SERVER = "postgres", "api-server"

#: Of a part in `doubt` nothing can be said, because another one that it needs is not well.
State = Literal["well", "dead", "unwell", "doubt"]


@dataclass(frozen=True)
class Part:
    """One part of the desk.

    Parameters
    ----------
    name : str
        ``postgres``, ``api-server``, ``scheduler``, ``dag-processor`` or ``triggerer``.
    state : str
        ``dead``: its process does not run; ``unwell``: it runs and does not answer, or gives no sign of life.
    words : str
        What was seen, for a person.
    """

    name: str
    state: State
    words: str


def look(home: Home, environ: Mapping[str, str]) -> tuple[Part, ...]:
    """How PostgreSQL and Airflow's processes stand; takes at most some seconds, and starts nothing.

    Parameters
    ----------
    home : Home
        The desk.
    environ : mapping of str to str
        Its environment: which databases are the user's own.
    """
    database = _database(home, environ)
    return (database, *_airflow(home, environ, serves=database.state == "well"))


def _database(home: Home, environ: Mapping[str, str]) -> Part:
    addresses = postgres.addresses(home, environ)
    server = Cluster(home.postgres).server() if postgres.is_embedded(environ) else None
    if postgres.is_embedded(environ) and server is None:
        return Part(POSTGRES, "dead", "does not run")
    where = "a server of your own" if server is None else f"process {server}"
    for variable, url in (
        (postgres.DATABASE_VARIABLE, addresses.nightdesk),
        (postgres.AIRFLOW_VARIABLE, addresses.airflow),
    ):
        fault = postgres.fault_of(url)
        if fault is not None:
            named = f" ({variable})" if environ.get(variable) else ""
            return Part(POSTGRES, "unwell", f"{where}, does not take a connection{named}: {fault}")
    return Part(POSTGRES, "well", f"{where}, both databases answer")


def _airflow(home: Home, environ: Mapping[str, str], *, serves: bool) -> Iterator[Part]:
    airflow = Airflow(home, postgres.addresses(home, environ), environ)
    running, said = airflow.process_ids(), airflow.health()
    # The API server comes first: it is who tells of the others, and needs the database itself.
    asked = serves
    for part, component in COMPONENT_OF.items():
        if component not in running:
            yield Part(component, "dead", "does not run")
        else:
            well = said[part] == "healthy"
            words = _answering(airflow, said[part]) if component == API_SERVER else _HEARTBEAT[said[part]]
            state: State = "well" if well else "unwell" if asked else "doubt"
            yield Part(component, state, f"process {running[component]}, {words}")
        asked = asked and said["metadatabase"] == "healthy"


def _answering(airflow: Airflow, said: str) -> str:
    answers = "does not answer" if said == "silent" else "answers"
    return f"{answers} at {airflow.address}" + (", its database does not" if said == "unhealthy" else "")


#: Airflow's words of a part's sign of life.
_HEARTBEAT = {
    "healthy": "its heartbeat is fresh",
    "unhealthy": "its heartbeat is missing",
    "starting": "no heartbeat yet since it was started",
    "silent": "nobody tells of its heartbeat",
}
