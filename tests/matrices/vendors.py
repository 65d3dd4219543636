"""How each vendor tells the bars of a little market: a fake over the wire, or a file, and its feed.

A vendor that joins is one more class with `name`, `minutes` of its shorter bars (0 where it has none) and
`reading`; see `VENDORS`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from tests.fakes.alpaca_bars import FakeAlpacaBars
from tests.fakes.polygon import FakePolygon, Ticker, at_midnight
from tests.fakes.tiingo import FakeTiingo, Listed
from tests.fakes.yahoo import Chart, FakeYahoo

from nightdesk.core.calendar import get_calendar
from nightdesk.feeds import Feed, make

NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class PlantedBar:
    """One bar as a vendor tells it: its day, and open, high, low, close, volume, whatever they hold."""

    day: date
    cells: tuple[Any, Any, Any, Any, Any]
    #: Of hours, when it begins, in New York.
    start: datetime | None = None

    def with_cells(self, **changed: Any) -> PlantedBar:
        names = ("open", "high", "low", "close", "volume")
        cells = tuple(changed.get(name, cell) for name, cell in zip(names, self.cells, strict=True))
        return PlantedBar(self.day, cells, self.start)  # type: ignore[arg-type]

    def times(self, factor: float) -> PlantedBar:
        """All of its prices multiplied."""
        names = ("open", "high", "low", "close")
        return self.with_cells(
            **{name: round(cell * factor, 4) for name, cell in zip(names, self.cells, strict=False)}
        )

    def split_by(self, ratio: int) -> PlantedBar:
        """As after a split: prices divided, and as many dollars traded."""
        one = self.times(1 / ratio)
        return one.with_cells(volume=one.cells[4] * ratio)


@dataclass(frozen=True)
class PlantedMarket:
    """Bars and splits by symbol; of hours, hours or their halves."""

    bars: Mapping[str, Sequence[PlantedBar]]
    splits: Mapping[str, Sequence[tuple[date, float]]] = field(default_factory=dict)


class TellingVendor(Protocol):
    """How a vendor tells a market."""

    name: str
    minutes: int

    def reading(self, market: PlantedMarket, folder: Path, now: datetime) -> Any:
        """A context manager that gives the feed."""


class PolygonVendor:
    """Over the wire, as Polygon."""

    name = "polygon"
    minutes = 30

    @contextmanager
    def reading(self, market: PlantedMarket, folder: Path, now: datetime) -> Iterator[Feed]:
        with FakePolygon() as fake:
            fake.rows_a_page = 50_000
            for symbol, bars in market.bars.items():
                rows = [(one.start or at_midnight(one.day), *one.cells) for one in bars]
                splits = [(day, 1.0, ratio) for day, ratio in market.splits.get(symbol, ())]
                fake.tickers[symbol] = Ticker(rows, splits=splits)
            yield _asking("polygon", now, fake.environ)


class AlpacaVendor:
    """Over the wire, as Alpaca's data service."""

    name = "alpaca"
    minutes = 30

    @contextmanager
    def reading(self, market: PlantedMarket, folder: Path, now: datetime) -> Iterator[Feed]:
        with FakeAlpacaBars() as fake:
            for symbol, bars in market.bars.items():
                size = "1Day" if not bars or bars[0].start is None else "30Min"
                fake.bars[symbol, size] = [(one.start or at_midnight(one.day), *one.cells) for one in bars]
                fake.actions["forward_splits"] += [
                    {
                        "symbol": symbol,
                        "ex_date": str(day),
                        "process_date": str(day),
                        "new_rate": ratio,
                        "old_rate": 1,
                    }
                    for day, ratio in market.splits.get(symbol, ())
                ]
            yield _asking("alpaca", now, fake.environ)


class YahooVendor:
    """Over the wire, as Yahoo, which divides all before a split by it and has no hours here."""

    name = "yahoo"
    minutes = 0

    @contextmanager
    def reading(self, market: PlantedMarket, folder: Path, now: datetime) -> Iterator[Feed]:
        from nightdesk.feeds.yahoo import YahooFeed

        with FakeYahoo() as fake:
            for symbol, bars in market.bars.items():
                splits = market.splits.get(symbol, ())
                rows = [(one.day, *_divided(one, splits)) for one in bars]
                ratios = {day: (round(ratio), 1) for day, ratio in splits}
                fake.charts[symbol] = Chart(rows, splits=ratios)
            yield YahooFeed(get_calendar(), now=lambda: now, base_url=fake.url, sleep=lambda seconds: None)


class TiingoVendor:
    """Over the wire, as Tiingo, which has no hours here."""

    name = "tiingo"
    minutes = 0

    @contextmanager
    def reading(self, market: PlantedMarket, folder: Path, now: datetime) -> Iterator[Feed]:
        with FakeTiingo() as fake:
            for symbol, bars in market.bars.items():
                rows = [(one.day, *one.cells) for one in bars]
                fake.tickers[symbol] = Listed(rows, splits=dict(market.splits.get(symbol, ())))
            yield _asking("tiingo", now, fake.environ)


class FilesVendor:
    """A file in a folder, as a person has it."""

    name = "files"
    minutes = 60

    @contextmanager
    def reading(self, market: PlantedMarket, folder: Path, now: datetime) -> Iterator[Feed]:
        folder.mkdir(exist_ok=True)
        of_hours = any(one.start is not None for bars in market.bars.values() for one in bars)
        head = "bar_start_et" if of_hours else "date"
        lines = [f"{head},symbol,open,high,low,close,volume" + ("" if of_hours else ",split")]
        for symbol, bars in market.bars.items():
            splits = dict(market.splits.get(symbol, ()))
            for one in bars:
                when = f"{one.start:%Y-%m-%d %H:%M}" if one.start is not None else f"{one.day}"
                cells = ",".join(_cell(value) for value in one.cells)
                lines.append(f"{when},{symbol},{cells}" + ("" if of_hours else f",{splits.get(one.day, 1)}"))
        (folder / "bars.csv").write_text("\n".join(lines) + "\n")
        feed = make(f"files:{folder}")
        feed.now = lambda: now
        yield feed


VENDORS: tuple[TellingVendor, ...] = (
    PolygonVendor(),
    AlpacaVendor(),
    YahooVendor(),
    TiingoVendor(),
    FilesVendor(),
)


def _asking(name: str, now: datetime, environ: Mapping[str, str]) -> Feed:
    feed: Any = make(name)
    feed.now, feed.environ, feed.sleep, feed.timeout = (lambda: now), environ, (lambda seconds: None), 5.0
    return feed


def _divided(one: PlantedBar, splits: Sequence[tuple[date, float]]) -> tuple[Any, ...]:
    later = math.prod(ratio for day, ratio in splits if day > one.day)
    prices = [cell / later if isinstance(cell, float) else cell for cell in one.cells[:4]]
    return (*prices, one.cells[4] * later if isinstance(one.cells[4], int | float) else one.cells[4])


def _cell(value: Any) -> str:
    return "" if value is None else str(value)
