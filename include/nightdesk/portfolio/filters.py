"""Filters on what strategies want to open: one entry a symbol, and none beside what moves with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Dropped:
    """An entry that a filter took away.

    Attributes
    ----------
    strategy, symbol : int
        Row and column of the entry.
    filter : str
        "superseded" by a more confident entry in the same symbol, "correlated" with another symbol that
        is held or was accepted before, the "bundle" is not opened, since another leg of it is not, a
        "condition" on entries does not hold, by which additions are taken away too, or the "pair" gave way to
        another one in a symbol.
    other : int
        Row of the strategy that superseded it; column of the symbol that it moves with, of the other leg, or
        of the symbol that another pair has; place of the condition among those of the strategy.
    value, limit : float
        Confidences of the entry and of the other; correlation and its limit; units of the other leg that are
        wanted, and that a unit of the bundle has; 0 and 1 of a condition; abs(z) of the pair and of the
        other, 0 where that is held already.
    words : str
        What was found of a condition, or of a pair, with its values; empty of others, whose numbers say it.
    """

    strategy: int
    symbol: int
    filter: Literal["superseded", "correlated", "bundle", "condition", "pair"]
    other: int
    value: float
    limit: float
    words: str = ""


def entries_by_confidence(
    entries: Flags, confidence: Floats, rank: NDArray[np.int64]
) -> list[tuple[int, int]]:
    """Row and column of every entry: the most confident first, equals by symbol, then in the book's order."""
    rows, columns = np.nonzero(entries)
    order = np.lexsort((rows, rank[columns], -confidence[rows, columns]))
    return list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))


def one_entry_a_symbol(ordered: Sequence[tuple[int, int]], confidence: Floats) -> list[Dropped]:
    """The entries that a more confident one in the same symbol supersedes.

    Parameters
    ----------
    ordered : sequence of (row, column)
        From `entries_by_confidence`.
    confidence : ndarray of shape (n_strategies, n_symbols)
    """
    first: dict[int, int] = {}
    out = []
    for s, n in ordered:
        winner = first.setdefault(n, s)
        if winner != s:
            out.append(
                Dropped(s, n, "superseded", winner, float(confidence[s, n]), float(confidence[winner, n]))
            )
    return out


def apart_from_what_moves_alike(
    ordered: Sequence[tuple[int, int]], wanted: Floats, held: Floats, correlation: Floats, limit: float
) -> list[Dropped]:
    """The entries whose returns move too much with those of another symbol that is held or accepted.

    A short moves against its symbol: a long and a short of two symbols that move together hedge each other,
    and of two that move against each other they are one bet.

    Parameters
    ----------
    ordered : sequence of (row, column)
        From `entries_by_confidence`, less those that were dropped before. One that is accepted counts for
        those after it.
    wanted : ndarray of shape (n_strategies, n_symbols)
        Sides of the entries: 1 a long, -1 a short.
    held : ndarray of shape (n_symbols,)
        Sides of what stays held in this decision, 0 where nothing does.
    correlation : ndarray of shape (n_symbols, n_symbols)
        NaN where not known, which rejects nothing.
    limit : float
        Correlation of two positions above which an entry is dropped. The same symbol is exempt.
    """
    taken = {n: side for n, side in enumerate(held.tolist()) if side}
    out = []
    for s, n in ordered:
        side, of_all = float(wanted[s, n]), correlation[n].tolist()
        alike = {m: of_all[m] * taken[m] * side for m in sorted(taken) if m != n}
        close = [m for m in alike if alike[m] > limit]
        if close:
            worst = max(close, key=alike.__getitem__)
            out.append(Dropped(s, n, "correlated", worst, alike[worst], limit))
        else:
            taken[n] = side
    return out
