"""The collector of the desk's figures: one reading of the store serves all who ask within some seconds.

Reading happens in a thread of its own and is waited for a bounded time, so a database that hangs makes an
answer late by that time and no more; while it hangs it is not asked a second time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from threading import Condition, Thread

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from nightdesk.core.masking import lines_only, mask
from nightdesk.metrics.families import FAMILIES, Sample

#: Who asks again within so many seconds is given the same figures.
FRESH_SECONDS = 5.0
#: A reading is waited for so long: Prometheus itself gives up after ten seconds.
PATIENCE_SECONDS = 8.0

DEAD = (Sample("nightdesk_up", 0.0, {}),)


class DeskCollector(Collector):
    """Gives the samples of `read` to Prometheus.

    Parameters
    ----------
    read : callable
        Gives all samples of one reading; whatever it raises makes the answer ``nightdesk_up 0``.
    say : callable
        Takes a line when the figures cannot be read, and when they can again.
    fresh, patience : float
        Seconds: see `FRESH_SECONDS`, `PATIENCE_SECONDS`.
    """

    def __init__(
        self,
        read: Callable[[], Sequence[Sample]],
        say: Callable[[str], None],
        *,
        fresh: float = FRESH_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._read, self._say = read, say
        self._fresh, self._patience = fresh, patience
        self._state = Condition()
        self._samples: Sequence[Sample] = ()
        self._read_at: float | None = None
        self._reading = False
        self._trouble = ""

    def describe(self) -> list[Metric]:
        """Nothing: a registry would read the store to learn the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now; never raises."""
        yield from metrics_of(self.samples())

    def samples(self) -> Sequence[Sample]:
        """The samples of the newest reading, made now where it is not fresh any more."""
        with self._state:
            if self._is_fresh():
                return self._samples
            if not self._reading:
                self._reading = True
                Thread(target=self._work, name="metrics", daemon=True).start()
            if not self._state.wait_for(lambda: not self._reading, self._patience):
                self._note(f"no figures within {self._patience:g} s")
                return DEAD
            return self._samples

    def _is_fresh(self) -> bool:
        return self._read_at is not None and time.monotonic() - self._read_at < self._fresh

    def _work(self) -> None:
        found: Sequence[Sample] = DEAD
        trouble = ""
        try:
            found = list(self._read())
        except Exception as error:  # noqa: BLE001 (whatever breaks, who asks is answered)
            trouble = str(error).strip() or type(error).__name__
        with self._state:
            self._samples, self._read_at, self._reading = found, time.monotonic(), False
            self._note(trouble)
            self._state.notify_all()

    def _note(self, trouble: str) -> None:
        if trouble != self._trouble:
            said = f"the figures cannot be read: {trouble}" if trouble else "the figures can be read again"
            self._say(mask(lines_only(said)))
        self._trouble = trouble


def metrics_of(samples: Sequence[Sample]) -> Iterator[Metric]:
    """Samples as prometheus-client takes them, family by family in the order of `FAMILIES`."""
    by_name: dict[str, list[Sample]] = {}
    for one in samples:
        by_name.setdefault(one.name, []).append(one)
    for name, family in FAMILIES.items():
        found = by_name.get(name)
        if not found:
            continue
        kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
        metric = kind(name.removesuffix("_total"), family.words, labels=family.labels)
        for one in found:
            metric.add_metric([one.labels[label] for label in family.labels], one.value)
        yield metric
