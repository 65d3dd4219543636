"""Strategies: factors in, signals out; one file per strategy, registered by name."""

from nightdesk.core.exit_plan import ExitDistance, ExitPlan
from nightdesk.strategies import (
    cross_sectional_momentum,
    five_signals,
    ma_crossover,
    mean_reversion,
    ml_momentum,
    news_sentiment,
    pairs,
    rotation,
    rsi_mean_reversion,
    time_series_momentum,
    volatility_breakout,
    written_rules,
)
from nightdesk.strategies.in_turn import InTurn, Spoken, Turn
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
    "InTurn",
    "LearningStrategy",
    "Model",
    "SignalAction",
    "SignalSide",
    "Signals",
    "Spoken",
    "Strategy",
    "Turn",
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
    "pairs",
    "register",
    "rotation",
    "rsi_mean_reversion",
    "spoken",
    "time_series_momentum",
    "volatility_breakout",
    "with_models",
    "written_rules",
]
