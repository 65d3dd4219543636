"""Figures that people are shown, as the tables keep them: one document for each cell of their arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

#: What a strategy or a sizing shows, by name: arrays of one shape, of floats or of texts, in which
#: NaN and the empty text are missing.
Figures = Mapping[str, NDArray[Any]]
CellFigures = dict[str, float | str | None]


def figures_of_cell(figures: Figures, row: int, column: int) -> CellFigures | None:
    """The figures of one cell by name, None for what is missing; None where nothing is shown at all.

    Examples
    --------
    >>> import numpy as np
    >>> figures_of_cell({"score": np.array([[0.5, np.nan]]), "trend": np.array([["BULLISH", ""]])}, 0, 1)
    {'score': None, 'trend': None}
    """
    if not figures:
        return None
    return {name: _plain(values[row, column]) for name, values in figures.items()}


def _plain(value: Any) -> float | str | None:
    if isinstance(value, str):
        return str(value) or None
    number = float(value)
    return number if math.isfinite(number) else None
