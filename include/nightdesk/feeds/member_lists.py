"""The `files:PATH` list of the members of a universe: a CSV file of the user's own, read strictly."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path

from nightdesk.core.documents import read_bytes
from nightdesk.core.errors import Refused
from nightdesk.core.fields import SYMBOL_PATTERN
from nightdesk.core.members import Membership, MemberSpan, faults_of

REQUIRED = ("symbol", "from", "until")
COLUMNS = (*REQUIRED, "known_at", "group")
EXPECTED = (
    "expected symbol, from, until (the last session; empty: still a member) and, where known, known_at, group"
)

#: Half a million spans.
MOST_BYTES = 20_000_000
_SYMBOL = re.compile(SYMBOL_PATTERN)


def read_members(source: str) -> Membership:
    """The members that a list names.

    Parameters
    ----------
    source : str
        ``files:`` and the path of a CSV file with a header. A line counts from the later of `from` and
        `known_at`, so that no decision knows a member before its list did.

    Raises
    ------
    Refused
        When there is no such file, it cannot be read, has a column that is not known or lacks one, a cell
        that is none, a span that ends before it begins, or a symbol twice at once; with the file and line.
    """
    path = Path(source.removeprefix("files:"))
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise Refused(
            f"{source}: found {found}, expected a list of members: write it there, or correct "
            "universe.members"
        )
    stat = path.stat()
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, size: int) -> Membership:
    """A whole list; the key holds its time and size, so a changed file is read anew."""
    try:
        text = read_bytes(path, MOST_BYTES, "a list of members").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{path}: not a text in UTF-8 ({error.reason}): write it as a CSV file") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        spans = [one for one in _lines(path, reader) if one is not None]
    except csv.Error as error:
        raise Refused(f"{path}, line {reader.line_num}: not CSV ({error}): correct the line") from error
    if not spans:
        raise Refused(f"{path}: the list names no symbol; {EXPECTED}")
    faults = faults_of(spans)
    if faults:
        raise Refused("\n".join(f"{path}: {line}" for line in faults))
    return Membership(tuple(sorted(spans, key=lambda one: (one.symbol, one.first))))


def _lines(path: Path, reader: Iterator[list[str]]) -> Iterator[MemberSpan | None]:
    """The spans; None for a line that was known only after it had ended."""
    header = next(reader, None)
    if not header:
        raise Refused(f"{path}: the file is empty; {EXPECTED}")
    at = _columns(path, header)
    for row in reader:
        number: int = reader.line_num  # type: ignore[attr-defined]  # an Iterator to its type, csv's reader in fact
        if not row:
            continue
        where = f"{path}, line {number}"
        if len(row) != len(header):
            raise Refused(f"{where}: found {len(row)} fields, expected {len(header)} as in the header")
        cells = {name: row[n].strip() for name, n in at.items()}
        if not _SYMBOL.fullmatch(cells["symbol"]):
            raise Refused(
                f"{where}, column symbol: found {cells['symbol']!r}, expected a symbol of at most 21 capital "
                "letters, digits and . ^ = / -"
            )
        first, last = _day(cells["from"], f"{where}, column from"), None
        if cells["until"]:
            last = _day(cells["until"], f"{where}, column until")
        if last is not None and last < first:
            raise Refused(f"{where}: {cells['symbol']}: until {last} lies before from {first}: correct one")
        if cells.get("known_at"):
            first = max(first, _day(cells["known_at"], f"{where}, column known_at"))
        known_late = last is not None and last < first
        yield None if known_late else MemberSpan(cells["symbol"], first, last, cells.get("group", ""))


def _columns(path: Path, header: list[str]) -> dict[str, int]:
    names = [one.strip() for one in header]
    unknown = [one for one in names if one not in COLUMNS]
    absent = [one for one in REQUIRED if one not in names]
    twice = sorted({one for one in names if names.count(one) > 1})
    for what, found in (("unknown column", unknown), ("missing column", absent), ("column twice", twice)):
        if found:
            raise Refused(f"{path}, line 1: {what} {', '.join(found)}; {EXPECTED}")
    return {name: n for n, name in enumerate(names)}


def _day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{where}: found {text!r}, expected a day like 2024-03-28") from None
