"""The pool of stocks that a screen looks at: all that the book's sources list, or those of a file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path

from nightdesk.core.book import Book
from nightdesk.core.documents import read_bytes
from nightdesk.core.errors import Refused
from nightdesk.core.pool_book import screen_terms
from nightdesk.feeds.fact_feed import make_facts

#: Some hundred thousand symbols.
MOST_BYTES = 5_000_000
_SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9.^=/-]{0,20}")
_EXPECTED = "expected a header with the column symbol, and a symbol a line"


def read_pool(book: Book, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The stocks that the screen of a book looks at, sorted.

    Of sources of listings those that can say what they list count together. The volatility index and words
    that no book can name are left out of them; in a file they are refused.

    Parameters
    ----------
    book : Book
        With a screen.
    environ : mapping of str to str, optional
        Where the keys of vendors are.

    Raises
    ------
    Refused
        When no source of the book says what it lists, or they list none; when the file is not there, cannot
        be read, names a symbol twice or something that is none, or is empty.
    Transient
        When a source cannot be reached.
    """
    source = screen_terms(book).pool
    if source.startswith("files:"):
        return _of_file(Path(source.removeprefix("files:")), book.volatility_index)
    found, silent = set[str](), list[Refused]()
    for name in book.feeds.listings:
        try:
            found |= set(make_facts(name, environ=environ).pool())
        except Refused as error:
            silent.append(error)
    if silent and not found:
        raise Refused("universe.screen.pool: found listings: " + "; ".join(map(str, silent)))
    pool = {symbol for symbol in found if _SYMBOL.fullmatch(symbol)} - {book.volatility_index}
    if not pool:
        raise Refused(
            f"the pool of book {book.name} is empty: {', '.join(book.feeds.listings)} list no stock; name "
            "another source in feeds.listings, or pool: files:PATH"
        )
    return tuple(sorted(pool))


def _of_file(path: Path, volatility_index: str) -> tuple[str, ...]:
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise Refused(
            f"files:{path}: found {found}, expected the pool of a screen: write it there, or correct "
            "universe.screen.pool"
        )
    try:
        text = read_bytes(path, MOST_BYTES, "a pool of stocks").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{path}: not a text in UTF-8 ({error.reason}): write it as a CSV file") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = [one.strip() for one in next(reader, [])]
    if header.count("symbol") != 1:
        raise Refused(f"{path}, line 1: found {', '.join(header) or 'nothing'}; {_EXPECTED}")
    at, lines = header.index("symbol"), dict[str, int]()
    try:
        for row in reader:
            if row:
                _add(path, reader.line_num, row, at, lines, volatility_index)
    except csv.Error as error:
        raise Refused(f"{path}, line {reader.line_num}: not CSV ({error}): correct the line") from error
    if not lines:
        raise Refused(f"{path}: the pool names no symbol; {_EXPECTED}")
    return tuple(sorted(lines))


def _add(path: Path, line: int, row: list[str], at: int, lines: dict[str, int], index: str) -> None:
    where = f"{path}, line {line}"
    symbol = row[at].strip() if at < len(row) else ""
    if not _SYMBOL.fullmatch(symbol):
        raise Refused(
            f"{where}, column symbol: found {symbol!r}, expected a symbol of at most 21 capital letters, "
            "digits and . ^ = / -"
        )
    if symbol in lines:
        raise Refused(f"{where}: {symbol} stands in line {lines[symbol]} already: leave one of them out")
    if symbol == index:
        raise Refused(f"{where}: {symbol} is the volatility index of the book, and no stock: leave it out")
    lines[symbol] = line
