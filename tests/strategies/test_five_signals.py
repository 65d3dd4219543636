"""Five signals: the composites by hand, what is missing, the words, and both clocks without a look ahead."""

from dataclasses import replace
from functools import cache
from math import atanh
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from tests.factors.panels import STOCKS, stocks_panel
from tests.hourly import random_hours
from tests.hourly_book import hourly_tree

from nightdesk import factors, strategies
from nightdesk.core.book import Book, parse_book
from nightdesk.core.cell_figures import figures_of_cell
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats, Panel
from nightdesk.engine import resolve
from nightdesk.strategies import Direction, SignalAction, Signals, SignalSide, Strategy, View
from nightdesk.strategies.five_signals import WEIGHTS
from nightdesk.testing.strategy_contract import StrategyContract, assert_equal, columns_of

NAME = "five_signals"
NAN = float("nan")


class TestOverSessions(StrategyContract):
    """The spec's numbers without hours, as a book that decides by sessions takes them."""

    name = NAME
    params: ClassVar[dict[str, Any]] = {"hourly": 0}


class TestWithoutCarry(StrategyContract):
    """Other numbers: four scores, without the carry, which is the calendar."""

    name = NAME
    params: ClassVar[dict[str, Any]] = {"hourly": 0, "weights": {"carry": 0, "beta": 3}, "trend_band": 0.2}


SCORES = ("momentum", "carry", "volatility", "tail", "beta")
#: 0.30 × 0.5 - 0.25 × 0.2 + 0.20 × 0.1 + 0.15 × 0.4 - 0.10 × 0.3 = 0.15, of which 0.65 of the weight is long.
MIXED = (0.5, -0.2, 0.1, 0.4, -0.3)


def view_of_scores(
    daily: tuple[float, ...],
    hourly: tuple[float, ...] | None = None,
    *,
    benchmark: float = 400.0,
    hours_of_benchmark: float = 400.0,
    close: float = 50.0,
) -> View:
    """A view of one session and symbol with these scores."""
    values = {
        f"zscore_252_of({name}_signal)": atanh(score) for name, score in zip(SCORES, daily, strict=True)
    }
    values["benchmark_close"] = benchmark
    if hourly is not None:
        values |= {
            f"h:zscore_252_of({name}_signal)": atanh(score)
            for name, score in zip(SCORES, hourly, strict=True)
        }
        values["h:benchmark_close"] = hours_of_benchmark
    bar: dict[str, Any] = dict.fromkeys(("close", "open", "high", "low", "volume"), np.array([[close]]))
    return View(
        symbols=("AAPL",),
        sessions=np.array(["2020-03-16"], dtype="datetime64[D]"),
        vix=np.array([20.0]),
        factors={name: np.array([[value]]) for name, value in values.items()},
        **bar,
    )


def said_of(view: View, **params: Any) -> tuple[dict[str, Any], dict[str, Any], str]:
    """What the strategy says of the one cell, the figures it shows, and its words."""
    strategy = strategies.make(NAME, params)
    found = strategy.signals(view)
    one = {name: values[0, 0] for name, values in found.arrays().items()}
    figures = figures_of_cell(strategy.figures(view, found), 0, 0)
    assert figures is not None
    return one | {"action": found.action[0, 0]}, figures, strategy.explain(view, found, 0, 0)


