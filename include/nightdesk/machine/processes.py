"""Long-lived processes of the desk: started apart from their starter, known again later, ended in order.

A process is known by its number *and* the moment it began, so that a number which the system has given to
another process since is never touched. That moment is counted from the start of the machine: the time of day
is set anew when a laptop wakes, and every process would seem to be another one.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightdesk.machine.home import read_json, write_json

if TYPE_CHECKING:
    import psutil

#: First the daemons are asked to end, then what is left of their families, then all of that is killed.
PATIENCE_SECONDS = 3.0
STOP_TIMEOUT_SECONDS = 8.0
#: Where Linux keeps a number that is new each time the machine starts.
BOOT_ID = "/proc/sys/kernel/random/boot_id"


@dataclass(frozen=True)
class Daemon:
    """One long-lived process.

    Parameters
    ----------
    name : str
        What people read and the name of its files.
    record : Path
        File that says which process it is, as `identity` has it.
    log : Path
        Where its output goes; the output of the start before is kept beside it as ``.1``.
    """

    name: str
    record: Path
    log: Path

    def process(self) -> psutil.Process | None:
        """The running process, None when it does not run."""
        import psutil

        known = read_json(self.record)
        try:
            process = psutil.Process(known["pid"])
            if not _is(process, known) or not lives(process):
                return None
        except (TypeError, KeyError, psutil.Error):
            return None
        return process

    def remains(self) -> list[psutil.Process]:
        """Processes that it started and left behind when it was killed.

        A daemon leads a session that carries its number, and the system gives no such number away while the
        session has members.
        """
        import psutil

        known = read_json(self.record)
        if known is None or _runs(known["pid"]):
            return []
        return [
            process
            for process in psutil.process_iter()
            if _session(process) == known["pid"] and _is_later(process, known)
        ]

    def start(self, command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> None:
        """Start it in a session of its own; does nothing when it runs."""
        import psutil

        if self.process() is not None:
            return
        stop([self])
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_name(self.log.name + ".1"))
        with open(self.log, "ab", opener=_private) as output:
            started = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=dict(environment),
                start_new_session=True,
                umask=0o077,
            )
        write_json(self.record, identity(psutil.Process(started.pid)))

    def tail(self, lines: int = 25) -> str:
        """The end of its log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(no log)"


def stop(daemons: Sequence[Daemon], *, timeout: float = STOP_TIMEOUT_SECONDS) -> list[str]:
    """End `daemons` and the processes they started; all are asked at once.

    Returns
    -------
    list of str
        Names of those that ran.
    """
    running = {daemon.name: process for daemon in daemons if (process := daemon.process()) is not None}
    family: list[psutil.Process] = []
    for process in running.values():
        family += _descendants(process)
        _signal(process, kill=False)
    for daemon in daemons:
        for orphan in daemon.remains():
            orphans = [orphan, *_descendants(orphan)]
            family += orphans
            for process in orphans:
                _signal(process, kill=True)
    left = _await_end([*running.values(), *family], min(PATIENCE_SECONDS, timeout))
    for process in left:
        _signal(process, kill=False)
    stubborn = _await_end(left, max(timeout - PATIENCE_SECONDS, 0.0))
    for process in [*stubborn, *(child for parent in stubborn for child in _descendants(parent))]:
        _signal(process, kill=True)
    _await_end(stubborn, 5.0)
    for daemon in daemons:
        daemon.record.unlink(missing_ok=True)
    return list(running)


def end(process: psutil.Process, timeout: float) -> None:
    """End one process, and leave those that it has started; one that does not listen is killed in time."""
    _signal(process, kill=False)
    for left in _await_end([process], timeout):
        _signal(left, kill=True)


def identity(process: psutil.Process) -> dict[str, Any]:
    """What tells a process from all others: its number, the start of its machine, and its own after that.

    Raises
    ------
    psutil.Error
        When it has ended.
    """
    import psutil

    try:
        # Fields of proc(5) after the name, which may hold anything; the 22nd counts ticks since the start.
        ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
        return {"pid": process.pid, "machine": Path(BOOT_ID).read_text().strip(), "began": int(ticks)}
    except (FileNotFoundError, ProcessLookupError):
        if Path(BOOT_ID).exists():
            raise psutil.NoSuchProcess(process.pid) from None
        # Other systems keep the moment itself, which does not move when the clock is set.
        return {"pid": process.pid, "machine": "", "began": process.create_time()}


def _is(process: psutil.Process, known: Mapping[str, Any]) -> bool:
    if "created" in known:
        # Started by an earlier version, which kept the time of day.
        return bool(process.create_time() == known["created"])
    return identity(process) == known


def _is_later(process: psutil.Process, known: Mapping[str, Any]) -> bool:
    """Whether a process began on the same start of the machine as a known one, and not before it."""
    import psutil

    try:
        found = identity(process)
    except psutil.Error:
        return False
    return bool(found["machine"] == known.get("machine") and found["began"] >= known["began"])


def lives(process: psutil.Process) -> bool:
    """Whether it runs; one that has ended and that nobody has waited for does not."""
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _await_end(family: Sequence[psutil.Process], timeout: float) -> list[psutil.Process]:
    """Those that still live at the end of `timeout`."""
    deadline = time.monotonic() + timeout
    left = list(family)
    while left := [process for process in left if lives(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return left


def _runs(pid: int) -> bool:
    import psutil

    try:
        return lives(psutil.Process(pid))
    except psutil.Error:
        return False


def _session(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    import psutil

    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.Error:
        return []
    return found


def _signal(process: psutil.Process, *, kill: bool) -> None:
    import psutil

    try:
        if kill:
            process.kill()
        else:
            process.terminate()
    except psutil.Error:
        return
