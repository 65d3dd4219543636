"""The column of days of a table, judged cell by cell, and where a cell stands, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.feeds.opening import Head, kind_of
from nightdesk.feeds.stamps import Days, StampForm, Stamps, days_of, of_numbers, read_stamps

if TYPE_CHECKING:
    import pyarrow as pa

    from nightdesk.core.calendar import Calendar


@dataclass(frozen=True)
class Places:
    """Where the cells of a file stand, and how it calls its columns (by their canonical names)."""

    head: Head
    columns: Mapping[str, str]

    def of(self, row: int, column: str) -> str:
        """File, line and column of a cell; `row` counts from 0."""
        return (
            f"{place(self.head.path, row + self.head.first_line)}, column {self.columns.get(column, column)}"
        )


def place(path: Path | str, row: int) -> str:
    """Where a row stands: a line of a text, a row of a Parquet or JSON file; both count from 1."""
    return f"{path}, {'row' if kind_of(Path(path).name) in ('parquet', 'json') else 'line'} {row}"


def refuse_empty(places: Places, table: pa.Table, name: str) -> None:
    """Refuse a column with a cell that holds nothing, naming the first."""
    column = table.column(name)
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise Refused(f"{places.of(row, name)}: found nothing, expected a value")


def read_days(places: Places, table: pa.Table, calendar: Calendar) -> Days:
    """The days in the column ``day`` of a table.

    Raises
    ------
    Refused
        With file, line and column, for a cell that names no day.
    """
    import pyarrow as pa

    column = table.column("day")
    refuse_empty(places, table, "day")
    if not len(column):  # a header alone, which tells no type either
        return Days(np.empty(0, dtype="datetime64[D]"), np.ones(0, dtype=bool))
    kind = column.type
    if pa.types.is_date(kind):
        day = column.cast(pa.date32()).to_numpy().astype("datetime64[D]")
        return Days(day, np.ones(len(day), dtype=bool))
    cells: Sequence[Any] = ()
    if pa.types.is_timestamp(kind):
        stamps: Stamps | None = _of_timestamps(column)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        stamps = of_numbers(column.to_numpy())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        cells = [one.strip() for one in column.to_pylist()]
        stamps = read_stamps(cells)
    else:
        where = f"{places.head.path}, column {places.columns['day']}"
        raise Refused(f"{where}: found the type {kind}, expected dates")
    if stamps is None:
        raise Refused(f"{places.of(0, 'day')}: found {cells[0]!r}, expected a date like 2024-03-28")
    days = days_of(stamps, calendar)
    wrong = np.flatnonzero(np.isnat(days.day))
    if len(wrong):
        row = int(wrong[0])
        found = str(cells[row] if len(cells) else column[row].as_py())
        if np.isnat(stamps.moment[row]):
            raise Refused(f"{places.of(row, 'day')}: found {found!r}, expected {stamps.form.value}")
        raise Refused(
            f"{places.of(row, 'day')}: found {found!r}, which is no midnight of UTC, of its own zone or "
            f"of {calendar.zone}, and neither open nor close there: write the date of the session alone"
        )
    return days


def _of_timestamps(column: pa.ChunkedArray) -> Stamps:
    import pandas as pd
    import pyarrow as pa

    zone = column.type.tz
    moment = (
        column.cast(pa.timestamp("ns", zone)).cast(pa.timestamp("ns")).to_numpy().astype("datetime64[ns]")
    )
    if zone is None:
        return Stamps(StampForm.INSTANT, moment)
    local = pd.DatetimeIndex(moment, tz="UTC").tz_convert(zone).tz_localize(None).to_numpy()
    return Stamps(StampForm.INSTANT, moment, local.astype("datetime64[ns]"))
