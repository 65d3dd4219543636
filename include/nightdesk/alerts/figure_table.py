"""The figures that a strategy shows with its signals, and a sizing with its targets, symbol by symbol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from nightdesk.alerts.factor_table import MISSING
from nightdesk.alerts.figures import MINUS, NOTHING, percent, quantity
from nightdesk.core.cell_figures import CellFigures

#: A figure as it is stored: a number or a text; None, or an empty text, where it is missing.
Figure = float | str | None

#: Words of a name that are written in capitals.
_CAPITALS = frozenset({"adv", "nav", "vix"})
#: So a name begins that says yes (1) or no (0).
_YES_OR_NO = ("in_", "is_")
#: From here on a number is written without places; below, in as many as its first digits need.
_LARGE, _SMALL = 1000.0, 0.001


def figure_label(name: str) -> str:
    """The name of a figure for people.

    Examples
    --------
    >>> figure_label("score_momentum"), figure_label("adv")
    ('score momentum', 'ADV')
    """
    return " ".join(one.upper() if one in _CAPITALS else one for one in name.split("_"))


def figure_words(name: str, value: Figure) -> str:
    """A figure for people: four places below 1, four digits below a thousand, whole numbers from there on.

    One whose name begins with ``in_`` or ``is_`` is yes (1) or no (0).

    Examples
    --------
    >>> figure_words("hybrid", 0.123456), figure_words("adv", 51234567.0), figure_words("in_dead_band", 1.0)
    ('0.1235', '51,234,567', 'yes')
    """
    if value is None or value == "":
        return MISSING
    if isinstance(value, str):
        return value
    if name.startswith(_YES_OR_NO) and value in (0, 1):
        return "yes" if value else "no"
    size = abs(value)
    if size >= _LARGE or size == round(size):
        text = f"{size:,.0f}"
    else:
        text = f"{size:.4f}" if _SMALL <= size < 1 else f"{size:#.4g}"
    return text if value >= 0 or not float(text.replace(",", "")) else f"{MINUS}{text}"


@dataclass(frozen=True)
class FigureTable:
    """What one strategy, or its sizing, gives: a column a figure, a line a symbol.

    Attributes
    ----------
    title : str
        Whose figures they are, in words.
    columns : tuple of str
        Labels, those of what the desk itself adds last.
    rows : tuple of (str, tuple of str)
        Symbol, and its figures in words in the order of `columns`.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """Symbol, and its figures in a line."""
        return tuple(
            (symbol, ", ".join(f"{label} {value}" for label, value in zip(self.columns, values, strict=True)))
            for symbol, values in self.rows
        )


def figures_in_words(figures: CellFigures | None) -> str:
    """Figures of one symbol in a line; empty where none are shown.

    Examples
    --------
    >>> figures_in_words({"trend": "BULLISH", "score_beta": None, "adv": 1200.0})
    'ADV 1,200, score beta missing, trend BULLISH'
    """
    return ", ".join(
        f"{figure_label(name)} {figure_words(name, value)}" for name, value in sorted((figures or {}).items())
    )


def figure_tables(
    signals: Sequence[Mapping[str, Any]],
    targets: Sequence[Mapping[str, Any]] = (),
    gated: Sequence[Mapping[str, Any]] = (),
) -> tuple[FigureTable, ...]:
    """The tables of a decision: of each strategy that gives figures, and of its sizing where that does.

    Parameters
    ----------
    signals, targets : sequence of mapping
        As `nightdesk.store.decision_rows` reads them, by strategy and symbol.
    gated : sequence of mapping
        What the gate left of the targets; empty where it has not judged.
    """
    left = {(one["strategy"], one["symbol"]): one["quantity"] for one in gated}

    def said(row: Mapping[str, Any]) -> dict[str, str]:
        return {"confidence": percent(row["confidence"], places=0)}

    def sized(row: Mapping[str, Any]) -> dict[str, str]:
        allowed = left.get((row["strategy"], row["symbol"]))
        return {
            "held": quantity(row["held"]),
            "target": quantity(row["quantity"]),
            "after the gate": NOTHING if allowed is None else quantity(allowed),
        }

    return (
        *_tables("Figures of {}", signals, said),
        *_tables("Sizing of {}", targets, sized),
    )


def _tables(
    title: str, rows: Sequence[Mapping[str, Any]], added: Callable[[Mapping[str, Any]], Mapping[str, str]]
) -> Iterator[FigureTable]:
    """A table of each strategy whose rows have figures, with what `added` gives of a row behind them."""
    shown = (one for one in rows if one["figures"] is not None)
    for strategy, found in groupby(shown, key=itemgetter("strategy")):
        own = list(found)
        names = sorted(set().union(*(one["figures"] for one in own)))
        more = tuple(added(own[0]))
        yield FigureTable(
            title.format(strategy),
            (*map(figure_label, names), *more),
            tuple(
                (
                    one["symbol"],
                    (*(figure_words(name, one["figures"].get(name)) for name in names), *added(one).values()),
                )
                for one in own
            ),
        )
