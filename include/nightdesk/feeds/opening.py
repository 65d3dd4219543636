"""The beginning of a file of bars: how it is written, its columns, its first rows."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from nightdesk.core.errors import Refused
from nightdesk.feeds.layouts import BINANCE_KLINES, Basis
from nightdesk.feeds.spellings import JSONS, PARQUETS, TEXTS, ends_with

HEAD_BYTES = 65_536
SAMPLE_ROWS = 200

EXPECTED = (
    "expected session (or date), symbol, open, high, low, close, volume "
    "and, where known, adj_close and source"
)

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
_DELIMITERS = ",;\t|"

#: How the short keys of Alpaca's and Polygon's bars are called in a table.
_SHORT_KEYS = {
    "T": "symbol", "t": "timestamp", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume",
    "vw": "vwap", "n": "trade_count",
}  # fmt: skip

Kind = Literal["text", "parquet", "json"]
Cells = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Head:
    """What the beginning of a file tells.

    Attributes
    ----------
    columns : tuple of str
        As the file calls them; those of Binance's klines where it has no header.
    sample : tuple of tuples
        Its first rows, as many cells as columns; of a Parquet file none.
    first_line : int
        Line (of a Parquet or JSON file the row) of its first row, from 1.
    encoding, delimiter : str
        Of a text.
    symbol : str or None
        Of a JSON answer that names it beside its bars.
    basis : Basis or None
        For what a JSON answer says that its prices are adjusted.
    """

    path: Path
    kind: Kind
    columns: tuple[str, ...]
    sample: tuple[tuple[Any, ...], ...] = ()
    first_line: int = 1
    encoding: str = "utf-8"
    delimiter: str = ","
    symbol: str | None = None
    basis: Basis | None = None

    def cells(self, column: str) -> list[str]:
        """The cells of a column in the sample, as text."""
        at = self.columns.index(column)
        return ["" if row[at] is None else str(row[at]) for row in self.sample]


def kind_of(name: str) -> Kind | None:
    """How a file of that name is written; None where its name does not say."""
    if ends_with(name, PARQUETS):
        return "parquet"
    if ends_with(name, JSONS):
        return "json"
    return "text" if ends_with(name, TEXTS) else None


def look(path: Path) -> Head:
    """The beginning of a file; `Refused` where it cannot be read or is empty."""
    stat = path.stat()
    return _look(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4096)
def _look(path: Path, changed: int, size: int) -> Head:
    kind = kind_of(path.name) or "text"
    if kind == "parquet":
        return _look_at_parquet(path)
    if kind == "json":
        columns, rows, symbol, basis = read_json(path)
        sample = tuple(tuple(row.get(name) for name in columns) for row in rows[:SAMPLE_ROWS])
        return Head(path, "json", columns, sample, symbol=symbol, basis=basis)
    return _look_at_text(path)


def unreadable(path: Path, error: Exception) -> Refused:
    """The error of a file that cannot be read."""
    return Refused(
        f"{path}: cannot be read ({error}): give a CSV (UTF-8), JSON or Parquet file, gzip allowed"
    )


def open_stream(path: Path) -> Any:
    """The bytes of a file, unpacked where it is gzip, whatever it is called."""
    import pyarrow as pa

    return pa.input_stream(str(path), compression="gzip" if _is_gzip(path) else None)


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def _look_at_parquet(path: Path) -> Head:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_stream(path) as stream:
            file = pq.ParquetFile(pa.BufferReader(stream.read()) if _is_gzip(path) else str(path))
            first = next(file.iter_batches(batch_size=SAMPLE_ROWS), None)
            columns = tuple(file.schema_arrow.names)
    except (OSError, EOFError, pa.ArrowInvalid) as error:
        raise unreadable(path, error) from error
    cells = [] if first is None else [column.to_pylist() for column in first.columns]
    return Head(path, "parquet", columns, tuple(zip(*cells, strict=True)))


def _look_at_text(path: Path) -> Head:
    try:
        with gzip.open(path) if _is_gzip(path) else path.open("rb") as file:
            raw = file.read(HEAD_BYTES)
        encoding = _encoding(raw)
        text = raw.decode(encoding, errors="ignore" if len(raw) == HEAD_BYTES else "strict")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
    if "\0" in text:
        raise unreadable(path, ValueError("it is no text"))
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or not lines[0].strip():
        raise Refused(f"{path}: the file is empty; {EXPECTED}")
    if len(raw) == HEAD_BYTES:
        lines = lines[:-1] or lines
    delimiter = max(_DELIMITERS, key=_outside_quotes(lines[0]).count)
    try:
        rows = list(islice(csv.reader(lines, delimiter=delimiter), SAMPLE_ROWS + 1))
    except csv.Error as error:
        raise unreadable(path, error) from error
    header = tuple(one.strip() for one in rows[0])
    if _is_binance(header):
        return Head(path, "text", BINANCE_KLINES, _whole(rows, len(header)), 1, encoding, delimiter)
    return Head(path, "text", header, _whole(rows[1:], len(header)), 2, encoding, delimiter)


def _encoding(raw: bytes) -> str:
    for mark, name in _BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            return name
    try:
        raw.decode("utf-8") if len(raw) < HEAD_BYTES else raw[:-4].decode("utf-8")
    except UnicodeDecodeError as error:
        # the cut may lie within a character
        if len(raw) < HEAD_BYTES or error.start < HEAD_BYTES - 8:
            return "cp1252"
    return "utf-8"


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _is_binance(cells: Sequence[str]) -> bool:
    if len(cells) != len(BINANCE_KLINES) or not (cells[0].isdigit() and cells[6].isdigit()):
        return False
    return len(cells[0]) >= 13 and int(cells[6]) > int(cells[0])


def _whole(rows: Sequence[Sequence[str]], width: int) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(row) for row in rows if len(row) == width)


@lru_cache(maxsize=4)
def _json_of(path: Path, changed: int, size: int) -> Any:
    try:
        with open_stream(path) as stream:
            return json.loads(stream.read().decode("utf-8-sig"))
    except (OSError, EOFError, ValueError, RecursionError) as error:
        raise unreadable(path, error) from error


def read_json(path: Path) -> tuple[tuple[str, ...], list[dict[str, Any]], str | None, Basis | None]:
    """The columns and rows of a JSON answer, its symbol where it names one, and what it says of adjustment.

    Known are a list of rows (as Tiingo answers), ``bars`` (Alpaca, of one symbol or by symbol), ``results``
    (Polygon), and a series by day (Alpha Vantage). Another answer has no columns.
    """
    stat = path.stat()
    answer = _json_of(path, stat.st_mtime_ns, stat.st_size)
    rows, symbol, basis = _rows_of(answer)
    rows = [{_SHORT_KEYS.get(key, key): value for key, value in row.items()} for row in rows]
    columns = tuple(dict.fromkeys(key for row in rows for key in row))
    return columns, rows, symbol, basis


def _rows_of(answer: Any) -> tuple[list[dict[str, Any]], str | None, Basis | None]:
    if isinstance(answer, list):
        return _records(answer), None, None
    if not isinstance(answer, dict):
        return [], None, None
    if isinstance(answer.get("bars"), dict):
        by_symbol = answer["bars"].items()
        return [{"symbol": name} | row for name, rows in by_symbol for row in _records(rows)], None, None
    if isinstance(answer.get("bars"), list):
        return _records(answer["bars"]), _text(answer.get("symbol")), None
    if isinstance(answer.get("results"), list):
        adjusted = answer.get("adjusted")
        basis = Basis.SPLITS if adjusted is True else Basis.RAW if adjusted is False else None
        return _records(answer["results"]), _text(answer.get("ticker")), basis
    series = next((one for key, one in answer.items() if key.startswith("Time Series")), None)
    if isinstance(series, dict):
        about = answer.get("Meta Data")
        symbol = _text(about.get("2. Symbol")) if isinstance(about, dict) else None
        return (
            [{"timestamp": day} | row for day, row in series.items() if isinstance(row, dict)],
            symbol,
            None,
        )
    return [], None, None


def _records(rows: Any) -> list[dict[str, Any]]:
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
