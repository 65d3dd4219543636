"""The small line drawing of the report."""

import re
from datetime import date, timedelta

import pytest

from nightdesk.alerts.chart import HEIGHT, WIDTH, draw_line


def days(count):
    return [date(2026, 1, 1) + timedelta(days=n) for n in range(count)]


def points(chart):
    return [tuple(map(float, pair.split())) for pair in re.findall(r"[\d.]+ [\d.]+", chart.line)]


def test_the_line_spans_the_picture_and_rises_where_the_values_rise():
    drawn = points(draw_line(days(3), [100.0, 200.0, 150.0], label=str, name="x"))
    assert [x for x, _ in drawn] == [0, WIDTH / 2, WIDTH]
    (_, first), (_, top), (_, last) = drawn
    assert top < last < first
    assert all(0 <= y <= HEIGHT for _, y in drawn)


@pytest.mark.parametrize(
    "values", [[5.0, 5.0], [0.0, 0.0, 0.0], [-3.0, -3.0], [1e-7, 2e-7], [99999.99, 100000.01]]
)
def test_flat_and_tiny_series_stay_inside_the_picture(values):
    chart = draw_line(days(len(values)), values, label=str, name="x")
    assert all(0 <= y <= HEIGHT for _, y in points(chart))
    assert 2 <= len(chart.vertical) <= 6


@pytest.mark.parametrize("values", [[], [1.0]])
def test_fewer_than_two_sessions_give_no_picture(values):
    assert draw_line(days(len(values)), values, label=str, name="x") is None


def test_a_drawdown_hangs_from_zero_even_when_it_never_touches_it():
    chart = draw_line(days(2), [-0.02, -0.05], label=lambda v: f"{v:.2f}", name="x", floor_at_zero=True)
    assert chart.vertical[-1].label in ("0.00", "-0.00")
    assert chart.vertical[-1].at == 0
    assert chart.area.startswith("M0 0L")


def test_the_ticks_are_round_and_their_places_match_their_values():
    chart = draw_line(days(2), [97_310.0, 121_990.0], label=lambda v: f"{v:.0f}", name="x")
    assert [tick.label for tick in chart.vertical] == ["90000", "100000", "110000", "120000", "130000"]
    assert [tick.at for tick in chart.vertical] == [100, 75, 50, 25, 0]


def test_the_summary_says_what_the_picture_shows():
    chart = draw_line(days(3), [3.0, 1.0, 2.0], label=lambda v: f"{v:.0f} $", name="Value")
    assert (
        chart.summary == "Value from 2026-01-01 to 2026-01-03: first 3 $, last 2 $, lowest 1 $, highest 3 $"
    )


def test_a_date_is_never_written_twice():
    chart = draw_line(days(2), [1.0, 2.0], label=str, name="x")
    assert [tick.label for tick in chart.horizontal] == ["2026-01-01", "2026-01-02"]
