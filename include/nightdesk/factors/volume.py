"""Volume factors; a symbol without published volume (an index) has none."""

from __future__ import annotations

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.factors import windows
from nightdesk.factors.compute import Source
from nightdesk.factors.factor_registry import factor


@factor("volume_ratio_{n}", look_back=lambda n: n + 1, by_column=True)
def volume_ratio(source: Source, n: int) -> Floats:
    """Volume over the mean of the n sessions before it."""
    before = np.full_like(source.volume, np.nan)
    before[1:] = windows.mean(source.volume, n)[:-1]
    return source.volume / before


@factor("dollar_volume_{n}", look_back=lambda n: n, by_column=True)
def dollar_volume(source: Source, n: int) -> Floats:
    """Mean of raw close × raw volume over n sessions, today included; dollars a session."""
    return windows.mean(source.panel.close * source.panel.volume, n)


@factor("adv_{n}", look_back=lambda n: n, by_column=True)
def average_volume(source: Source, n: int) -> Floats:
    """Mean volume of n sessions, today included; in today's units (restated for splits in the window)."""
    return windows.mean(source.volume, n) * source.split
