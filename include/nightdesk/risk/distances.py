"""How far a book stands from each of its limits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, singledispatch
from typing import Literal

import numpy as np

from nightdesk.book import Levels
from nightdesk.panel import Floats
from nightdesk.risk.admission import Cash, Heat, PositionCount
from nightdesk.risk.conditions import DailyLoss
from nightdesk.risk.correlation import Columns, Correlation, known_pairs
from nightdesk.risk.drawdown import DrawdownLevel, RecoveryLeverage
from nightdesk.risk.exposure import INITIAL_MARGIN, CashBuffer, GrossLeverage, MaxWeight
from nightdesk.risk.rule import Rule, Standing
from nightdesk.risk.stops import StopLoss
from nightdesk.risk.trading import TradesPerDay, TurnoverPerDay

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
class Measured:
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

    @cached_property
    def gross(self) -> float:
        """Absolute positions over NAV."""
        return float(np.abs(self.weights).sum())

    @cached_property
    def pairs(self) -> tuple[Columns, Columns, Floats]:
        """Of what is held, see `nightdesk.risk.correlation.known_pairs`."""
        return known_pairs(np.flatnonzero(self.weights), self.standing.correlation)


def distances(rules: Iterable[Rule], measured: Measured) -> tuple[Distance, ...]:
    """The distance to the volatility target, then to the limit of every rule that has one to measure.

    Rules on conditions (a switch, a stale price, a closed regime) have none, nor do those on what a trade is
    worth. Of the caps on symbols and on pairs the tightest is told, of the stops every one
    unless the tightest is asked for.

    Parameters
    ----------
    rules : iterable of Rule
        The book's, in the order of the gate.
    measured : Measured
    """
    out = [one for rule in rules if _has_distance(type(rule)) for one in of_rule(rule, measured)]
    if measured.volatility_target is None:
        return tuple(out)
    return (_at_most("volatility", "", measured.volatility, measured.volatility_target), *out)


def nearest(rules: Iterable[Rule], measured: Measured) -> Distance | None:
    """The limit that has the least room, as a share of it; None where no limit has a finite one.

    A correlation is no limit by itself: what a pair that moves together may weigh is. Of equals, the first
    of `distances` counts.
    """
    limits = (limit for limit in distances(rules, measured) if limit.unit != "correlation")
    rooms = [limit for limit in limits if math.isfinite(limit.room_share)]
    return min(rooms, key=lambda limit: limit.room_share, default=None)


@cache
def _has_distance(kind: type[Rule]) -> bool:
    return of_rule.dispatch(kind) is not of_rule.dispatch(object)


@singledispatch
def of_rule(rule: Rule, measured: Measured) -> Iterator[Distance]:
    """The distances of one rule; none for a rule that is not registered here."""
    yield from ()


@of_rule.register
def _(rule: DailyLoss, measured: Measured) -> Iterator[Distance]:
    yield _at_least(rule.name, "", measured.day_return, rule.params.limit)


@of_rule.register
def _(rule: DrawdownLevel, measured: Measured) -> Iterator[Distance]:
    level, levels = measured.standing.level, measured.levels
    if levels is not None and level < len(levels.at):
        yield _at_most(rule.name, f"level {level + 1}", measured.drawdown, levels.at[level])


@of_rule.register
def _(rule: StopLoss, measured: Measured) -> Iterator[Distance]:
    standing = measured.standing
    stopped = np.flatnonzero((measured.weights != 0.0) & np.isfinite(standing.stop_at))
    if measured.tightest_stop and len(stopped):
        room = (standing.stop_at[stopped] - standing.fall[stopped]) / np.abs(standing.stop_at[stopped])
        stopped = stopped[[np.argmin(np.where(np.isfinite(room), room, np.inf))]]
    falls, stops = standing.fall[stopped].tolist(), standing.stop_at[stopped].tolist()
    for n, fall, stop in zip(stopped.tolist(), falls, stops, strict=True):
        yield _at_most(rule.name, measured.symbols[n], fall, stop)


@of_rule.register
def _(rule: Correlation, measured: Measured) -> Iterator[Distance]:
    first, second, correlation = measured.pairs
    if not len(correlation):
        return
    limit: float = rule.params.limit
    at = int(np.argmax(correlation))
    pair = _pair(measured, first[at], second[at])
    yield _at_most(rule.name, pair, float(correlation[at]), limit, "correlation")
    close = correlation > limit
    if close.any():
        first, second = first[close], second[close]
        weight, caps = np.abs(measured.weights), measured.max_weight
        joint, cap = weight[first] + weight[second], rule.params.joint_cap * (caps[first] + caps[second])
        at = int(np.argmax(joint - cap))
        pair = _pair(measured, first[at], second[at])
        yield _at_most("joint_weight", pair, float(joint[at]), float(cap[at]))


@of_rule.register
def _(rule: MaxWeight, measured: Measured) -> Iterator[Distance]:
    weight, cap = np.abs(measured.weights), rule.most_held(measured.max_weight)
    if weight.any():
        used = np.divide(weight, cap, out=np.where(weight > 0.0, np.inf, 0.0), where=cap > 0.0)
        n = int(np.argmax(used))
        yield _at_most(rule.name, measured.symbols[n], float(weight[n]), float(cap[n]))


@of_rule.register
def _(rule: PositionCount, measured: Measured) -> Iterator[Distance]:
    yield _at_most(rule.name, "", float(measured.positions), float(rule.params.limit), "count")


@of_rule.register
def _(rule: Heat, measured: Measured) -> Iterator[Distance]:
    if measured.heat is not None:
        yield _at_most(rule.name, "", measured.gross, measured.heat)


@of_rule.register
def _(rule: Cash, measured: Measured) -> Iterator[Distance]:
    yield _at_least(rule.name, "", measured.cash, rule.params.reserve)


@of_rule.register
def _(rule: GrossLeverage, measured: Measured) -> Iterator[Distance]:
    limit = rule.params.limit if rule.params.margin else min(1.0, rule.params.limit)
    yield _at_most(rule.name, "", measured.gross, limit)


@of_rule.register
def _(rule: RecoveryLeverage, measured: Measured) -> Iterator[Distance]:
    limit = measured.standing.leverage_limit
    if math.isfinite(limit):
        yield _at_most(rule.name, "", measured.gross, limit)


@of_rule.register
def _(rule: CashBuffer, measured: Measured) -> Iterator[Distance]:
    used = measured.gross * (INITIAL_MARGIN if rule.params.margin else 1.0)
    yield _at_least(rule.name, "", 1.0 - used, rule.params.limit)


@of_rule.register
def _(rule: TradesPerDay, measured: Measured) -> Iterator[Distance]:
    count = float(np.count_nonzero(measured.traded))
    yield _at_most(rule.name, "", count, float(rule.params.limit), "count")


@of_rule.register
def _(rule: TurnoverPerDay, measured: Measured) -> Iterator[Distance]:
    yield _at_most(rule.name, "", float(measured.traded.sum()), rule.params.limit)


def _at_most(rule: str, subject: str, value: float, limit: float, unit: Unit = "share") -> Distance:
    return _distance(rule, subject, unit, value, limit, limit - value)


def _at_least(rule: str, subject: str, value: float, limit: float) -> Distance:
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


def _pair(measured: Measured, i: np.intp, j: np.intp) -> str:
    return f"{measured.symbols[i]} / {measured.symbols[j]}"
