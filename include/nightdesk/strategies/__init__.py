"""Strategies: factors in, signals out; one file per strategy, registered by name."""

from nightdesk.strategies import time_series_momentum
from nightdesk.strategies.base import Direction, Signals, Strategy, View
from nightdesk.strategies.registry import make, names, register

__all__ = ["Direction", "Signals", "Strategy", "View", "make", "names", "register", "time_series_momentum"]
