"""Concentration: how much of what a book holds stands in how few places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nightdesk.core.panel import Floats


@dataclass(frozen=True, slots=True)
class Concentration:
    """How a book's positions are spread.

    Attributes
    ----------
    herfindahl : float
        Sum of the squared shares of gross exposure (Herfindahl 1950): 1 for a single position, 1 / n for n
        equal ones; NaN where nothing is held.
    effective_positions : float
        1 / `herfindahl`, the number of equal positions that would be as concentrated (Laakso and Taagepera
        1979); 0 where nothing is held.
    largest, largest_weight : str and float
        The symbol with the largest position and its signed share of NAV; empty and 0 where nothing is held.
    largest_group, largest_group_weight : str and float
        The group whose positions are the largest together, and their absolute share of NAV.
    """

    herfindahl: float
    effective_positions: float
    largest: str
    largest_weight: float
    largest_group: str
    largest_group_weight: float


def concentration(weights: Floats, symbols: Sequence[str], groups: Sequence[str]) -> Concentration:
    """How positions are spread over symbols and groups; of equals, the first counts.

    Parameters
    ----------
    weights : ndarray of shape (n_symbols,)
        Signed shares of NAV; 0 where nothing is held.
    symbols, groups : sequence of str, length n_symbols
        Names, and the group that each belongs to.
    """
    size = np.abs(weights)
    gross = float(size.sum())
    if gross == 0.0:
        return Concentration(float("nan"), 0.0, "", 0.0, "", 0.0)
    herfindahl = float(((size / gross) ** 2).sum())
    at = int(np.argmax(size))
    together: dict[str, float] = {}
    for n in np.flatnonzero(size).tolist():
        together[groups[n]] = together.get(groups[n], 0.0) + float(size[n])
    group = max(together, key=lambda name: together[name])
    return Concentration(
        herfindahl, 1.0 / herfindahl, symbols[at], float(weights[at]), group, together[group]
    )
