"""What people see of how positions were sized, by strategy and symbol: figures of sizings and of rules."""

import math
from dataclasses import replace

import numpy as np
from tests.engine.desks import day, state
from tests.engine.desks import desk as desk_of

from nightdesk.engine import Desk
from nightdesk.engine.decision import sizing_figures, targets
from nightdesk.strategies import Direction

STRONG_BUY, HOLD = Direction.STRONG_BUY, Direction.HOLD
MOMENTUM = "time_series_momentum"


def leveraged(**limits: dict[str, float]) -> Desk:
    return desk_of(
        strategies={MOMENTUM: {"sizing": "leverage"}},
        portfolio={"volatility_target": None},
        limits={"max_weight": {}, **limits},
    )


def test_the_figures_of_the_sizing_explain_the_targets() -> None:
    desk, now = leveraged(), state()
    today = day([STRONG_BUY, STRONG_BUY], strength=np.array([[0.5, 0.02]]))
    found, wanted = sizing_figures(desk, now, today), targets(desk, now, today)
    conviction = math.tanh(1.0) * 0.8
    assert found["conviction"][0, 0] == conviction
    assert found["leverage"][0, 0] == 1 + 2 * conviction
    assert wanted.quantity[0].tolist() == [math.floor(found["wanted_units"][0, 0]), 0.0]
    assert found["in_dead_band"].tolist() == [[0.0, 1.0]]
    assert found["equity_cap"].tolist() == [[600.0, 300.0]]


def test_a_rule_tells_what_it_allows_whatever_the_sizing() -> None:
    desk = desk_of(limits={"max_weight": {}, "liquidity": {"limit": 0.1}})
    adv = np.array([5000.0, np.nan])
    today = day([STRONG_BUY, HOLD], factors={"volatility_60": np.array([0.2, 0.2]), "adv_20": adv})
    found = sizing_figures(desk, state(), today)
    np.testing.assert_array_equal(found["adv"], [adv])
    np.testing.assert_array_equal(found["volume_cap"], [[500.0, np.nan]])
    assert set(found) == {"adv", "volume_cap"}


def test_a_book_whose_parts_have_none_has_none() -> None:
    assert sizing_figures(desk_of(), state(), day([STRONG_BUY, HOLD])) == {}


def test_a_figure_of_one_strategy_is_missing_of_the_others() -> None:
    desk = desk_of(
        strategies={
            MOMENTUM: {"share": 0.5},
            "levered": {"kind": MOMENTUM, "share": 0.5, "sizing": "leverage"},
        }
    )
    today = day([STRONG_BUY, HOLD], [STRONG_BUY, HOLD])
    found = sizing_figures(desk, state(), replace(today, strength=np.full((2, 2), 0.5)))
    assert np.isnan(found["leverage"][0]).all()
    assert np.isfinite(found["leverage"][1]).tolist() == [True, False]
