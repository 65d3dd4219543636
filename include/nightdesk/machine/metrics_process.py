"""The exporter of the desk's figures as a process beside Airflow, where a port is named for it.

It decides nothing: one that cannot listen holds nothing up, and its death is no event of the desk. Prometheus
finds nobody there and tells it (`NightdeskExporterDown`), and so does `nightdesk health`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from nightdesk.core.errors import Refused
from nightdesk.machine import postgres, processes
from nightdesk.machine.home import Home
from nightdesk.machine.parts import Part
from nightdesk.machine.processes import Daemon

NAME = "metrics"
PORT_VARIABLE = "NIGHTDESK_METRICS_PORT"


def metrics_port(environ: Mapping[str, str]) -> int | None:
    """The port at which this machine's exporter listens, at 127.0.0.1; None where none is asked for.

    Raises
    ------
    Refused
        When it is no port.
    """
    text = (environ.get(PORT_VARIABLE) or "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 65536:
        raise Refused(f"{PORT_VARIABLE} is {text!r}: expected a port from 1 to 65535, such as 9464")
    return int(text)


def start(home: Home, environ: Mapping[str, str]) -> bool:
    """Start the exporter where a port is named and none runs; whether it was started now."""
    port = metrics_port(environ)
    daemon = _daemon(home)
    if port is None or daemon.process() is not None:
        return False
    command = [sys.executable, "-m", "nightdesk", "metrics", "serve", "--port", str(port)]
    known = postgres.addresses(home, environ)
    # It only looks: where there is a reader, it knows no user that may write.
    looks = known.reader or known.nightdesk
    address = {postgres.DATABASE_VARIABLE: looks, postgres.READER_VARIABLE: looks}
    others = {name: value for name, value in environ.items() if name != postgres.OWNER_VARIABLE}
    daemon.start(command, {**home.environment(others), **address}, home.root)
    return True


def stop(home: Home) -> bool:
    """End the exporter; False when none runs."""
    return bool(processes.stop([_daemon(home)]))


def metrics_part(home: Home, environ: Mapping[str, str]) -> Part | None:
    """How the exporter stands; None where none is asked for."""
    port = metrics_port(environ)
    if port is None:
        return None
    daemon = _daemon(home)
    process = daemon.process()
    if process is None:
        return Part(NAME, "dead", f"does not run, and is to listen at port {port}: see {daemon.log}")
    return Part(NAME, "well", f"process {process.pid}, http://127.0.0.1:{port}/metrics")


def _daemon(home: Home) -> Daemon:
    return Daemon(NAME, home.run / f"{NAME}.json", home.logs / f"{NAME}.log")
