"""The risk report of a session, from its decision."""

from __future__ import annotations

import numpy as np

from nightdesk import risk
from nightdesk.decision.day import Day, State
from nightdesk.decision.desk import Desk
from nightdesk.decision.steps import Gated
from nightdesk.panel import Floats
from nightdesk.portfolio import portfolio_returns, portfolio_volatility
from nightdesk.risk import Measured, RiskReport, without_entries


def risk_report(desk: Desk, state: State, day: Day, gated: Gated) -> RiskReport:
    """The risk of the book as it is held at the mark, and how far it stands from its limits.

    The limits on trades are compared with what the gate let through for the next session. Sales that a stop
    or a level asks for are not counted there, as the gate does not count them.
    """
    return risk.risk_report(
        desk.rules,
        measure(desk, state, day, gated),
        float(state.mark.nav),
        desk.book.groups,
        day.returns,
        day.history,
    )


def measure(desk: Desk, state: State, day: Day, gated: Gated, *, tightest_stop: bool = False) -> Measured:
    """What the limits of the book are compared with; of the stops all, or the tightest alone."""
    nav, judged = float(state.mark.nav), gated.judged
    price = np.where(np.isfinite(day.price), day.price, 0.0)
    weights = gated.passage.held * price / nav
    past, window = portfolio_returns(weights, day.history), len(day.returns)
    return Measured(
        symbols=desk.symbols,
        weights=weights,
        max_weight=desk.max_weight,
        traded=np.abs(_counted(gated)) * price / nav,
        day_return=state.mark.day_return,
        volatility=portfolio_volatility(
            weights, day.returns, past[-window:] if window <= len(past) else None
        ),
        volatility_target=desk.book.portfolio.volatility_target,
        standing=judged.standing,
        drawdown=float(judged.risk.drawdown),
        levels=desk.book.levels,
        positions=len(state.ledger.held()),
        heat=desk.book.regime[day.band].heat if day.band >= 0 else None,
        cash=float(state.mark.cash) / nav,
        past=past,
        tightest_stop=tightest_stop,
        margin=desk.book.margin,
    )


def _counted(gated: Gated) -> Floats:
    """Changes in units that the limits on trades count, of shape (n_symbols,)."""
    held, quantity, standing = gated.passage.held, gated.passage.quantity, gated.judged.standing
    cap = np.minimum(standing.level_cap, standing.stop_cap)
    asked_for = (np.abs(held) > cap) & (without_entries(quantity, held) == quantity)
    return np.where(asked_for, 0.0, quantity - held)
