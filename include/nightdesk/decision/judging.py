"""Where the book's risk stands in one decision: its drawdown level, stops, correlations."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from nightdesk.decision.day import Day, State, Targets
from nightdesk.decision.desk import Desk
from nightdesk.execution.ledger import Ledger, Position
from nightdesk.execution.money import ZERO
from nightdesk.panel import Floats
from nightdesk.portfolio import portfolio_volatility
from nightdesk.risk import (
    Change,
    Correlations,
    Holding,
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
    change : Change or None
        The move between drawdown levels, if there was one.
    standing : Standing
        What the rules of the gate read of it.
    correlations : Correlations
        Of the symbols that are held or wanted.
    volatility : float
        Annualised, of the wanted portfolio over the window of the levels; NaN where not known.
    """

    risk: RiskState
    change: Change | None
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
    levels, symbols = desk.book.levels, desk.symbols
    standing = replace(
        desk.calm,
        stop_cap=np.array([risk.stop_caps.get(symbol, np.inf) for symbol in symbols]),
        fall=np.array([held[symbol].fall if symbol in held else np.nan for symbol in symbols]),
        stop_at=np.array(
            [_next_stop(desk, risk, symbol) if symbol in held else np.nan for symbol in symbols]
        ),
        correlation=correlation,
    )
    if levels is None:
        return standing
    added = np.abs(wanted.quantity - without_entries(wanted.quantity, wanted.held))
    standing = replace(
        standing,
        level=risk.level,
        haven=desk.haven,
        first_out=desk.first_out,
        sure=np.where(wanted.confidence >= levels.min_confidence, added, 0.0).sum(axis=0),
        level_cap=np.array([risk.level_caps.get(symbol, np.inf) for symbol in symbols]),
    )
    if risk.recovery is None:
        return standing
    size_cap = np.abs(net) * risk.size(levels)
    return replace(standing, size_cap=size_cap, leverage_limit=levels.recovery_leverage)


def _next_stop(desk: Desk, risk: RiskState, symbol: str) -> float:
    """The fall at which the position's stop acts next, or has acted in this session."""
    stop = desk.stops.get(symbol)
    if stop is None:
        return np.nan
    done = symbol in risk.halved and risk.stop_caps.get(symbol, 0.0) == 0.0
    return stop.leave if done else stop.halve


def _holdings(desk: Desk, ledger: Ledger, day: Day) -> dict[str, Holding]:
    """What the book holds net of each symbol, and how far that is below its average entry price."""
    by_symbol: dict[str, list[Position]] = {}
    for position in ledger.held():
        by_symbol.setdefault(position.symbol, []).append(position)
    out = {}
    for symbol, positions in by_symbol.items():
        units = sum((one.quantity for one in positions), ZERO)
        if not units:
            continue
        same_side = [one for one in positions if one.quantity * units > 0]
        cost = sum((one.cost for one in same_side), ZERO)
        average = float(cost / sum((one.quantity for one in same_side), ZERO))
        n = desk.column[symbol]
        known = day.age[n] == 0 and not day.quarantined[n] and average > 0
        fall = (average - float(day.price[n])) / average if known else np.nan
        out[symbol] = Holding(float(units), fall if units > 0 else -fall)
    return out
