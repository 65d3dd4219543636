"""Symbols whose bars have no volume: a bound by volume lets none of their orders fill."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Panel

#: What makes such a book one that trades.
WAY_OUT = "give bars with volumes, or set broker.max_volume_share: null to fill without that bound"


def symbols_without_volume(book: Book, symbol: NDArray[Any], volume: NDArray[Any]) -> tuple[str, ...]:
    """The symbols of a book that have bars, and none with a volume.

    Parameters
    ----------
    book : Book
    symbol : array of shape (n_bars,)
    volume : array of shape (n_bars,)
        Units; NaN or 0 where there is none.

    Returns
    -------
    tuple of str
        In the order of the universe; empty where the book's fills are not bound by volume.
    """
    bound = bounding_shares(book)
    if not bound:
        return ()
    names = np.asarray(symbol, dtype=object)
    traded = np.asarray(volume, dtype=np.float64) > 0
    there, with_volume = set(names), set(names[traded])
    return tuple(one for one in book.symbols if one in bound and one in there and one not in with_volume)


def bounding_shares(book: Book) -> dict[str, float]:
    """The share of a bar's volume that orders may take, by symbol; without those that nothing bounds."""
    shares = {one: book.entry_of(book.account_of(one)).max_volume_share for one in book.symbols}
    return {symbol: share for symbol, share in shares.items() if share is not None}


def refuse_without_volume(book: Book, panel: Panel) -> None:
    """Refuse a panel in which a symbol of the book has opens to fill at and no volume at all.

    Raises
    ------
    Refused
        With the symbols, and what to do.
    """
    rows, columns = np.nonzero(np.isfinite(panel.fill_open))
    names = np.asarray(panel.symbols, dtype=object)[columns]
    without = symbols_without_volume(book, names, panel.fill_volume[rows, columns])
    if without:
        raise Refused(
            f"no bar of {', '.join(without)} from {panel.sessions[0]} to {panel.sessions[-1]} has a volume, "
            f"and orders take at most {bounding_shares(book)[without[0]]:g} of it: none of them would ever "
            "fill; "
            f"{WAY_OUT}"
        )
