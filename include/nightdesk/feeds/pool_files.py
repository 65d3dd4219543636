"""The `files:PATH` pool of a screened universe: a CSV file that names the symbols to choose from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from nightdesk.core.csv_table import CsvTable
from nightdesk.core.documents import read_text
from nightdesk.core.errors import Refused
from nightdesk.core.fields import SYMBOL_PATTERN

COLUMN = "symbol"
#: Half a million symbols.
MOST_BYTES = 20_000_000

_SYMBOL = re.compile(SYMBOL_PATTERN)


def read_pool_file(place: str) -> Mapping[str, int]:
    """The symbols that a file names, in its order, each with the number of its line.

    Parameters
    ----------
    place : str
        ``files:`` and the path of a CSV file whose header has a column `symbol`; what other columns say is
        not read.

    Raises
    ------
    Refused
        When there is no such file, it cannot be read, has no column `symbol` or two of them, names no symbol,
        one that is none, or one twice; with the file and line.
    """
    path = Path(place.removeprefix("files:"))
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise Refused(
            f"{place}: found {found}, expected a CSV file with a column {COLUMN}: write it there, or correct "
            "universe.screen.pool"
        )
    stat = path.stat()
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, size: int) -> Mapping[str, int]:
    """A whole file; the key holds its time and size, so a changed file is read anew."""
    table = CsvTable(read_text(path, MOST_BYTES, "a pool of symbols"), str(path))
    named = [one for one in table.header if one == COLUMN]
    if len(named) != 1:
        found = ", ".join(table.header) or "an empty file"
        raise Refused(f"{table.place(1)}: found {found}, expected one column {COLUMN} (others are not read)")
    first: dict[str, int] = {}
    for number, symbol in _symbols(table):
        if symbol in first:
            raise Refused(
                f"{table.place(number)}: {symbol} stands in line {first[symbol]} already: leave one out"
            )
        first[symbol] = number
    if not first:
        raise Refused(f"{path}: it names no symbol: write one a line below the header")
    return MappingProxyType(first)


def _symbols(table: CsvTable) -> Iterator[tuple[int, str]]:
    at = table.header.index(COLUMN)
    for number, cells in table.lines():
        if not _SYMBOL.fullmatch(cells[at]):
            raise Refused(
                f"{table.place(number)}, column {COLUMN}: found {cells[at]!r}, expected a symbol of at most "
                "21 capital letters, digits and . ^ = / -"
            )
        yield number, cells[at]
