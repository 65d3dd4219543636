"""Work in a forked process, which finds all that it needs in its own copy of this one's memory."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection

from nightdesk.core.errors import Refused

#: Whether the system can fork a process that has threads of numpy and Arrow, which mend themselves there.
CAN_FORK = sys.platform == "linux"


class ForkedWork[T]:
    """Work that is done beside this process; `wait` gives what it gives, and raises what it raises.

    Parameters
    ----------
    work : function
        What it changes in memory is lost: it leaves files, or gives what can be pickled.
    """

    def __init__(self, work: Callable[[], T]) -> None:
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

    def wait(self) -> T:
        """Wait for its end, and give what it gave.

        Raises
        ------
        Exception
            What the work raised, with its traceback as a note.
        Refused
            When the process died.
        """
        try:
            error, given = self._outcome.recv()
        except EOFError:
            self._process.join()
            raise Refused(
                f"a process of this backtest died ({_cause(self._process.exitcode)}): most likely the "
                "machine has too little memory; close other programs or shorten the span"
            ) from None
        self._process.join()
        if error is not None:
            raise error
        made: T = given
        return made

    def stop(self) -> None:
        """End it, wherever it is."""
        self._process.kill()
        self._process.join()


def side_by_side[S, T](work: Callable[[Sequence[S]], Sequence[T]], asked: Sequence[S], most: int) -> list[T]:
    """What `work` gives of all that is asked, a part of it in each of at most `most` processes.

    Parameters
    ----------
    work : function
        Of each thing it gives one, which does not depend on what else is asked and can be pickled.
    asked : sequence
    most : int
        Processes, this one counted; 1 where the system cannot fork, or this process has threads of its own.

    Raises
    ------
    Exception
        What the work raised in the first part that failed.
    Refused
        When a process died.
    """
    count = max(1, min(most if CAN_FORK else 1, len(asked)))
    bounds = [len(asked) * n // count for n in range(count + 1)]
    parts = [asked[first:end] for first, end in pairwise(bounds)]
    beside: list[ForkedWork[Sequence[T]]] = []
    try:
        for part in parts[1:]:
            with interrupts_held():
                beside.append(ForkedWork(partial(work, part)))
        made = list(work(parts[0]))
        for one in beside:
            made += one.wait()
    finally:
        for one in beside:
            one.stop()
    return made


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


def _do(work: Callable[[], object], outcome: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts the parent has it stop this process
    try:
        given = work()
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent raises it
        error.add_note(traceback.format_exc())
        outcome.send((error, None))
    else:
        outcome.send((None, given))


def _cause(status: int | None) -> str:
    return f"signal {-status}" if status is not None and status < 0 else f"status {status}"
