"""All figures of a book over a span of sessions, from what its sessions left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from nightdesk.core.panel import Floats
from nightdesk.core.schedule import SESSIONS_A_YEAR
from nightdesk.performance.comparison import Comparison, compare
from nightdesk.performance.nav import NavFigures, nav_figures, turnover
from nightdesk.performance.round_trips import RoundTrip, TradeFigures, trade_figures

SESSIONS_A_MONTH = SESSIONS_A_YEAR / 12


@dataclass(frozen=True)
class Past:
    """What the sessions of a span left.

    Attributes
    ----------
    nav : ndarray of shape (n_sessions,)
        Dollars at each mark.
    benchmark : ndarray of shape (n_sessions,)
        Value of the benchmark, see `nightdesk.performance.comparison.growth_of`.
    benchmark_returns : ndarray of shape (n_sessions,)
        Session to session, NaN beside a missing bar; for beta.
    traded : ndarray of shape (n_sessions,)
        Dollars bought and sold.
    costs : Decimal
        Commission and slippage of all fills, dollars.
    trips : sequence of RoundTrip
        Closed positions.
    """

    nav: Floats
    benchmark: Floats
    benchmark_returns: Floats
    traded: Floats
    costs: Decimal
    trips: Sequence[RoundTrip]


@dataclass(frozen=True)
class Results:
    """Figures of a span; those that are not defined are NaN.

    Attributes
    ----------
    nav : NavFigures
    comparison : Comparison
    trades : TradeFigures
    turnover, turnover_monthly : float
        Traded notional, both sides, a year and a month over NAV.
    trades_monthly : float
        Positions closed in 21 sessions.
    cost_drag : float
        Commission and slippage a year over the mean NAV.
    profit_daily : float
        Dollars that NAV grew by in a session, on average.
    """

    nav: NavFigures
    comparison: Comparison
    trades: TradeFigures
    turnover: float
    turnover_monthly: float
    trades_monthly: float
    cost_drag: float
    profit_daily: float

    def by_name(self) -> dict[str, float]:
        """Every figure by its own name, in one mapping."""
        whole = {**asdict(self.nav), **asdict(self.comparison), **asdict(self.trades)}
        own = ("turnover", "turnover_monthly", "trades_monthly", "cost_drag", "profit_daily")
        return whole | {name: getattr(self, name) for name in own}


def results(past: Past) -> Results:
    """The figures of a span."""
    sessions = len(past.nav) - 1
    trades, yearly = trade_figures(past.trips), turnover(past.traded, past.nav)
    years = max(sessions, 1) / SESSIONS_A_YEAR
    return Results(
        nav=nav_figures(past.nav, past.benchmark_returns),
        comparison=compare(past.nav, past.benchmark),
        trades=trades,
        turnover=yearly,
        turnover_monthly=yearly / 12,
        trades_monthly=trades.closed / sessions * SESSIONS_A_MONTH if sessions > 0 else math.nan,
        cost_drag=float(past.costs) / years / float(past.nav.mean()),
        profit_daily=float(past.nav[-1] - past.nav[0]) / sessions if sessions > 0 else math.nan,
    )
