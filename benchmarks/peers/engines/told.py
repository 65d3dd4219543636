"""What every engine's script does alike: read the task, run it, tell the time, the memory and the equity."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: So many runs after the first one, or as many as fill so many seconds.
RUNS, LONG_SECONDS = 5, 10.0


@dataclass(frozen=True)
class PeerTask:
    """Closes and target weights of shape (n_sessions, n_symbols); a row of NaN: nothing is decided."""

    close: NDArray[np.float64]
    weights: NDArray[np.float64]
    threshold: float
    capital: float
    cost: float


def tell(run: Callable[[PeerTask], float]) -> None:
    """Run an engine on the task that is named on the command line, and print what came of it as JSON.

    `run` gives the equity at the last close. The first call counts apart: engines compile in it.
    """
    imported = time.process_time()  # of the whole process until here
    with np.load(sys.argv[1]) as file:
        task = PeerTask(
            file["close"], file["weights"], float(file["threshold"]), float(file["capital"]),
            float(file["cost"]),
        )  # fmt: skip
    began = time.process_time()
    equity = run(task)
    first = time.process_time() - began
    seconds: list[float] = []
    while len(seconds) < RUNS and sum(seconds) < LONG_SECONDS:
        began = time.process_time()
        run(task)
        seconds.append(time.process_time() - began)
    print(
        json.dumps(
            {
                "import": imported,
                "first": first,
                "seconds": statistics.median(seconds),
                "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "equity": equity,
            }
        )
    )
