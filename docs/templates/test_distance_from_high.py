"""The distance from a high keeps what every factor must keep."""

from nightdesk.testing import FactorContract


class TestBelowHigh(FactorContract):
    """Of a short and of a long window, of the session before, and among all symbols."""

    names = ("below_high_5", "below_high_60", "below_high_20@1")
