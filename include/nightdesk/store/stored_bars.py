"""What is stored of bars that came, beside them: which are new, which changed, which are known already.

The newest versions are read once, as arrays, and compared here: what is known already never travels to the
server, and what is new is written without a table in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.corporate.restatement import SAME_PRICE
from nightdesk.core.panel import Floats
from nightdesk.store.binary import copy_out, days, pieces
from nightdesk.store.checked_frames import PRICES, CheckedFrame
from nightdesk.store.db import Cursor
from nightdesk.store.queries import query

FIELDS = (*PRICES, "volume")
#: Columns of a query of bars on the wire.
BAR_TYPES = {"symbol_id": ">i4", "session": ">i4", **dict.fromkeys(FIELDS, ">f8")}
#: A table of all days of all symbols is made where it is at most so many times as long as the rows.
_ROOM = 8

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class StoredBars:
    """The newest stored version of each row of a frame.

    Attributes
    ----------
    rows : ndarray of shape (n_stored,)
        What is stored, as it came from the server.
    at : ndarray of shape (n_rows,) or None
        The place among them of each row of the frame, -1 where nothing is stored; None where they are the
        rows of the frame one by one.
    found : bool ndarray of shape (n_rows,)
        Whether something is stored.
    """

    rows: NDArray[np.void]
    at: NDArray[np.int64] | None
    found: Flags

    def value(self, name: str, part: slice) -> Floats:
        """A price or the volume of some rows of the frame, NaN where nothing is stored."""
        if self.at is None:
            aligned: Floats = self.rows[name][part].astype(np.float64)
            return aligned
        at = self.at[part]
        values: Floats = self.rows[name][np.maximum(at, 0)].astype(np.float64)
        values[at < 0] = np.nan
        return values

    def compared(self, bars: CheckedFrame) -> Differences:
        """Where something else is stored than came.

        What differs by rounding alone, one part in a million, is the same, and an unknown volume is equal to
        an unknown volume.
        """
        price, volume = (np.zeros(len(bars), dtype=bool) for _ in range(2))
        if len(self.rows):
            for part in pieces(len(bars)):
                for name in FIELDS:
                    flags = volume if name == "volume" else price
                    flags[part] |= _apart(self.value(name, part), bars.values[name][part])
        return Differences(price & self.found, volume & self.found)


@dataclass(frozen=True)
class Differences:
    """Rows whose stored version has another price, or another volume; shape (n_rows,)."""

    price: Flags
    volume: Flags


def read_stored(cur: Cursor, bars: CheckedFrame, ids: Mapping[str, int], known: Iterable[str]) -> StoredBars:
    """Read the newest stored version of each row.

    Parameters
    ----------
    cur : Cursor
        Where it is read; the caller holds the market's lock.
    bars : CheckedFrame
        What came.
    ids : mapping of str to int
        The number of each of its symbols.
    known : iterable of str
        The symbols that have stored bars: of the others nothing is asked.
    """
    having = set(known)
    asked = [name for name in bars.symbols if name in having]
    if not len(bars) or not asked:
        nothing = np.zeros(len(bars), dtype=bool)
        return StoredBars(np.empty(0, dtype=np.void(0).dtype), None, nothing)
    span = {
        "symbols": [ids[name] for name in asked],
        "first": bars.day.min().item(),
        "last": bars.day.max().item(),
    }
    rows = copy_out(cur, cur.mogrify(query("live_bars"), span), BAR_TYPES)
    place_of = np.full(max(ids.values()) + 1, -1, dtype=np.int64)
    place_of[[ids[name] for name in bars.symbols]] = np.arange(len(bars.symbols))
    first, length = bars.day.min(), int((bars.day.max() - bars.day.min()).astype(np.int64)) + 1
    wanted = bars.symbol * length + (bars.day - first).astype(np.int64)
    held = place_of[rows["symbol_id"]] * length + (days(rows["session"]) - first).astype(np.int64)
    if np.array_equal(wanted, held):
        return StoredBars(rows, None, np.ones(len(bars), dtype=bool))
    at = _places(held, wanted, len(bars.symbols) * length)
    return StoredBars(rows, at, at >= 0)


def _places(held: NDArray[np.int64], wanted: NDArray[np.int64], keys: int) -> NDArray[np.int64]:
    """The place among `held` of each key that is wanted, -1 where it is not; keys are below `keys`."""
    if keys <= _ROOM * (len(held) + len(wanted)):
        table = np.full(keys, -1, dtype=np.int64)
        table[held] = np.arange(len(held))
        return table[wanted]
    if not len(held):
        return np.full(len(wanted), -1, dtype=np.int64)
    order = np.argsort(held)
    place = order[np.minimum(np.searchsorted(held, wanted, sorter=order), len(held) - 1)]
    return np.where(held[place] == wanted, place, -1)


def _apart(held: Floats, fresh: Floats) -> Flags | bool:
    """Where two are further apart than one part in a million of what is held; NaN is near NaN alone."""
    if np.array_equal(held, fresh):
        return False
    with np.errstate(invalid="ignore", over="ignore"):
        near: Flags = np.abs(held - fresh) <= SAME_PRICE * np.abs(held)
    near |= np.isnan(held) & np.isnan(fresh)
    return ~near
