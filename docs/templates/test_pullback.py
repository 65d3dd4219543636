"""Pullback keeps what every strategy must keep."""

from nightdesk.testing import StrategyContract


class TestPullback(StrategyContract):
    """With the numbers of the class."""

    name = "pullback"
