"""A sweep as a picture: a heat map over two parameters, bars over one; SVG without a drawing library."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from nightdesk.research.sweep.grid import Axis
from nightdesk.research.sweep.trials import METRICS, Trial
from nightdesk.svg import falling, picture, rectangle, words_at

#: More panels than this tell nothing at a glance: then only the one through the best point is drawn.
MOST_PANELS = 12

#: Metrics that are shares and told in per cent.
PERCENT = {
    *("annual_return", "annual_volatility", "max_drawdown", "win_rate", "turnover_monthly"),
    *("exposure", "cost_drag", "cvar_95", "total_return", "excess_total_return", "excess_annual_return"),
}

CELL_WIDTH, CELL_HEIGHT, GAP, TITLE, LETTER = 76.0, 34.0, 28.0, 64.0, 7.0

#: From the worst value to the best (blue, white, orange; told apart by people who see no red or green).
WORST, MIDDLE, BEST = (69, 117, 180), (247, 247, 247), (230, 126, 34)

#: Of a cell, and of the best point.
CELL_EDGE, BEST_EDGE = 'stroke="#fff" stroke-width="1"', 'stroke="#000" stroke-width="3"'

Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Scale:
    """The range of a metric's values over the whole picture, worst and best."""

    worst: float
    best: float

    def fill(self, value: float | None) -> str:
        """The colour of a cell; grey where there is no value."""
        return "#d0d0d0" if value is None else self.colour(value)

    def colour(self, value: float) -> str:
        """A colour between that of the worst and that of the best."""
        reach = self.best - self.worst
        at = 0.5 if reach == 0 else (value - self.worst) / reach
        low, high, part = (WORST, MIDDLE, at * 2) if at < 0.5 else (MIDDLE, BEST, at * 2 - 1)
        mixed = (round(a + (b - a) * part) for a, b in zip(low, high, strict=True))
        return "#" + "".join(f"{one:02x}" for one in mixed)


def draw_heat_map(axes: Sequence[Axis], trials: Sequence[Trial], metric: str, best: Trial | None) -> str:
    """Draw a metric of every point.

    Parameters
    ----------
    axes : sequence of Axis, length >= 1
        One: a bar for each value. Two: a cell for each pair. More: the two with most values span the cells,
        and there is a panel for each combination of the others, or, where those are more than `MOST_PANELS`,
        the one of the best point.
    trials : sequence of Trial
    metric : str
        A name of `METRICS`.
    best : Trial or None
        Outlined.

    Returns
    -------
    str
        An SVG document; the same sweep gives the same text.
    """
    values = {tuple(trial.settings.items()): trial.figures.get(metric) for trial in trials}
    known = [value for value in values.values() if value is not None]
    ends = (min(known), max(known)) if known else (0.0, 0.0)
    scale = Scale(*(ends if METRICS[metric] else ends[::-1]))
    outlined = None if best is None else tuple(best.settings.items())
    if len(axes) == 1:
        return _bars(axes[0], values, metric, scale, outlined)
    return _panels(axes, values, metric, scale, outlined)


def written(metric: str, value: float | None) -> str:
    """A value of a metric, short."""
    if value is None or math.isnan(value):
        return "-"
    if metric in PERCENT:
        return f"{value:.1%}"
    if metric == "closed":
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"


@dataclass(frozen=True)
class _Panels:
    """What all panels share: the axes across and down, and what is drawn of each point."""

    axes: Sequence[Axis]
    across: Axis
    down: Axis
    values: Mapping[Key, float | None]
    metric: str
    scale: Scale
    outlined: Key | None

    @property
    def left(self) -> float:
        """The room for the values of the axis that goes down."""
        return LETTER * max(len(one) for one in (*self.down.values, self.down.key)) + 16

    def draw(self, x: float, y: float, fixed: Key) -> Iterator[str]:
        """The panel of one combination of the other parameters, from its left upper corner."""
        left, wide = x + self.left, _width(self.across)
        if fixed:
            yield words_at(left, y + 14, ", ".join(f"{key}={value}" for key, value in fixed), weight="bold")
        yield words_at(left, y + 34, self.across.key)
        yield words_at(left - 8, y + 54, self.down.key, anchor="end")
        for n, value in enumerate(self.across.values):
            yield words_at(left + wide * (n + 0.5), y + 54, value, anchor="middle")
        for m, value in enumerate(self.down.values):
            top = y + TITLE + CELL_HEIGHT * m
            yield words_at(left - 8, top + CELL_HEIGHT / 2 + 4, value, anchor="end")
            for n, other in enumerate(self.across.values):
                settings = {self.across.key: other, self.down.key: value, **dict(fixed)}
                key = tuple((axis.key, settings[axis.key]) for axis in self.axes)
                yield from self._cell(left + wide * n, top, wide, key)

    def _cell(self, x: float, y: float, width: float, key: Key) -> Iterator[str]:
        value, best = self.values[key], key == self.outlined
        inset, edge = (1.5, BEST_EDGE) if best else (0.0, CELL_EDGE)
        size = (width - 2 * inset, CELL_HEIGHT - 2 * inset)
        yield rectangle(x + inset, y + inset, *size, self.scale.fill(value), edge)
        label = "none" if value is None else written(self.metric, value)
        yield words_at(x + width / 2, y + CELL_HEIGHT / 2 + 4, label, anchor="middle")


