"""Jumps of the close, measured against the last price that was accepted.

A close that moved further than its limit is not forgotten with the next bar: it waits, and so do the closes
after it, until one is near the last accepted price again (an action explains the move, or the vendor took it
back) or a person accepts one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.data_terms import QualityLimits as Limits
from nightdesk.core.panel import Floats, Panel
from nightdesk.core.withheld import BadOpens
from nightdesk.feeds.running_median import running_median

Flags = NDArray[np.bool_]
Rows = NDArray[np.int64]

#: Moves that the robust scale needs before it limits anything.
FEWEST_RETURNS = 60

#: The median absolute deviation of a normal variable, as a share of its standard deviation (inverse of
#: 1.4826).
MAD_OF_NORMAL = 0.6744897501960817


@dataclass(frozen=True)
class Jumps:
    """Moves from the last accepted close, arrays of shape (n_sessions, n_symbols).

    Attributes
    ----------
    size
        Of each close, a share; NaN without a bar, before the first one, and where a person accepted it. A
        corporate action explains a move when either side of it, raw or adjusted, is quiet: the smaller
        counts. While a jump waits, a session without a bar has that of the newest one.
    limit
        The largest size that is accepted: never NaN.
    since
        Row of the accepted close that the session is measured against, -1 before the first one.
    """

    size: Floats
    limit: Floats
    since: NDArray[np.integer[Any]]

    @property
    def waiting(self) -> Flags:
        """Where a close is beyond its limit."""
        with np.errstate(invalid="ignore"):
            return self.size > self.limit

    def move(self, panel: Panel, t: int, n: int) -> float:
        """Close of row `t` over the accepted one that it is measured against, restated for splits since."""
        since = int(self.since[t, n])
        splits = np.prod(panel.split[since + 1 : t + 1, n])
        return float(panel.close[t, n] * splits / panel.close[since, n])


@dataclass(frozen=True)
class ComparableCloses:
    """Closes by which moves across corporate actions are taken, arrays of shape (n_sessions, n_symbols).

    Attributes
    ----------
    raw
        Restated for splits.
    adjusted
        Of the adjusted close.
    split
        Shares for one of the first session.
    """

    raw: Floats
    adjusted: Floats
    split: Floats

    @classmethod
    def of(cls, panel: Panel) -> ComparableCloses:
        """Those of a panel."""
        split = np.cumprod(panel.split, axis=0, dtype=np.float64)
        return cls(panel.close * split, panel.adjusted_close, split)


def robust_scale(returns: Floats, look_back: int) -> Floats:
    """A symbol's own volatility before each session: standard deviation of a normal variable.

    The median size of the moves in the `look_back` sessions before, over that of a normal variable with the
    deviation 1. The median return of a session is nought for practical purposes, so the deviation is taken
    from nought. Sessions on which the close did not move are left out: an illiquid price that stands still on
    most days is not a calm one.

    Parameters
    ----------
    returns : ndarray of shape (n_sessions, n_symbols)
        Shares; NaN where there is none.
    look_back : int
        Sessions.

    Returns
    -------
    ndarray of shape (n_sessions, n_symbols)
        NaN with fewer than `FEWEST_RETURNS` moves.
    """
    return running_median(sizes_of(returns), look_back, min(FEWEST_RETURNS, look_back)) / MAD_OF_NORMAL


def sizes_of(returns: Floats) -> Floats:
    """The moves whose median is a scale: without those on which the close stood still."""
    return np.where(returns == 0, np.nan, np.abs(returns))


def scale_of(moves: Floats, look_back: int) -> Floats:
    """`robust_scale` of single cells.

    Parameters
    ----------
    moves : ndarray of shape (n_cells, look_back)
        `sizes_of` the sessions before each; NaN where there is none.
    look_back : int

    Returns
    -------
    ndarray of shape (n_cells,)
    """
    ordered = np.sort(moves, axis=1)  # what is missing comes last
    count = np.count_nonzero(np.isfinite(ordered), axis=1)
    at = np.maximum(np.stack([count - 1 >> 1, count >> 1]), 0).T
    median: Floats = np.take_along_axis(ordered, at, axis=1).sum(axis=1) / 2
    return np.where(count < min(FEWEST_RETURNS, look_back), np.nan, median) / MAD_OF_NORMAL


def jump_limit(scale: Floats, limits: Limits) -> Floats:
    """The largest move that is accepted, by the symbol's own volatility; NaN: it is not known."""
    limit = np.minimum(limits.price_jump, np.fmax(limits.price_jump_floor, limits.price_jump_sigmas * scale))
    return np.where(np.isnan(scale), limits.price_jump, limit)


