"""Tables as files: CSV to the digit, Parquet with types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.research.backtest.table_columns import ROWS_AT_ONCE, Block, Coded, Column, Kind, kind_of

if TYPE_CHECKING:
    import pyarrow as pa


def write_csv(path: Path, columns: Sequence[str], blocks: Iterable[Block]) -> None:
    """Write a CSV with a header; a missing value is an empty field, and a number has all its digits.

    The name of the file, without its ending, is that of the table.
    """
    path.unlink(missing_ok=True)
    append_csv(path, columns, blocks)


def append_csv(path: Path, columns: Sequence[str], blocks: Iterable[Block]) -> None:
    """Write more rows of such a CSV, or its first."""
    import pyarrow.compute as pc

    kinds = [kind_of(path.stem, name) for name in columns]
    with path.open("ab") as file:
        if not file.tell():
            file.write((",".join(columns) + "\n").encode())
        for block in blocks:
            *fields, last = (_fields(kind, column) for kind, column in zip(kinds, block, strict=True))
            ended = pc.binary_join_element_wise(last, "\n", "")
            file.write(_characters(pc.binary_join_element_wise(*fields, ended, ",")))


def _characters(lines: pa.Array) -> memoryview:
    """Those of all lines, one after the other, as they lie in memory."""
    _, ends, characters = lines.buffers()
    return memoryview(characters)[: np.frombuffer(ends, np.int32)[len(lines)]]


def _fields(kind: Kind, column: Column) -> pa.Array:
    """The values of a column as CSV fields."""
    import pyarrow as pa

    if isinstance(column, Coded):
        return _fields(kind, column.values).take(pa.array(column.codes))
    if isinstance(column, np.ndarray):
        return _digits(column)
    if kind == "text":
        return pa.array(_quoted(column), pa.string())
    if kind in {"date", "flag"}:
        written = {one: str(one) for one in set(column)}
        return pa.array(list(map(written.__getitem__, column)), pa.string())
    if kind == "instant":
        written = {one: f"{one:%Y-%m-%dT%H:%M:%S}Z" if one else "" for one in set(column)}
        return pa.array(list(map(written.__getitem__, column)), pa.string())
    if set(map(type, column)) == {float}:
        return _digits(np.array(column))
    # decimals, counts, and values that are missing; many are the same object from session to session
    same = list(map(id, column))
    different = dict(zip(same, column, strict=True))
    written = {key: "" if one is None else str(one) for key, one in different.items()}
    return pa.array(list(map(written.__getitem__, same)), pa.string())


def _digits(numbers: Floats) -> pa.Array:
    """Floats with all their digits, as Python writes them; those of equal bits are written once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bits = pa.array(numbers.view(np.int64)).dictionary_encode()
    different = bits.dictionary.to_numpy().view(np.float64)
    # Arrow takes less time, and writes whole, small and large ones in another way
    size = np.abs(different)
    by_python = ~((size > 1e-3) & (size < 1e6) & (different != np.trunc(different)))
    texts = pa.array(list(map(repr, different[by_python].tolist())), pa.string())
    texts = pc.replace_with_mask(pa.array(different).cast(pa.string()), by_python, texts)
    return texts.take(bits.indices)


def _quoted(texts: Sequence[str]) -> Sequence[str]:
    """The texts as CSV fields: quoted where they hold a comma, a quote or the end of a line."""
    whole = "\0".join(texts)
    special = [mark for mark in ',"\n\r' if mark in whole]
    if not special:
        return texts
    if special == [","]:
        return [f'"{text}"' if "," in text else text for text in texts]
    return [
        '"' + text.replace('"', '""') + '"' if any(mark in text for mark in special) else text
        for text in texts
    ]


def write_parquet(path: Path, columns: Sequence[str], blocks: Iterable[Block]) -> None:
    """Write a Parquet file: dates, instants (UTC), texts, flags, counts, and all else as numbers; a missing
    value is null.
    """
    from pyarrow import parquet

    schema = _schema(path.stem, columns)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for block in blocks:
            writer.write_batch(_batch(block, schema))


def append_rows(path: Path, columns: Sequence[str], blocks: Iterable[Block]) -> None:
    """Append what `rows_to_parquet` reads: a Parquet file cannot grow."""
    import pyarrow as pa

    schema = _schema(path.stem, columns)
    with path.open("ab") as file, pa.ipc.new_stream(file, schema) as writer:
        for block in blocks:
            writer.write_batch(_batch(block, schema))


def rows_to_parquet(source: Path, path: Path) -> None:
    """Make the Parquet file of rows that were appended, and remove those."""
    import pyarrow as pa
    from pyarrow import parquet

    with pa.memory_map(str(source)) as file:
        schema = pa.ipc.open_stream(file).schema
        file.seek(0)
        with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in _regrouped(_appended(file), schema):
                writer.write_batch(batch)
    source.unlink()


def _appended(file: pa.MemoryMappedFile) -> Iterator[pa.RecordBatch]:
    """The batches of all streams, of which each was appended to those before."""
    import pyarrow as pa

    while file.tell() < file.size():
        yield from pa.ipc.open_stream(file)


def _regrouped(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The same rows, `ROWS_AT_ONCE` in each batch but the last."""
    import pyarrow as pa

    rest = schema.empty_table()
    for batch in batches:
        rest = pa.concat_tables([rest, pa.Table.from_batches([batch])])
        whole = len(rest) // ROWS_AT_ONCE * ROWS_AT_ONCE
        yield from rest.slice(0, whole).combine_chunks().to_batches(ROWS_AT_ONCE)
        rest = rest.slice(whole)
    yield from rest.combine_chunks().to_batches(ROWS_AT_ONCE)


def _schema(table: str, columns: Sequence[str]) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([(name, _type(kind_of(table, name))) for name in columns])


def _batch(block: Block, schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    arrays = [_array(column, kind) for column, kind in zip(block, schema.types, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def _type(kind: Kind) -> pa.DataType:
    import pyarrow as pa

    types = {
        "date": pa.date32(),
        "instant": pa.timestamp("ms", "UTC"),
        "text": pa.string(),
        "flag": pa.bool_(),
        "count": pa.int64(),
        "number": pa.float64(),
    }
    return types[kind]


def _array(column: Column, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa
    from pyarrow.types import is_floating, is_string

    if isinstance(column, Coded):
        return _array(column.values, kind).take(pa.array(column.codes))
    if isinstance(column, np.ndarray):
        return pa.array(column, kind, from_pandas=True)
    if is_floating(kind):
        numbers = np.array([np.nan if one is None or one == "" else float(one) for one in column])
        return pa.array(numbers, kind, from_pandas=True)
    if is_string(kind):
        return pa.array(column, kind)
    return pa.array([None if one == "" else one for one in column], kind)