def _panels(
    axes: Sequence[Axis],
    values: Mapping[Key, float | None],
    metric: str,
    scale: Scale,
    outlined: Key | None,
) -> str:
    ranked = sorted(axes, key=lambda axis: -len(axis.values))[:2]
    across, down = sorted(ranked, key=list(axes).index)
    panels = _Panels(axes, across, down, values, metric, scale, outlined)
    rest = [axis for axis in axes if axis not in (across, down)]
    others = [
        tuple(zip([axis.key for axis in rest], chosen, strict=True))
        for chosen in product(*(axis.values for axis in rest))
    ]
    note = ""
    if len(others) > MOST_PANELS:
        through = dict(outlined or next(iter(values)))
        others = [tuple((axis.key, through[axis.key]) for axis in rest)]
        note = ", the other parameters as at the best point"
    width = panels.left + _width(across) * len(across.values) + GAP
    height = TITLE + CELL_HEIGHT * len(down.values) + GAP * 2
    columns = max(1, min(len(others), int(1400 // width)))
    rows = math.ceil(len(others) / columns)
    parts = [
        part
        for number, fixed in enumerate(others)
        for part in panels.draw(width * (number % columns), TITLE + height * (number // columns), fixed)
    ]
    size = (max(width * columns, 560.0), TITLE + height * rows)
    return _document(*size, f"{metric}{note}", parts, metric, scale)


def _width(axis: Axis) -> float:
    """Of a cell, so that the values of an axis stand side by side."""
    return max(CELL_WIDTH, LETTER * max(map(len, axis.values)) + 8)


def _bars(
    axis: Axis, values: Mapping[Key, float | None], metric: str, scale: Scale, outlined: Key | None
) -> str:
    """Bars from zero, upwards for values above it."""
    tall, wide = 220.0, _width(axis)
    known = [value for value in values.values() if value is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    top = TITLE + 24
    down = falling(low, high, top, tall)
    parts = []
    for n, text in enumerate(axis.values):
        key = ((axis.key, text),)
        value, x = values[key], 24 + wide * n
        middle = x + wide / 2
        parts.append(words_at(middle, top + tall + 38, text, anchor="middle"))
        label = "none" if value is None else written(metric, value)
        at = down(max(value or 0.0, 0.0))
        parts.append(words_at(middle, at - 6, label, anchor="middle"))
        if value is not None:
            size = abs(down(value) - down(0.0))
            edge = BEST_EDGE if key == outlined else ""
            parts.append(rectangle(x + 10, at, wide - 20, size, scale.colour(value), edge))
    width = max(560.0, 48 + wide * len(axis.values))
    zero = f'<path d="M24 {down(0.0):.2f}H{width - 24:g}" stroke="#444"/>'
    parts += [zero, words_at(24, top + tall + 58, axis.key)]
    return _document(width, top + tall + 76, metric, parts, metric, scale)


def _document(
    width: float, height: float, title: str, parts: Sequence[str], metric: str, scale: Scale
) -> str:
    ends = f"worst {written(metric, scale.worst)}, best {written(metric, scale.best)}"
    stops = (rectangle(24 + 12 * n, 38, 12, 10, _step(scale, n / 9)) for n in range(10))
    head = [words_at(24, 24, title, weight="bold"), *stops, words_at(152, 47, ends)]
    return picture(width, height, f"{title}: {ends}", [*head, *parts])


def _step(scale: Scale, part: float) -> str:
    return Scale(0.0, 1.0).colour(part) if scale.best != scale.worst else scale.colour(scale.best)
