"""Plots of a tear sheet: lines over sessions and columns, as marks of SVG whose colours are the page's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from nightdesk.alerts.chart import HEIGHT, WIDTH, Tick, nice_ticks
from nightdesk.core.panel import Floats
from nightdesk.research.tear_sheet.sheet_parts import SheetPlot
from nightdesk.svg import falling, line_through, rectangle

#: Points of a line; of more sessions the highest and the lowest of each few are drawn: no peak is lost.
MOST_POINTS = 900
#: Per cent of the height that a word at the edge needs.
ROOM = 7.0
#: From this ratio of highest to lowest on, a logarithmic scale has ticks at 1, 2 and 5 of each power of ten.
WIDE = 8.0
#: Classes of lines that are told apart by colour and by dashes.
LINES = tuple(f"l{n}" for n in range(6))

Label = Callable[[float], str]
Down = Callable[[float], float]


@dataclass(frozen=True)
class PlotLine:
    """A line: its name, a value a session (NaN: a gap), and the class that it is drawn in."""

    name: str
    values: Floats
    look: str = "l0"


@dataclass(frozen=True)
class PlotBand:
    """A band behind the lines from `low` to `high`; `name` stands beside its top."""

    low: float
    high: float
    name: str


def plot_lines(
    title: str,
    sessions: Sequence[date],
    lines: Sequence[PlotLine],
    label: Label,
    *,
    logarithmic: bool = False,
    bands: Sequence[PlotBand] = (),
    with_zero: bool = False,
    low: bool = False,
) -> SheetPlot | None:
    """Draw values over sessions, evenly spaced.

    Parameters
    ----------
    title : str
    sessions : sequence of date, length n
        Ascending.
    lines : sequence of PlotLine
        Of n values each; those without two known ones are left out.
    label : callable
        Writes a value with its unit.
    logarithmic : bool
        The same share is the same length; all values are above 0.
    bands : sequence of PlotBand
        What of them lies within the scale of the lines is drawn.
    with_zero : bool
        The scale holds 0.
    low : bool
        Draw it at half the height.

    Returns
    -------
    SheetPlot or None
        None where there is no line.
    """
    known = [one for one in lines if np.isfinite(one.values).sum() > 1]
    if not known:
        return None
    values = np.concatenate([one.values[np.isfinite(one.values)] for one in known])
    ends = (float(values.min()), float(values.max()))
    if with_zero:
        ends = (min(0.0, ends[0]), max(0.0, ends[1]))
    ticks, down = _scale(*ends, logarithmic=logarithmic)
    floor, top = min(ends[0], ticks[0]), max(ends[1], ticks[-1])
    shown = [band for band in bands if floor <= max(band.low, floor) < min(band.high, top)]
    marks = [*(_band(n, band, down, floor, top) for n, band in enumerate(shown, 1)), *_grid(ticks, down)]
    marks += [f'<path class="line {one.look}" d="{_path(one.values, down)}"/>' for one in known]
    last = len(sessions) - 1
    dates = dict.fromkeys(round(last * part / 3) for part in range(4))
    return SheetPlot(
        title=title,
        summary=f"{title} from {sessions[0]} to {sessions[-1]}. {_said(known, label)}",
        marks="".join(marks),
        legend=tuple((one.look, one.name) for one in known) if len(lines) > 1 else (),
        vertical=tuple(Tick(down(value) / HEIGHT * 100, label(value)) for value in ticks),
        horizontal=tuple(Tick(100 * row / last, str(sessions[row])) for row in dates),
        right=tuple(_apart(Tick(down(min(band.high, top)) / HEIGHT * 100, band.name) for band in shown)),
        low=low,
    )


def plot_columns(
    title: str, names: Sequence[str], values: Floats, label: Label, *, signed_by: Floats | None = None
) -> SheetPlot | None:
    """Draw a column for each value, up or down from 0.

    Parameters
    ----------
    title : str
    names : sequence of str, length n
        Of the columns; the first, the last and two between them are written.
    values : ndarray of shape (n,)
        Known numbers.
    label : callable
        Writes a value with its unit.
    signed_by : ndarray of shape (n,), optional
        Below 0: a column is drawn as a loss, above: as a gain.

    Returns
    -------
    SheetPlot or None
        None where there is no column.
    """
    n = len(values)
    if not n:
        return None
    ticks, down = _scale(min(0.0, float(values.min())), max(0.0, float(values.max())), logarithmic=False)
    marks = list(_grid(ticks, down))
    width, zero = WIDTH / n, down(0.0)
    looks = (
        ["fill"] * n if signed_by is None else ["fill loss" if one < 0 else "fill gain" for one in signed_by]
    )
    for at, value in enumerate(values.tolist()):
        y, height = min(down(value), zero), abs(down(value) - zero)
        if height:
            bar = rectangle(width * (at + 0.08), y, width * 0.84, height, "currentColor")
            marks.append(f'<g class="{looks[at]}">{bar}</g>')
    places = dict.fromkeys(round((n - 1) * part / 3) for part in range(4))
    peak = int(np.argmax(np.abs(values)))
    return SheetPlot(
        title=title,
        summary=f"{title}: {n:,} columns from {names[0]} to {names[-1]}, "
        f"the largest {label(float(values[peak]))} at {names[peak]}",
        marks="".join(marks),
        legend=(),
        vertical=tuple(Tick(down(value) / HEIGHT * 100, label(value)) for value in ticks),
        horizontal=tuple(Tick(100 * (at + 0.5) / n, names[at]) for at in places),
        low=True,
    )


def histogram(values: Floats, wanted: int = 24, *, whole: bool = False) -> tuple[Floats, Floats]:
    """Counts of values in bins of one round width.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Known numbers, at least one.
    wanted : int
        Bins, more or less.
    whole : bool
        The values are whole numbers, and so are the edges.

    Returns
    -------
    edges : ndarray of shape (n_bins + 1,)
        0 is one of them where values lie on both sides of it.
    counts : ndarray of shape (n_bins,)
    """
    low, high = float(values.min()), float(values.max())
    bins = np.array(nice_ticks(low, high, wanted))
    if whole:
        step = math.ceil((high - low + 1) / wanted)
        bins = np.arange(low, high + step + 1, step)
    counts, edges = np.histogram(values, bins=bins)
    return edges, counts.astype(np.float64)


def whole_number(value: float) -> str:
    """A whole number; nothing of what lies between."""
    return f"{value:,.0f}" if value.is_integer() else ""


def _scale(low: float, high: float, *, logarithmic: bool) -> tuple[list[float], Down]:
    """Ticks that span the values, and where a value stands from the top."""
    if not logarithmic:
        ticks = nice_ticks(low, high)
        return ticks, falling(min(low, ticks[0]), max(high, ticks[-1]), 0.0, HEIGHT)
    if high / low < WIDE:
        ticks = [one for one in nice_ticks(low, high) if one > 0.0]
    else:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        steps = [first * 10.0**power for power in powers for first in (1, 2, 5)]
        ticks = [one for one in steps if low <= one <= high]
    place = falling(math.log(min(low, ticks[0])), math.log(max(high, ticks[-1])), 0.0, HEIGHT)
    return ticks, lambda value: place(math.log(value))


def _grid(ticks: Sequence[float], down: Down) -> Iterator[str]:
    for one in ticks:
        yield f'<path class="grid{" zero" if one == 0 else ""}" d="M0 {down(one):.2f}H{WIDTH:g}"/>'


def _band(n: int, band: PlotBand, down: Down, floor: float, top: float) -> str:
    ends = (down(max(band.low, floor)), down(min(band.high, top)))
    area = rectangle(0, min(ends), WIDTH, abs(ends[1] - ends[0]), "currentColor")
    return f'<g class="band b{n}">{area}</g>'


def _apart(ticks: Iterable[Tick]) -> Iterator[Tick]:
    """Those that do not stand on the one above."""
    above = -math.inf
    for one in ticks:
        if one.at - above >= ROOM:
            above = one.at
            yield one


def _path(values: Floats, down: Down) -> str:
    """Path data of all stretches of known values."""
    step = WIDTH / max(len(values) - 1, 1)
    known = np.isfinite(values)
    ends = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]])))
    return "".join(
        line_through([(row * step, down(float(values[row]))) for row in _drawn(values, first, stop)])
        for first, stop in ends.reshape(-1, 2).tolist()
    )


def _drawn(values: Floats, first: int, stop: int) -> list[int]:
    """The rows that are drawn of a stretch: both ends, and the lowest and the highest of every few."""
    few = 2 * math.ceil(len(values) / MOST_POINTS)
    if few <= 2:
        return list(range(first, stop))
    rows = {first, stop - 1}
    for begin in range(first, stop, few):
        part = values[begin : min(begin + few, stop)]
        rows |= {begin + int(np.argmin(part)), begin + int(np.argmax(part))}
    return sorted(rows)


def _said(lines: Sequence[PlotLine], label: Label) -> str:
    """The lines in words."""
    told = []
    for one in lines:
        known = one.values[np.isfinite(one.values)]
        ends = f"first {label(float(known[0]))}, last {label(float(known[-1]))}"
        reach = f"lowest {label(float(known.min()))}, highest {label(float(known.max()))}"
        told.append(f"{one.name}: {ends}, {reach}")
    return "; ".join(told)
