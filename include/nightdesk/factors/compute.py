"""Computing factors: whole panels at once, shared parts once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats, Panel
from nightdesk.factors.factor_registry import HOURLY, column_factors, resolve
from nightdesk.factors.kernels import Kernels, kernels_for

Flags = NDArray[np.bool_]

#: Columns that are computed at a time: so few that what their factors share stays in the processor's cache,
#: so many that the loops over rows, which are Python's without compiled kernels, are not most of the time.
COLUMNS_AT_A_TIME, COLUMNS_OF_KERNELS = 256, 64


class Source:
    """A panel as factors see it, and what was computed from it so far.

    Everything at row t is a function of rows up to t by operations whose result never depends on later
    rows (elementwise arithmetic and running sums, no matrix products): a truncated panel gives the same bits.

    Parameters
    ----------
    panel : Panel
    benchmark : str
        Symbol that betas are measured against.
    universe : int
        The first so many columns may be traded. What compares symbols with each other looks at these alone:
        the references behind them (benchmark, volatility index) take no place among them.
    member : bool ndarray of shape (n_rows, universe), optional
        Who of them is a member in each row; all by default. Others take no place among them either.
    kernels : Kernels, optional
        The compiled loops, where the panel is large enough for them; they change no bit.

    Raises
    ------
    Refused
        When the panel has fewer columns.
    """

    def __init__(
        self,
        panel: Panel,
        benchmark: str,
        universe: int,
        member: Flags | None = None,
        kernels: Kernels | None = None,
    ) -> None:
        if not 0 <= universe <= len(panel.symbols):
            raise Refused(
                f"a universe of {universe} symbols in a panel of {len(panel.symbols)}: "
                "the first columns of a panel are the symbols of the book"
            )
        self.panel = panel
        self.benchmark = benchmark
        self.universe = universe
        self.member = _with_a_name(panel, universe, member)
        self.kernels = kernels
        self._made: dict[str, Floats] = {}
        self._is_part = False

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
    def market(self) -> Floats:
        """Returns of the benchmark, shape (n_rows, 1); `Refused` where it is no symbol of the panel."""
        return self._benchmark_alone().returns

    @cached_property
    def market_close(self) -> Floats:
        """Adjusted closes of the benchmark, likewise."""
        return self._benchmark_alone().adjusted_close

    def _benchmark_alone(self) -> Panel:
        if self.benchmark not in self.panel.symbols:
            raise Refused(f"needs the benchmark {self.benchmark}, which is not among the panel's symbols")
        at = self.panel.column(self.benchmark)
        return self.panel.columns(slice(at, at + 1))

    @cached_property
    def split(self) -> Floats:
        """Units after all splits so far for one at the first session."""
        out = np.ones_like(self.panel.split)
        some = (self.panel.split != 1.0).any(axis=0)
        out[:, some] = np.cumprod(self.panel.split[:, some], axis=0)
        return out

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
            infinite = np.isinf(values)
            if self._is_part and not infinite.any():
                return values  # it is copied into the whole
            return np.where(infinite, np.nan, values)

        return self.once(name, make)

    def once(self, key: str, make: Callable[[], Floats]) -> Floats:
        """What `make` gives, computed once per key."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def make_by_blocks(self, names: Iterable[str], at_a_time: int | None = None) -> None:
        """Compute factors by column some columns at a time, where there are many; see `Factor.by_column`.

        Parameters
        ----------
        names : iterable of str
        at_a_time : int, optional
            By default as many as are quickest.
        """
        width = self.panel.close.shape[1]
        if at_a_time is None:
            at_a_time = COLUMNS_AT_A_TIME if self.kernels is None else COLUMNS_OF_KERNELS
        wanted = [name for name in names if name not in self._made]
        if width <= at_a_time or not wanted:
            return
        out = {name: np.empty(self.panel.close.shape) for name in wanted}
        for first in range(0, width, at_a_time):
            cut = slice(first, first + at_a_time)
            part = Source(self.panel.columns(cut), self.benchmark, 0, kernels=self.kernels)
            part._is_part = True
            if self.benchmark in self.panel.symbols:
                part.market, part.market_close = self.market, self.market_close
            for name, values in out.items():
                values[:, cut] = part.factor(name)
        self._made |= out

    def lagged(self, name: str, k: int) -> Floats:
        """Values of a factor `k` rows before; NaN at the start."""
        values = self.factor(name)
        out = np.full_like(values, np.nan)
        out[k:] = values[:-k]
        return out


