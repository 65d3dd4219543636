"""Returns of strategies without skill, and of one with some."""

import numpy as np

from nightdesk.core.panel import Floats

SESSIONS = 1_260


def noise(seed: int, sets: int = 200, sessions: int = SESSIONS) -> Floats:
    """Returns a session of strategies without skill, 1 % deviation, of shape (sessions, sets)."""
    return np.random.default_rng(seed).standard_normal((sessions, sets)) * 0.01


def planted(seed: int, sets: int = 200, sharpe: float = 3.0) -> Floats:
    """The same with an edge in set 7: its Sharpe ratio a year in truth."""
    out = noise(seed, sets)
    out[:, 7] += 0.01 * sharpe / np.sqrt(252)
    return out
