"""Bars of a session of a market that never closes, gathered from its hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.bar_layout import FILL_FIELDS
from nightdesk.core.corporate.soundness import sound_bars
from nightdesk.core.schedule import HOUR, Instants

Floats = NDArray[np.float64]


_BAR = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class HourlyBars:
    """Hourly bars in long form, one row a symbol and hour, in any order.

    Arrays of shape (n_rows,): `column` indexes the columns of the panel to be built, `end` is the end of the
    bar, UTC (datetime64[s]), the prices are raw dollars, `volume` is in units of the instrument (NaN where a
    source has none).
    """

    column: NDArray[np.intp]
    end: Instants
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


@dataclass(frozen=True)
class SessionHours:
    """Hours for a panel of sessions, and the decisions between which they are gathered.

    Attributes
    ----------
    bars : HourlyBars
        Of the columns that are gathered from hours; other rows are left alone.
    closes : ndarray of shape (n_sessions + 1,), datetime64[s]
        The exchange's close of the session before the first one, then of each session, UTC.
    delay : timedelta64
        How long after a close its decision is made: what opens before that is no price for its orders.
    """

    bars: HourlyBars
    closes: Instants
    delay: np.timedelta64


def gather_hours(
    of_days: Mapping[str, Floats], hours: SessionHours, column: int, within: int
) -> dict[str, Floats]:
    """Whole hours of one continuous market as session bars, from where they reach back to a close on.

    The bar of session s gathers the hours that end after the close of the session before, up to the close of
    s. Its close is that of the last of them, which may be `within` hours old by then; where it is older there
    is no bar. An hour that is no sound bar stands for the whole session, so that the checks find it. An order
    fills at the open of the first hour that begins when its decision is made or later, bounded by the volume
    of that hour; low and high are those of the hours from it on.

    Parameters
    ----------
    of_days : mapping of str to ndarray of shape (n_sessions,)
        As `nightdesk.core.bar_layout.gather_days` gives it: of the sessions before the first hours it stays.
    hours : SessionHours
    column : int
        Whose hours.
    within : int
        Hours.
    """
    bars, closes = hours.bars, hours.closes
    mine = np.flatnonzero((bars.column == column) & (bars.end > closes[0]) & (bars.end <= closes[-1]))
    mine = mine[np.argsort(bars.end[mine], kind="stable")]
    end = bars.end[mine]
    if not len(end):
        return dict(of_days)
    begin = end - HOUR
    values = {name: getattr(bars, name)[mine] for name in _BAR}
    sound = sound_bars(values["open"], values["high"], values["low"], values["close"])
    before, close = closes[:-1], closes[1:]
    reached = int(np.searchsorted(before, begin[0]))
    out = _nothing(len(close))
    for name, array in of_days.items():
        out[name][:reached] = array[:reached]
    start, stop = np.searchsorted(end, before, side="right"), np.searchsorted(end, close, side="right")
    meets = np.searchsorted(begin, before + hours.delay)
    for t in range(reached, len(close)):
        rows, after = slice(start[t], stop[t]), slice(max(start[t], meets[t]), stop[t])
        if rows.start < rows.stop and end[rows][-1] >= close[t] - within * HOUR:
            wrong = np.flatnonzero(~sound[rows])
            shown = slice(rows.start + wrong[0], rows.start + wrong[0] + 1) if len(wrong) else rows
            _set_bar(out, t, values, shown)
        if after.start < after.stop:
            out["fill_open"][t] = values["open"][after.start]
            out["fill_volume"][t] = values["volume"][after.start]
            out["fill_low"][t] = values["low"][after].min()
            out["fill_high"][t] = values["high"][after].max()
    return out


def _nothing(length: int) -> dict[str, Floats]:
    names = (*_BAR, *(f"fill_{name}" for name in FILL_FIELDS))
    return {name: np.full(length, np.nan) for name in names}


def _set_bar(out: dict[str, Floats], t: int, values: Mapping[str, Floats], rows: slice) -> None:
    """Let what lies in some rows be the bar of session `t`."""
    out["open"][t] = values["open"][rows][0]
    out["high"][t] = values["high"][rows].max()
    out["low"][t] = values["low"][rows].min()
    out["close"][t] = values["close"][rows][-1]
    out["volume"][t] = values["volume"][rows].sum()
