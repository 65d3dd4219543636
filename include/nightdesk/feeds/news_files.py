"""The `files:PATH` source of headlines: a CSV file of the user's own, read strictly."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from nightdesk.core.documents import read_bytes
from nightdesk.core.errors import Refused
from nightdesk.feeds.news import News, NewsFeed, news_frame, plain
from nightdesk.feeds.raw_headlines import OF_OTHERS
from nightdesk.sentiment import symbols_by_words, symbols_of

FILE_NAMES = ("headlines.csv", "headlines.csv.gz")
REQUIRED = ("published_at", "headline", "source")
EXPECTED = (
    "expected published_at, headline, source, symbol or symbols (several, with blanks or semicolons between) "
    "and, where known, url"
)

#: Some five million headlines.
MOST_BYTES = 1_000_000_000

TWICE = "given twice"


@dataclass(frozen=True)
class _Line:
    """A line of the file: where it stands, and what it says."""

    number: int
    published_at: datetime
    named: tuple[str, ...]
    headline: str
    source: str
    url: str

    @property
    def article(self) -> str:
        """What names the article: its instant and address, or its words where it has no address."""
        told = f"{self.published_at.astimezone(UTC).isoformat()} {self.url or self.headline}"
        return hashlib.sha256(told.encode()).hexdigest()[:32]


class FilesNews(NewsFeed):
    """Headlines from a file.

    Parameters
    ----------
    path : Path
        A file, or a folder that holds ``headlines.csv`` or ``headlines.csv.gz``.
    """

    name = "files"

    def __init__(self, path: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(now=now)
        self.path = path

    def fetch(self, symbols: Sequence[str], after: datetime, until: datetime) -> News:
        path = find_headlines(self.path)
        stat = path.stat()
        lines = _read(path, stat.st_mtime_ns, stat.st_size)
        _refuse_future(path, lines, self.now())
        dropped: dict[str, int] = {}
        seen: dict[tuple[str, str], _Line] = {}
        by_words: set[tuple[str, str]] = set()
        for line in lines:
            if not after < line.published_at <= until:
                continue
            mine = symbols_of(line.headline, line.named, symbols)
            more = symbols_by_words(line.headline, mine, symbols, self.keywords)
            by_words |= {(symbol, line.article) for symbol in more}
            if not mine and not more:
                dropped[OF_OTHERS] = dropped.get(OF_OTHERS, 0) + 1
            for symbol in (*mine, *more):
                other = seen.setdefault((symbol, line.article), line)
                if other.headline != line.headline:
                    raise Refused(
                        f"{path}, line {other.number} and line {line.number}: two headlines of {symbol} at "
                        f"{line.url} of one instant: keep one of them"
                    )
                if other is not line:
                    dropped[TWICE] = dropped.get(TWICE, 0) + 1
        rows = {
            (symbol, article): (
                symbol,
                _utc(line.published_at),
                line.headline,
                line.source,
                line.url,
                article,
            )
            for (symbol, article), line in seen.items()
        }
        named = [row for key, row in rows.items() if key not in by_words]
        found = news_frame([row for key, row in rows.items() if key in by_words])
        return News(news_frame(named), dropped=dropped, by_words=found)


def find_headlines(path: Path) -> Path:
    """The file of headlines at `path`; `Refused` when there is none, or two."""
    if path.is_file():
        return path
    found = [path / name for name in FILE_NAMES if (path / name).is_file()]
    if not found:
        raise Refused(
            f"files:{path}: there is no such file, and no {' or '.join(FILE_NAMES)} in a folder of it"
        )
    if len(found) > 1:
        raise Refused(f"files:{path}: there are {' and '.join(FILE_NAMES)}: keep one of them")
    return found[0]


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, size: int) -> tuple[_Line, ...]:
    """All lines of a file; the key holds its time and size, so a changed file is read anew."""
    content = read_bytes(path, MOST_BYTES, "a file of headlines")
    try:
        text = (_unpacked(path, content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise Refused(f"{path}: cannot be read ({error}): give a CSV file in UTF-8, gzip allowed") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return tuple(_lines(path, reader))
    except csv.Error as error:
        raise Refused(f"{path}, line {reader.line_num}: not CSV ({error}): correct the line") from error


def _unpacked(path: Path, content: bytes) -> bytes:
    with gzip.open(io.BytesIO(content)) as stream:
        unpacked = stream.read(MOST_BYTES + 1)
    if len(unpacked) > MOST_BYTES:
        raise Refused(f"{path}: a file of headlines unpacks to more than {MOST_BYTES:,} bytes: split it")
    return unpacked


def _lines(path: Path, reader: Iterator[list[str]]) -> Iterator[_Line]:
    header = next(reader, None)
    if not header:
        raise Refused(f"{path}: the file is empty; {EXPECTED}")
    at = _columns(path, header)
    for row in reader:
        number: int = reader.line_num  # type: ignore[attr-defined]  # an Iterator to its type, csv's reader in fact
        if not row:
            continue
        if len(row) != len(header):
            raise Refused(
                f"{path}, line {number}: found {len(row)} fields, expected {len(header)} as in the header: "
                "a headline with a comma stands in quotes"
            )
        where = f"{path}, line {number}, column "
        headline = plain(row[at["headline"]])
        if not headline:
            raise Refused(f"{where}headline: found nothing, expected the words of a headline")
        named = row[at["named"]].replace(";", " ").replace(",", " ").replace("|", " ").split()
        published_at = _instant(row[at["published_at"]], f"{where}published_at")
        url = plain(row[at["url"]]) if "url" in at else ""
        yield _Line(number, published_at, tuple(named), headline, plain(row[at["source"]]) or "files", url)


def _columns(path: Path, header: list[str]) -> dict[str, int]:
    """Where the columns stand; that of the symbols is called `named` here."""
    names = [one.strip() for one in header]
    tags = [one for one in ("symbol", "symbols") if one in names]
    absent = [one for one in REQUIRED if one not in names] + ([] if tags else ["symbol (or symbols)"])
    if absent:
        what = "the column" if len(absent) == 1 else "the columns"
        raise Refused(
            f"{path}, line 1: {what} {', '.join(absent)} is missing; found {', '.join(names)}; {EXPECTED}"
        )
    if len(tags) > 1:
        raise Refused(f"{path}, line 1: found symbol and symbols: keep one of these columns")
    known = (*REQUIRED, *tags, "url")
    twice = [one for one in known if names.count(one) > 1]
    if twice:
        raise Refused(f"{path}, line 1: the column {twice[0]} is there twice: keep one of them")
    return {"named" if one in tags else one: names.index(one) for one in known if one in names}


def _instant(text: str, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Refused(f"{where}: found {text!r}, expected an instant like 2024-03-28T13:05:00Z") from None
    if moment.utcoffset() is None:
        raise Refused(
            f"{where}: found {text!r}, which has no time zone: "
            "write the zone with it, such as 2024-03-28T13:05:00Z or 2024-03-28T09:05:00-04:00"
        )
    return moment


def _refuse_future(path: Path, lines: Sequence[_Line], now: datetime) -> None:
    for line in lines:
        if line.published_at > now:
            raise Refused(
                f"{path}, line {line.number}, column published_at: {line.published_at.isoformat()} is in the "
                f"future (it is {now:%Y-%m-%d %H:%M} UTC): remove the line or correct its time"
            )


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