def measure_jumps(
    panel: Panel, levels: ComparableCloses, sound: Flags, scale: Floats, limits: Limits
) -> Jumps:
    """Measure every close against the last accepted one.

    Parameters
    ----------
    panel : Panel
    levels : ComparableCloses
        Those of the panel.
    sound : bool ndarray of shape (n_sessions, n_symbols)
        Where there is a bar that passed the checks of the bar itself: only such a close can be accepted.
    scale : ndarray of shape (n_sessions, n_symbols)
        See `robust_scale`.
    limits : nightdesk.core.data_terms.QualityLimits
        `price_jump`, `price_jump_sigmas` and `price_jump_floor`.

    Returns
    -------
    Jumps
        Row t is a function of the rows up to t.

    Notes
    -----
    A move is beyond its limit when it is larger than ``min(price_jump, max(floor, sigmas × scale))``. So is
    a move above the floor that only an adjustment explains which waits for an answer itself
    (`Panel.unexplained`). From then on a close is accepted again when its distance is within the limit and at
    most half of the jump, though never less than the floor: half the way back is not yet taken back.

    The search for jumps is one pass over whole arrays, where each bar is measured against the newest sound
    one. Only from a jump on a column is walked, one spell a step.
    """
    raw, adjusted = levels.raw, levels.adjusted
    since = newest_before(sound)
    size = _smaller_move(raw, adjusted, since)
    limit = jump_limit(scale, limits)
    accepted = sound & (panel.accepted > 0)
    with np.errstate(invalid="ignore"):
        starts = sound & ~accepted & ((size > limit) | _in_question(panel, raw, since, limits))
    for n in np.flatnonzero(starts.any(axis=0)):
        end = -1
        for start in np.flatnonzero(starts[:, n]):
            if start <= end:
                continue
            from_here, before = slice(start, None), since[start, n]
            moves = _moves_from(raw[:, n], adjusted[:, n], before)[from_here]
            within = np.minimum(limit[from_here, n], max(limits.price_jump_floor, moves[0] / 2))
            if moves[0] > limit[start, n]:
                within[0] = limit[start, n]
            ends = accepted[from_here, n] | (sound[from_here, n] & (moves <= within))
            end = start + int(np.argmax(ends)) if ends.any() else len(raw) - 1
            spell, length = slice(start, end + 1), end + 1 - start
            newest = _newest(np.isfinite(moves[:length]))  # a session without a bar goes on waiting
            size[spell, n], limit[spell, n] = moves[newest], within[newest]
            since[spell, n] = before
    return Jumps(np.where(accepted, np.nan, size), limit, since)


def bad_opens(panel: Panel, levels: ComparableCloses, jumps: Jumps) -> BadOpens:
    """The opens that orders meet and that lie beyond the jump limit from the last accepted close.

    All of it is known at the open: the limit rests on sessions before.
    """
    accepted = in_row(levels.raw, jumps.since) / levels.split
    adjusted = in_row(levels.adjusted, jumps.since) / panel.adjustment
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.minimum(np.abs(panel.fill_open / accepted - 1.0), np.abs(panel.fill_open / adjusted - 1.0))
        bad = (jumps.since >= 0) & (panel.fill_open > 0) & (size > jumps.limit)
    row, column = np.nonzero(bad)
    return BadOpens(
        row=row,
        column=column,
        price=panel.fill_open[bad],
        accepted=accepted[bad],
        size=size[bad],
        limit=jumps.limit[bad],
        since=panel.sessions[jumps.since[bad]],
    )


def _in_question(panel: Panel, raw: Floats, since: Rows, limits: Limits) -> Flags:
    """Where a move above the floor is smaller with the adjustment that waits for an answer."""
    if not np.isfinite(panel.unexplained).any():
        return np.zeros(raw.shape, dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        grown = raw / in_row(raw, since)
        explained = np.abs(grown * panel.unexplained - 1.0) < np.abs(grown - 1.0)
        question: Flags = (since >= 0) & explained & (np.abs(grown - 1.0) > limits.price_jump_floor)
    return question


def _newest(there: NDArray[np.bool_]) -> Rows:
    """Index of the newest entry that is there up to each one; the first one is."""
    return np.maximum.accumulate(np.where(there, np.arange(len(there)), 0))


def newest_before(there: Flags) -> Rows:
    """Row of the newest bar that is there before each session, -1 where there is none."""
    row = np.arange(len(there))[:, None]
    newest = np.maximum.accumulate(np.where(there, row, -1), axis=0)
    return np.vstack([np.full((1, there.shape[1]), -1), newest[:-1]])


def in_row(values: Floats, row: NDArray[np.integer[Any]]) -> Floats:
    """The value of a cell's column in the row that is told for it; of the first row for -1."""
    width = values.shape[1]
    taken: Floats = values.take(np.maximum(row, 0) * width + np.arange(width))
    return taken


def _smaller_move(raw: Floats, adjusted: Floats, since: Rows) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = [np.abs(level / in_row(level, since) - 1.0) for level in (raw, adjusted)]
        smaller = np.minimum(*sizes)
    return np.where((since >= 0) & np.isfinite(smaller), smaller, np.nan)


def _moves_from(raw: Floats, adjusted: Floats, row: int) -> Floats:
    """The smaller move of each close of one column from the close in `row`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        smaller = np.minimum(np.abs(raw / raw[row] - 1.0), np.abs(adjusted / adjusted[row] - 1.0))
    return np.where(np.isfinite(smaller), smaller, np.nan)
