"""Sections of a tear sheet on trades: what they earned, how long they were held, the pairs of a book."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from nightdesk.alerts.figures import money, number, percent
from nightdesk.alerts.page_templates import headed
from nightdesk.core.panel import Floats
from nightdesk.performance import RoundTrip, trade_figures
from nightdesk.research.backtest.pair_trades import ENDS, pair_rows
from nightdesk.research.backtest.trades import trades
from nightdesk.research.tear_sheet.plots import histogram, plot_columns, whole_number
from nightdesk.research.tear_sheet.sheet_parts import (
    SheetCell,
    SheetGrid,
    SheetLines,
    SheetPart,
    SheetPlot,
    SheetSection,
    dollars,
    plain,
    section,
)

if TYPE_CHECKING:
    from nightdesk.research.backtest.run import Result

#: Pairs that are listed.
MOST_PAIRS = 30


def trades_section(result: Result) -> SheetSection | None:
    """Closed trades: profits, sessions held, wins and losses by strategy; the open ones are counted."""
    known = trades(result)
    closed = [one for one in known if one.closed is not None]
    left = len(known) - len(closed)
    lines = () if closed else ("No trade was closed.",)
    if left:
        open_still = "trade is" if left == 1 else "trades are"
        lines = (*lines, f"{left:,} {open_still} open at the end and not in these figures.")
    return section(
        "Trades",
        [*(_closed_parts(result, closed) if closed else ()), SheetLines(lines) if lines else None],
        "A trade is a position from flat to flat, commission and dividends in its profit. The columns are "
        "counts; the first session of a trade counts as held, that of its last fill does not.",
    )


def _closed_parts(result: Result, closed: Sequence[RoundTrip]) -> Iterator[SheetPart | None]:
    """The plots and the table of closed trades, of which there are some."""
    held, profits = sessions_held_by(result, closed), np.array([float(one.profit) for one in closed])
    yield _histogram("Closed trades by profit, dollars", profits, signed=True)
    yield _histogram("Closed trades by sessions held", held, signed=False)
    names = [name for name in result.desk.strategies if any(one.strategy == name for one in closed)]
    heads = ("Strategy", "Closed", "With a profit", "Average win", "Average loss", "Profit factor", "Best")
    yield SheetGrid(
        "Closed trades by strategy",
        (*heads, "Worst", "Sessions held, median"),
        tuple(_row(name, [one.strategy == name for one in closed], closed, held) for name in names),
        foot=_row("All", [True] * len(closed), closed, held),
    )


def sessions_held_by(result: Result, closed: Sequence[RoundTrip]) -> Floats:
    """Sessions that closed trades were held, as the table `trades` counts them; shape (n_trades,)."""
    days = [one.state.mark.session for one in result.decided]
    place: dict[date, int] = {}
    for day in days:
        place.setdefault(day, len(place))
    at = [row for row, one in enumerate(result.decided) for _ in one.entries]
    spans = ((days[at[one.opened_by]], days[at[one.closed_by] - 1]) for one in closed)
    return np.array([max(place[last] - place[first], 0) + 1.0 for first, last in spans])


def pairs_section(result: Result) -> SheetSection | None:
    """What was earned with each pair; None in a book without pairs."""
    rows = sorted(pair_rows(result), key=lambda row: (-row[-1], row[:2]))  # type: ignore[operator]
    if not rows:
        return None
    left = len(rows) - MOST_PAIRS
    shown = rows if left <= 0 else rows[: MOST_PAIRS // 2] + rows[-MOST_PAIRS // 2 :]
    grid = SheetGrid(
        "Pairs, by the profit of both legs; how their stays ended",
        ("Pair", "Strategy", "Stays", *map(headed, ENDS), "Still held", "Commission", "Profit"),
        tuple(tuple(_pair_cells(row)) for row in shown),
        words=frozenset({0, 1}),
    )
    lines = (f"{left:,} pairs between the best and the worst are left out.",) if left > 0 else ()
    return section(
        "Pairs",
        [grid, SheetLines(lines) if lines else None],
        "Reached: the spread came back; stop, age, sign: see the strategy; uneven: one leg without the "
        "other.",
    )


def _pair_cells(row: tuple[object, ...]) -> Iterator[SheetCell]:
    strategy, name, *counts, commission, profit = row
    yield from plain((str(name), str(strategy), *map(str, counts), money(commission)))  # type: ignore[arg-type]
    yield dollars(profit)  # type: ignore[arg-type]


def _histogram(title: str, values: Floats, *, signed: bool) -> SheetPlot | None:
    """Counts of trades; `values` are dollars with a sign, or whole numbers of sessions."""
    edges, counts = histogram(values, whole=not signed)
    names = [money(low).removesuffix(".00") if signed else f"{low:,.0f}" for low in edges[:-1].tolist()]
    middle = (edges[:-1] + edges[1:]) / 2
    return plot_columns(title, names, counts, whole_number, signed_by=middle if signed else None)


def _row(name: str, mine: Sequence[bool], closed: Sequence[RoundTrip], held: Floats) -> tuple[SheetCell, ...]:
    some = [one for one, is_mine in zip(closed, mine, strict=True) if is_mine]
    figures, profits = trade_figures(some), [one.profit for one in some]
    return (
        *plain((name, f"{figures.closed:,}", percent(figures.win_rate), money(figures.average_win))),
        *plain((money(figures.average_loss), number(figures.profit_factor))),
        dollars(max(profits)),
        dollars(min(profits)),
        SheetCell(number(float(np.median(held[np.array(mine)])), 0)),
    )
