"""A line over sessions as an inline SVG picture, without a drawing library.

The curve is stretched to whatever room the page gives it; the figures on its axes are text of the page, so
that they stay readable on a phone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from nightdesk.svg import falling, line_through

#: The picture's own coordinates; the page stretches them.
WIDTH, HEIGHT = 1000.0, 100.0


@dataclass(frozen=True)
class Tick:
    """A figure on an axis: `at` is its place in per cent of the picture, from the left or from the top."""

    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """A picture ready for the page: SVG path data and the figures beside it."""

    line: str
    area: str
    vertical: tuple[Tick, ...]
    horizontal: tuple[Tick, ...]
    summary: str


def draw_line(
    sessions: Sequence[date],
    values: Sequence[float],
    *,
    label: Callable[[float], str],
    name: str,
    floor_at_zero: bool = False,
) -> Chart | None:
    """Draw `values` over `sessions`, evenly spaced.

    Parameters
    ----------
    sessions : sequence of date, length n
        Ascending.
    values : sequence of float, length n
        Finite numbers.
    label : callable
        Writes a value with its unit, for the axis.
    name : str
        What is drawn, for the words that stand for the picture.
    floor_at_zero : bool
        Hang the area from zero at the top of the picture: for drawdowns, given as numbers <= 0.

    Returns
    -------
    Chart or None
        None with fewer than two sessions: there is no line to draw.
    """
    if len(values) < 2:
        return None
    low, high = min(values), max(values)
    if floor_at_zero:
        high = 0.0
    ticks = nice_ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    last = len(values) - 1

    def across(index: int) -> float:
        return WIDTH * index / last

    down = falling(low, high, 0.0, HEIGHT)
    line = line_through([(across(i), down(value)) for i, value in enumerate(values)])
    base = 0.0 if floor_at_zero else HEIGHT
    dates = dict.fromkeys(round(last * share / 3) for share in range(4))
    return Chart(
        line=line,
        area=f"M0 {base:g}L{line[1:]}L{WIDTH:g} {base:g}Z",
        vertical=tuple(Tick(down(value) / HEIGHT * 100, label(value)) for value in ticks),
        horizontal=tuple(Tick(100 * index / last, f"{sessions[index]:%Y-%m-%d}") for index in dates),
        summary=(
            f"{name} from {sessions[0]} to {sessions[-1]}: first {label(values[0])}, "
            f"last {label(values[-1])}, lowest {label(min(values))}, highest {label(max(values))}"
        ),
    )


def nice_ticks(low: float, high: float, wanted: int = 3) -> list[float]:
    """Three to five round numbers that span [low, high]; a flat line gets room around it."""
    if high - low < 1e-9 * max(abs(high), 1e-6):
        room = max(abs(high) * 0.01, 0.01)
        low, high = (low - room, high) if high <= 0 else (low - room, high + room)
    raw = (high - low) / wanted
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(step * index, 12) for index in range(first, last + 1)]
