"""The `files:PATH` source of every kind of facts: a CSV of a user's own, or as a publisher gives it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from nightdesk.core.csv_table import CsvTable
from nightdesk.core.documents import read_text
from nightdesk.core.errors import Refused
from nightdesk.core.facts import FACT_KINDS, LISTINGS, FactKind
from nightdesk.feeds.bar_tables import Version
from nightdesk.feeds.fact_feed import Clock, FactFeed, FetchedFacts, fact_frame
from nightdesk.feeds.fact_layouts import FactLayout, assumed_instant, layout_of, why_nothing_is_assumed
from nightdesk.feeds.feed import Fault, Missing

#: Some five million facts.
_MOST_BYTES = 500_000_000

AHEAD = "known later than now"


class FilesFacts(FactFeed):
    """Facts from a file of one kind, or from a folder with a file a kind.

    Parameters
    ----------
    path : Path
        A CSV file with a header, gzip allowed; or a folder that holds ``macro.csv``, ``earnings.csv`` and so
        on, or the same with ``.csv.gz``.
    """

    name = "files"
    kinds = tuple(FACT_KINDS.values())

    def __init__(self, path: Path, *, now: Clock = lambda: datetime.now(UTC)) -> None:
        super().__init__(now=now)
        self._path = path

    def fetch(self, kind: FactKind, subjects: Sequence[str], first: date, last: date) -> FetchedFacts:
        """Facts of the file; a subject of which it states no instant, and none may be assumed, is missing."""
        path, now = find_facts(self._path, kind), self.now()
        lines = _lines_of(path, kind)
        wanted, rows, missing = set(subjects), [], {}
        dropped: dict[str, int] = {}
        for line in lines:
            if line.subject not in wanted:
                continue
            known_at = line.known_at or assumed_instant(kind, line, now)
            if known_at is None:
                why = why_nothing_is_assumed(path, kind, line.subject)
                missing[line.subject] = Missing(why, Fault.FINAL)
            elif known_at > now:
                dropped[AHEAD] = dropped.get(AHEAD, 0) + 1
            elif _in_span(line.day, known_at, first, last):
                moment = known_at.astimezone(UTC).replace(tzinfo=None)
                rows.append((line.subject, line.day, moment, *line.values, line.source))
        named = {row[0] for row in rows}
        rows = [row for row in rows if row[0] not in missing]
        for subject in sorted(wanted - named - set(missing)):
            missing[subject] = Missing(f"{path} has no {kind.name} of {subject} from {first} to {last}")
        return FetchedFacts(fact_frame(kind, rows), missing, dropped)

    def pool(self) -> tuple[str, ...]:
        now = self.now()
        known = (
            line.subject
            for line in _lines_of(find_facts(self._path, LISTINGS), LISTINGS)
            if (line.known_at or assumed_instant(LISTINGS, line, now) or now) <= now
        )
        return tuple(dict.fromkeys(known))


def find_facts(path: Path, kind: FactKind) -> Path:
    """The file of a kind: `path` itself, or the kind's own in that folder.

    Raises
    ------
    Refused
        When there is none.
    """
    if path.is_dir():
        names = [f"{kind.name}.csv", f"{kind.name}.csv.gz"]
        found = next((path / one for one in names if (path / one).is_file()), None)
        if found is None:
            raise Refused(f"feeds.{kind.name}: files:{path}: found neither {names[0]} nor {names[1]} in it")
        return found
    if not path.is_file():
        raise Refused(
            f"feeds.{kind.name}: files:{path}: there is no such file: write it, or correct the path"
        )
    return path


@dataclass(frozen=True)
class FactLine:
    """A line of a file; `known_at` is None where the file states none."""

    number: int
    subject: str
    day: date
    known_at: datetime | None
    values: tuple[Any, ...]
    source: str


def _in_span(day: date, known_at: datetime, first: date, last: date) -> bool:
    return first <= day <= last or first <= known_at.date() <= last


def _lines_of(path: Path, kind: FactKind) -> tuple[FactLine, ...]:
    stat = path.stat()
    return _read((path, stat.st_mtime_ns, stat.st_size), kind.name)


@lru_cache(maxsize=8)
def _read(version: Version, kind_name: str) -> tuple[FactLine, ...]:
    """The lines of a file; the key holds its time and size, so a changed file is read anew."""
    path, kind = version[0], FACT_KINDS[kind_name]
    text = read_text(path, _MOST_BYTES, f"a CSV of {kind.name} facts")
    return tuple(parse_facts(kind, text, str(path)))


def parse_facts(kind: FactKind, text: str, source: str) -> list[FactLine]:
    """Read and check a CSV of one kind of facts.

    Parameters
    ----------
    kind : FactKind
    text : str
        With a header: the kind's own columns, or those of a publisher that `nightdesk.feeds.fact_layouts`
        knows. Days are ISO, instants ISO with a zone; a number that is not known is empty or a full stop.
    source : str
        Names the text in errors.

    Raises
    ------
    Refused
        With file, line and column, what was found and what is expected.
    """
    table = CsvTable(text, source)
    layout = layout_of(kind, table.header, f"{source}:1")
    seen: dict[tuple[str, date, datetime | None], int] = {}
    lines = []
    for one in _lines(kind, layout, table):
        key = (one.subject, one.day, one.known_at)
        if key in seen:
            when = "known at the same instant" if one.known_at is not None else "without an instant"
            raise Refused(
                f"{table.place(one.number)}: {one.subject} of {one.day} stands in line {seen[key]} already, "
                f"{when}: keep one of them, or state from when each was known (known_at)"
            )
        seen[key] = one.number
        lines.append(one)
    if not lines:
        raise Refused(f"{source}: there is no fact in it")
    return lines


def _lines(kind: FactKind, layout: FactLayout, table: CsvTable) -> Iterator[FactLine]:
    for number, cells in table.lines():
        row = _Cells(table.place(number), layout, cells)
        yield FactLine(
            number=number,
            subject=row.word(kind.subject, needed=True),
            day=row.day(kind.day) or row.no_day(kind.day),
            known_at=row.instant("known_at"),
            values=tuple(_VALUES[one](row, name) for name, one in kind.values.items()),
            source=row.word("source") or layout.source,
        )


class _Cells:
    """The cells of a line by the names of the kind's columns."""

    def __init__(self, place: str, layout: FactLayout, cells: Sequence[str]) -> None:
        self._place, self._layout, self._cells = place, layout, cells

    def text(self, name: str) -> str:
        """A cell; empty where the file has no such column."""
        at = self._layout.places.get(name)
        return "" if at is None else self._cells[at]

    def word(self, name: str, *, needed: bool = False) -> str:
        """A cell as a word of the desk."""
        found = self.text(name)
        if needed and not found:
            raise self._wrong(name, "a name")
        words = self._layout.words.get(name)
        if words is None:
            return found
        if found.lower() not in words:
            raise self._wrong(name, f"one of {', '.join(one or 'nothing' for one in words)}")
        return words[found.lower()]

    def day(self, name: str) -> date | None:
        """A cell as a day; None where it is empty."""
        found = self.text(name)
        if not found:
            return None
        try:
            return date.fromisoformat(found[:10] if self._layout.instants_as_days else found)
        except ValueError:
            raise self._wrong(name, "a day like 2024-03-28") from None

    def no_day(self, name: str) -> date:
        """The error of a day that must be there."""
        raise self._wrong(name, "a day like 2024-03-28")

    def number(self, name: str) -> float:
        """A cell as a number; NaN where it is empty or a full stop."""
        found = self.text(name)
        if found in ("", "."):
            return float("nan")
        if not _NUMBER.fullmatch(found):
            raise self._wrong(name, "a number like 4.06, or nothing where it is not known")
        return float(found)

    def instant(self, name: str) -> datetime | None:
        """A cell as an instant, UTC; None where it is empty."""
        found = self.text(name)
        if not found:
            return None
        try:
            moment = datetime.fromisoformat(found)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise self._wrong(name, "an instant with its zone like 2026-11-20T15:30-05:00")
        return moment.astimezone(UTC)

    def _wrong(self, name: str, expected: str) -> Refused:
        column = self._layout.called.get(name, name)
        return Refused(f"{self._place}:{column}: found {self.text(name)!r}, expected {expected}")


#: No sign of infinity, no digits in groups: what a publisher's file may hold beside plain numbers is a fault.
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,2})?")

_VALUES: dict[type, Callable[[_Cells, str], Any]] = {
    float: lambda row, name: row.number(name),
    str: lambda row, name: row.word(name),
    date: lambda row, name: row.day(name),
}