def _with_a_name(panel: Panel, universe: int, member: Flags | None) -> Flags | None:
    """Who takes a place among the others: members, from where they have their names on."""
    if panel.unnamed is None or not universe:  # a part of the columns ranks nothing
        return member
    named: Flags = ~panel.unnamed[:, :universe]
    return named if member is None else member & named


def compute(
    panel: Panel, names: Iterable[str], *, benchmark: str, universe: int, member: Flags | None = None
) -> dict[str, Floats]:
    """Compute factors over a whole panel.

    In a panel of hours, factors of sessions are those of the newest session that was over at the row's
    instant. In the hours of a session in which a symbol splits, before it is over, they are missing for that
    symbol: prices among them would be those of units that are no more.

    Parameters
    ----------
    panel : Panel
        From the book's origin up to the decision (or any later one: rows do not change).
    names : iterable of str
        Such as ``momentum_60``, ``rank_momentum_12_1``, ``rsi_14@1``, ``ta.supertrend(7,3)``; over hours
        ``h:momentum_20``.
    benchmark : str
        Symbol that betas are measured against; must be a column when one is asked for.
    universe : int
        How many of the first columns may be traded (`Book.symbols`); ranks are among these alone, whatever
        references stand behind them.
    member : bool ndarray of shape (n_rows, universe), optional
        Who of them is a member of the universe in each row (`Book.member_mask`), of a panel of sessions; all
        by default. Ranks are among members alone, and 0 for what is none.

    Returns
    -------
    dict of name to ndarray of shape (n_rows, n_columns)
        float64, not rounded, NaN where a value has too little history, a bar is missing in its window, or it
        is not defined (such as the RSI of a price that never moved).

    Raises
    ------
    Refused
        When a name is unknown, is over hours and the panel has none, or the panel has fewer columns than the
        universe.
    """
    asked = {name: resolve(name) for name in names}
    hourly = next((name for name, one in asked.items() if one.hourly), None)
    if hourly is not None and panel.hours is None:
        raise Refused(
            f"factor {hourly!r} is over hours, and this panel holds sessions: "
            "set the book's schedule to hourly, or take the factor over sessions"
        )
    kernels = kernels_for(panel.close.size)
    own, days = (Source(one, benchmark, universe, member, kernels) for one in (panel, panel.days))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for source, over_hours in ((own, True), (days, False)):
            plain = (name.removeprefix(HOURLY) for name, one in asked.items() if one.hourly is over_hours)
            source.make_by_blocks(sorted(set().union(*map(column_factors, plain))))
        return {
            name: own.factor(name.removeprefix(HOURLY)) if one.hourly else _by_row(panel, days, name)
            for name, one in asked.items()
        }


def _by_row(panel: Panel, days: Source, name: str) -> Floats:
    """A factor of sessions in the rows of a panel."""
    if panel.hours is None:
        return days.factor(name)
    if not len(panel.days):  # no session was over yet
        return np.full_like(panel.close, np.nan)
    values = panel.by_row(days.factor(name), np.nan)
    values[splits_today(panel) & ~panel.hours.closes[:, None]] = np.nan
    return values


def splits_today(panel: Panel) -> Flags:
    """Where a symbol splits, or has split, in the session of the row; shape (n_rows, n_columns).

    It is known from the first row of the session on.
    """
    splits: Flags = panel.split != 1.0
    if panel.hours is None or not splits.any():
        return splits
    first = np.maximum.accumulate(np.where(panel.hours.opens, np.arange(len(panel)), 0))
    today: Flags = splits[first]
    return today


def look_back(names: Iterable[str]) -> int:
    """Sessions of bars, today included, that dependable values of all these factors need; 0 for none.

    Those of factors over hours are not counted: see `hours_back`.
    """
    return max((one.look_back for one in map(resolve, names) if not one.hourly), default=0)


def hours_back(names: Iterable[str]) -> int:
    """Hours of bars, this one included, that dependable values of the factors over hours need; 0 for none."""
    return max((one.look_back for one in map(resolve, names) if one.hourly), default=0)
