"""How far a book stands from each of its limits."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.drawdown_levels import Levels
from nightdesk.core.margin import Margin
from nightdesk.core.panel import Floats
from nightdesk.risk.correlation import Columns, known_pairs
from nightdesk.risk.periods import NO_LOSS, PeriodLows
from nightdesk.risk.situation import CASH, Standing

#: Name of the distance to the book's volatility target, which is no rule's.
VOLATILITY = "volatility"

#: Nearer than this share of it, a limit is reached and not passed: sums of floats carry such errors.
ROUNDING = 1e-9

Unit = Literal["share", "correlation", "count"]
Where = Literal["within", "at", "beyond", "unknown"]


@dataclass(frozen=True, slots=True)
class Distance:
    """One number of a book beside its limit.

    Attributes
    ----------
    rule : str
        Name of the rule; "volatility" for the book's target, "joint_weight" for the cap that a pair has.
    subject : str
        The symbol, pair or level that it is about; empty for the whole book.
    unit : str
        Of the next three numbers: "share" (of NAV, or of a price), "correlation" or "count".
    value, limit : float
        What was measured, NaN where nothing was; what it is compared with.
    room : float
        How much is left up to the limit, in its unit; negative beyond it.
    room_share : float
        `room` as a share of the limit; NaN for a limit of 0.
    state : str
        "within", "at" (to rounding) or "beyond" the limit; "unknown" without a value.
    """

    rule: str
    subject: str
    unit: Unit
    value: float
    limit: float
    room: float
    room_share: float
    state: Where


@dataclass(frozen=True)
class RiskMeasures:
    """What the limits of a book are compared with: what is held at the mark, and the session's trades.

    Attributes
    ----------
    symbols : tuple of str, length n_symbols
    weights : ndarray of shape (n_symbols,)
        Held at the mark, signed shares of NAV.
    max_weight : ndarray of shape (n_symbols,)
        Each symbol's cap, share of NAV.
    traded : ndarray of shape (n_symbols,)
        Absolute changes of weight that the decision makes, of trades that the limits on trades count.
    day_return : float
        NAV over that of the mark before, less 1.
    volatility, volatility_target : float, float or None
        Annualised, of what is held; the book's target.
    standing : Standing
        Falls and stops of the positions, correlations, the level, the leverage of a recovery.
    drawdown : float
        1 - NAV / peak, with the peak of the drawdown levels.
    levels : Levels or None
        The book's, where it has them.
    positions : int
        Positions of all strategies.
    heat : float or None
        What the regime allows of NAV in positions; None where it sets no limit.
    cash : float
        Share of NAV.
    past : ndarray of shape (n_sessions,), or None
        Returns of what is held over the window of value at risk; NaN where one is missing.
    tightest_stop : bool
        Whether of the stops the tightest alone is told.
    margin : Margin
        The book's.
    most_gross, most_net : float
        Limits of the book on what is held, over NAV; infinite where it has none.
    groups : sequence of str, length n_symbols
        The group of each symbol.
    positions_in : int ndarray of shape (n_symbols,), or None
        Positions of all strategies in each symbol.
    volume_share : ndarray of shape (n_symbols,)
        Units held over the average volume of a session (ADV20); NaN where that is not known.
    periods : PeriodLows
        Of the week and the month.
    loss_at_stops : float
        What is lost where every stop is hit, share of NAV.
    bare : int
        Symbols held without a stop.
    trades_today, turnover_today : int, float
        Orders executed before in the session that the decision's orders are meant for, and their notional, a
        share of NAV.
    """

    symbols: tuple[str, ...]
    weights: Floats
    max_weight: Floats
    traded: Floats
    day_return: float
    volatility: float
    volatility_target: float | None
    standing: Standing
    drawdown: float
    levels: Levels | None
    positions: int = 0
    heat: float | None = None
    cash: float = 0.0
    past: Floats | None = None
    tightest_stop: bool = False
    margin: Margin = CASH
    most_gross: float = math.inf
    most_net: float = math.inf
    groups: tuple[str, ...] = ()
    positions_in: NDArray[np.int64] | None = None
    volume_share: Floats | None = None
    periods: PeriodLows = NO_LOSS
    loss_at_stops: float = 0.0
    bare: int = 0
    trades_today: int = 0
    turnover_today: float = 0.0

    @cached_property
    def gross(self) -> float:
        """Absolute positions over NAV."""
        return float(np.abs(self.weights).sum())

    @cached_property
    def net(self) -> float:
        """Signed positions over NAV."""
        return float(self.weights.sum())

    @cached_property
    def pairs(self) -> tuple[Columns, Columns, Floats]:
        """Of what is held, see `nightdesk.risk.correlation.known_pairs`."""
        held = np.flatnonzero(self.weights)
        return known_pairs(held, self.standing.correlations.among(held))

    def pair(self, i: np.intp, j: np.intp) -> str:
        """Two symbols by their columns, as a pair is called."""
        return f"{self.symbols[i]} / {self.symbols[j]}"


class Limiting(Protocol):
    """What has limits that a book can be measured against."""

    def distances(self, measured: RiskMeasures) -> Iterable[Distance]:
        """How far the book is from them."""


def distances(rules: Iterable[Limiting], measured: RiskMeasures) -> tuple[Distance, ...]:
    """The distance to the volatility target, then to the limit of every rule that has one to measure.

    Rules on conditions (a switch, a stale price, a closed regime) have none, nor do those on what a trade is
    worth. Of the caps on symbols and on pairs the tightest is told, of the stops every one
    unless the tightest is asked for.

    Parameters
    ----------
    rules : iterable of Limiting
        The book's, in the order of the gate.
    measured : RiskMeasures
    """
    out = [one for rule in rules for one in rule.distances(measured)]
    if measured.volatility_target is None:
        return tuple(out)
    return (at_most(VOLATILITY, "", measured.volatility, measured.volatility_target), *out)


def nearest(rules: Iterable[Limiting], measured: RiskMeasures) -> Distance | None:
    """The limit that has the least room, as a share of it; None where no limit has a finite one.

    A correlation is no limit by itself: what a pair that moves together may weigh is. Of equals, the first
    of `distances` counts.
    """
    limits = (limit for limit in distances(rules, measured) if limit.unit != "correlation")
    rooms = [limit for limit in limits if math.isfinite(limit.room_share)]
    return min(rooms, key=lambda limit: limit.room_share, default=None)


def at_most(rule: str, subject: str, value: float, limit: float, unit: Unit = "share") -> Distance:
    """The distance of a value that may rise to its limit."""
    return _distance(rule, subject, unit, value, limit, limit - value)


def at_least(rule: str, subject: str, value: float, limit: float) -> Distance:
    """The distance of a value that may fall to its limit."""
    return _distance(rule, subject, "share", value, limit, value - limit)


def _distance(rule: str, subject: str, unit: Unit, value: float, limit: float, room: float) -> Distance:
    share = room / abs(limit) if limit else math.nan
    return Distance(rule, subject, unit, value, limit, room, share, _where(room, limit))


def _where(room: float, limit: float) -> Where:
    if math.isnan(room):
        return "unknown"
    if abs(room) <= ROUNDING * max(abs(limit), ROUNDING):
        return "at"
    return "within" if room > 0.0 else "beyond"
