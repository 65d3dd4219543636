"""One measured figure and how it is taken."""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

RUNS = 5


@dataclass(frozen=True)
class Measurement:
    """A figure in seconds beside its reference in seconds; `limit` is the promised ratio, if there is one."""

    name: str
    seconds: float
    reference: str
    reference_seconds: float
    limit: float | None = None

    @property
    def ratio(self) -> float:
        """Seconds over the reference's seconds."""
        return self.seconds / self.reference_seconds

    @property
    def kept(self) -> bool:
        """Whether the promise holds."""
        return self.limit is None or self.ratio <= self.limit


def medians(
    *jobs: Callable[[], object], runs: int = RUNS, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Median seconds of each job.

    Every job runs once unmeasured, then all of them by turns, so that a busy moment of the machine hits all
    alike. For what computes in this process alone, `time.process_time` as the clock leaves out the time in
    which others had the processor.
    """
    for job in jobs:
        job()
    taken: list[list[float]] = [[] for _ in jobs]
    for _ in range(runs):
        for job, times in zip(jobs, taken, strict=True):
            gc.collect()
            start = clock()
            job()
            times.append(clock() - start)
    return [median(times) for times in taken]


def peak_gigabytes() -> float:
    """The most memory that this process has had, as Linux counts it.

    `resource.getrusage` would give a child that of its parent, where the parent's was more.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise RuntimeError("/proc/self/status says no VmHWM: the peak of memory is measured on Linux alone")
    return int(found[1]) / 1024**2
