"""A backtest's outcome as files: a CSV or a Parquet file per table, and `metrics.json`."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.run import Result, uncollected
from nightdesk.research.backtest.tables import TABLES, Block, Coded, Column, Kind, kind_of

if TYPE_CHECKING:
    import pyarrow as pa

Format = Literal["csv", "parquet"]


#: The tables that take the longest, first: of two processes neither is left with a long one at the end.
LONGEST = ("signals", "risk", "verdicts")


def write_result(
    result: Result,
    folder: Path,
    figures: Mapping[str, object] | None = None,
    file_format: Format = "csv",
    processes: int = 1,
) -> None:
    """Write the tables and the figures into `folder`; the same result gives the same bytes.

    Parameters
    ----------
    result : Result
    folder : Path
        Made where it is missing.
    figures : mapping of str to plain value, optional
        `metrics` of the result, where they were made before.
    file_format : str
        "csv" or "parquet": that of the tables. The figures are JSON.
    processes : int
        How many write tables side by side, where the system can fork: only for a process without threads of
        its own. The bytes do not depend on it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write = partial(write_table, result, folder, file_format)
    names = sorted(TABLES, key=lambda name: name not in LONGEST)
    with uncollected():
        if processes > 1 and sys.platform == "linux":
            _side_by_side(write, names, processes)
        else:
            for name in names:
                write(name)
    text = json.dumps(metrics(result) if figures is None else figures, indent=2, allow_nan=False)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")


def write_table(result: Result, folder: Path, file_format: Format, name: str) -> None:
    """Write one of `TABLES` into `folder`."""
    columns, blocks = TABLES[name]
    write = write_csv if file_format == "csv" else write_parquet
    write(folder / f"{name}.{file_format}", columns, blocks(result))


def _side_by_side(write: Callable[[str], None], names: Sequence[str], processes: int) -> None:
    """Write the tables here and in forked processes, which find the result in their own memory.

    What no other process has begun with is written here meanwhile.
    """
    try:
        with (
            warnings.catch_warnings(),
            ProcessPoolExecutor(processes - 1, get_context("fork"), _begin, (write,)) as pool,
        ):
            # The threads that Python warns of are those of BLAS and Arrow, which mend themselves in a fork.
            warnings.simplefilter("ignore", DeprecationWarning)
            begun = [(name, pool.submit(_write, name)) for name in names]
            for name, future in begun:
                if future.cancel():
                    write(name)
            for _, future in begun:
                if not future.cancelled():
                    future.result()
    except BrokenProcessPool as error:
        raise Refused("a process that wrote tables died, most likely for want of memory") from error


_written_by: Callable[[str], None] | None = None


def _begin(write: Callable[[str], None]) -> None:
    # The initializer of a pool hands something to its calls through the module alone.
    global _written_by
    _written_by = write


def _write(name: str) -> None:
    assert _written_by is not None
    _written_by(name)


def write_csv(path: Path, columns: Sequence[str], blocks: Iterable[Block]) -> None:
    """Write a CSV with a header; a missing value is an empty field, and a number has all its digits.

    The name of the file, without its ending, is that of the table.
    """
    import pyarrow.compute as pc

    with path.open("wb") as file:
        file.write((",".join(columns) + "\n").encode())
        kinds = [kind_of(path.stem, name) for name in columns]
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
    if kind == "text":
        return pa.array(_quoted(column), pa.string())
    if kind in {"date", "flag"}:
        written = {one: str(one) for one in set(column)}
        return pa.array(list(map(written.__getitem__, column)), pa.string())
    if set(map(type, column)) == {float}:
        return _digits(np.array(column))
    # decimals, counts, and values that are missing
    return pa.array(["" if one is None else str(one) for one in column], pa.string())


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
    """Write a Parquet file: dates, texts, flags, counts, and all else as numbers; a missing value is null."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(name, _type(kind_of(path.stem, name))) for name in columns])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for block in blocks:
            arrays = [_array(column, kind) for column, kind in zip(block, schema.types, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _type(kind: Kind) -> pa.DataType:
    import pyarrow as pa

    types = {
        "date": pa.date32(),
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
    if is_floating(kind):
        numbers = np.array([np.nan if one is None or one == "" else float(one) for one in column])
        return pa.array(numbers, kind, from_pandas=True)
    if is_string(kind):
        return pa.array(column, kind)
    return pa.array([None if one == "" else one for one in column], kind)
