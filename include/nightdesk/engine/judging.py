"""Where the book's risk stands in one decision: its drawdown level, stops, correlations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from nightdesk.accounting.ledger import Ledger
from nightdesk.core.money import ZERO
from nightdesk.core.panel import Floats
from nightdesk.engine.desk import Desk
from nightdesk.engine.inputs import Day, State, Targets
from nightdesk.portfolio import portfolio_volatility
from nightdesk.risk import (
    Correlations,
    Holding,
    LevelChange,
    RiskState,
    Signs,
    Standing,
    advance,
    begin,
    carry,
    correlations,
    stop_out,
    without_entries,
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a decision makes of the book's risk.

    Attributes
    ----------
    risk : RiskState
        After it; the next decision begins from there.
    change : LevelChange or None
        The move between drawdown levels, if there was one.
    standing : Standing
        What the rules of the gate read of it.
    correlations : Correlations
        Of the symbols that are held or wanted.
    volatility : float
        Annualised, of the wanted portfolio over the window of the levels; NaN where not known.
    """

    risk: RiskState
    change: LevelChange | None
    standing: Standing
    correlations: Correlations
    volatility: float


def judge(desk: Desk, state: State, day: Day, wanted: Targets) -> Judged:
    """Move the risk state on by one session, on the targets before the gate."""
    book, levels = desk.book, desk.book.levels
    net = wanted.quantity.sum(axis=0)
    involved = (net != 0) | (wanted.held.sum(axis=0) != 0)
    together = correlations(day.returns, involved)
    held = _holdings(desk, state.ledger, day)
    risk = carry(state.risk or begin(state.mark.peak_nav), held, day.splits)
    change, volatility = None, float("nan")
    if levels is None:
        risk = _without_levels(risk, state)
    else:
        weights = wanted.weight.sum(axis=0)
        volatility = portfolio_volatility(weights, day.returns[-levels.volatility_window :])
        signs = Signs(
            session=day.session,
            nav=state.mark.nav,
            held={symbol: holding.quantity for symbol, holding in held.items()},
            calm=volatility < (book.portfolio.volatility_target or math.inf),
            average_correlation=together.average,
            lowest_correlation=together.lowest,
            correlated=together.symbols,
            answer=state.facts.answer,
            asked=state.facts.asked,
            simulates=state.facts.simulates,
            forced=state.facts.forced,
            forced_by=state.facts.forced_by,
            closes=day.closes,
        )
        risk, change = advance(levels, risk, signs)
    risk = stop_out(risk, held, desk.stops)
    return Judged(
        risk, change, _standing(desk, risk, held, wanted, net, together.matrix), together, volatility
    )


def of_the_rest(desk: Desk, judged: Judged, wanted: Targets) -> Judged:
    """The same after a part of what was wanted is refused: in recovery sizes are shares of the rest."""
    if desk.book.levels is None or judged.risk.recovery is None:
        return judged
    rest = np.abs(wanted.quantity.sum(axis=0)) * judged.risk.size(desk.book.levels)
    size_cap = np.minimum(judged.standing.size_cap, rest)
    return replace(judged, standing=replace(judged.standing, size_cap=size_cap))


def _without_levels(risk: RiskState, state: State) -> RiskState:
    """The state of a book without levels: its drawdown is that of the mark, and asks for nothing."""
    mark = state.mark
    drawdown = 1 - mark.nav / mark.peak_nav if mark.peak_nav > 0 else ZERO
    return replace(risk, peak=mark.peak_nav, highest=mark.peak_nav, drawdown=drawdown)


def _standing(
    desk: Desk,
    risk: RiskState,
    held: dict[str, Holding],
    wanted: Targets,
    net: Floats,
    correlation: Floats,
) -> Standing:
    """The risk state as the rules read it."""
    levels, calm = desk.book.levels, desk.calm
    recovery = None if risk.recovery is None else levels
    return Standing(
        level=calm.level if levels is None else risk.level,
        haven=desk.haven,
        first_out=desk.first_out,
        sure=calm.sure if levels is None else _sure(wanted, levels.min_confidence),
        level_cap=calm.level_cap if levels is None else _by_column(desk, risk.level_caps, np.inf),
        stop_cap=_by_column(desk, risk.stop_caps, np.inf),
        fall=_by_column(desk, {symbol: one.fall for symbol, one in held.items()}, np.nan),
        stop_at=(
            _by_column(desk, {symbol: _next_stop(desk, risk, symbol) for symbol in held}, np.nan)
            if desk.stops
            else calm.stop_at
        ),
        size_cap=calm.size_cap if recovery is None else np.abs(net) * risk.size(recovery),
        leverage_limit=calm.leverage_limit if recovery is None else recovery.recovery_leverage,
        correlation=correlation,
    )


def _sure(wanted: Targets, min_confidence: float) -> Floats:
    """Units that strategies want to add with so much confidence, over all of them."""
    added = np.abs(wanted.quantity - without_entries(wanted.quantity, wanted.held))
    total: Floats = np.where(wanted.confidence >= min_confidence, added, 0.0).sum(axis=0)
    return total


def _by_column(desk: Desk, numbers: Mapping[str, float], other: float) -> Floats:
    """Numbers by symbol as an array of the book's symbols, of shape (n_symbols,)."""
    out = np.full(len(desk.symbols), other)
    if numbers:
        out[[desk.column[symbol] for symbol in numbers]] = list(numbers.values())
    return out


def _next_stop(desk: Desk, risk: RiskState, symbol: str) -> float:
    """The fall at which the position's stop acts next, or has acted in this session."""
    stop = desk.stops.get(symbol)
    if stop is None:
        return np.nan
    done = symbol in risk.halved and risk.stop_caps.get(symbol, 0.0) == 0.0
    return stop.leave if done else stop.halve


def _holdings(desk: Desk, ledger: Ledger, day: Day) -> dict[str, Holding]:
    """What the book holds net of each symbol, and how far that is below its average entry price."""
    trusted = ((day.age == 0) & ~day.quarantined).tolist()
    price, column, out = day.price.tolist(), desk.column, {}
    for symbol, position in ledger.net_positions.items():
        n, units, average = column[symbol], position.quantity, position.average
        fall = (average - price[n]) / average if trusted[n] and average > 0 else math.nan
        out[symbol] = Holding(units, fall if units > 0 else -fall)
    return out
