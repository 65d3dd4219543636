"""The parts of an SVG picture as text: places of values, lines, rectangles, words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape


def falling(low: float, high: float, top: float, length: float) -> Callable[[float], float]:
    """Where values stand from the top of a picture: `high` at `top`, `low` at `top` + `length`.

    Where the two are one value it stands at `top`.
    """
    reach = (high - low) or 1.0

    def down(value: float) -> float:
        return top + length * (high - value) / reach

    return down


def line_through(points: Sequence[tuple[float, float]]) -> str:
    """Path data of a line through points (x, y)."""
    return "M" + "L".join(f"{x:.1f} {y:.2f}" for x, y in points)


def rectangle(x: float, y: float, width: float, height: float, fill: str, edge: str = "") -> str:
    """A filled rectangle from its upper left corner; `edge` are attributes of its stroke, if any."""
    place = f'x="{_short(x)}" y="{_short(y)}" width="{_short(width)}" height="{_short(height)}"'
    stroke = f" {edge}" if edge else ""
    return f'<rect {place} fill="{fill}"{stroke}/>'


def words_at(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    """Words whose line stands at y and begins, ends or has its middle at x."""
    place = f'x="{_short(x)}" y="{_short(y)}"'
    return f'<text {place} text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'


def picture(width: float, height: float, label: str, parts: Iterable[str]) -> str:
    """A document of its own, on white; `label` are the words that stand for it."""
    wide, high = _short(width), _short(height)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" '
            f'height="{high}" font-family="sans-serif" font-size="12" role="img" '
            f'aria-label="{escape(label)}">',
            '<rect width="100%" height="100%" fill="#fff"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
