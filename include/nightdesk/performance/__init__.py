"""Performance: figures of a NAV series, of the trades behind it, beside a benchmark and beside targets."""

from nightdesk.performance.attribution import StrategyDay, Valued, added_up, by_strategy
from nightdesk.performance.comparison import Comparison, compare, growth_of
from nightdesk.performance.nav import (
    ROLLING_SESSIONS,
    NavFigures,
    drawdowns,
    nav_figures,
    rolling_sharpe,
    simple_returns,
    turnover,
)
from nightdesk.performance.results import Past, Results, results
from nightdesk.performance.round_trips import RoundTrip, TradeFigures, round_trips, trade_figures
from nightdesk.performance.targets import Aimed, judge_targets

__all__ = [
    "ROLLING_SESSIONS",
    "Aimed",
    "Comparison",
    "NavFigures",
    "Past",
    "Results",
    "RoundTrip",
    "StrategyDay",
    "TradeFigures",
    "Valued",
    "added_up",
    "by_strategy",
    "compare",
    "drawdowns",
    "growth_of",
    "judge_targets",
    "nav_figures",
    "results",
    "rolling_sharpe",
    "round_trips",
    "simple_returns",
    "trade_figures",
    "turnover",
]
