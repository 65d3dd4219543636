"""The picture of a sweep: well-formed, complete, honest about what is missing."""

import xml.etree.ElementTree as ElementTree

import pytest

from nightdesk.research.sweep.grid import points, read_axis
from nightdesk.research.sweep.heat_map import (
    BEST,
    MIDDLE,
    MOST_PANELS,
    WORST,
    Scale,
    draw_heat_map,
    written,
)
from nightdesk.research.sweep.trials import Trial

SVG = "{http://www.w3.org/2000/svg}"
GREY = "#d0d0d0"


def drawn(axes, values, metric="sharpe", best=None):
    read = [read_axis(text) for text in axes]
    tried = [Trial(at, {metric: value}) for at, value in zip(points(read), values, strict=True)]
    tree = ElementTree.fromstring(draw_heat_map(read, tried, metric, None if best is None else tried[best]))
    texts = [one.text for one in tree.iter(f"{SVG}text")]
    # after the page and the ten steps of the key
    return texts, list(tree.iter(f"{SVG}rect"))[11:]


def test_two_parameters_make_a_cell_a_point_with_its_value_and_place():
    texts, cells = drawn(["a=1,2,3", "b=8,9"], [0.0, 0.1, 0.2, 0.3, 0.4, 0.5], best=5)
    assert [cell.get("fill") for cell in cells].count(GREY) == 0
    assert len(cells) == 6
    assert {"a", "b", "1", "2", "3", "8", "9"} <= set(texts)
    shown = [text for text in texts if text in ("0.00", "0.10", "0.20", "0.30", "0.40", "0.50")]
    # rows are values of b, columns of a
    assert shown == ["0.00", "0.20", "0.40", "0.10", "0.30", "0.50"]
    assert [cell.get("stroke") for cell in cells] == ["#fff"] * 5 + ["#000"]


def test_a_refused_point_is_grey_and_says_none():
    texts, cells = drawn(["a=1,2", "b=1,2"], [1.0, None, 2.0, 3.0])
    assert [cell.get("fill") for cell in cells].count(GREY) == 1
    assert texts.count("none") == 1


def test_one_parameter_makes_bars_from_zero():
    _, bars = drawn(["a=1,2,3"], [2.0, -1.0, None])
    up, down = bars
    zero = float(up.get("y")) + float(up.get("height"))
    assert float(down.get("y")) == pytest.approx(zero, abs=0.02)
    assert float(up.get("height")) == pytest.approx(2 * float(down.get("height")), abs=0.05)


def test_more_parameters_make_a_panel_for_each_combination_of_the_others():
    texts, cells = drawn(["c=x,y", "a=1,2,3", "b=1,2,3"], [float(n) for n in range(18)])
    assert len(cells) == 18
    assert {"c=x", "c=y"} <= set(texts)


def test_too_many_panels_become_the_one_of_the_best_point():
    words = ",".join(f"w{n}" for n in range(MOST_PANELS + 1))
    count = (MOST_PANELS + 1) * 14 * 14
    numbers = ",".join(map(str, range(14)))
    texts, cells = drawn([f"c={words}", f"a={numbers}", f"b={numbers}"], [1.0] * (count - 1) + [2.0], best=-1)
    assert len(cells) == 14 * 14
    assert f"c=w{MOST_PANELS}" in texts
    assert "as at the best point" in texts[0]


def test_colours_run_from_the_worst_value_to_the_best():
    def shade(rgb):
        return "#" + "".join(f"{one:02x}" for one in rgb)

    rising, falling = Scale(1.0, 3.0), Scale(0.3, 0.1)
    assert [rising.colour(value) for value in (1.0, 2.0, 3.0)] == [*map(shade, (WORST, MIDDLE, BEST))]
    assert falling.colour(0.1) == shade(BEST)
    assert Scale(1.0, 1.0).colour(1.0) == shade(MIDDLE)


def test_of_a_drawdown_the_smallest_is_the_best():
    texts, _ = drawn(["a=1,2"], [0.1, 0.3], metric="max_drawdown")
    assert "worst 30.0%, best 10.0%" in texts


def test_a_value_cannot_break_the_picture():
    texts, _ = drawn(["a=[<b>, '&']"], [1.0, 2.0])
    assert "<b>" in texts


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("sharpe", 1.234, "1.23"),
        ("sharpe", None, "-"),
        ("annual_return", 0.1234, "12.3%"),
        ("closed", 1234.0, "1,234"),
        ("final_nav", 123456.7, "123,457"),
    ],
)
def test_a_value_is_written_in_the_unit_of_its_metric(metric, value, text):
    assert written(metric, value) == text
