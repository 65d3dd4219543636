"""Seeded panels of the two-symbol book: trends, a day of panic, a volatility index that answers it."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.panel import Action, Bars, Column, Panel, build_panel

FIRST, LAST = date(2018, 1, 2), date(2020, 6, 30)


def sessions_of(book: Book) -> np.ndarray:
    return get_calendar(book.calendar).between(FIRST, LAST)


def seeded_panel(
    book: Book, actions: Sequence[Action] = (), *, faults: dict[tuple[str, int], float] | None = None
) -> Panel:
    """Bars of every panel symbol; `faults` multiplies the close of a symbol at a row (NaN: no bar).

    Prices follow the splits among the actions.
    """
    sessions, symbols = sessions_of(book), book.panel_symbols
    random = np.random.default_rng(11)
    length, width = len(sessions), len(symbols)
    cycle = np.sin(np.arange(length)[:, None] / 40.0 + np.arange(width)) * 0.002
    returns = 0.0003 + cycle + random.standard_normal((length, width)) * 0.006
    returns[330] -= 0.06
    close = 100.0 * np.exp(np.cumsum(returns, axis=0))
    index = symbols.index(book.volatility_index)
    close[:, index] = 15.0
    close[330:340, index] = 34.0
    close[340:400, index] = 45.0
    for (symbol, row), factor in (faults or {}).items():
        close[row, symbols.index(symbol)] *= factor
    close = close.round(4)
    opens = np.vstack([close[:1], close[:-1]]).round(4)
    opens = np.where(np.isfinite(opens), opens, close)
    splits = np.ones_like(close)
    for action in actions:
        if action.kind == "split":
            splits[np.searchsorted(sessions, action.day) :, symbols.index(action.symbol)] *= action.value
    close, opens = close / splits, opens / splits
    high, low = np.maximum(opens, close), np.minimum(opens, close)
    there = np.isfinite(close).ravel()
    day, column = np.repeat(sessions, width)[there], np.tile(np.arange(width), length)[there]
    flat = [array.ravel()[there] for array in (opens, high, low, close, np.full(close.shape, 1e6))]
    return build_panel(sessions, [Column(symbol) for symbol in symbols], Bars(column, day, *flat), actions)
