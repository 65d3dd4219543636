"""What the quality checks measure, on arrays over all sessions at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.corporate.soundness import RANGE_ROUNDING as RANGE_ROUNDING
from nightdesk.core.data_terms import QualityLimits as Limits
from nightdesk.core.panel import Panel
from nightdesk.core.withheld import BadOpens
from nightdesk.feeds.jumps import (
    ComparableCloses,
    Flags,
    Jumps,
    bad_opens,
    in_row,
    measure_jumps,
    newest_before,
    robust_scale,
    sizes_of,
)

Floats = NDArray[np.float64]
Measured = NDArray[np.floating[Any]]

#: The share of missing sessions is taken of at least so many, so that one gap in a symbol's first weeks is
#: not too much.
FEWEST_SESSIONS = 20


#: Columns that are measured at once, so that what is in between stays small.
_COLUMNS = 48

#: Counts, which are whole numbers that fit.
_COUNTS = frozenset({"nulls", "not_positive", "absent", "no_bar", "unchanged", "volume_mismatch"})


@dataclass(frozen=True)
class BarMeasures:
    """What was measured of every bar.

    Attributes
    ----------
    by_check : mapping of check name to ndarray of shape (n_sessions, n_symbols)
        float64, of counts float32.
    jumps : Jumps
    opens : BadOpens
        The opens that lie beyond the jump limit.
    """

    by_check: Mapping[str, Measured]
    jumps: Jumps
    opens: BadOpens


def measure(
    panel: Panel, limits: Limits, *, index: str, options: Collection[str] = (), compare: Floats | None
) -> BarMeasures:
    """Measure everything that the checks judge, some columns at a time.

    Parameters
    ----------
    panel : Panel
        From the book's origin on.
    limits : nightdesk.core.data_terms.QualityLimits
        The sessions over which gaps are counted and the scale of returns is taken; what a jump is.
    index : str
        A symbol that cannot be traded: of its bar only the close counts, and its jumps are no faults.
    options : collection of str
        Symbols of which a jump is no fault either.
    compare : ndarray of shape (n_sessions, n_symbols) or None
        Closes of a second source.

    Returns
    -------
    BarMeasures
        NaN where there is nothing to measure: without a bar, before a symbol's first one.
    """
    shape, opens = panel.close.shape, []
    by_check: dict[str, Measured] = {}
    size, limit, since = np.empty(shape), np.empty(shape), np.empty(shape, np.int32)
    for first in range(0, shape[1], _COLUMNS):
        some = slice(first, first + _COLUMNS)
        part = _columns(panel, some)
        other = None if compare is None else compare[:, some]
        found, jumps, bad = _measure_some(part, limits, index, options, other)
        for name, value in found.items():
            if name not in by_check:
                by_check[name] = np.empty(shape, np.float32 if name in _COUNTS else np.float64)
            by_check[name][:, some] = value
        size[:, some], limit[:, some], since[:, some] = jumps.size, jumps.limit, jumps.since
        opens.append(replace(bad, column=bad.column + first))
    by_check["absent"] = by_check["no_bar"]
    if compare is None:
        by_check["source_deviation"] = np.broadcast_to(np.nan, shape)
    return BarMeasures(by_check | {"price_jump": size}, Jumps(size, limit, since), _joined(opens))


def _columns(panel: Panel, some: slice) -> Panel:
    """A panel of some columns, without what the checks do not look at."""
    arrays = {one.name: getattr(panel, one.name) for one in fields(panel)}
    cut: dict[str, Any] = {
        name: one[:, some] for name, one in arrays.items() if isinstance(one, np.ndarray) and one.ndim == 2
    }
    none: dict[str, Any] = {"events": (), "findings": (), "hours": None, "named_from": None, "facts": {}}
    return replace(panel, symbols=panel.symbols[some], **none, **cut)


def _joined(parts: Sequence[BadOpens]) -> BadOpens:
    arrays = {
        one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(BadOpens)
    }
    order = np.lexsort((arrays["column"], arrays["row"]))
    return BadOpens(**{name: array[order] for name, array in arrays.items()})


def _measure_some(
    panel: Panel, limits: Limits, index: str, options: Collection[str], compare: Floats | None
) -> tuple[dict[str, Floats], Jumps, BadOpens]:
    prices = np.stack([panel.open, panel.high, panel.low, panel.close])
    there = np.asarray(np.isfinite(prices).any(axis=0))
    levels = ComparableCloses.of(panel)
    moves = _moves(panel, levels)
    scale = robust_scale(moves.adjusted, limits.look_back)
    by_check = {
        "nulls": np.where(there, (~np.isfinite(prices)).sum(axis=0), np.nan),
        "not_positive": np.where(there, (prices <= 0).sum(axis=0) + (panel.volume < 0), np.nan),
        "out_of_range": _out_of_range(panel),
        # an answered adjustment is none of a person's business any more
        "adjustment_jump": np.where(panel.accepted > 0, np.nan, _adjustment_jump(panel, moves)),
        "missing_share": _missing_share(panel, limits.look_back),
        "no_bar": np.where(panel.age < 0, np.nan, panel.age),
        "unchanged": _unchanged(moves.raw),
        "outlier": _robust_z(moves.adjusted, scale),
        "volume_mismatch": _volume_mismatch(panel, limits.look_back),
    }
    by_check["spike"] = _spike(panel, _sound(panel, by_check))
    if compare is not None:
        by_check["source_deviation"] = np.abs(panel.close / compare - 1.0)
    tradable = ~np.isin(panel.symbols, list(options))
    if index in panel.symbols:
        n = panel.symbols.index(index)
        close = panel.close[:, n]
        by_check["nulls"][:, n] = np.where(there[:, n], np.isnan(close), np.nan)
        by_check["not_positive"][:, n] = np.where(there[:, n], close <= 0, np.nan)
        for name in ("out_of_range", "adjustment_jump", "volume_mismatch"):
            by_check[name][:, n] = np.nan
        tradable[n] = False
    by_check["spike"][:, ~tradable] = np.nan
    jumps = measure_jumps(panel, levels, _sound(panel, by_check) & tradable, scale, limits)
    return by_check, jumps, bad_opens(panel, levels, jumps)


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


def _moves(panel: Panel, levels: ComparableCloses) -> _Moves:
    before = newest_before(np.isfinite(panel.close))

    def since(level: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = level / in_row(level, before) - 1.0
        return np.where((before >= 0) & np.isfinite(moved), moved, np.nan)

    return _Moves(raw=since(levels.raw), adjusted=since(levels.adjusted))


def moves_of(panel: Panel) -> Floats:
    """The moves of the adjusted close that a symbol's own volatility is made of; see `sizes_of`."""
    return sizes_of(_moves(panel, ComparableCloses.of(panel)).adjusted)


