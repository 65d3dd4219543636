"""The desk's Airflow: API server, scheduler, DAG processor and triggerer as processes of this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from nightdesk.core.errors import Refused, Transient
from nightdesk.machine import postgres, processes
from nightdesk.machine.environment import airflow_environment, login
from nightdesk.machine.home import Home, exclusive, read_json, write_json
from nightdesk.machine.postgres import Addresses
from nightdesk.machine.processes import Daemon
from nightdesk.machine.rest import AirflowClient
from nightdesk.machine.web_door import check_door

HOST_VARIABLE = "NIGHTDESK_WEB_HOST"
PORT_VARIABLE = "NIGHTDESK_WEB_PORT"
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8080
PORTS_TRIED = 50
START_TIMEOUT_SECONDS = 180.0

#: Log servers are left out: every process of the desk reads the logs from the same disk.
COMPONENTS = {
    "api-server": ("api-server", "--workers", "1"),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
#: They end of a database that was killed, the scheduler half a minute later; the API server lives on.
ENDED_WITH_DATABASE = ("scheduler", "dag-processor", "triggerer")
#: Parts of which Airflow tells the health, and the component that each lives in.
COMPONENT_OF = {
    "metadatabase": "api-server",
    "scheduler": "scheduler",
    "dag_processor": "dag-processor",
    "triggerer": "triggerer",
}


class Airflow(AirflowClient):
    """One desk's Airflow.

    Parameters
    ----------
    home : Home
        The desk; each home has an Airflow of its own.
    addresses : Addresses
        Its databases, alive.
    environ : mapping of str to str, optional
        The environment to build on (default: this process's). ``NIGHTDESK_WEB_HOST`` and
        ``NIGHTDESK_WEB_PORT`` say where the web UI listens; a taken port gives way to the next free one.
    """

    def __init__(self, home: Home, addresses: Addresses, environ: Mapping[str, str] | None = None) -> None:
        self.home = home
        self._addresses = addresses
        self._environ = os.environ if environ is None else environ
        self._daemons = _daemons(home)
        self._listening, self._migrated = home.run / "web.json", home.run / "migrated.json"
        web = self._recorded() or (self._wanted_host(), self._wanted_port())
        super().__init__(_address(*web), login(home))

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes, for an `airflow` command beside them."""
        host, port = self._recorded() or (self._wanted_host(), self._wanted_port())
        return airflow_environment(self.home, self._addresses, host, port, self._environ)

    def process_ids(self) -> dict[str, int]:
        """Process ids of the components that run."""
        found = {name: daemon.process() for name, daemon in self._daemons.items()}
        return {name: process.pid for name, process in found.items() if process is not None}

    def start(self, *, timeout: float = START_TIMEOUT_SECONDS) -> None:
        """Start what does not run and wait until all of it is healthy; quick and harmless when it is.

        Raises
        ------
        Refused
            When a component ends at once, with the end of its log.
        Transient
            When it is not healthy in time.
        """
        with exclusive(self.home.run / "airflow.lock"):
            started = self._start_missing()
            deadline = time.monotonic() + timeout
            while True:
                ended = COMPONENTS.keys() - self.process_ids().keys()
                for name in ended & started:
                    daemon = self._daemons[name]
                    raise Refused(f"Airflow's {name} has ended; the end of {daemon.log}:\n{daemon.tail()}")
                # One that ran before this call may end in it: of a database that was killed a moment ago.
                started |= self._start_missing()
                health = self.health()
                if set(health.values()) == {"healthy"}:
                    return
                if time.monotonic() > deadline:
                    said = ", ".join(f"{part} {state}" for part, state in health.items())
                    raise Transient(
                        f"Airflow is not healthy after {timeout:.0f} s ({said}): see {self.home.logs}"
                    )
                time.sleep(0.3)

    def start_missing(
        self, names: Collection[str] = tuple(COMPONENTS), *, timeout: float = START_TIMEOUT_SECONDS
    ) -> set[str]:
        """Start those of `names` that do not run, without waiting for them; their names.

        What a killed one has left behind, a scheduler its workers, is ended first.

        Parameters
        ----------
        timeout : float
            Seconds to wait for another process that starts or stops them, before `Transient` is raised.
        """
        with exclusive(self.home.run / "airflow.lock", timeout=timeout):
            return self._start_missing(names)

    def kill(self, names: Collection[str]) -> None:
        """End components that are past listening, with what they have started."""
        with exclusive(self.home.run / "airflow.lock"):
            processes.stop([self._daemons[name] for name in names], timeout=0.0)

    def last_words(self, name: str, lines: int = 8) -> str:
        """The end of a component's log."""
        return self._daemons[name].tail(lines)

    def stop(self) -> list[str]:
        """End the components of this desk and nothing else; the names of those that ran."""
        return self.stop_in(self.home)

    @staticmethod
    def stop_in(home: Home) -> list[str]:
        """As `stop`, for a desk whose databases need not be alive."""
        with exclusive(home.run / "airflow.lock"):
            return processes.stop(list(_daemons(home).values()))

    def health(self) -> dict[str, str]:
        """What each part says of itself: ``healthy``, ``unhealthy``, ``silent`` or ``starting``.

        Airflow calls a part healthy for half a minute after its last sign of life. Here that sign must be
        younger than the part's process and than the server of its database: one whose database was killed
        is about to end.
        """
        said = self._monitor()
        serving = postgres.serving_since(self._addresses.airflow)
        states = {}
        for part, component in COMPONENT_OF.items():
            found = said.get(part) or {}
            states[part] = found.get("status") or "silent"
            beat = found.get(f"latest_{part}_heartbeat")
            process = self._daemons[component].process()
            if beat is not None and process is not None and serving is not None:
                began = max(datetime.fromtimestamp(process.create_time(), UTC), serving)
                if datetime.fromisoformat(beat) < began:
                    states[part] = "starting"
        return states

    def _monitor(self) -> dict[str, Any]:
        import httpx

        try:
            answer = httpx.get(f"{self.address}/api/v2/monitor/health", timeout=5.0, trust_env=False)
            return dict(answer.json()) if answer.is_success else {}
        except (httpx.TransportError, ValueError):
            return {}

    def _start_missing(self, names: Collection[str] = tuple(COMPONENTS)) -> set[str]:
        missing = (COMPONENTS.keys() - self.process_ids().keys()) & set(names)
        if "api-server" in missing:
            check_door(self.home, self._wanted_host(), self._environ)
        if missing:
            # What a killed API server has left behind may hold its port.
            processes.stop([self._daemons[name] for name in missing])
            if self._choose_port():
                missing = set(COMPONENTS)
            self._migrate()
            environment = self.environment
            for name in missing:
                command = [sys.executable, "-m", "airflow", *COMPONENTS[name]]
                self._daemons[name].start(command, environment, self.home.root)
        return missing

    def _migrate(self) -> None:
        """Bring Airflow's own tables up to date; where they are known to be, that is seen without asking it.

        It takes six seconds to find nothing to do, which a part that died would be away for longer.
        """
        url, version = self._addresses.airflow, metadata.version("apache-airflow")
        if read_json(self._migrated) == [version, postgres.airflow_revision(url)]:
            return
        self.home.airflow.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env=self.environment,
            cwd=self.home.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            end = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
            raise Refused(f"Airflow's database could not be migrated:\n{end}")
        write_json(self._migrated, [version, postgres.airflow_revision(url)])

    def _choose_port(self) -> bool:
        """Settle where the API server listens; whether every component has to start for it."""
        recorded = self._recorded()
        if recorded is not None and "api-server" in self.process_ids():
            return False
        host, wanted = self._wanted_host(), self._wanted_port()
        if recorded is not None and PORT_VARIABLE not in self._environ:
            wanted = recorded[1]
        for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
            if _is_free(host, port):
                write_json(self._listening, {"host": host, "port": port})
                self.move_to(_address(host, port))
                if recorded == (host, port):
                    return False
                # A component that ran on would call the old port: all of them start anew.
                processes.stop(list(self._daemons.values()))
                return True
        raise Refused(
            f"no free port from {wanted} to {wanted + PORTS_TRIED - 1} on {host}: name one in {PORT_VARIABLE}"
        )

    def _recorded(self) -> tuple[str, int] | None:
        known = read_json(self._listening)
        return None if known is None else (known["host"], known["port"])

    def _wanted_host(self) -> str:
        return self._environ.get(HOST_VARIABLE) or DEFAULT_HOST

    def _wanted_port(self) -> int:
        text = self._environ.get(PORT_VARIABLE) or str(DEFAULT_PORT)
        if not text.isdigit() or not 0 < int(text) < 65536:
            raise Refused(f"{PORT_VARIABLE} is {text!r}: expected a port from 1 to 65535")
        return int(text)


def _daemons(home: Home) -> dict[str, Daemon]:
    return {name: Daemon(name, home.run / f"{name}.json", home.logs / f"{name}.log") for name in COMPONENTS}


def _address(host: str, port: int) -> str:
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # nosec B104 (compared, not bound)


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
