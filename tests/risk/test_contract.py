"""Every registered rule keeps the contract of rules."""

from typing import Any

import pytest

from nightdesk.risk import rule_names
from nightdesk.testing.rule_contract import RuleContract

PARAMS: dict[str, dict[str, Any]] = {
    "daily_loss": {"limit": -0.02},
    "period_loss": {"week": -0.05, "month": -0.10},
    "max_drawdown": {"limit": 0.15},
    "position_count": {"limit": 2},
    "group_count": {"limit": 1},
    "liquidity": {"limit": 0.1},
    "stop_heat": {"limit": 0.03},
    "gross_leverage": {"limit": 1.2},
    "net_leverage": {"limit": 0.5},
    "maintenance_margin": {"buffer": 0.8},
    "cash_buffer": {"limit": 0.8},
    "trades_per_day": {"limit": 1},
    "turnover_per_day": {"limit": 0.5},
    "smallest_trade": {"limit": 20_000.0},
    "rebalance_threshold": {"limit": 0.2},
    "wash_sale": {"purchases": "refuse"},
    "pattern_day_trader": {"limit": 0, "equity": 1e6},
}
#: A purchase costs money, and only what is bought makes a wash sale.
OF_ONE_SIDE = {"cash", "wash_sale"}


@pytest.mark.parametrize("rule", rule_names())
class TestEveryRule(RuleContract):
    """The contract with each rule's numbers."""

    @pytest.fixture(autouse=True)
    def _of(self, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(self), "name", rule, raising=False)
        monkeypatch.setattr(type(self), "params", PARAMS.get(rule, {}))
        monkeypatch.setattr(type(self), "symmetric", rule not in OF_ONE_SIDE)
