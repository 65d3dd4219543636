"""Files of daily bars: which files of a folder are meant, and reading one of them strictly.

Columns: date or session, symbol, open, high, low, close, volume and, where known, adj_close and source.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightdesk.errors import Refused
from nightdesk.feeds.base import PRICES

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

NUMBERS = (*PRICES, "volume", "adj_close")
REQUIRED = ("symbol", *PRICES, "volume")
DAYS = ("session", "date")
SUFFIXES = (".csv", ".csv.gz", ".parquet", ".parquet.gz")

EXPECTED = (
    "expected session (or date), symbol, open, high, low, close, volume "
    "and, where known, adj_close and source"
)

_HEADER_BYTES = 65_536


def find_tables(path: Path) -> tuple[tuple[Path, int, int], ...]:
    """The files of daily bars at `path`, each with its time of change (ns) and size (bytes).

    A file that is named is always meant. Of a folder those are taken that have a day and one of the prices as
    columns; hourly bars, dividends, funding rates and the like are left alone.

    Raises
    ------
    Refused
        When there is no such path, or no file of daily bars in the folder.
    """
    if path.is_file():
        chosen = [path]
    else:
        candidates = sorted(one for one in path.glob("*") if one.name.lower().endswith(SUFFIXES))
        chosen = [one for one in candidates if _holds_bars(one)]
        if not chosen:
            seen = ", ".join(one.name for one in candidates) or "no CSV or Parquet file"
            raise Refused(f"{path}: no file of daily bars in this folder (found {seen}): {EXPECTED}")
    return tuple((one, one.stat().st_mtime_ns, one.stat().st_size) for one in chosen)


def read_symbols(path: Path) -> frozenset[str]:
    """The symbols in one file of daily bars; nothing else of it is read.

    Raises
    ------
    Refused
        When a column is missing, or the file cannot be read.
    """
    import pyarrow as pa

    _, day = _wanted_columns(path)
    column = _read(path, ["symbol"], day).column("symbol").cast(pa.string())
    return frozenset(column.unique().drop_null().to_pylist())


def read_table(path: Path) -> pd.DataFrame:
    """One file of daily bars.

    Returns
    -------
    DataFrame
        Columns symbol, session (datetime64[s]), the numbers of `NUMBERS` (NaN where empty), source, and
        `file` and `row` (index) of each.

    Raises
    ------
    Refused
        With file, line and column, for a missing column, a number or date that cannot be read, an empty file.
    """
    import pandas as pd
    import pyarrow as pa

    wanted, day = _wanted_columns(path)
    table = _read(path, wanted, day)
    if table.num_rows == 0:
        raise Refused(f"{path}: the file has a header and no rows: give it bars or remove it")
    table = table.set_column(table.column_names.index(day), "session", _days(path, table, day))
    for name in NUMBERS:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, pa.float64()))
        elif not pa.types.is_float64(table.schema.field(name).type):
            table = _as_numbers(path, table, name)
    for name in ("symbol", "session"):
        if table.column(name).null_count:
            row = int(np.flatnonzero(table.column(name).is_null().to_numpy(zero_copy_only=False))[0])
            raise Refused(f"{place(path, row)}, column {name}: found nothing, expected a value")
    frame = pd.DataFrame({name: table.column(name).to_numpy() for name in ("session", *NUMBERS)})
    frame["symbol"] = table.column("symbol").cast(pa.string()).to_numpy(zero_copy_only=False)
    has_source = "source" in table.column_names
    given = (
        table.column("source").cast(pa.string()).to_pandas() if has_source else pd.Series([None] * len(frame))
    )
    frame["source"] = given.fillna("files").astype(object)
    _refuse_infinite(path, frame)
    return frame.assign(
        session=frame["session"].astype("datetime64[s]"), file=str(path), row=np.arange(len(frame))
    )


def place(path: Path | str, row: int) -> str:
    """Where the row with that index stands, for people: a line of a CSV file, a row of a Parquet file."""
    return f"{path}, row {row + 1}" if _is_parquet(Path(path)) else f"{path}, line {row + 2}"


def _is_parquet(path: Path) -> bool:
    return ".parquet" in path.suffixes


def _holds_bars(path: Path) -> bool:
    names = set(_columns(path))
    return not names.isdisjoint(DAYS) and not names.isdisjoint(PRICES)


def _wanted_columns(path: Path) -> tuple[list[str], str]:
    """The columns that are read of a file, and which one holds the day; `Refused` where one is missing."""
    names = _columns(path)
    day = next((one for one in DAYS if one in names), None)
    absent = [one for one in REQUIRED if one not in names]
    if day is None:
        absent.insert(0, "session (or date)")
    if absent or day is None:
        what = "the column" if len(absent) == 1 else "the columns"
        raise Refused(
            f"{path}, line 1: {what} {', '.join(absent)} is missing; found {', '.join(names)}; {EXPECTED}"
        )
    wanted = [one for one in (day, "symbol", *NUMBERS, "source") if one in names]
    twice = [one for one in wanted if names.count(one) > 1]
    if twice:
        raise Refused(f"{path}, line 1: the column {twice[0]} is there twice: keep one of them")
    return wanted, day


def _columns(path: Path) -> list[str]:
    """The column names of a file, of a CSV the first line."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if _is_parquet(path):
            with _open(path) as stream:
                return list(pq.read_schema(stream).names)
        with pa.input_stream(str(path)) as stream:
            header = stream.read(_HEADER_BYTES).split(b"\n", 1)[0].decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise _unreadable(path, error) from error
    if not header.strip():
        raise Refused(f"{path}: the file is empty; {EXPECTED}")
    return [one.strip('"') for one in header.rstrip("\r\n").split(",")]


