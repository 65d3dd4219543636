"""A factor: how far the adjusted close is below its highest of some sessions."""

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.factors import Source, factor


@factor("below_high_{n}", look_back=lambda n: n, by_column=True)
def below_high(source: Source, n: int) -> Floats:
    """P[t] / max(P[t-n+1] … P[t]) - 1, at most 0; missing where one of these bars is."""
    price = source.close
    out = np.full_like(price, np.nan)
    if len(price) >= n:
        windows = np.lib.stride_tricks.sliding_window_view(price, n, axis=0)
        out[n - 1 :] = price[n - 1 :] / windows.max(axis=-1) - 1.0
    return out
