"""The pictures of a book draw what is stored, and nothing where nothing is."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from nightdesk.cockpit.book_figures import benchmark_line, drawdown_chart, level_bands
from nightdesk.core.drawdown_levels import Levels
from nightdesk.store.cockpit_book_rows import BookPoint

FIRST = date(2025, 1, 6)


def point(number: int, nav: str, benchmark: float | None, drawdown: float = 0.0) -> BookPoint:
    day = FIRST + timedelta(days=number)
    return BookPoint(
        session=day,
        as_of=datetime(day.year, day.month, day.day, 21, tzinfo=UTC),
        nav=Decimal(nav),
        cash=Decimal(0),
        drawdown=drawdown,
        gross=0.0,
        net=0.0,
        level_drawdown=drawdown,
        level=0,
        benchmark=None if benchmark is None else "SPY",
        benchmark_return=benchmark,
        historical_var=None,
    )


def test_the_benchmark_begins_with_the_nav_of_its_first_point() -> None:
    points = [point(0, "110", None), point(1, "120", 0.10), point(2, "90", 0.21), point(3, "95", math.nan)]
    line = benchmark_line(points)
    assert math.isnan(line[0])
    assert line[1:3] == pytest.approx([120.0, 132.0])
    assert math.isnan(line[3])


def test_without_a_benchmark_there_is_no_line() -> None:
    assert all(map(math.isnan, benchmark_line([point(0, "1", None), point(1, "1", math.nan)])))


def test_each_level_has_its_band_from_where_it_holds_to_the_next() -> None:
    bands = level_bands(Levels(at=(0.05, None, 0.12, 0.15)))
    assert [(one.high, one.low, one.label, one.tone) for one in bands] == [
        (-0.05, -0.12, "level 1 from 5%", "warn"),
        (-0.12, -0.15, "level 3 from 12%", "warn"),
        (-0.15, -1.0, "level 4 from 15%", "loss"),
    ]


def test_the_drawdown_of_the_levels_is_a_line_of_its_own_only_after_a_reset() -> None:
    same = [point(0, "100", None), point(1, "90", None, 0.1)]
    reset = [same[0], replace(same[1], level_drawdown=0.02)]
    assert len(drawdown_chart(same, Levels(), "").series) == 1
    lines = drawdown_chart(reset, Levels(), "").series
    assert [list(one.values) for one in lines] == [[0.0, -0.1], [0.0, -0.02]]
    assert math.copysign(1.0, float(lines[0].values[0] or 0.0)) == 1.0
    assert len(drawdown_chart(reset, None, "").series) == 1
    assert drawdown_chart(reset, None, "").bands == ()
