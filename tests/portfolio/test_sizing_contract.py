"""Every sizing method of the package keeps the contract."""

from nightdesk.portfolio import names
from nightdesk.testing import SizingContract


class TestWeight(SizingContract):
    """By volatility."""

    name = "weight"


class TestAtrRisk(SizingContract):
    """By the loss at the stop."""

    name = "atr_risk"


class TestRiskParity(SizingContract):
    """By equal contributions: sums over symbols, which rounding orders."""

    name = "risk_parity"
    tolerance = 1e-6


def test_every_method_is_under_contract() -> None:
    tried = {TestWeight.name, TestAtrRisk.name, TestRiskParity.name}
    assert tried == set(names())
