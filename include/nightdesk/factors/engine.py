"""Computing factors: whole panels at once, shared parts once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np

from nightdesk.errors import Refused
from nightdesk.factors.registry import resolve
from nightdesk.panel import Floats, Panel


class Source:
    """A panel as factors see it, and what was computed from it so far.

    Everything at session t is a function of rows up to t by operations whose result never depends on later
    rows (elementwise arithmetic and running sums, no matrix products): a truncated panel gives the same bits.

    Parameters
    ----------
    panel : Panel
    benchmark : str
        Symbol that betas are measured against.
    universe : int
        The first so many columns may be traded. What compares symbols with each other looks at these alone:
        the references behind them (benchmark, volatility index) take no place among them.

    Raises
    ------
    Refused
        When the panel has fewer columns.
    """

    def __init__(self, panel: Panel, benchmark: str, universe: int) -> None:
        if not 0 <= universe <= len(panel.symbols):
            raise Refused(
                f"a universe of {universe} symbols in a panel of {len(panel.symbols)}: "
                "the first columns of a panel are the symbols of the book"
            )
        self.panel = panel
        self.benchmark = benchmark
        self.universe = universe
        self._made: dict[str, Floats] = {}

    @cached_property
    def high(self) -> Floats:
        """Adjusted highs."""
        return self.panel.high * self.panel.adjustment

    @cached_property
    def low(self) -> Floats:
        """Adjusted lows."""
        return self.panel.low * self.panel.adjustment

    @property
    def close(self) -> Floats:
        """Adjusted closes."""
        return self.panel.adjusted_close

    @property
    def returns(self) -> Floats:
        """Simple returns of the adjusted closes."""
        return self.panel.returns

    @cached_property
    def split(self) -> Floats:
        """Units after all splits so far for one at the first session."""
        return np.cumprod(self.panel.split, axis=0, dtype=np.float64)

    @cached_property
    def volume(self) -> Floats:
        """Volume in units of the first session, so that a split does not look like a rush."""
        return self.panel.volume / self.split

    def in_dollars(self, adjusted: Floats) -> Floats:
        """Adjusted prices restated in the raw dollars of their own session."""
        return adjusted / self.panel.adjustment

    def factor(self, name: str) -> Floats:
        """Values of a factor by name, computed once; what is not finite (a division by 0) is missing."""

        def make() -> Floats:
            values = resolve(name).compute(self)
            return np.where(np.isfinite(values), values, np.nan)

        return self.once(name, make)

    def once(self, key: str, make: Callable[[], Floats]) -> Floats:
        """What `make` gives, computed once per key."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def lagged(self, name: str, k: int) -> Floats:
        """Values of a factor `k` sessions before; NaN at the start."""
        values = self.factor(name)
        out = np.full_like(values, np.nan)
        out[k:] = values[:-k]
        return out


def compute(panel: Panel, names: Iterable[str], *, benchmark: str, universe: int) -> dict[str, Floats]:
    """Compute factors over a whole panel.

    Parameters
    ----------
    panel : Panel
        From the book's origin up to the session of the decision (or any later one: rows do not change).
    names : iterable of str
        Such as ``momentum_60``, ``rank_momentum_12_1``, ``rsi_14@1``, ``ta.supertrend(7,3)``.
    benchmark : str
        Symbol that betas are measured against; must be a column when one is asked for.
    universe : int
        How many of the first columns may be traded (`Book.symbols`); ranks are among these alone, whatever
        references stand behind them.

    Returns
    -------
    dict of name to ndarray of shape (n_sessions, n_columns)
        float64, not rounded, NaN where a value has too little history, a bar is missing in its window, or it
        is not defined (such as the RSI of a price that never moved).

    Raises
    ------
    Refused
        When a name is unknown, or the panel has fewer columns than the universe.
    """
    asked = list(dict.fromkeys(names))
    for name in asked:
        resolve(name)
    source = Source(panel, benchmark, universe)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return {name: source.factor(name) for name in asked}


def look_back(names: Iterable[str]) -> int:
    """Sessions of bars, today included, that dependable values of all these factors need; 0 for none."""
    return max((resolve(name).look_back for name in names), default=0)
