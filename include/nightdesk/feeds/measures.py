"""What the quality checks measure, on arrays over all sessions at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.corporate.soundness import RANGE_ROUNDING as RANGE_ROUNDING
from nightdesk.core.data_terms import QualityLimits as Limits
from nightdesk.core.panel import Panel
from nightdesk.feeds.jumps import Flags, Jumps, measure_jumps, robust_scale

Floats = NDArray[np.float64]

#: The share of missing sessions is taken of at least so many, so that one gap in a symbol's first weeks is
#: not too much.
FEWEST_SESSIONS = 20


@dataclass(frozen=True)
class BarMeasures:
    """Measures by check, each of shape (n_sessions, n_symbols), the jumps, and the age of the newest bar."""

    by_check: Mapping[str, Floats]
    jumps: Jumps
    age: NDArray[np.int64]


def measure(panel: Panel, limits: Limits, *, index: str, compare: Floats | None) -> BarMeasures:
    """Measure everything that the checks judge.

    Parameters
    ----------
    panel : Panel
        From the book's origin on.
    limits : nightdesk.core.data_terms.QualityLimits
        The sessions over which gaps are counted and the scale of returns is taken; what a jump is.
    index : str
        A symbol that cannot be traded: of its bar only the close counts, and its jumps are no faults.
    compare : ndarray of shape (n_sessions, n_symbols) or None
        Closes of a second source.

    Returns
    -------
    BarMeasures
        NaN where there is nothing to measure: without a bar, before a symbol's first one.
    """
    prices = np.stack([panel.open, panel.high, panel.low, panel.close])
    there = np.asarray(np.isfinite(prices).any(axis=0))
    moves = _moves(panel)
    age = panel.age.astype(np.float64)
    age[panel.age < 0] = np.nan
    deviation = np.full_like(panel.close, np.nan) if compare is None else np.abs(panel.close / compare - 1.0)
    scale = robust_scale(moves.adjusted, limits.look_back)
    by_check = {
        "nulls": np.where(there, (~np.isfinite(prices)).sum(axis=0), np.nan),
        "not_positive": np.where(there, (prices <= 0).sum(axis=0) + (panel.volume < 0), np.nan),
        "out_of_range": _out_of_range(panel),
        # an answered adjustment is none of a person's business any more
        "adjustment_jump": np.where(panel.accepted > 0, np.nan, _adjustment_jump(panel, moves)),
        "missing_share": _missing_share(panel, limits.look_back),
        "source_deviation": deviation,
        "absent": age,
        "no_bar": age,
        "unchanged": _unchanged(moves.raw),
        "outlier": _robust_z(moves.adjusted, scale),
    }
    tradable = np.ones(len(panel.symbols), dtype=bool)
    if index in panel.symbols:
        n = panel.symbols.index(index)
        close = panel.close[:, n]
        by_check["nulls"][:, n] = np.where(there[:, n], np.isnan(close), np.nan)
        by_check["not_positive"][:, n] = np.where(there[:, n], close <= 0, np.nan)
        for name in ("out_of_range", "adjustment_jump"):
            by_check[name][:, n] = np.nan
        tradable[n] = False
    jumps = measure_jumps(panel, _sound(panel, by_check) & tradable, scale, limits)
    return BarMeasures(by_check | {"price_jump": jumps.size}, jumps, panel.age)


def _sound(panel: Panel, by_check: Mapping[str, Floats]) -> Flags:
    """Where a bar is there and passed the checks of the bar itself."""
    with np.errstate(invalid="ignore"):
        faulty = (by_check["nulls"] > 0) | (by_check["not_positive"] > 0)
        sound: Flags = np.isfinite(panel.close) & ~faulty & ~(by_check["out_of_range"] > RANGE_ROUNDING)
    return sound


def _adjustment_jump(panel: Panel, moves: _Moves) -> Floats:
    """How far the adjusted return lies from the raw one, by what counts and by what waits for an answer."""
    apart: Floats = np.fmax(
        np.abs(moves.adjusted - moves.raw), np.abs((1.0 + moves.raw) * (panel.unexplained - 1.0))
    )
    return apart


@dataclass(frozen=True)
class _Moves:
    """Returns from each symbol's last bar to the bar of the session, whatever lies between."""

    raw: Floats  #: of the close, restated for splits
    adjusted: Floats  #: of the adjusted close


def _moves(panel: Panel) -> _Moves:
    row = np.arange(len(panel))[:, None]
    newest = np.maximum.accumulate(np.where(np.isfinite(panel.close), row, -1), axis=0)
    before = np.vstack([np.full((1, newest.shape[1]), -1), newest[:-1]])
    at = np.maximum(before, 0)
    splits = np.cumprod(panel.split, axis=0)

    def since(level: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = level / np.take_along_axis(level, at, axis=0) - 1.0
        return np.where((before >= 0) & np.isfinite(moved), moved, np.nan)

    return _Moves(raw=since(panel.close * splits), adjusted=since(panel.adjusted_close))


def _out_of_range(panel: Panel) -> Floats:
    """How far open or close lie outside low to high, share of the close; 0 inside."""
    top, bottom = np.maximum(panel.open, panel.close), np.minimum(panel.open, panel.close)
    with np.errstate(divide="ignore", invalid="ignore"):
        outside = np.maximum(top - panel.high, panel.low - bottom) / np.abs(panel.close)
    return np.where(np.isfinite(outside), np.maximum(outside, 0.0), np.nan)


def _missing_share(panel: Panel, look_back: int) -> Floats:
    """Share of missing sessions among those of the look-back since the symbol's first bar."""
    listed = panel.age >= 0
    gaps = np.cumsum(listed & ~np.isfinite(panel.close), axis=0, dtype=np.int64)
    count = np.cumsum(listed, axis=0, dtype=np.int64)
    if len(panel) > look_back:
        gaps[look_back:] -= gaps[:-look_back].copy()
        count[look_back:] -= count[:-look_back].copy()
    return np.where(listed, gaps / np.maximum(count, min(FEWEST_SESSIONS, look_back)), np.nan)


def _unchanged(raw: Floats) -> Floats:
    """Sessions running, up to each, on which the close was that of the bar before; NaN without a bar."""
    row = np.arange(len(raw))[:, None]
    moved = np.maximum.accumulate(np.where(np.isfinite(raw) & (raw != 0), row, -1), axis=0)
    measured = np.cumsum(np.isfinite(raw), axis=0)
    at_move = np.where(moved >= 0, np.take_along_axis(measured, np.maximum(moved, 0), axis=0), 0)
    return np.where(np.isfinite(raw), measured - at_move, np.nan).astype(np.float64)


def _robust_z(returns: Floats, scale: Floats) -> Floats:
    """Size of each return over the symbol's own scale before it; NaN where there is no scale."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(returns) / scale
    return np.where(np.isfinite(z), z, np.nan)
