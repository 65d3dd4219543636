"""The walk: sessions one after the other, each through the same steps."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager


def walk[S](sessions: Iterable[int], steps: Sequence[Callable[[int, S], S]], state: S) -> S:
    """Carry a state through sessions.

    Parameters
    ----------
    sessions : iterable of int
        Rows of whatever arrays the steps look at, ascending.
    steps : sequence of callable
        Each takes the row and the state, and gives the state that the next step gets. What depends on no
        position belongs before the walk, computed for all sessions at once.
    state : object
        Before the first session.

    Returns
    -------
    object
        The state after the last step of the last session.
    """
    with uncollected():
        for t in sessions:
            for step in steps:
                state = step(t, state)
    return state


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the collector of cycles: a backtest keeps none, and each pass goes through all it keeps."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
