"""The `files:PATH` source of funding rates: a CSV of a user's own, or as an exchange gives it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path

from nightdesk.core.csv_table import CsvTable
from nightdesk.core.documents import read_text
from nightdesk.core.errors import Refused
from nightdesk.core.funding import MOST, FundingRate
from nightdesk.feeds.bar_tables import Version
from nightdesk.feeds.funding_source import Clock, Funded, FundingSource, to_second

#: What the columns may be called, the first that is there counts; `symbol` and `known_at` may be left out.
_COLUMNS = {
    "symbol": ("symbol",),
    "instant": ("instant", "funding_time_utc", "fundingTime"),
    "rate": ("rate", "fundingRate"),
    "known_at": ("known_at",),
}
_EXPECTED = "expected instant, rate and, if you like, symbol and known_at"
_MOST_BYTES = 200_000_000


class FilesFunding(FundingSource):
    """Rates of a file: all that it has, whenever they were paid.

    Parameters
    ----------
    path : Path
    """

    name = "files"
    own = True

    def __init__(self, path: Path, *, environ: Mapping[str, str] | None = None, now: Clock) -> None:
        super().__init__(environ=environ, now=now)
        self.path = path

    def fetch(self, symbol: str, first: datetime, last: datetime) -> Funded:
        """Its rates of a perpetual.

        Raises
        ------
        Refused
            When the file is not there, has no rate of the perpetual, or a line is wrong: with file, line and
            what is expected.
        """
        return Funded(tuple(_rates_of(self.path, symbol)))


def _rates_of(path: Path, symbol: str) -> Iterator[FundingRate]:
    if not path.is_file():
        raise Refused(f"universe.{symbol}.funding: files:{path}: there is no such file")
    stat = path.stat()
    read = _read((path, stat.st_mtime_ns, stat.st_size))
    # Exchanges call a perpetual by its pair; a file that names no symbol is of the one that names it.
    names = {symbol, symbol.removesuffix("-PERP"), ""}
    found = [one for one in read if one.symbol in names]
    if not found:
        others = ", ".join(sorted({one.symbol for one in read})) or "nothing"
        raise Refused(f"{path}: it holds no rate of {symbol} (it holds {others}): name another file")
    return (FundingRate(symbol, one.instant, one.known_at, one.rate) for one in found)


@lru_cache(maxsize=8)
def _read(version: Version) -> tuple[FundingRate, ...]:
    """The rates of a file; the key holds its time and size, so a changed file is read anew."""
    path = version[0]
    text = read_text(path, _MOST_BYTES, "a CSV of funding rates")
    return tuple(parse_funding(text, str(path)))


def parse_funding(text: str, source: str) -> list[FundingRate]:
    """Read and check a CSV of funding rates.

    Parameters
    ----------
    text : str
        With a header; instants are ISO with a zone, or milliseconds since 1970. Where there is no `known_at`
        a rate is known at its instant.
    source : str
        Names the text in errors.

    Raises
    ------
    Refused
        With the line, what was found and what is expected.
    """
    table = CsvTable(text, source)
    at = _places(table.header, source)
    rates: list[FundingRate] = []
    seen: dict[tuple[str, datetime, datetime], int] = {}
    for number, cells in table.lines():
        place = table.place(number)
        one = _rate(cells, at, place)
        key = (one.symbol, one.instant, one.known_at)
        if key in seen:
            raise Refused(
                f"{place}: the rate of {one.instant:%Y-%m-%d %H:%M} UTC stands in line {seen[key]} "
                "already, known at the same instant: keep one of them"
            )
        seen[key] = number
        rates.append(one)
    if not rates:
        raise Refused(f"{source}: there is no rate in it")
    return rates


def _places(header: Sequence[str], source: str) -> dict[str, int]:
    found = {
        name: next((header.index(one) for one in called if one in header), -1)
        for name, called in _COLUMNS.items()
    }
    if found["instant"] < 0 or found["rate"] < 0:
        raise Refused(f"{source}:1: found the columns {', '.join(header) or 'none'}; {_EXPECTED}")
    return found


def _rate(cells: Sequence[str], at: Mapping[str, int], place: str) -> FundingRate:
    def cell(name: str) -> str:
        return cells[at[name]] if at[name] >= 0 else ""

    instant = _instant(cell("instant"), "instant", place)
    known_at = _instant(cell("known_at"), "known_at", place) if cell("known_at") else instant
    try:
        rate = Decimal(cell("rate"))
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or abs(rate) >= MOST:
        raise Refused(
            f"{place}: rate: found {cell('rate')!r}; it is a share of the notional as a number, as 0.0001, "
            f"between -{MOST} and {MOST}"
        )
    return FundingRate(cell("symbol"), instant, known_at, rate)


def _instant(text: str, name: str, place: str) -> datetime:
    if text.isdecimal() and len(text) == len("1568102400000"):
        return to_second(int(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        why = "names no zone" if moment is not None else "is no instant"
        raise Refused(
            f"{place}: {name}: found {text!r}, which {why}; write it as 2026-11-20T08:00Z, or as "
            "milliseconds since 1970"
        )
    return moment.astimezone(UTC)
