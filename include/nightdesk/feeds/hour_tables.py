"""Files of hourly bars: which files of a folder are meant, and reading one of them strictly.

A file of hours is known by the column in which its bars begin:

=================  ====================================================================
column             holds
=================  ====================================================================
``bar_start_et``   the clock of New York, such as ``2020-03-06 09:00``
``bar_start_utc``  UTC, such as ``2020-03-06 14:00`` or ``2020-03-06T14:00:00Z``
=================  ====================================================================

beside symbol, open, high, low, close, volume and, where known, source. Bars are of full hours of the
exchange's clock and hold regular trading alone: the first of a session is called by its full hour (9:00 in
New York) or by the open (9:30), and ends at the next full hour; the last one ends at the close.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.errors import Refused
from nightdesk.core.schedule import HOUR, Schedule
from nightdesk.feeds.bar_tables import (
    HOUR_STARTS,
    Version,
    numbers_of,
    refuse_infinite,
    sources_of,
    symbols_of,
    version_of,
)
from nightdesk.feeds.day_columns import Places, refuse_empty
from nightdesk.feeds.layouts import PLAIN, PRICES, plain_name
from nightdesk.feeds.opening import Head, kind_of, look
from nightdesk.feeds.reading import read_columns
from nightdesk.feeds.spellings import same_symbol
from nightdesk.feeds.stamps import read_stamps
from nightdesk.feeds.stated_actions import holds_actions

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from nightdesk.core.schedule import Instants

REQUIRED = ("symbol", *PRICES, "volume")

OUTSIDE = "outside the hours of a session"
WITHOUT_TRADE = "hours without a trade"

EXPECTED = "expected bar_start_et (or bar_start_utc), symbol, open, high, low, close, volume"


@dataclass(frozen=True)
class HourTable:
    """One file of hourly bars.

    Attributes
    ----------
    frame : DataFrame
        Columns symbol (in the common spelling of `same_symbol`), start and end (datetime64[s], UTC), open,
        high, low, close, volume (NaN where empty), adj_close (NaN), source, `file`, and `row`: the line of a
        text, the row of another file, from 1.
    dropped : mapping of str to int
        What was left out, by reason.
    """

    frame: pd.DataFrame
    dropped: dict[str, int]


def holds_hours(head: Head) -> bool:
    """Whether a file is one of hourly bars, by its header."""
    return any(plain_name(name) in HOUR_STARTS for name in head.columns)


def find_hours(path: Path) -> tuple[Version, ...]:
    """The files of hourly bars at `path`: a file that is named is always meant.

    Raises
    ------
    Refused
        When no file of the folder has hourly bars.
    """
    if path.is_file():
        return (version_of(path),)
    found = [one for one in sorted(path.glob("*")) if _readable(one) and holds_hours(look(one))]
    if not found:
        raise Refused(f"{path}: no file of hourly bars in this folder: {EXPECTED}")
    return tuple(map(version_of, found))


def find_hour_actions(path: Path) -> tuple[Version, ...]:
    """The files of corporate actions beside those of hourly bars; a file that is named stands alone."""
    if path.is_file():
        return ()
    found = [one for one in sorted(path.glob("*")) if _readable(one) and holds_actions(look(one))]
    return tuple(map(version_of, found))


def hour_symbols(path: Path) -> frozenset[str]:
    """The symbols of a file, in their common spelling."""
    import pyarrow as pa

    head = look(path)
    table, _ = read_columns(head, {"symbol": _columns(head)["symbol"]}, {})
    names = table.column("symbol").cast(pa.string()).unique().drop_null().to_pylist()
    return frozenset(map(same_symbol, names))


def read_hours(path: Path, schedule: Schedule, is_continuous: Callable[[str], bool]) -> HourTable:
    """One file of hourly bars.

    Parameters
    ----------
    path : Path
    schedule : Schedule
        An hourly one: says where bars end. Whole hours outside its sessions are dropped and counted.
    is_continuous : callable
        Whether the market of a symbol never closes; such a bar lasts an hour of UTC.

    Raises
    ------
    Refused
        With file, line and column, for a missing column, a number or an instant that cannot be read, a bar
        that begins within an hour, an empty file.
    """
    import pandas as pd
    import pyarrow as pa

    head = look(path)
    columns = _columns(head)
    types = {name: pa.float64() for name in (*PRICES, "volume")} if head.kind == "text" else {}
    table, _ = read_columns(head, columns, types)
    if table.num_rows == 0:
        raise Refused(f"{path}: the file has a header and no rows: give it bars or remove it")
    places = Places(head, columns)
    frame = pd.DataFrame({"start": _starts(places, table), **numbers_of(places, table, PLAIN)})
    frame["symbol"] = symbols_of(places, table, PLAIN)
    frame["source"] = sources_of(table)
    frame["file"] = str(path)
    frame["row"] = np.arange(len(frame)) + head.first_line
    refuse_infinite(places, frame)
    frame["end"], outside = _ends(places, frame, schedule, is_continuous)
    silent = ~outside & (frame["volume"] == 0).to_numpy()
    counts = {OUTSIDE: int(outside.sum()), WITHOUT_TRADE: int(silent.sum())}
    kept = frame[~outside & ~silent]
    return HourTable(kept, {reason: count for reason, count in counts.items() if count})


def _readable(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and kind_of(path.name) is not None


def _columns(head: Head) -> dict[str, str]:
    """A file's columns by canonical name."""
    own = PLAIN.columns(head.columns)
    columns = {name: own[name] for name in (*REQUIRED, "source") if name in own}
    start = next((one for one in head.columns if plain_name(one) in HOUR_STARTS), None)
    absent = [one for one in REQUIRED if one not in columns]
    if start is None or absent:
        what = ", ".join((*(["bar_start_et (or bar_start_utc)"] if start is None else []), *absent))
        found = ", ".join(head.columns)
        raise Refused(f"{head.path}, line 1: the columns {what} are missing; found {found}; {EXPECTED}")
    return {"start": start, **columns}


