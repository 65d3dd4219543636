"""A strategy's end beside another strategy's entry in the same symbol, when the gate cuts the entry."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.engine.desks import day, desk, state

from nightdesk.engine import Desk, gate, targets
from nightdesk.risk import Passage
from nightdesk.strategies import Direction

HOLD, BUY, SELL = Direction.HOLD, Direction.BUY, Direction.SELL
LEAVER, ENTERER = "ml_momentum", "ma_crossover"


def swing(**limits: Any) -> Desk:
    entry = {"share": 1.0, "sizing": "atr_risk"}
    return desk(
        strategies={LEAVER: entry, ENTERER: entry},
        portfolio={"capital": "shared", "volatility_target": None},
        regime=[{"name": "ANY", "heat": 0.05}],
        limits=limits,
    )


def shared(
    made: Desk, held: int, says: tuple[Direction, Direction], **changed: Any
) -> tuple[list[float], Passage]:
    """What the two strategies are left with of GLD, where the first holds some of it."""
    now = state((LEAVER, "GLD", held))
    factors = {name: np.full(2, 5.0) for name in made.factor_names}
    today = day([says[0], HOLD], [says[1], HOLD], factors=factors, **changed)
    gated = gate(made, now, today, targets(made, now, today))
    return gated.quantity[:, 0].tolist(), gated.passage


@pytest.mark.parametrize(
    ("limits", "held", "left"),
    [
        ({}, 60, [0.0, 99.0]),
        ({"heat": {}}, 60, [0.0, 60.0]),
        ({"heat": {}}, 10, [0.0, 50.0]),
        ({"heat": {}}, 120, [0.0, 99.0]),
    ],
    ids=["nothing cut", "nothing may be added", "a part may be added", "more is left than entered"],
)
def test_an_end_is_whole_whatever_is_left_of_the_entry(
    limits: dict[str, Any], held: int, left: list[float]
) -> None:
    assert shared(swing(**limits), held, (SELL, BUY))[0] == left


def test_a_difference_too_small_to_trade_keeps_no_strategy_in_its_position() -> None:
    for held in (98, 102):
        assert shared(swing(smallest_trade={"limit": 500}), held, (SELL, BUY))[0] == [0.0, 99.0]


def test_without_plans_a_cut_trade_is_cut_alike_for_all() -> None:
    made = swing(heat={})
    plain = {name: _without_plan(one) for name, one in made.strategies.items()}
    assert shared(replace(made, strategies=plain), 60, (SELL, BUY))[0] == [60.0, 0.0]


def _without_plan(strategy: Any) -> Any:
    bare = type("Bare", (type(strategy),), {"exit_plan": type(strategy).__mro__[-3].exit_plan})
    return bare(strategy.params)
