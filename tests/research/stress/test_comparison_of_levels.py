"""The stress test: what is counted in each run, and what passes."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import PROJECT
from tests.engine.desks import book
from tests.research.backtest.panels import seeded_panel

from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.research.stress.comparison_of_levels import AVERAGE_LIMIT, WORST_LIMIT, measured, stress
from nightdesk.research.stress.scenarios import SCENARIOS, Scenario, scenario
from nightdesk.research.stress.shocks import Fall

BOOK = load_book(PROJECT / "books" / "multi_asset.yaml")
SMALL = book(
    quality={"failed_share": 0.6},
    limits={"daily_loss": {"limit": -0.01}, "max_weight": {}},
    levels={"at": [0.01, 0.02, 0.03, 0.5], "first_ends_below": 0.005},
)
FALL = Fall(depth=0.2, sessions=4, after=10)
START = date(2019, 1, 2)
SPAN = Scenario("hand_made", "hand-made", START, date(2020, 6, 30), 0.10)


def test_the_scenarios_are_those_of_the_house():
    told = {one.name: (str(one.first), str(one.last), one.drawdown_limit) for one in SCENARIOS}
    assert told == {
        "crisis_2008": ("2008-01-01", "2009-12-31", 0.25),
        "correction_2018": ("2018-10-01", "2018-12-31", 0.18),
        "covid_2020": ("2020-02-01", "2020-06-30", 0.18),
        "rates_2022": ("2022-01-01", "2022-12-31", 0.20),
        "all_fall": ("2019-01-01", "2019-12-31", 0.22),
    }
    assert (WORST_LIMIT, AVERAGE_LIMIT) == (0.25, 0.18)
    with pytest.raises(Refused, match="scenario 'covid' is not known; known are crisis_2008"):
        scenario("covid")


def test_a_fall_takes_a_fifth_of_every_price_in_equal_steps_and_leaves_the_index_alone():
    panel = seeded_panel(SMALL)
    down = FALL.over(panel, SMALL, START)
    begins = int(np.searchsorted(panel.sessions, np.datetime64(START))) + FALL.after
    for symbol in SMALL.symbols:
        n = panel.column(symbol)
        ratio = down.close[:, n] / panel.close[:, n]
        assert (ratio[:begins] == 1.0).all()
        assert ratio[begins : begins + 4] == pytest.approx([0.8**0.25, 0.8**0.5, 0.8**0.75, 0.8])
        assert ratio[begins + 4 :] == pytest.approx(0.8)
        for name in ("open", "high", "low", "fill_open", "fill_low", "fill_high"):
            assert getattr(down, name)[:, n] == pytest.approx(getattr(panel, name)[:, n] * ratio)
    index = panel.column(SMALL.volatility_index)
    assert np.array_equal(down.close[:, index], panel.close[:, index])
    assert np.array_equal(down.volume, panel.volume)


@pytest.fixture(scope="module")
def results():
    panel = seeded_panel(SMALL)
    on = backtest(SMALL, panel, START, SPAN.last)
    return on, backtest(SMALL.model_copy(update={"levels": None}), panel, START, SPAN.last)


def test_breakers_halts_and_levels_are_counted_session_by_session(results):
    result, _ = results
    told = measured(SPAN, result, levels=True)
    levels = [one.gated.judged.risk.level for one in result.decided]
    assert told.deepest_level == max(levels) == 3
    assert told.halted_sessions == sum(level >= 2 for level in levels) > 0
    stays = "".join("x" if level >= 2 else " " for level in levels).split()
    assert told.halts == len(stays)
    assert told.breakers == sum(one.state.mark.day_return < -0.01 for one in result.decided) > 0
    assert told.passed, "level 3 is not level 4"
    assert told.total_return == pytest.approx(float(result.decided[-1].state.mark.nav) / 100_000 - 1)


def test_a_kill_switch_is_a_halt_too(results):
    killing = SMALL.model_copy(
        update={"limits": {"daily_loss": {"limit": -0.01, "kills": True}, "max_weight": {}}, "levels": None}
    )
    result = backtest(killing, seeded_panel(SMALL), START, SPAN.last)
    told = measured(SPAN, result, levels=False)
    assert told.deepest_level == 0
    assert told.halts == 1
    killed = next(event.session for event in result.events if event.kind == "kill")
    assert told.halted_sessions == sum(one.state.mark.session >= killed for one in result.decided)


def test_without_levels_the_drawdown_must_stay_within_the_limit(results):
    _, result = results
    told = measured(SPAN, result, levels=False)
    assert (told.deepest_level, told.halts) == (0, 0)
    tight = replace(SPAN, drawdown_limit=told.max_drawdown - 1e-9)
    assert measured(replace(SPAN, drawdown_limit=told.max_drawdown), result, levels=False).passed
    assert not measured(tight, result, levels=False).passed


def test_level_four_fails_a_run_with_levels():
    deep = SMALL.model_copy(
        update={"levels": SMALL.levels.model_copy(update={"at": (0.005, 0.01, 0.015, 0.02)})}
    )
    result = backtest(deep, seeded_panel(SMALL), START, SPAN.last)
    told = measured(SPAN, result, levels=True)
    assert told.deepest_level == 4
    assert not told.passed


def test_each_run_is_the_backtest_of_its_span_on_real_bars(market: Path):
    covid = scenario("covid_2020")
    told = stress(BOOK, [covid], [f"files:{market}"])
    first = date(2020, 2, 3)
    for run, levels in zip(told.runs, (BOOK.levels, None), strict=True):
        tried = BOOK.model_copy(
            update={"inception": first, "origin": origin_of(BOOK, first), "levels": levels}
        )
        panel = read_market(tried, tried.origin, covid.last, [f"files:{market}"]).panel
        alone = measured(covid, backtest(tried, panel, first, covid.last), levels=levels is not None)
        assert run == replace(alone, sources=("files",))
        assert run.trades > 0
    off = told.runs[1]
    assert told.overall.worst == told.overall.average == off.max_drawdown
    assert told.passed


def test_a_simulated_person_releases_the_book_of_a_run(market: Path):
    terms = {"daily_loss": {"limit": -0.004, "kills": True}}
    killing = BOOK.model_copy(update={"limits": {**BOOK.limits, **terms}, "levels": None})
    covid, feeds = scenario("covid_2020"), [f"files:{market}"]
    [never], [after] = (stress(killing, [covid], feeds, release_after=one).runs for one in (None, 5))
    assert never.halts == 1
    assert after.halts > 1
    assert never.halted_sessions > after.halted_sessions / after.halts == 5
    assert after.trades > never.trades


def test_a_scenario_without_bars_is_skipped_with_the_reason_and_has_not_passed(market: Path, tmp_path: Path):
    import gzip

    for name in ("multi_asset_daily", "vix_daily"):
        with gzip.open(market / f"{name}.csv.gz", "rt") as source, (tmp_path / f"{name}.csv").open("w") as to:
            to.write(next(source))
            to.writelines(line for line in source if "2017-12-01" <= line[:10] <= "2020-07-31")
    seen = []
    asked = [scenario("crisis_2008"), scenario("covid_2020"), scenario("rates_2022")]
    told = stress(BOOK, asked, [f"files:{tmp_path}"], lambda: seen.append(1))
    assert set(told.skipped) == {"crisis_2008", "rates_2022"}
    assert {run.scenario.name for run in told.runs} == {"covid_2020"}
    assert len(seen) == 3
    assert told.overall.passed
    assert not told.passed


def test_a_book_without_levels_runs_each_scenario_once(market: Path):
    plain = BOOK.model_copy(update={"levels": None})
    told = stress(plain, [scenario("correction_2018")], [f"files:{market}"])
    assert [run.levels for run in told.runs] == [False]


def test_all_assets_fall_by_a_fifth_on_real_bars(market: Path):
    told = stress(BOOK, [scenario("all_fall")], [f"files:{market}"])
    on, off = told.runs
    assert 0.10 < on.max_drawdown < off.max_drawdown < 0.22
    assert on.deepest_level >= 2
