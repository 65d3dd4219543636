"""Any table of the store as a Parquet file, on this machine or in an object store."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from nightdesk.object_store import written_whole
from nightdesk.store import exporting
from nightdesk.store.db import Connection
from nightdesk.store.exporting import ExportedColumn

if TYPE_CHECKING:
    import pyarrow as pa

#: Digits of a number without a stated scale: twenty before the point, eighteen behind it.
DIGITS, PLACES = 38, 18


def export(
    conn: Connection,
    name: str,
    place: str,
    *,
    span: tuple[date, date] | None = None,
    book: str | None = None,
    versions: bool = False,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Write a table or view as a Parquet file and return how many rows it has.

    Dates, instants (UTC), texts, flags, whole numbers, floats, exact decimals and lists of these keep their
    types; documents are JSON texts, and symbols stand for their numbers. Bars and corporate actions that were
    exported are read back by the feed ``files:``.

    Parameters
    ----------
    place : str
        A path, or ``s3://BUCKET/KEY``.
    span, book, versions
        See `nightdesk.store.exporting.rows`.

    Raises
    ------
    Refused
        When there is no such table, it has no such span or book, or the place cannot be written; then
        nothing is there that was not there before.
    """
    import pyarrow as pa
    from pyarrow import parquet

    table = exporting.find(conn, name)
    types = [_type(one) for one in table.columns]
    schema = pa.schema([(one.name, kind) for one, kind in zip(table.columns, types, strict=True)])
    made = [_maker(one) for one in table.columns]
    count = 0
    found = exporting.rows(conn, table, span=span, book=book, versions=versions)
    with (
        written_whole(place, environ) as file,
        parquet.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        for some in found:
            columns = zip(*some, strict=True)
            arrays = [
                pa.array(make(column), kind) for make, column, kind in zip(made, columns, types, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            count += len(some)
    return count


def _type(column: ExportedColumn) -> pa.DataType:
    """The Parquet type of one of PostgreSQL's; a text for one that has no counterpart."""
    import pyarrow as pa

    if column.kind.startswith("_"):
        return pa.list_(_type(ExportedColumn(column.name, column.kind[1:])))
    types = {
        "date": pa.date32(),
        "timestamptz": pa.timestamp("us", "UTC"),
        "bool": pa.bool_(),
        "int2": pa.int16(),
        "int4": pa.int32(),
        "int8": pa.int64(),
        "float4": pa.float32(),
        "float8": pa.float64(),
        "numeric": pa.decimal128(DIGITS, PLACES),
        "bytea": pa.binary(),
    }
    return types.get(column.kind, pa.string())


def _maker(column: ExportedColumn) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Makes the values of a column what their type takes."""
    if column.kind in {"json", "jsonb"}:
        return lambda values: [None if one is None else json.dumps(one, sort_keys=True) for one in values]
    if column.kind == "bytea":
        return lambda values: [None if one is None else bytes(one) for one in values]
    import pyarrow as pa

    if _type(column) == pa.string():
        return lambda values: [None if one is None else str(one) for one in values]
    return lambda values: values
