"""The sweep: every point is the backtest of its book, whatever the number of processes."""

import os
from dataclasses import replace
from datetime import date

import pytest
from tests.engine.desks import book
from tests.research.backtest.panels import FIRST, LAST, seeded_panel

from nightdesk.core.book import Book, parse_book
from nightdesk.core.errors import Refused
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.run import backtest
from nightdesk.research.sweep.grid import points, read_axis
from nightdesk.research.sweep.trials import METRICS, SweepSpan, sweep

START = date(2019, 1, 2)
BASE = book(quality={"failed_share": 0.6})
SPAN = SweepSpan(seeded_panel(BASE), FIRST, START, LAST)
WINDOWS = "strategies.time_series_momentum.params.window"


def load(settings):
    tree = BASE.model_dump(mode="json")
    for key, text in settings.items():
        *parents, last = key.split(".")
        node = tree
        for part in parents:
            node = node[part]
        node[last] = text if key in ("benchmark", "origin") else float(text)
    return parse_book(tree, "two.yaml")


def tried(*axes, jobs=1):
    return sweep(BASE, points([read_axis(text) for text in axes]), load, SPAN, jobs=jobs)


def test_a_point_has_the_figures_of_the_backtest_of_its_book():
    trials = tried(f"{WINDOWS}=40,120", "portfolio.volatility_target=0.02,0.10")
    assert len(trials) == 4
    assert len({tuple(one.figures.items()) for one in trials}) == 4, "the parameters change nothing"
    for trial in trials:
        begun = load(trial.settings).model_copy(update={"inception": START, "origin": FIRST})
        expected = metrics(backtest(begun, SPAN.panel, START, LAST))
        assert trial.config_hash == expected["config_hash"]
        assert trial.figures == {name: expected[name] for name in METRICS}
        assert trial.figures["closed"] > 0


def test_a_simulated_person_releases_the_book_of_every_point():
    def killing(settings):
        limits = {**BASE.limits, "daily_loss": {"limit": -0.004, "kills": True}}
        return load(settings).model_copy(update={"limits": limits})

    grid = points([read_axis("portfolio.volatility_target=0.05,0.10")])
    figures = []
    for span in (SPAN, replace(SPAN, release_after=5)):
        trials = sweep(BASE, grid, killing, span)
        for trial in trials:
            begun = killing(trial.settings).model_copy(update={"inception": START, "origin": FIRST})
            result = backtest(begun, SPAN.panel, START, LAST, release_after=span.release_after)
            expected = metrics(result)
            assert trial.figures == {name: expected[name] for name in METRICS}
        figures.append([one.figures["turnover_monthly"] for one in trials])
    never, after = figures
    assert after > never, "a book that is released goes on trading"


def test_the_result_does_not_depend_on_the_number_of_processes():
    axes = (f"{WINDOWS}=40,60,120", "portfolio.volatility_target=0.05,-1")
    alone, together = tried(*axes), tried(*axes, jobs=2)
    assert alone == together
    assert sum(bool(one.refused) for one in alone) == 3


def test_a_point_that_is_no_book_is_a_row_with_its_reason():
    good, bad = tried("portfolio.volatility_target=0.10,-1")[::-1]
    assert good.refused == ""
    assert "portfolio.volatility_target: found -1" in bad.refused
    assert (bad.figures, bad.config_hash) == ({}, "")


def test_a_point_whose_data_is_too_bad_is_a_row_with_its_reason():
    """A price jump of nothing puts every moving symbol in quarantine."""
    good, bad = tried("quality.price_jump=0.5,0.0000001")[::-1]
    assert good.figures["final_nav"] > 0
    assert "too bad to decide on" in bad.refused


@pytest.mark.parametrize("axis", ["benchmark=SPY,GLD", "origin=2018-02-01,2018-03-01"])
def test_a_point_that_needs_other_bars_is_refused(axis):
    trials = tried(axis)
    key = axis.partition("=")[0]
    for trial in trials:
        same = key == "benchmark" and trial.settings[key] == "SPY"
        assert ("other bars are needed" in trial.refused) != same


def test_the_progress_counts_every_point():
    seen = []
    grid = points([read_axis("portfolio.volatility_target=0.05,0.10,-1")])
    sweep(BASE, grid, load, SPAN, done=lambda: seen.append(1))
    assert len(seen) == 3


class Deadly(Book):
    """A book that ends the process which reads it."""

    def __reduce__(self):
        return os._exit, (9,)


def test_a_process_that_dies_is_told_and_not_waited_for():
    def load_deadly(settings):
        return Deadly.model_construct(**dict(load(settings)))

    grid = points([read_axis("portfolio.volatility_target=0.05,0.10")])
    with pytest.raises(Refused, match="a process of the sweep died"):
        sweep(BASE, grid, load_deadly, SPAN, jobs=2)


def test_a_defect_at_one_point_does_not_cost_the_others(monkeypatch):
    def broken(book, *arguments, **options):
        if book.portfolio.volatility_target == 0.05:
            raise ZeroDivisionError("a defect")
        return backtest(book, *arguments, **options)

    monkeypatch.setattr("nightdesk.research.sweep.trials.backtest", broken)
    bad, good = tried("portfolio.volatility_target=0.05,0.10")
    assert bad.refused == "ZeroDivisionError: a defect"
    assert good.figures["final_nav"] > 0


def refuse(settings):
    raise Refused(f"no book with {settings['a']}")


def test_a_grid_of_refused_points_has_no_result_and_does_not_fail():
    trials = sweep(BASE, [{"a": "1"}, {"a": "2"}], refuse, SPAN, jobs=2)
    assert [one.refused for one in trials] == ["no book with 1", "no book with 2"]
