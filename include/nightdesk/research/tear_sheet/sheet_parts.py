"""What a tear sheet is made of: sections of figures, tables, plots and sentences, all of it ready to read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from nightdesk.alerts.chart import Tick
from nightdesk.alerts.figures import Number, money, percent, tone


@dataclass(frozen=True, slots=True)
class SheetFact:
    """A figure with its name; `remark` is what the name does not say."""

    name: str
    value: str
    remark: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class SheetFacts:
    """Figures side by side."""

    kind: ClassVar[str] = "facts"
    facts: tuple[SheetFact, ...]


@dataclass(frozen=True, slots=True)
class SheetCell:
    """A cell of a table: its text, the class of its colour, and the length of a bar in it, -1 to 1."""

    text: str
    tone: str = ""
    bar: float | None = None


@dataclass(frozen=True, slots=True)
class SheetGrid:
    """A table; the first cell of a row is its head.

    Attributes
    ----------
    caption : str
        What it tells, with its units.
    heads : tuple of str
    rows : tuple of tuple of SheetCell
    words : frozenset of int
        Columns that hold words and no numbers.
    foot : tuple of SheetCell
        A last row that sums up the others; empty where there is none.
    look : str
        A class of the whole table.
    """

    kind: ClassVar[str] = "grid"
    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[SheetCell, ...], ...]
    words: frozenset[int] = frozenset({0})
    foot: tuple[SheetCell, ...] = ()
    look: str = ""


@dataclass(frozen=True, slots=True)
class SheetPlot:
    """A plot: marks of SVG in a field of 1000 by 100 that the page stretches, and the text on its axes.

    Attributes
    ----------
    title, summary : str
        Over it, and the words that stand for it.
    marks : str
        SVG made of numbers and names of classes.
    legend : tuple of (class, name)
        Empty where but one line was asked for.
    vertical, horizontal, right : tuple of Tick
    low : bool
        Whether it is of half the height.
    """

    kind: ClassVar[str] = "plot"
    title: str
    summary: str
    marks: str
    legend: tuple[tuple[str, str], ...]
    vertical: tuple[Tick, ...]
    horizontal: tuple[Tick, ...]
    right: tuple[Tick, ...] = ()
    low: bool = False


@dataclass(frozen=True, slots=True)
class SheetLines:
    """Sentences, a point each."""

    kind: ClassVar[str] = "lines"
    lines: tuple[str, ...]


SheetPart = SheetFacts | SheetGrid | SheetPlot | SheetLines


@dataclass(frozen=True, slots=True)
class SheetSection:
    """A section; `hint` says how to read it."""

    title: str
    parts: tuple[SheetPart, ...]
    hint: str = ""

    @property
    def anchor(self) -> str:
        """Its id in the page."""
        return "-".join(self.title.lower().replace(",", "").split())


def section(title: str, parts: Iterable[SheetPart | None], hint: str = "") -> SheetSection | None:
    """A section of what there is; None where there is nothing."""
    found = tuple(one for one in parts if one is not None)
    return SheetSection(title, found, hint) if found else None


def plain(texts: Iterable[str]) -> tuple[SheetCell, ...]:
    """Cells of nothing but text."""
    return tuple(map(SheetCell, texts))


def dollars(amount: Number | None) -> SheetCell:
    """A gain or a loss in dollars and cents."""
    return SheetCell(money(amount, signed=True), tone(amount))


def share(value: Number | None, places: int = 2) -> SheetCell:
    """A gain or a loss in per cent."""
    return SheetCell(percent(value, signed=True, places=places), tone(value))


def shortened(lines: Sequence[str], most: int, what: str) -> tuple[str, ...]:
    """The first lines, and how many more there are where they are many."""
    if len(lines) <= most:
        return tuple(lines)
    return (*lines[:most], f"and {len(lines) - most:,} more {what}")
