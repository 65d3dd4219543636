"""Work in a forked process, which finds all that it needs in its own copy of this one's memory."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

from nightdesk.core.errors import Refused

#: Whether the system can fork a process that has threads of numpy and Arrow, which mend themselves there.
CAN_FORK = sys.platform == "linux"


class ForkedWork:
    """Work that is done beside this process; what it raises is raised by `wait`.

    Parameters
    ----------
    work : function
        What it changes in memory is lost: it leaves files.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        context = get_context("fork")
        self._outcome, outcome = context.Pipe(duplex=False)
        self._process = context.Process(target=_do, args=(work, outcome), daemon=True)
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            self._process.start()
        outcome.close()

    @property
    def ended(self) -> bool:
        """Whether `wait` returns, or raises, at once."""
        return self._outcome.poll()

    def wait(self) -> None:
        """Wait for its end.

        Raises
        ------
        Exception
            What the work raised, with its traceback as a note.
        Refused
            When the process died.
        """
        try:
            error = self._outcome.recv()
        except EOFError:
            self._process.join()
            error = Refused(
                f"a process that wrote tables died ({_cause(self._process.exitcode)}): most likely the "
                "machine has too little memory; close other programs or shorten the span"
            )
        self._process.join()
        if error is not None:
            raise error

    def stop(self) -> None:
        """End it, wherever it is."""
        self._process.kill()
        self._process.join()


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold an interrupt back until the body has ended: Python loses one that comes while it forks."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


def _do(work: Callable[[], None], outcome: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts the parent has it stop this process
    try:
        work()
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent raises it
        error.add_note(traceback.format_exc())
        outcome.send(error)
    else:
        outcome.send(None)


def _cause(status: int | None) -> str:
    return f"signal {-status}" if status is not None and status < 0 else f"status {status}"
