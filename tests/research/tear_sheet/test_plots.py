"""Lines and columns of a tear sheet: what is drawn where, and what is never lost."""

import re
from datetime import date, timedelta

import numpy as np
import pytest

from nightdesk.research.tear_sheet.plots import (
    MOST_POINTS,
    PlotBand,
    PlotLine,
    histogram,
    plot_columns,
    plot_lines,
)


def days(n: int) -> list[date]:
    return [date(2020, 1, 1) + timedelta(days=at) for at in range(n)]


def points(marks: str, look: str) -> list[list[tuple[float, float]]]:
    """The stretches of a line, as points (x, y)."""
    found = re.search(rf'<path class="line {look}" d="([^"]*)"/>', marks)
    assert found is not None
    return [
        [tuple(map(float, point.split())) for point in stretch.split("L")]
        for stretch in found[1].split("M")[1:]
    ]


def test_a_line_goes_from_edge_to_edge_and_from_its_lowest_to_its_highest() -> None:
    plot = plot_lines("T", days(5), [PlotLine("a", np.array([0.0, 1.0, 2.0, 3.0, 4.0]))], "{:g}".format)
    assert plot is not None
    [line] = points(plot.marks, "l0")
    assert line == [(0, 100), (250, 75), (500, 50), (750, 25), (1000, 0)]
    assert plot.legend == ()
    assert "first 0, last 4, lowest 0, highest 4" in plot.summary


def test_on_a_logarithmic_scale_the_same_share_is_the_same_length() -> None:
    values = np.array([10.0, 100.0, 1000.0])
    plot = plot_lines("T", days(3), [PlotLine("a", values)], "{:g}".format, logarithmic=True)
    assert plot is not None
    [line] = points(plot.marks, "l0")
    assert [y for _, y in line] == pytest.approx([100.0, 50.0, 0.0])
    assert [tick.label for tick in plot.vertical] == ["10", "20", "50", "100", "200", "500", "1000"]


def test_a_gap_breaks_a_line() -> None:
    values = np.array([np.nan, 1.0, 2.0, np.nan, 1.0, 3.0])
    plot = plot_lines("T", days(6), [PlotLine("a", values)], "{:g}".format)
    assert plot is not None
    assert [len(stretch) for stretch in points(plot.marks, "l0")] == [2, 2]
    assert "nan" not in plot.marks


def test_a_long_line_keeps_its_peaks_and_its_ends() -> None:
    values = np.random.default_rng(3).normal(size=20_000)
    values[7_777], values[12_345] = 90.0, -90.0
    plot = plot_lines("T", days(len(values)), [PlotLine("a", values)], "{:g}".format)
    assert plot is not None
    [line] = points(plot.marks, "l0")
    assert len(line) <= MOST_POINTS + 2
    assert (line[0][0], line[-1][0]) == (0.0, 1000.0)
    x = {y: x for x, y in line}
    assert x[min(x)] == pytest.approx(7_777 / 19_999 * 1000, abs=0.06)
    assert x[max(x)] == pytest.approx(12_345 / 19_999 * 1000, abs=0.06)


def test_no_line_is_drawn_of_nothing() -> None:
    nothing = PlotLine("a", np.full(4, np.nan))
    assert plot_lines("T", days(4), [nothing], str) is None
    assert plot_lines("T", days(1), [PlotLine("a", np.array([1.0]))], str) is None
    both = plot_lines("T", days(4), [nothing, PlotLine("b", np.arange(4.0))], str)
    assert both is not None
    assert both.legend == (("l0", "b"),)


def test_bands_end_with_the_scale() -> None:
    bands = [
        PlotBand(-0.1, -0.05, "level 1"),
        PlotBand(-0.5, -0.1, "level 2"),
        PlotBand(-1.0, -0.5, "level 3"),
    ]
    values = np.array([0.0, -0.2, -0.08])
    plot = plot_lines("T", days(3), [PlotLine("a", values)], "{:g}".format, bands=bands, with_zero=True)
    assert plot is not None
    assert [tick.label for tick in plot.right] == ["level 1", "level 2"]
    assert [tick.at for tick in plot.right] == pytest.approx([25.0, 50.0])
    assert plot.marks.count('class="band') == 2


def test_columns_stand_on_zero() -> None:
    plot = plot_columns("T", ["a", "b", "c"], np.array([2.0, 0.0, -1.0]), "{:g}".format)
    assert plot is not None
    bars = re.findall(r'y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', plot.marks)
    assert [float(one) for bar in bars for one in bar] == pytest.approx([0.0, 66.67, 66.67, 33.33], abs=0.01)
    assert plot_columns("T", [], np.array([]), str) is None


@pytest.mark.parametrize("whole", [True, False])
def test_a_histogram_counts_every_value_once(whole: bool) -> None:
    values = np.random.default_rng(5).integers(1, 400, 700).astype(float)
    for some in (values, values[:1], np.array([1.0, 1.0, 2.0]), values - 200):
        edges, counts = histogram(some, whole=whole)
        assert counts.sum() == len(some)
        assert len(edges) == len(counts) + 1
        assert edges[0] <= some.min() <= some.max() <= edges[-1]
        if whole:
            assert (edges == np.round(edges)).all()
    edges, _ = histogram(values - 200)
    assert 0.0 in edges
