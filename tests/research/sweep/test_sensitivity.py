"""How fast a sweep falls away from its best point, worked out by hand."""

import math

import pytest

from nightdesk.research.sweep.grid import points, read_axis
from nightdesk.research.sweep.sensitivity import falling_away
from nightdesk.research.sweep.trials import Trial

AXES = [read_axis("a=1,2,3"), read_axis("b=1,2,3")]


def trials(metric, rows):
    flat = [value for row in rows for value in row]
    return [Trial(at, {metric: value}) for at, value in zip(points(AXES), flat, strict=True)]


def test_the_neighbours_of_the_best_are_one_step_away_in_one_parameter():
    around = falling_away(
        AXES, trials("sharpe", [[0.1, 1.0, 9e-9], [0.5, 2.0, 0.9], [0.0, 1.6, 0.0]]), "sharpe"
    )
    assert around.best.settings == {"a": "2", "b": "2"}
    assert (around.value, around.neighbours, around.missing) == (2.0, 4, 0)
    assert around.mean == pytest.approx((1.0 + 0.5 + 0.9 + 1.6) / 4)
    assert around.share == pytest.approx(0.5)
    assert around.worst == 0.5


def test_less_is_better_of_a_drawdown():
    rows = [[0.3, 0.1, 0.2], [0.3, 0.4, 0.2], [0.2, 0.2, 0.2]]
    around = falling_away(AXES, trials("max_drawdown", rows), "max_drawdown")
    assert around.best.settings == {"a": "1", "b": "2"}
    assert around.mean == pytest.approx((0.3 + 0.2 + 0.4) / 3)
    assert around.worst == 0.4
    assert around.share == pytest.approx(3.0)


def test_a_neighbour_without_a_result_is_counted_as_missing():
    rows = [[None, 1.0, None], [None, None, None], [None, None, None]]
    around = falling_away(AXES, trials("sharpe", rows), "sharpe")
    assert (around.neighbours, around.missing) == (0, 3)
    assert math.isnan(around.mean)
    assert math.isnan(around.share)


def test_a_share_of_a_best_that_is_no_gain_is_not_told():
    around = falling_away(AXES, trials("sharpe", [[-1.0] * 3, [-1.0, -0.5, -1.0], [-1.0] * 3]), "sharpe")
    assert around.mean == -1.0
    assert math.isnan(around.share)


def test_of_equals_the_first_in_the_grid_is_the_best():
    around = falling_away(AXES, trials("sharpe", [[1.0] * 3] * 3), "sharpe")
    assert around.best.settings == {"a": "1", "b": "1"}


def test_there_is_no_best_without_any_result():
    assert falling_away(AXES, trials("sharpe", [[None] * 3] * 3), "sharpe") is None
