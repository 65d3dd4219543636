"""Strategies: factors in, signals out; one file per strategy, registered by name."""

from nightdesk.core.exit_plan import ExitDistance, ExitPlan
from nightdesk.strategies import (
    cross_sectional_momentum,
    five_signals,
    ma_crossover,
    mean_reversion,
    ml_momentum,
    news_sentiment,
    rotation,
    rsi_mean_reversion,
    time_series_momentum,
    volatility_breakout,
    written_rules,
)
from nightdesk.strategies.learning import LearningStrategy, with_models
from nightdesk.strategies.model import Model
from nightdesk.strategies.strategy import (
    Direction,
    SignalAction,
    Signals,
    SignalSide,
    Strategy,
    View,
    actions,
    spoken,
)
from nightdesk.strategies.strategy_registry import make, names, register

__all__ = [
    "Direction",
    "ExitDistance",
    "ExitPlan",
    "LearningStrategy",
    "Model",
    "SignalAction",
    "SignalSide",
    "Signals",
    "Strategy",
    "View",
    "actions",
    "cross_sectional_momentum",
    "five_signals",
    "ma_crossover",
    "make",
    "mean_reversion",
    "ml_momentum",
    "names",
    "news_sentiment",
    "register",
    "rotation",
    "rsi_mean_reversion",
    "spoken",
    "time_series_momentum",
    "volatility_breakout",
    "with_models",
    "written_rules",
]