def _starts(places: Places, table: pa.Table) -> Instants:
    """When the bars begin, UTC."""
    import pandas as pd
    import pyarrow as pa

    refuse_empty(places, table, "start")
    zone = HOUR_STARTS[plain_name(places.columns["start"])]
    cells = [one.strip() for one in table.column("start").cast(pa.string()).to_pylist()]
    stamps = read_stamps(cells)
    wrong = [0] if stamps is None else np.flatnonzero(np.isnat(stamps.moment)).tolist()
    if stamps is None or wrong:
        where = places.of(wrong[0], "start")
        raise Refused(f"{where}: found {cells[wrong[0]]!r}, expected an instant like 2020-03-06 09:00")
    if stamps.local is not None:
        moment = pd.DatetimeIndex(stamps.moment)
    else:
        written = pd.DatetimeIndex(stamps.moment).tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        twice = np.flatnonzero(written.isna())
        if len(twice):
            raise Refused(
                f"{places.of(int(twice[0]), 'start')}: found {cells[twice[0]]!r}, which the clock of {zone} "
                "shows twice or never: give the bars a column bar_start_utc"
            )
        moment = written.tz_convert("UTC").tz_localize(None)
    starts: Instants = moment.to_numpy().astype("datetime64[s]")
    return starts


def _ends(
    places: Places, frame: pd.DataFrame, schedule: Schedule, is_continuous: Callable[[str], bool]
) -> tuple[Instants, NDArray[np.bool_]]:
    """Where bars end, and which lie outside the hours of a session."""
    start = frame["start"].to_numpy().astype("datetime64[s]")
    at = np.searchsorted(schedule.ends, start, side="right")
    known = np.minimum(at, len(schedule.ends) - 1)
    end, opens = schedule.ends[known], schedule.starts[known]
    # the hour that a session opens within is called by its full hour, or by the open
    hour = np.where(schedule.opens_session(end), end - HOUR, opens)
    endless = frame["symbol"].isin([one for one in frame["symbol"].unique() if is_continuous(one)]).to_numpy()
    inside = ~endless & (at < len(schedule.ends)) & (start >= hour)
    whole = np.where(endless, start == start.astype("datetime64[h]"), (start == hour) | (start == opens))
    wrong = np.flatnonzero(~whole & (inside | endless))
    if len(wrong):
        row = int(wrong[0])
        raise Refused(
            f"{places.of(row, 'start')}: this bar of {frame['symbol'].iloc[row]} begins within an hour, at "
            f"{start[row]} UTC: give bars of full hours of the exchange's clock"
        )
    return np.where(endless, start + HOUR, end), ~inside & ~endless
