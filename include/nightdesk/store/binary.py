"""Arrays in and out of PostgreSQL by COPY in its binary format: no Python object a value, floats exact.

Rows of fixed width without nulls are, byte for byte, a numpy structured array, so a million of them are laid
out or read back at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
#: Rows that are laid out at a time: they stay in the processor's cache, and memory never holds all twice.
_ROWS_AT_A_TIME = 8192

_DATE_ZERO = np.datetime64("2000-01-01", "D")
_INSTANT_ZERO = np.datetime64("2000-01-01", "us")


@dataclass(frozen=True)
class Labels:
    """A column of texts: `codes` of shape (n_rows,) index `names`."""

    codes: NDArray[np.integer[Any]]
    names: Sequence[str]


Columns = Mapping[str, NDArray[Any] | Labels]


def copy_in(cur: Cursor, table: str, columns: Columns) -> None:
    """Append rows to `table`.

    Parameters
    ----------
    cur : Cursor
        Where it runs.
    table : str
        Name of a table whose columns have the types that the arrays stand for.
    columns : mapping of str to ndarray of shape (n_rows,) or Labels
        int16, int32, int64 and float64 as themselves, datetime64[D] as date, datetime64[us] as timestamptz,
        `Labels` as text. NaN is a value, not null.
    """
    content = _Pieces(_wire_of(columns))
    cur.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)", content, _BUFFER_BYTES)


class _Pieces:
    """Pieces of bytes as a file that is read to its end; a piece may be longer than what is asked for."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _size: int = -1, /) -> bytes:
        """The next piece; nothing at the end."""
        return next(self._pieces, b"")

    readline = read


def _wire_of(columns: Columns) -> Iterator[bytes]:
    """The rows as they travel; within a piece all rows have the same texts, so they are of fixed width."""
    yield _HEADER
    values = {name: one for name, one in columns.items() if not isinstance(one, Labels)}
    for rows, texts in _by_text(columns):
        some = values if rows is None else {name: one[rows] for name, one in values.items()}
        yield from _pieces_of(columns, some, texts)
    yield _TRAILER


def _by_text(columns: Columns) -> Iterator[tuple[NDArray[np.intp] | None, dict[str, bytes]]]:
    """The rows that share all their texts, None for every row, and these texts."""
    labels = {name: one for name, one in columns.items() if isinstance(one, Labels)}
    if not labels:
        yield None, {}
        return
    kinds = [len(one.names) for one in labels.values()]
    combined = np.ravel_multi_index([one.codes for one in labels.values()], kinds)
    found = np.flatnonzero(np.bincount(combined))
    for one in found.tolist():
        codes = np.unravel_index(one, kinds)
        texts = {name: labels[name].names[code].encode() for name, code in zip(labels, codes, strict=True)}
        yield None if len(found) == 1 else np.flatnonzero(combined == one), texts


def _pieces_of(
    columns: Columns, some: Mapping[str, NDArray[Any]], texts: Mapping[str, bytes]
) -> Iterator[bytes]:
    """Rows of the same texts, some thousand at a time."""
    types = {
        name: np.dtype(f"V{len(texts[name])}") if name in texts else _to_wire(some[name][:0]).dtype
        for name in columns
    }
    piece = np.empty(_ROWS_AT_A_TIME, _row_type(types))
    piece["fields"] = len(columns)
    for name, one in types.items():
        piece[f"{name} size"] = one.itemsize
        if texts.get(name):
            piece[name] = np.void(texts[name])
    length = len(next(iter(some.values())))
    for part in pieces(length):
        rows = piece[: part.stop - part.start]
        for name, values in some.items():
            rows[name] = _to_wire(values[part])
        yield rows.tobytes()


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


def pieces(length: int) -> Iterator[slice]:
    """So many rows, some thousand at a time: few enough to stay in the processor's cache."""
    for first in range(0, length, _ROWS_AT_A_TIME):
        yield slice(first, min(first + _ROWS_AT_A_TIME, length))


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
