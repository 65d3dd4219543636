"""The desk's supervisor: the process that keeps the others running.

There is one a desk, beside Airflow and PostgreSQL: `nightdesk up` starts it, `nightdesk up --foreground` is
it, `nightdesk down` ends it first. Who starts it again when it is killed is outside: systemd, or the next
`nightdesk up`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from threading import Event, Thread

from nightdesk.core.errors import Refused, Transient
from nightdesk.core.masking import mask
from nightdesk.machine import processes
from nightdesk.machine.heartbeat import Heartbeat, heartbeat_address
from nightdesk.machine.home import Home, exclusive, read_json, write_json
from nightdesk.machine.mending import Mender
from nightdesk.machine.metrics_process import metrics_port
from nightdesk.machine.processes import Daemon

NAME = "supervisor"
#: A supervisor may be in the middle of a start when it is asked to end.
END_SECONDS = 30.0


def process_id(home: Home) -> int | None:
    """The process of a desk's supervisor; None when there is none."""
    process = _daemon(home).process()
    return None if process is None else int(process.pid)


def is_meant_up(home: Home) -> bool:
    """Whether the desk was started and not taken down since."""
    return home.up.exists()


def ensure(home: Home, environ: Mapping[str, str] | None = None) -> bool:
    """Start the supervisor as a process of its own, where none runs; whether it was started now."""
    environ = os.environ if environ is None else environ
    heartbeat_address(environ)
    metrics_port(environ)
    daemon = _daemon(home)
    if daemon.process() is not None:
        return False
    command = [sys.executable, "-m", "nightdesk.machine.supervisor"]
    daemon.start(command, home.environment(environ), home.root)
    return True


def stop(home: Home) -> bool:
    """End the supervisor and leave what it watches; False when none runs. The desk is meant down now."""
    daemon = _daemon(home)
    process = daemon.process()
    if process is not None:
        processes.end(process, END_SECONDS)
    home.up.unlink(missing_ok=True)
    daemon.record.unlink(missing_ok=True)
    return process is not None


def supervise(home: Home, *, begin: bool = False) -> None:
    """Be the supervisor of a desk until SIGTERM or SIGINT.

    Parameters
    ----------
    begin : bool
        Also have `nightdesk up` decide what the books lack, in a process of its own.

    Raises
    ------
    Refused
        When the desk has a supervisor already, or the address of the watchdog outside is none, or the port of
        the figures.
    """
    environ = dict(os.environ)
    address = heartbeat_address(environ)
    metrics_port(environ)
    end = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    with _alone(home):
        crashed = is_meant_up(home)
        write_json(home.up, read_json(home.up) or {})
        heartbeat = Heartbeat(address, _log)
        _log(f"the supervisor of {home.state} begins, process {os.getpid()}")
        with _Up(home, environ) as up:
            begins = up.start if begin else None
            Mender(home, environ, heartbeat, _log, crashed=crashed, begin=begins).run(end)
        _log("the supervisor ends, as it was asked to")


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Be the one supervisor of a desk, and on record as such."""
    import psutil

    daemon = _daemon(home)
    with ExitStack() as held:
        try:
            held.enter_context(exclusive(home.run / "supervisor.lock", timeout=2.0))
        except Transient:
            raise Refused(
                f"this desk has a supervisor already, process {process_id(home)}: leave it, or end the desk "
                "with `nightdesk down` first"
            ) from None
        write_json(daemon.record, processes.identity(psutil.Process()))
        yield
        daemon.record.unlink(missing_ok=True)


class _Up:
    """`nightdesk up` beside a supervisor in the foreground: it has the books decide what they lack."""

    def __init__(self, home: Home, environ: Mapping[str, str]) -> None:
        self._home, self._environ = home, environ
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without waiting for its end."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "nightdesk", "up"],
            cwd=self._home.root,
            env=self._home.environment(self._environ),
            stdin=subprocess.DEVNULL,
        )
        # Somebody has to wait for it, or it stays among the processes as a dead one.
        Thread(target=self._process.wait, daemon=True).start()

    def __enter__(self) -> _Up:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


def _daemon(home: Home) -> Daemon:
    return Daemon(NAME, home.run / f"{NAME}.json", home.logs / f"{NAME}.log")


def _log(line: str) -> None:
    # On a full disk it goes on without its log.
    with suppress(OSError):
        sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC {mask(line)}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    supervise(Home.find())
