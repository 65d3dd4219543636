"""Strategies: factors in, signals out; one file per strategy, registered by name."""

from nightdesk.book import Distance, ExitPlan
from nightdesk.strategies import (
    cross_sectional_momentum,
    ma_crossover,
    ml_momentum,
    news_sentiment,
    rotation,
    rsi_mean_reversion,
    time_series_momentum,
    volatility_breakout,
)
from nightdesk.strategies.base import (
    Action,
    Direction,
    Side,
    Signals,
    Strategy,
    View,
    actions,
    spoken,
)
from nightdesk.strategies.learning import LearningStrategy, Model, with_models
from nightdesk.strategies.registry import make, names, register

__all__ = [
    "Action",
    "Direction",
    "Distance",
    "ExitPlan",
    "LearningStrategy",
    "Model",
    "Side",
    "Signals",
    "Strategy",
    "View",
    "actions",
    "cross_sectional_momentum",
    "ma_crossover",
    "make",
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
]
