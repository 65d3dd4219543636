"""Pictures that a page hands to the browser as data: lines over sessions, and candles with marks.

The browser draws what is given here and derives nothing from it. Every value was stored, or was computed on
the server from what was.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from nightdesk.alerts import figures

Tone = Literal["accent", "second", "muted", "gain", "loss", "warn"]
Unit = Literal["money", "price", "percent", "number"]
Value = Decimal | float | int | None

_WRITE = {
    "money": figures.money,
    "price": figures.price,
    "percent": figures.percent,
    "number": figures.number,
}


@dataclass(frozen=True)
class Series:
    """One line: a value a session, None or NaN where there is none. `area` fills it down to zero."""

    label: str
    values: Sequence[Value]
    tone: Tone = "accent"
    area: bool = False
    steps: bool = False


@dataclass(frozen=True)
class ChartBand:
    """A shaded range of values over the whole width, with its words, such as a drawdown level's."""

    low: float
    high: float
    label: str
    tone: Tone = "warn"


@dataclass(frozen=True)
class ChartMark:
    """What happened in a session, drawn at its place: `words` stand on hover and in the table below."""

    session: date
    kind: Literal["entry", "exit", "stop", "event"]
    words: str
    short: bool = False


@dataclass(frozen=True)
class LineChart:
    """Lines over sessions, in one unit.

    Parameters
    ----------
    name : str
        Its id on the page: letters, digits and dashes.
    title : str
        What is drawn, for people, and for those who hear the page.
    sessions : sequence of date
        Ascending, one for each value of every series.
    links : str
        Address of a point's source with ``{session}`` in it; empty where points lead nowhere.
    height : int
        Pixels.
    legend : bool
        Whether the values beneath the cursor are told below it.
    marks : tuple of ChartMark
        Drawn on the first line, at their sessions.
    shows : tuple of float
        Values that the picture reaches to at least, whatever the lines do.
    """

    name: str
    title: str
    sessions: Sequence[date]
    series: tuple[Series, ...]
    unit: Unit = "number"
    bands: tuple[ChartBand, ...] = ()
    links: str = ""
    height: int = 240
    legend: bool = True
    marks: tuple[ChartMark, ...] = ()
    shows: tuple[float, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is no line to draw."""
        return len(self.sessions) < 2

    @property
    def data(self) -> str:
        """What the browser reads, as JSON that is safe within a page."""
        places = {day: n for n, day in enumerate(self.sessions)}
        return as_island(
            {
                "unit": self.unit,
                "height": self.height,
                "legend": self.legend,
                "links": self.links,
                "x": [_seconds(one) for one in self.sessions],
                "series": [
                    {
                        "label": one.label,
                        "tone": one.tone,
                        "area": one.area,
                        "steps": one.steps,
                        "values": [_finite(value) for value in one.values],
                    }
                    for one in self.series
                ],
                "bands": [vars(one) for one in self.bands],
                "marks": [
                    {"at": places[one.session], "kind": one.kind, "words": one.words, "short": one.short}
                    for one in sorted(self.marks, key=lambda one: one.session)
                    if one.session in places
                ],
                "shows": self.shows,
            }
        )

    @property
    def summary(self) -> str:
        """The picture in words: each line's first, last, lowest and highest value."""
        write = _WRITE[self.unit]
        said = []
        for one in self.series:
            known = [value for value in map(_finite, one.values) if value is not None]
            if known:
                said.append(
                    f"{one.label}: first {write(known[0])}, last {write(known[-1])}, "
                    f"lowest {write(min(known))}, highest {write(max(known))}"
                )
        span = f"from {self.sessions[0]} to {self.sessions[-1]}" if self.sessions else "without a session"
        marks = f" {len(self.marks)} marks, listed below." if self.marks else ""
        return f"{self.title} {span}. {'; '.join(said)}.{marks}"


@dataclass(frozen=True)
class Candle:
    """One session's prices, dollars a unit; NaN where it has no bar."""

    session: date
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0


@dataclass(frozen=True)
class CandleChart:
    """Candles with marks, and lines beside them such as stops (a value a candle, None where none)."""

    name: str
    title: str
    candles: Sequence[Candle]
    marks: tuple[ChartMark, ...] = ()
    lines: tuple[Series, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not self.candles

    @property
    def data(self) -> str:
        """What the browser reads, as JSON that is safe within a page."""
        return as_island(
            {
                "candles": [
                    {
                        "time": f"{one.session}",
                        "open": one.open,
                        "high": one.high,
                        "low": one.low,
                        "close": one.close,
                        "volume": _finite(one.volume),
                    }
                    for one in self.candles
                    if all(map(math.isfinite, (one.open, one.high, one.low, one.close)))
                ],
                "marks": [
                    {"time": f"{one.session}", "kind": one.kind, "words": one.words, "short": one.short}
                    for one in sorted(self.marks, key=lambda one: one.session)
                ],
                "lines": [
                    {
                        "label": line.label,
                        "tone": line.tone,
                        "points": [
                            {"time": f"{candle.session}", "value": value}
                            for candle, value in zip(self.candles, map(_finite, line.values), strict=True)
                            if value is not None
                        ],
                    }
                    for line in self.lines
                ],
            }
        )

    @property
    def summary(self) -> str:
        """The picture in words."""
        if not self.candles:
            return f"{self.title}: no bars."
        last = self.candles[-1]
        return (
            f"{self.title} from {self.candles[0].session} to {last.session}: last close "
            f"{figures.price(last.close)}, {len(self.marks)} marks, listed below."
        )


def as_island(value: Any) -> str:
    """JSON that can stand within a script element: nothing in it ends the element or begins another."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _finite(value: Value) -> float | None:
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _seconds(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 86_400