CASES = [
    # daily scores, hourly scores -> action, side, hybrid, confidence
    (MIXED, None, SignalAction.ENTER, SignalSide.LONG, 0.15, 0.65),
    (tuple(-one for one in MIXED), None, SignalAction.ENTER, SignalSide.SHORT, -0.15, 0.65),
    # (0.30 × 0.5 + 0.20 × 0.1 + 0.15 × 0.4) / 0.65, and all that is known is long
    ((0.5, NAN, 0.1, 0.4, NAN), None, SignalAction.ENTER, SignalSide.LONG, 0.23 / 0.65, 1.0),
    # (-0.25 × 0.2 + 0.20 × 0.1 - 0.10 × 0.3) / 0.55, of which 0.35 is short
    ((NAN, -0.2, 0.1, NAN, -0.3), None, SignalAction.ENTER, SignalSide.SHORT, -0.06 / 0.55, 0.35 / 0.55),
    ((0.5, NAN, 0.1, NAN, NAN), None, SignalAction.HOLD, SignalSide.LONG, None, 0.0),
    ((NAN,) * 5, None, SignalAction.HOLD, SignalSide.LONG, None, 0.0),
    ((0.0,) * 5, None, SignalAction.HOLD, SignalSide.LONG, 0.0, 0.0),
    # 0.7 × 0.15 + 0.3 × 0.15, and confidence alike
    (MIXED, MIXED, SignalAction.ENTER, SignalSide.LONG, 0.15, 0.65),
    # 0.7 × 0.15 - 0.3 × 0.9; the hours are of one mind: 0.7 × 0.65 + 0.3
    (MIXED, (-0.9,) * 5, SignalAction.ENTER, SignalSide.SHORT, -0.165, 0.755),
    # too few hours are known: the composite over sessions alone
    (MIXED, (-0.9, NAN, NAN, NAN, -0.9), SignalAction.ENTER, SignalSide.LONG, 0.15, 0.65),
    ((NAN,) * 5, MIXED, SignalAction.HOLD, SignalSide.LONG, None, 0.0),
]


@pytest.mark.parametrize(("daily", "hourly", "action", "side", "hybrid", "confidence"), CASES)
def test_a_table_by_hand(
    daily: tuple[float, ...],
    hourly: tuple[float, ...] | None,
    action: int,
    side: int,
    hybrid: float | None,
    confidence: float,
) -> None:
    said, figures, words = said_of(view_of_scores(daily, hourly), hourly=0.0 if hourly is None else 0.3)
    assert (said["action"], said["side"]) == (action, side)
    assert abs(said["direction"]) == (Direction.STRONG_BUY if action else Direction.HOLD)
    assert said["confidence"] == pytest.approx(confidence)
    assert said["strength"] == pytest.approx(hybrid if hybrid is not None else 0.0)
    assert figures["hybrid"] == (None if hybrid is None else pytest.approx(hybrid))
    for name, score in zip(SCORES, daily, strict=True):
        assert figures[f"score_{name}"] == (None if np.isnan(score) else pytest.approx(score))
    assert "nan" not in words


def test_the_words_tell_the_composites_the_scores_and_the_labels() -> None:
    _, _, words = said_of(view_of_scores(MIXED, (-0.9,) * 5))
    assert words == (
        "short: the hybrid -0.165 is 70% of the composite over sessions +0.150 and 30% of that over hours "
        "-0.900; momentum +0.50, carry -0.20, volatility +0.10, tail +0.40, beta -0.30; trend BULLISH, "
        "timing SELL"
    )
    _, _, words = said_of(view_of_scores(MIXED), hourly=0)
    assert words.startswith("long: the hybrid +0.150 is the composite over sessions +0.150; momentum +0.50,")
    assert words.endswith("beta -0.30; trend BULLISH")


def test_the_words_tell_what_is_missing() -> None:
    few = view_of_scores((0.5, NAN, 0.1, NAN, NAN))
    assert said_of(few, hourly=0)[2] == (
        "no signal: 2 of 5 scores are known and 3 are needed; too little history, or a bar is missing: "
        "carry, tail, beta not known"
    )
    hours = view_of_scores((0.5, NAN, 0.1, NAN, NAN), (0.1,) * 5)
    assert "; too little history, a bar is missing, or it splits in this session: carry" in said_of(hours)[2]
    some = view_of_scores((0.5, NAN, 0.1, 0.4, NAN), (0.1, 0.1, NAN, NAN, NAN))
    assert said_of(some)[2] == (
        "long: the hybrid +0.354 is the composite over sessions alone, since that over hours is not known (2 "
        "of its scores are); momentum +0.50, volatility +0.10, tail +0.40 (carry, beta not known, the others "
        "count for more); trend BULLISH"
    )


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        ({"benchmark": NAN}, "no entry: the benchmark has no bar of the last session that was over"),
        ({"hours_of_benchmark": NAN}, "no entry: the benchmark has no bar of this hour"),
        ({"close": NAN}, "no bar of it, so nothing is said"),
    ],
)
def test_without_the_benchmark_or_its_own_bar_nothing_is_entered_and_the_reason_said(
    lacking: dict[str, float], words: str
) -> None:
    said, _, reason = said_of(view_of_scores(MIXED, MIXED, **lacking))
    assert (said["direction"], said["confidence"], said["strength"]) == (Direction.HOLD, 0.0, 0.0)
    assert reason == words


