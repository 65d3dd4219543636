"""How many requests for history IBKR takes: 60 in ten minutes, counted in this process by its address."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import ClassVar

from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault

MOST_REQUESTS, WITHIN_SECONDS = 60, 600.0


class Pacing:
    """The requests that were sent to one address.

    Parameters
    ----------
    most : int
    within : float
        Seconds in which so many may be sent.
    clock : callable
        Seconds that only grow.
    """

    _known: ClassVar[dict[str, Pacing]] = {}

    def __init__(
        self,
        most: int = MOST_REQUESTS,
        within: float = WITHIN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._within, self._clock = most, within, clock
        self._sent: deque[float] = deque()

    @classmethod
    def of(cls, host: str) -> Pacing:
        """That of a TWS, which all feeds of the process share."""
        return cls._known.setdefault(host, cls())

    def take(self) -> None:
        """Count a request that is sent now.

        Raises
        ------
        SourceFault
            When it would be one too many, with the seconds after which it is not.
        """
        now = self._clock()
        while self._sent and now - self._sent[0] >= self._within:
            self._sent.popleft()
        if len(self._sent) >= self._most:
            raise SourceFault(
                Fault.PASSING,
                f"its {self._most} requests in {self._within / 60:.0f} minutes are used up",
                self._within - (now - self._sent[0]),
            )
        self._sent.append(now)
