"""Hourly bars as they were known at an instant, read from the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from nightdesk.core.gathering import HourlyBars
from nightdesk.store.binary import columns_by_number, copy_out, instants
from nightdesk.store.checked_frames import PRICES
from nightdesk.store.db import Connection, cursor
from nightdesk.store.queries import query

_TYPES = {
    "symbol_id": ">i4",
    "bar_end": ">i8",
    "open": ">f8",
    "high": ">f8",
    "low": ">f8",
    "close": ">f8",
    "volume": ">f8",
}


def read_hours(
    conn: Connection,
    columns: Sequence[str],
    after: datetime,
    until: datetime,
    known_by: datetime,
    only: Sequence[str] | None = None,
) -> HourlyBars:
    """Hours that end after an instant, and at another one or before.

    Parameters
    ----------
    conn : Connection
        Where they are read.
    columns : sequence of str
        The symbols of the panel: `HourlyBars.column` indexes them.
    after, until : datetime
        UTC.
    known_by : datetime
        Of every bar the version that was known at this instant.
    only : sequence of str, optional
        Those of `columns` whose hours are read; default: all.
    """
    with cursor(conn) as cur:
        cur.execute(query("symbol_numbers"), {"symbols": list(columns if only is None else only)})
        ids = dict(cur.fetchall())
        span = {"symbols": list(ids.values()), "after": after, "until": until, "known_by": known_by}
        rows = copy_out(cur, cur.mogrify(query("panel_hours"), span), _TYPES)
    return HourlyBars(
        column=columns_by_number(ids, columns)[rows["symbol_id"]],
        end=instants(rows["bar_end"]).astype("datetime64[s]"),
        **{name: rows[name].astype(np.float64) for name in (*PRICES, "volume")},
    )
