"""The equity swing book on seeded bars: any number of symbols, with volume, news and a volatility index."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import plain_loop
from nightdesk.core.book import Book, load_book
from nightdesk.core.calendar import Sessions, get_calendar
from nightdesk.core.panel import Bars, Column, Floats, Panel, build_panel

FILE = Path(__file__).parents[1] / "books" / "equity_swing.yaml"


def swing_book(n_symbols: int) -> Book:
    """The book with as many symbols; its own where that is its number. Its news are left out."""
    book = load_book(FILE)
    plain = book.model_copy(update={"feeds": book.feeds.model_copy(update={"news": ()})})
    if n_symbols == len(book.symbols):
        return plain
    (one, *_) = book.universe.values()
    return plain.model_copy(update={"universe": {f"S{n:04d}": one for n in range(n_symbols)}})


def sessions_of(book: Book, count: int) -> Sessions:
    """The newest sessions of the calendar but for a year."""
    return get_calendar(book.calendar).sessions[-count - 260 : -260]


def seeded_bars(book: Book, sessions: Sessions) -> tuple[Floats, Bars]:
    """Closes and bars of the panel's symbols; the index rises above 25 for some weeks of every year."""
    count = len(sessions)
    dice = np.random.default_rng(7)
    close = plain_loop.seeded_closes(len(book.panel_symbols) - 1, count)
    wave = 14.0 + 14.0 * np.maximum(np.sin(np.arange(count) / 40.0), 0.0) ** 8
    values = np.hstack([close, wave[:, None]])
    opens = np.vstack([values[:1], values[:-1]])
    volume = 1e7 * np.exp(dice.standard_normal(values.shape) * 0.4)
    width = values.shape[1]
    flat = [np.maximum(opens, values), np.minimum(opens, values)]
    bars = Bars(
        np.tile(np.arange(width), count),
        np.repeat(sessions, width),
        opens.ravel(),
        (flat[0] * 1.004).ravel(),
        (flat[1] * 0.996).ravel(),
        values.ravel(),
        volume.ravel(),
    )
    return close, bars


def seeded_panel(book: Book, count: int) -> tuple[Floats, Panel]:
    """Closes for the plain loop, and the panel of the same bars, every symbol with news on some sessions."""
    sessions = sessions_of(book, count)
    close, bars = seeded_bars(book, sessions)
    panel = build_panel(sessions, [Column(symbol) for symbol in book.panel_symbols], bars)
    dice = np.random.default_rng(11)
    score = np.where(dice.random(panel.close.shape) < 0.2, dice.uniform(-1.0, 1.0, panel.close.shape), np.nan)
    return close[:, : len(book.symbols)], replace(panel, sentiment=score)
