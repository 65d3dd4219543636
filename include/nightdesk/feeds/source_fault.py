"""A source of bars or headlines that does not answer well, and how often it is asked again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nightdesk.feeds.feed import Fault
from nightdesk.retry_after import waiting

if TYPE_CHECKING:
    import tenacity

ATTEMPTS = 3
LONGEST_WAIT_SECONDS = 30.0

_wait = waiting(multiplier=0.5, most=5.0)


class SourceFault(Exception):
    """What went wrong with a request to a source; it holds nothing of the request.

    Parameters
    ----------
    fault : Fault
        What asking again would do.
    reason : str
        What a person is told.
    retry_after : float, optional
        Seconds that the source wants to be left alone.
    """

    def __init__(self, fault: Fault, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.fault = fault
        self.reason = reason
        self.retry_after = retry_after


def retrying(sleep: Callable[[float], None]) -> tenacity.Retrying:
    """Asks up to `ATTEMPTS` times while a fault passes within `LONGEST_WAIT_SECONDS`; raises the last one."""
    import tenacity

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(_heals_in_time),
        wait=_wait,
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        sleep=sleep,
        reraise=True,
    )


def _heals_in_time(error: BaseException) -> bool:
    if not isinstance(error, SourceFault) or error.fault is not Fault.PASSING:
        return False
    return error.retry_after is None or error.retry_after <= LONGEST_WAIT_SECONDS
