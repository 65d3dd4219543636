"""The risk report of a session, from its decision."""

from __future__ import annotations

import numpy as np

from nightdesk import risk
from nightdesk.core.panel import Floats
from nightdesk.engine.decision import Gated, held_quantities
from nightdesk.engine.desk import Desk
from nightdesk.engine.inputs import Day, State
from nightdesk.portfolio import portfolio_returns, portfolio_volatility
from nightdesk.risk import Protection, RiskMeasures, RiskReport
from nightdesk.risk.rules.liquidity import ADV


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


def measure(desk: Desk, state: State, day: Day, gated: Gated, *, tightest_stop: bool = False) -> RiskMeasures:
    """What the limits of the book are compared with; of the stops all, or the tightest alone."""
    nav, judged = float(state.mark.nav), gated.judged
    value = day.unit_value
    price = np.where(np.isfinite(value), value, 0.0)
    weights = gated.passage.held * price / nav
    past, window = portfolio_returns(weights, day.history), len(day.returns)
    stops = gated.protection or Protection.none(len(weights))
    return RiskMeasures(
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
        most_gross=desk.most_gross,
        most_net=desk.most_net,
        groups=desk.book.groups,
        positions_in=(held_quantities(desk, state) != 0.0).sum(axis=0),
        volume_share=_volume_share(day, gated.passage.held),
        periods=state.periods,
        loss_at_stops=float((np.abs(gated.passage.held) * stops.held_risk).sum()) / nav,
        bare=int(np.count_nonzero(stops.bare)),
        trades_today=state.today.trades,
        turnover_today=state.today.notional / nav,
    )


def _counted(gated: Gated) -> Floats:
    """Changes in units that the limits on trades count, of shape (n_symbols,)."""
    passage = gated.passage
    return np.where(gated.exempt, 0.0, passage.quantity - passage.held)


def _volume_share(day: Day, held: Floats) -> Floats | None:
    """Units held over the average volume of a session; None where no rule asks for volumes."""
    volume = day.factors.get(ADV)
    if volume is None:
        return None
    share: Floats = np.divide(np.abs(held), volume, out=np.full_like(held, np.nan), where=volume > 0.0)
    return share
