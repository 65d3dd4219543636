"""Arrays in and out of PostgreSQL by COPY in its binary format: no Python object a value, floats exact.

Rows of fixed width without nulls are, byte for byte, a numpy structured array, so a million of them are laid
out or read back at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import Sessions
from nightdesk.store.db import Cursor

#: Signature, flags and length of the header's extension; then rows, then a field count of -1.
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_BUFFER_BYTES = 1 << 20

_DATE_ZERO = np.datetime64("2000-01-01", "D")
_INSTANT_ZERO = np.datetime64("2000-01-01", "us")


def copy_in(cur: Cursor, table: str, columns: Mapping[str, NDArray[Any]]) -> None:
    """Append rows to `table`.

    Parameters
    ----------
    cur : Cursor
        Where it runs.
    table : str
        Name of a table whose columns have the types that the arrays stand for.
    columns : mapping of str to ndarray of shape (n_rows,)
        int16, int32, int64 and float64 as themselves, datetime64[D] as date, datetime64[us] as timestamptz.
        NaN is a value, not null.
    """
    wire = {name: _to_wire(values) for name, values in columns.items()}
    rows = np.empty(
        len(next(iter(wire.values()))), _row_type({name: one.dtype for name, one in wire.items()})
    )
    rows["fields"] = len(wire)
    for name, values in wire.items():
        rows[f"{name} size"] = values.dtype.itemsize
        rows[name] = values
    content = BytesIO(_HEADER + rows.tobytes() + _TRAILER)
    cur.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)", content, _BUFFER_BYTES)


def copy_out(cur: Cursor, statement: str | bytes, types: Mapping[str, str]) -> NDArray[np.void]:
    """The rows of a query as a structured array.

    Parameters
    ----------
    cur : Cursor
        Where it runs.
    statement : str or bytes
        A SELECT with its values in place; none of its columns may be null.
    types : mapping of str to str
        Column name to numpy type in the order of the query, such as ``{"symbol_id": ">i4", "close": ">f8"}``.

    Returns
    -------
    ndarray of shape (n_rows,)
        With the fields of `types`; dates are days and instants microseconds since 2000-01-01.
    """
    content = BytesIO()
    text = statement if isinstance(statement, str) else statement.decode()
    cur.copy_expert(f"COPY ({text}) TO STDOUT (FORMAT binary)", content, _BUFFER_BYTES)
    row_type = _row_type({name: np.dtype(code) for name, code in types.items()})
    body = memoryview(content.getbuffer())[len(_HEADER) : -len(_TRAILER)]
    if len(body) % row_type.itemsize:
        raise ValueError(f"the rows of this query are not of fixed width (a null, another type): {text}")
    return np.frombuffer(body, row_type)


def columns_by_number(numbers: Mapping[str, int], symbols: Sequence[str]) -> NDArray[np.intp]:
    """The place among `symbols` of each symbol's number in the store, -1 where it has none."""
    places = np.full(max(numbers.values(), default=0) + 1, -1, dtype=np.intp)
    for at, name in enumerate(symbols):
        if name in numbers:
            places[numbers[name]] = at
    return places


def days(wire: NDArray[Any]) -> Sessions:
    """Dates as PostgreSQL sends them as datetime64[D]."""
    return _DATE_ZERO + wire.astype("timedelta64[D]")


def instants(wire: NDArray[Any]) -> NDArray[np.datetime64]:
    """Instants as PostgreSQL sends them as datetime64[us], UTC."""
    moment: NDArray[np.datetime64] = _INSTANT_ZERO + wire.astype("timedelta64[us]")
    return moment


def _to_wire(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype == np.dtype("datetime64[D]"):
        return (values - _DATE_ZERO).astype(">i4")
    if values.dtype == np.dtype("datetime64[us]"):
        return (values - _INSTANT_ZERO).astype(">i8")
    return values.astype(values.dtype.newbyteorder(">"))


def _row_type(types: Mapping[str, np.dtype[Any]]) -> np.dtype[np.void]:
    """A row on the wire: the count of its fields, and before each field its size in bytes."""
    fields: list[tuple[str, Any]] = [("fields", ">i2")]
    for name, one in types.items():
        fields += [(f"{name} size", ">i4"), (name, one)]
    return np.dtype(fields)
