"""Limits of a day for a decision within a session: what was traded in it before counts."""

from typing import Any

import numpy as np
import pytest

from nightdesk.risk import make_rules, pass_gate
from nightdesk.testing.situations import situation

HELD = np.zeros(3)


def passed(limits: dict[str, Any], wanted: list[float], **today: Any) -> list[float]:
    rules = make_rules({"max_weight": {}, **limits})
    return list(pass_gate(rules, np.array(wanted), HELD, situation(**today)).quantity)


@pytest.mark.parametrize(
    ("before", "left"), [(0, [100.0, 100.0, 0.0]), (1, [100.0, 0.0, 0.0]), (2, [0.0] * 3), (5, [0.0] * 3)]
)
def test_trades_of_the_session_are_counted_before_those_of_the_decision(
    before: int, left: list[float]
) -> None:
    wanted = [100.0, 100.0, 0.1]  # 10 %, 5 % and 1 % of NAV
    assert passed({"trades_per_day": {"limit": 2}}, wanted, traded_today=before) == left


@pytest.mark.parametrize(
    ("before", "left"),
    [
        (0.0, [100.0, 100.0]),
        (0.05, [100.0, 100.0]),
        (0.08, [100.0, 40.0]),
        (0.15, [50.0, 0.0]),
        (0.3, [0.0, 0.0]),
    ],
)
def test_turnover_of_the_session_is_counted_before_that_of_the_decision(
    before: float, left: list[float]
) -> None:
    got = passed({"turnover_per_day": {"limit": 0.20}}, [100.0, 100.0, 0.0], turnover_today=before)
    assert got[:2] == left