def _out_of_range(panel: Panel) -> Floats:
    """How far open or close lie outside low to high, share of the close; 0 inside."""
    top, bottom = np.maximum(panel.open, panel.close), np.minimum(panel.open, panel.close)
    with np.errstate(divide="ignore", invalid="ignore"):
        outside = np.maximum(top - panel.high, panel.low - bottom) / np.abs(panel.close)
    return np.where(np.isfinite(outside), np.maximum(outside, 0.0), np.nan)


def _spike(panel: Panel, sound: Flags) -> Floats:
    """How far high or low lie from both open and close, share; NaN where the bar is faulty by itself."""
    top, bottom = np.maximum(panel.open, panel.close), np.minimum(panel.open, panel.close)
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.maximum(panel.high / top, bottom / panel.low) - 1.0
    return np.where(sound & np.isfinite(away), np.maximum(away, 0.0), np.nan)


def _volume_mismatch(panel: Panel, look_back: int) -> Floats:
    """1 where a bar has a range and no volume, or one price and a volume, and none of the look-back was so.

    NaN without a bar, without a known volume, and before so many bars that the symbol's habit is known.
    """
    known = np.isfinite(panel.close) & np.isfinite(panel.volume)
    untraded = (panel.volume == 0) & (panel.high > panel.low)
    odd = known & (untraded | ((panel.volume > 0) & (panel.high == panel.low)))
    bars, before = np.cumsum(known, axis=0, dtype=np.int32), np.cumsum(odd, axis=0, dtype=np.int32) - odd
    if len(panel) > look_back:
        before[look_back:] -= np.cumsum(odd, axis=0, dtype=np.int32)[:-look_back]
    return np.where(known & (bars > FEWEST_SESSIONS), odd & (before == 0), np.nan)


def _missing_share(panel: Panel, look_back: int) -> Floats:
    """Share of missing sessions among those of the look-back since the symbol's first bar."""
    listed = panel.age >= 0
    gaps = np.cumsum(listed & ~np.isfinite(panel.close), axis=0, dtype=np.int32)
    count = np.cumsum(listed, axis=0, dtype=np.int32)
    if len(panel) > look_back:
        gaps[look_back:] -= gaps[:-look_back].copy()
        count[look_back:] -= count[:-look_back].copy()
    return np.where(listed, gaps / np.maximum(count, min(FEWEST_SESSIONS, look_back)), np.nan)


def _unchanged(raw: Floats) -> Floats:
    """Sessions running, up to each, on which the close was that of the bar before; NaN without a bar."""
    there = np.isfinite(raw)
    measured = np.cumsum(there, axis=0)
    at_move = np.maximum.accumulate(np.where(there & (raw != 0), measured, 0), axis=0)
    return np.where(there, measured - at_move, np.nan)


def _robust_z(returns: Floats, scale: Floats) -> Floats:
    """Size of each return over the symbol's own scale before it; NaN where there is no scale."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(returns) / scale
    return np.where(np.isfinite(z), z, np.nan)