def _unreadable(path: Path, error: Exception) -> Refused:
    return Refused(f"{path}: cannot be read ({error}): give a CSV (UTF-8) or Parquet file, gzip allowed")


def _open(path: Path) -> Any:
    import pyarrow as pa

    with pa.input_stream(str(path)) as stream:
        return pa.BufferReader(stream.read())


def _read(path: Path, wanted: list[str], day: str) -> pa.Table:
    import pyarrow as pa

    try:
        return _read_parquet(path, wanted) if _is_parquet(path) else _read_csv(path, wanted, day)
    except (OSError, EOFError, pa.ArrowInvalid) as error:
        raise _unreadable(path, error) from error


def _read_csv(path: Path, wanted: list[str], day: str) -> pa.Table:
    """The wanted columns, converted where the quick reader can and as text, to be judged, where it cannot."""
    import pyarrow as pa
    from pyarrow import csv

    types = {name: pa.float64() for name in NUMBERS} | {
        "symbol": pa.string(),
        "source": pa.string(),
        day: pa.date32(),
    }
    try:
        return csv.read_csv(str(path), convert_options=_conversion(types, wanted))
    except pa.ArrowInvalid as quick:
        try:
            text = dict.fromkeys(wanted, pa.string())
            return csv.read_csv(str(path), convert_options=_conversion(text, wanted))
        except pa.ArrowInvalid:
            raise Refused(f"{path}: {quick}: give every line as many fields as the header") from quick


def _conversion(types: dict[str, Any], wanted: list[str]) -> Any:
    from pyarrow import csv

    return csv.ConvertOptions(
        column_types=types, include_columns=wanted, null_values=[""], strings_can_be_null=True
    )


def _read_parquet(path: Path, wanted: list[str]) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(_open(path), columns=wanted)


def _days(path: Path, table: pa.Table, day: str) -> pa.ChunkedArray:
    import pyarrow as pa

    column = table.column(day)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        for row, text in enumerate(column.to_pylist()):
            if text is not None and not _is_iso_day(text):
                raise Refused(
                    f"{place(path, row)}, column {day}: found {text!r}, expected a date like 2024-03-28"
                )
        column = column.cast(pa.date32())
    elif not (pa.types.is_date(column.type) or pa.types.is_timestamp(column.type)):
        raise Refused(f"{path}, column {day}: found the type {column.type}, expected dates")
    elif pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp(column.type.unit)).cast(pa.date32(), safe=False)
    return column.cast(pa.timestamp("s"))


def _is_iso_day(text: str) -> bool:
    from datetime import date

    try:
        return len(text) == 10 and date.fromisoformat(text) is not None
    except ValueError:
        return False


def _as_numbers(path: Path, table: pa.Table, name: str) -> pa.Table:
    import pyarrow as pa

    column = table.column(name)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        for row, text in enumerate(column.to_pylist()):
            if text is not None and not _is_number(text):
                raise Refused(f"{place(path, row)}, column {name}: found {text!r}, expected a number")
    try:
        return table.set_column(table.column_names.index(name), name, column.cast(pa.float64()))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Refused(f"{path}, column {name}: found the type {column.type}, expected numbers") from error


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and "_" not in text
    except ValueError:
        return False


def _refuse_infinite(path: Path, frame: pd.DataFrame) -> None:
    for name in NUMBERS:
        wrong = np.flatnonzero(np.isinf(frame[name].to_numpy()))
        if len(wrong):
            found = frame[name].iloc[wrong[0]]
            raise Refused(
                f"{place(path, int(wrong[0]))}, column {name}: found {found}, expected a finite number"
            )
