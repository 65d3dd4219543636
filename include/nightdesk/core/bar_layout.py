"""Bars in long form, laid out on the sessions of a panel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import Sessions

Floats = NDArray[np.float64]

_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")

#: Rows of bars that are laid out at a time.
ROWS_AT_A_TIME = 8192

#: The fields of bars of which a panel says what orders meet.
FILL_FIELDS = ("open", "low", "high", "volume")


@dataclass(frozen=True)
class Bars:
    """Daily bars in long form, one row a symbol and day, in any order.

    Arrays of shape (n_rows,): `column` indexes the columns of the panel to be built, `day` is datetime64[D],
    the prices are raw dollars, `volume` is in units of the instrument (NaN where a source has none).
    """

    column: NDArray[np.intp]
    day: Sessions
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def lay_out(
    arrays: Mapping[str, Floats], bars: Bars, cell: NDArray[np.intp], plain: NDArray[np.bool_]
) -> None:
    """Put the values of the rows that are plain into their cells, some thousand rows at a time.

    Columns that a database sent lie between one another: a piece is in the processor's cache for all of them.
    """
    flat = {name: array.reshape(-1) for name, array in arrays.items()}
    every = bool(plain.all())
    for first in range(0, len(cell), ROWS_AT_A_TIME):
        some = slice(first, first + ROWS_AT_A_TIME)
        kept = plain[some]
        at = cell[some] if every else cell[some][kept]
        for name, array in flat.items():
            values = getattr(bars, name)[some]
            array[at] = values if every else values[kept]


def rows_of(sessions: Sessions, day: Sessions) -> NDArray[np.intp]:
    """The session of each day as a row, -1 for a day that is none; looked up, since many rows share a day."""
    if not len(sessions):
        return np.full(len(day), -1, dtype=np.intp)
    offset = (day - sessions[0]).astype(np.intp)
    row = np.full(int((sessions[-1] - sessions[0]).astype(np.intp)) + 2, -1, dtype=np.intp)
    row[(sessions - sessions[0]).astype(np.intp)] = np.arange(len(sessions))
    outside = (offset < 0) | (offset >= len(row))
    if outside.any():
        offset = np.where(outside, len(row) - 1, offset)  # the last one is a day after the last session
    at: NDArray[np.intp] = row[offset]
    return at


def rows_by_column(
    column: NDArray[np.intp], chosen: NDArray[np.bool_]
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each of the chosen columns, and the rows of it; all rows are sorted once."""
    rows = np.flatnonzero(chosen[column]) if chosen.any() else np.empty(0, dtype=np.intp)
    rows = rows[np.argsort(column[rows], kind="stable")]
    wanted = np.flatnonzero(chosen)
    first, stop = (np.searchsorted(column[rows], wanted, side=side) for side in _SIDES)
    for n, at in enumerate(wanted.tolist()):
        yield at, rows[first[n] : stop[n]]


def gather_days(
    sessions: Sessions, before: Sessions, bars: Bars, mine: NDArray[np.intp]
) -> dict[str, Floats]:
    """Whole UTC days of one continuous market, the rows `mine` of the bars, as session bars.

    The bar of session s gathers the days from the session before up to the day before s: the last of them
    ends before the exchange's close. An order decided at the session before fills at the open of the next
    UTC day; of a day still running only the open is read, and the volume bound is that of the last whole day.
    The day in which the decision fell began before it, so its low and high tell nothing of what came after.
    """
    order = np.argsort(bars.day[mine], kind="stable")
    day = bars.day[mine][order]
    values: dict[str, Floats] = {
        name: getattr(bars, name)[mine][order].astype(np.float64)
        for name in ("open", "high", "low", "close", "volume")
    }
    out: dict[str, Floats] = {name: np.full(len(sessions), np.nan) for name in values}
    out |= {f"fill_{name}": np.full(len(sessions), np.nan) for name in FILL_FIELDS}
    start, stop = np.searchsorted(day, before), np.searchsorted(day, sessions)
    for t in np.flatnonzero(stop > start):
        days = slice(start[t], stop[t])
        out["open"][t] = values["open"][days][0]
        out["high"][t] = values["high"][days].max()
        out["low"][t] = values["low"][days].min()
        out["close"][t] = values["close"][days][-1]
        out["volume"][t] = values["volume"][days].sum()
        out["fill_volume"][t] = values["volume"][days][-1]
        after = slice(start[t] + int(day[start[t]] == before[t]), stop[t])
        if after.start < after.stop:
            out["fill_low"][t] = values["low"][after].min()
            out["fill_high"][t] = values["high"][after].max()
    next_day = before + np.timedelta64(1, "D")
    opened, at = np.isin(next_day, day), np.searchsorted(day, next_day)
    out["fill_open"][opened] = values["open"][at[opened]]
    return out
