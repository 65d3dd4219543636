"""The circuit breaker of a source, a pure state machine, and the health that people see of it.

============  ==========================  =========
state         event                       becomes
============  ==========================  =========
closed        failure, fewer than 5       closed
closed        the 5th failure running     open
open          60 s have passed            half open
half open     success                     closed
half open     failure                     open
any           success                     closed
============  ==========================  =========
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

FAILURES_TO_OPEN = 5
OPEN_FOR = timedelta(seconds=60)


class Circuit(StrEnum):
    """Whether a source is asked."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True)
class SourceHealth:
    """What is remembered of a source between processes.

    Attributes
    ----------
    failures : int
        Failures running, 0 after a success.
    opened_at : datetime or None
        When the circuit last opened; None while it is closed.
    last_success, last_failure : datetime or None
        The newest of each.
    last_error : str
        Words of the newest failure, empty when there was none.
    answer_seconds : float or None
        How long the source took for its newest answer; None before the first.
    """

    failures: int = 0
    opened_at: datetime | None = None
    last_success: datetime | None = None
    last_failure: datetime | None = None
    last_error: str = ""
    answer_seconds: float | None = None

    def circuit(self, now: datetime) -> Circuit:
        """The state of the circuit at `now`."""
        if self.opened_at is None:
            return Circuit.CLOSED
        return Circuit.HALF_OPEN if now - self.opened_at >= OPEN_FOR else Circuit.OPEN

    def status(self, now: datetime) -> str:
        """One word for people: ``healthy``, ``degraded`` (fails, is still asked) or ``open circuit``."""
        if self.circuit(now) is Circuit.OPEN:
            return "open circuit"
        return "healthy" if self.failures == 0 else "degraded"

    def lasting_status(self) -> str:
        """The same without a clock: the circuit counts as open until the source has answered again."""
        if self.failures == 0:
            return "healthy"
        return "degraded" if self.opened_at is None else "open circuit"

    def succeeded(self, now: datetime, seconds: float | None = None) -> SourceHealth:
        """The health after an answer at `now` that took so many seconds, where that was measured."""
        took = self.answer_seconds if seconds is None else seconds
        return replace(self, failures=0, opened_at=None, last_success=now, answer_seconds=took)

    def failed(self, now: datetime, error: str) -> SourceHealth:
        """The health after a failure at `now`."""
        failures = self.failures + 1
        reopened = self.circuit(now) is Circuit.HALF_OPEN
        opened_at = now if failures >= FAILURES_TO_OPEN or reopened else self.opened_at
        return replace(self, failures=failures, opened_at=opened_at, last_failure=now, last_error=error)

    def as_row(self) -> dict[str, Any]:
        """The health as plain values by field name, for storage."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: Mapping[str, Any] | None) -> SourceHealth:
        """The health that `as_row` described; a fresh one when there is none."""
        return cls() if row is None else cls(**{name: row[name] for name in cls.__dataclass_fields__})
