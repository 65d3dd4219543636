"""The market regime: the band in which VIX closed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats
from nightdesk.core.portfolio_terms import Band

#: Regime of a session whose VIX is missing; the caller carries the last one known.
UNKNOWN = -1


def classify(vix: Floats, bands: Sequence[Band]) -> NDArray[np.int64]:
    """Index of the band of every session.

    Bands are half-open: a VIX equal to `below` of a band belongs to the next one.

    Parameters
    ----------
    vix : ndarray of shape (n_sessions,)
        Closes of the volatility index, points.
    bands : sequence of Band
        With `below` rising, and none for the last (what a book's validation guarantees).

    Returns
    -------
    ndarray of shape (n_sessions,), int64
        Index into `bands`; `UNKNOWN` (-1) where VIX is NaN.
    """
    edges = np.array([band.below for band in bands if band.below is not None], dtype=np.float64)
    found = np.searchsorted(edges, vix, side="right").astype(np.int64)
    return np.where(np.isnan(vix), UNKNOWN, found)