@pytest.mark.parametrize(
    ("daily", "hourly", "trend", "timing"),
    [
        (0.06, 0.03, "BULLISH", "BUY"),
        (0.05, 0.02, "NEUTRAL", "WAIT"),
        (-0.05, -0.02, "NEUTRAL", "WAIT"),
        (-0.06, -0.03, "BEARISH", "SELL"),
        (0.0, NAN, "NEUTRAL", None),
        (NAN, 0.5, None, "BUY"),
    ],
)
def test_labels_are_told_and_decide_nothing(
    daily: float, hourly: float, trend: str | None, timing: str | None
) -> None:
    view = view_of_scores((daily,) * 5, (hourly,) * 5)
    said, figures, _ = said_of(view)
    assert (figures["trend"], figures["timing"]) == (trend, timing)
    assert said == said_of(view, trend_band=1.0, timing_band=0.0)[0]


def test_weights_are_in_any_unit_and_one_of_nothing_leaves_its_score_out() -> None:
    view = view_of_scores(MIXED)
    tenfold = {name: 10 * weight for name, weight in WEIGHTS.items()}
    said, other = (said_of(view, hourly=0, **one)[0] for one in ({}, {"weights": tenfold}))
    assert (said["direction"], other["confidence"]) == (other["direction"], pytest.approx(said["confidence"]))
    assert other["strength"] == pytest.approx(said["strength"])
    without, figures, words = said_of(view, hourly=0, weights={"carry": 0})
    assert without["strength"] == pytest.approx(0.20 / 0.75)
    assert (figures["score_carry"], "carry" in words) == (None, False)
    assert not any("carry" in name for name in strategies.make(NAME, {"weights": {"carry": 0}}).factors)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"weights": {"carry": 0, "tail": 0, "beta": 0}}, "3, and 2 scores have a weight"),
        ({"weights": {"value": 1}}, "weights.value"),
        ({"weights": {"beta": -1}}, "weights.beta"),
        ({"hourly": 1}, "hourly"),
        ({"carry": "none"}, "carry"),
        ({"fewest_scores": 0}, "fewest_scores"),
    ],
)
def test_impossible_parameters_are_refused_by_key(params: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        strategies.make(NAME, params, path="strategies.five_signals")


def test_it_asks_for_hours_where_they_have_a_share_and_looks_back_two_years_of_periods() -> None:
    asked = strategies.make(NAME).factors
    assert (factors.look_back(asked), factors.hours_back(asked)) == (523, 523)
    daily = strategies.make(NAME, {"hourly": 0}).factors
    assert not any(name.startswith("h:") for name in daily)
    assert factors.look_back(strategies.make(NAME, {"carry": "standardised"}).factors) == 754


def test_a_book_of_sessions_is_told_how_to_do_without_hours() -> None:
    def book(hourly: float) -> Book:
        tree = hourly_tree(
            schedule="daily",
            strategies={NAME: {"share": 1.0, "sizing": "leverage", "params": {"hourly": hourly}}},
            margin={"kind": "portfolio"},
            financing={"debit_rate": 0.06, "borrow_rate": 0.005},
            limits={"gross_leverage": {"limit": 3.0}},
        )
        return parse_book(tree, "a test")

    with pytest.raises(Refused, match=r"or set strategies\.five_signals\.params\.hourly: 0$"):
        resolve(book(0.3))
    assert resolve(book(0.0)).look_back == 523


@cache
def hours_and_view(seed: int) -> tuple[Panel, View, Strategy]:
    """Two years of hours with gaps: what is entered, and over which clocks, changes often."""
    panel, strategy = random_hours(seed, sessions=480, split=430, gaps=0.002), strategies.make(NAME)
    return panel, view_of_hours(strategy, panel), strategy


def view_of_hours(strategy: Strategy, panel: Panel) -> View:
    found = factors.compute(panel, strategy.factors, benchmark="SPY", universe=2)
    return View.of(panel, found, ("AAA", "BBB"), "SPY")


def test_over_hours_every_clause_but_a_level_one_comes_to_pass() -> None:
    _, view, strategy = hours_and_view(1)
    found = strategy.signals(view)
    assert set(np.unique(found.reason)) == {1, 2, 3, 4, 5, 6, 7}
    every = strategy.explanations(view, found)
    for t in (0, 2_700, 3_000, 3_200):
        assert strategy.explain(view, found, t, 1) == every[t, 1]
    assert not any("nan" in words for words in every.ravel())


def test_over_hours_nothing_looks_ahead_and_a_decision_alone_says_the_same() -> None:
    panel, view, strategy = hours_and_view(1)
    found = strategy.signals(view)
    figures = strategy.figures(view, found)
    for length in (1, 2_600, 2_611, 2_750, 3_001, len(panel)):
        cut = view_of_hours(strategy, panel.until(length))
        assert_equal(strategy.signals(cut).row(-1), found.row(length - 1))
        alone = view.rows(length - 1, length)
        assert_equal(strategy.signals(alone), found.row(length - 1))
        for name, values in strategy.figures(alone, found.row(length - 1)).items():
            np.testing.assert_array_equal(values, figures[name][length - 1 : length])
    for n in (0, 1):
        own = columns_of(view, slice(n, n + 1))
        expected = Signals(**{name: values[:, n : n + 1] for name, values in found.arrays().items()})
        assert_equal(strategy.signals(own), expected)


def test_an_hour_that_the_benchmark_lacks_stops_entries_of_that_hour_alone() -> None:
    panel, view, strategy = hours_and_view(2)
    found, spy = strategy.signals(view), panel.column("SPY")
    t = int(np.flatnonzero((found.action == SignalAction.ENTER).all(axis=1))[-20])
    assert np.isfinite(panel.close[t - 1 : t + 2, spy]).all()
    lost: Floats = panel.close.copy()
    lost[t, spy] = NAN
    after = strategy.signals(view_of_hours(strategy, replace(panel, close=lost)))
    assert (after.action[t] == SignalAction.HOLD).all()
    assert (after.action[t + 1] == SignalAction.ENTER).all()
    assert_equal(after.rows(0, t), found.rows(0, t))


@pytest.fixture(scope="module")
def real(market: Path) -> tuple[Panel, View, Signals]:
    """Sixteen years of the five stocks, from 2007 on, by sessions alone."""
    panel, strategy = stocks_panel(market), strategies.make(NAME, {"hourly": 0})
    asked = (*strategy.factors, "zscore_252_of(carry_signal_standardised)")
    found = factors.compute(panel, asked, benchmark="SPY", universe=len(STOCKS))
    first = int(np.searchsorted(panel.sessions, np.datetime64("2007-01-01")))
    view = View.of(panel, found, STOCKS, "SPY").rows(first, len(panel))
    return panel, view, strategy.signals(view)


def test_on_real_bars_the_carry_score_is_the_calendar_unless_it_is_standardised(
    real: tuple[Panel, View, Signals],
) -> None:
    _, view, _ = real
    day = [one.timetuple().tm_yday for one in view.sessions.tolist()]
    sine = np.sin(2 * np.pi * np.array(day) / 365)

    def correlation(name: str) -> float:
        score = np.tanh(view.factors[name])
        known = np.isfinite(score)
        return float(np.corrcoef(score[known], np.repeat(sine[:, None], 5, axis=1)[known])[0, 1])

    assert correlation("zscore_252_of(carry_signal)") == pytest.approx(0.94, abs=0.01)
    assert correlation("zscore_252_of(carry_signal_standardised)") == pytest.approx(0.35, abs=0.02)
    for other in ("momentum", "volatility", "tail", "beta"):
        assert abs(correlation(f"zscore_252_of({other}_signal)")) < 0.05


def test_on_real_bars_the_hybrid_changes_its_sign_17_times_a_year(
    real: tuple[Panel, View, Signals],
) -> None:
    """Each change turns a position of 20 % of the equity or more round, however small the hybrid is."""
    _, view, found = real
    assert (found.action == SignalAction.ENTER).all()
    side = np.sign(found.strength)
    years = len(view.sessions) / 252
    assert (np.diff(side, axis=0) != 0).sum(axis=0).mean() / years == pytest.approx(17.2, abs=0.1)
    conviction = np.tanh(2 * found.strength) * found.confidence
    assert (np.abs(conviction) < 0.10).mean() == pytest.approx(0.22, abs=0.01)
