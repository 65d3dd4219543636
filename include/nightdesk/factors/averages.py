"""Moving averages and Bollinger bands, in raw dollars of their own session.

They are computed on adjusted closes and restated, so that they compare with the raw close of the session.
`session_low` is restated with them, so that a past low compares with the band of its own session.
"""

from __future__ import annotations

from nightdesk.core.panel import Floats
from nightdesk.factors import windows
from nightdesk.factors.compute import Source
from nightdesk.factors.factor_registry import factor


@factor("sma_{n}", look_back=lambda n: n, by_column=True)
def sma(source: Source, n: int) -> Floats:
    """Simple moving average of the close, raw dollars."""
    return source.in_dollars(_mean(source, n))


@factor("bb_upper_{n}_{width}", look_back=lambda n, width: n, by_column=True)
def bollinger_upper(source: Source, n: int, width: float) -> Floats:
    """Mean + width × population deviation (ddof = 0, as Bollinger defines it), raw dollars."""
    return source.in_dollars(_mean(source, n) + width * _deviation(source, n))


@factor("bb_mid_{n}_{width}", look_back=lambda n, width: n, by_column=True)
def bollinger_mid(source: Source, n: int, width: float) -> Floats:
    """The mean between the bands, whatever their width, raw dollars."""
    return source.in_dollars(_mean(source, n))


@factor("bb_lower_{n}_{width}", look_back=lambda n, width: n, by_column=True)
def bollinger_lower(source: Source, n: int, width: float) -> Floats:
    """Mean - width × population deviation, raw dollars."""
    return source.in_dollars(_mean(source, n) - width * _deviation(source, n))


@factor("bb_width_{n}_{width}", look_back=lambda n, width: n, by_column=True)
def bollinger_width(source: Source, n: int, width: float) -> Floats:
    """(upper - lower) / mid, a share."""
    return 2.0 * width * _deviation(source, n) / _mean(source, n)


@factor("session_low", look_back=lambda: 1, by_column=True)
def session_low(source: Source) -> Floats:
    """Low of the session, raw dollars; ``session_low@1`` is that of the session before, in its dollars."""
    return source.in_dollars(source.low)


def _mean(source: Source, n: int) -> Floats:
    return source.once(f"mean of {n} adjusted closes", lambda: windows.mean(source.close, n))


def _deviation(source: Source, n: int) -> Floats:
    return source.once(
        f"deviation of {n} adjusted closes",
        lambda: windows.deviation(source.close, n, ddof=0, kernels=source.kernels),
    )
