"""When a server that cannot answer now is asked again: after as long as it says, with jitter between."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenacity import RetryCallState


def is_busy(status: int) -> bool:
    """Whether a status says that the same request may be answered later."""
    return status in (408, 425, 429) or status >= 500


def seconds_until(retry_after: str | None) -> float | None:
    """The header ``Retry-After`` as seconds from now, whether it holds seconds or a date.

    Never negative; None where the header is absent or holds neither.
    """
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        return _until(retry_after)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _until(text: str) -> float | None:
    try:
        wait = parsedate_to_datetime(text) - datetime.now(UTC)
    except (ValueError, TypeError):
        return None
    return max(0.0, wait.total_seconds())


def later_words(seconds: float | None) -> str:
    """What a server asks for, to be put behind its fault; empty where it asks for nothing."""
    return "" if seconds is None else f"; it wants to be asked again in {seconds:.0f} s"


def waiting(multiplier: float, most: float) -> Callable[[RetryCallState], float]:
    """Seconds to the next attempt: exponential with jitter, never less than the server asked for.

    Parameters
    ----------
    multiplier, most : float
        Of the jitter, seconds: the first wait is at most `multiplier`, any at most `most`.

    Returns
    -------
    callable
        For `tenacity.Retrying`. What the server asked for is `retry_after` of the error, where it has one.
    """

    def wait(state: RetryCallState) -> float:
        import tenacity

        error = state.outcome.exception() if state.outcome is not None else None
        asked: float | None = getattr(error, "retry_after", None)
        return max(asked or 0.0, tenacity.wait_random_exponential(multiplier=multiplier, max=most)(state))

    return wait
