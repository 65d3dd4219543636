"""The memory of processes while something runs, looked at now and then."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Self

import psutil

EVERY_SECONDS = 3.0
#: What a process may have grown by and still be called flat: a share, and MB that any has.
SHARE, MEGABYTES = 0.10, 25.0


@dataclass(frozen=True)
class Growth:
    """Resident memory of a component in MB: the median of the second fifth of a time, and of its last."""

    name: str
    early: float
    late: float

    @property
    def is_flat(self) -> bool:
        """Whether it has not grown by more than chance does."""
        return self.late - self.early <= max(SHARE * self.early, MEGABYTES)


class MemoryWatch:
    """Looks at processes from a thread within the block.

    Of the scheduler its workers, which live as long, count as a component of their own, without the tasks
    that they start.

    Parameters
    ----------
    processes : mapping of str to int
        Process ids by name.
    """

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in processes.items()}
        self._seen: list[dict[str, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def mark(self) -> None:
        """Forget what was seen: a new time begins."""
        self._seen.clear()

    def growth(self) -> list[Growth]:
        """What became of each component since the last mark."""
        seen = list(self._seen)
        fifth = max(1, len(seen) // 5)
        early, late = seen[fifth : 2 * fifth] or seen, seen[-fifth:]
        return [
            Growth(name, median(one[name] for one in early), median(one[name] for one in late))
            for name in (seen[0] if seen else {})
        ]

    def _watch(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            try:
                self._seen.append(self._look())
            except psutil.NoSuchProcess:
                # One that ends in this moment; the next look finds the others.
                continue

    def _look(self) -> dict[str, float]:
        found = {name: _megabytes(process) for name, process in self._processes.items()}
        workers = [one for one in self._processes["scheduler"].children() if one.is_running()]
        return found | {"workers": sum(map(_megabytes, workers)) / max(1, len(workers))}


def _megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1024**2
