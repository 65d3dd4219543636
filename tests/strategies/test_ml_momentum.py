"""ML momentum: what it learns from, that nothing of it looks ahead, and what it says of a session."""

import math
from dataclasses import fields, replace
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from tests.strategies.swing_bars import NAN, session_of

from nightdesk import factors, strategies
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Panel
from nightdesk.strategies import Direction, ExitDistance, ExitPlan, Model, Signals, View, with_models
from nightdesk.strategies.learning import opens_span
from nightdesk.strategies.logistic import fit_logistic
from nightdesk.strategies.ml_momentum import FEATURES, MlMomentum, features
from nightdesk.testing.random_panels import members, panel_of, random_panel
from nightdesk.testing.strategy_contract import StrategyContract, columns_of, view_of

NAME = "ml_momentum"

#: So that a market of 420 sessions and four symbols has many models.
SMALL = {"window": 120, "min_samples": 100, "buy_above": 0.5}


class TestMlMomentum(StrategyContract):
    """With few samples. `view_of` fits every model on the panel that it is given, so a refit is cut too."""

    name = NAME
    params = SMALL


class TestOtherNumbers(StrategyContract):
    """With other spans, and a refit in almost every session that is compared."""

    name = NAME
    params = SMALL | {"horizon": 3, "window": 60, "refit": "week"}


class Unpurged(MlMomentum):
    """A copy that learns from outcomes which are not known yet: samples up to the refit itself."""

    name = "unpurged_copy"

    def models(self, view: View) -> tuple[Model, ...]:
        rows = self.live_rows(view.sessions).tolist()
        fits = {row: self.fit(view.rows(0, row + 1 + self.params.horizon)) for row in set(rows)}
        return tuple(fits[row] for row in rows)


class Shifted(MlMomentum):
    """A copy that applies its model to the features of the next session."""

    name = "shifted_copy"

    def signals(self, view: View) -> Signals:
        later = {name: np.vstack([values[1:], values[-1:]]) for name, values in view.factors.items()}
        return super().signals(replace(view, factors=later))


class FittedOnAll(MlMomentum):
    """A copy whose every model has seen the whole panel."""

    name = "fitted_on_all_copy"

    def models(self, view: View) -> tuple[Model, ...]:
        return (self.fit(view),) * len(view.sessions)


@pytest.mark.parametrize("copy", [Unpurged, Shifted, FittedOnAll])
def test_a_look_ahead_that_is_planted_in_a_copy_is_caught_by_the_contract(copy: type[MlMomentum]) -> None:
    check = StrategyContract.test_nothing_looks_ahead
    check(StrategyContract(), MlMomentum(MlMomentum.Params(**SMALL)), random_panel(1))
    with pytest.raises(AssertionError, match="Arrays are not equal"):
        check(StrategyContract(), copy(copy.Params(**SMALL)), random_panel(1))


def test_a_model_is_the_same_to_the_bit_whatever_bars_come_later() -> None:
    strategy, panel = strategies.make(NAME, SMALL), random_panel(2)
    whole = view_of(strategy, panel).models[NAME]
    assert len({one.digest for one in whole}) == 14
    for length in (152, 153, 157, 182, 183, 419):
        assert view_of(strategy, panel.until(length)).models[NAME] == whole[:length]


def grid_of(panel: Panel, span: str = "month") -> list[date]:
    """The sessions in which a model is fitted, but for the silent one before the first of them."""
    live = view_of(strategies.make(NAME, SMALL | {"refit": span}), panel).models[NAME]
    return [after.fitted for before, after in pairwise(live) if after is not before]


def from_row(panel: Panel, first: int) -> Panel:
    """The panel of a book whose origin is a later session."""
    whole = {"symbols", "sentiment", "hours", "funding", "facts", "named_from"}
    names = [one.name for one in fields(panel) if one.name not in whole]
    return replace(panel, **{name: getattr(panel, name)[first:] for name in names})


@pytest.mark.parametrize(
    ("span", "first", "count"),
    [
        ("week", date(2020, 1, 6), 60),
        ("month", date(2020, 2, 1), 13),
        ("quarter", date(2020, 4, 1), 4),
        ("year", date(2021, 1, 1), 1),
    ],
)
def test_refits_fall_on_the_first_session_of_each_span_of_the_calendar(
    span: str, first: date, count: int
) -> None:
    grid = grid_of(random_panel(1), span)
    assert (grid[0], len(grid)) == (first, count)
    if span == "month":
        assert {one.day for one in grid} == {1}
    if span == "week":
        assert {one.weekday() for one in grid} == {0}


@pytest.mark.parametrize("span", ["week", "month", "quarter", "year"])
@pytest.mark.parametrize("later", [1, 2, 20, 21, 30, 31, 32, 100])
def test_a_later_origin_changes_nothing_of_which_sessions_refit(span: str, later: int) -> None:
    panel = random_panel(1)
    cut = from_row(panel, later)
    expected = [one for one in grid_of(panel, span) if one > cut.sessions[0].item()]
    assert grid_of(cut, span) == expected


def test_on_the_calendar_of_the_exchange_a_month_opens_on_its_first_session() -> None:
    sessions = get_calendar().between(date(2020, 1, 2), date(2021, 12, 31))
    opens = sessions[opens_span(sessions, "month")].tolist()
    assert opens[:4] == [date(2020, 2, 3), date(2020, 3, 2), date(2020, 4, 1), date(2020, 5, 1)]
    assert len(opens) == 23
    monday_off = date(2020, 1, 21)
    assert monday_off in sessions[opens_span(sessions, "week")].tolist()


def test_before_the_first_refit_nothing_is_said() -> None:
    panel = from_row(random_panel(1), 200)
    strategy = strategies.make(NAME, SMALL | {"refit": "year", "min_samples": 20})
    view = view_of(strategy, panel)
    turn = int(np.flatnonzero(panel.sessions == np.datetime64("2021-01-01"))[0])
    assert not any(one.speaks for one in view.models[NAME][:turn])
    assert all(one.speaks for one in view.models[NAME][turn:])
    assert np.isnan(strategy.rising(view)[:turn]).all()


def test_a_sample_is_used_once_its_outcome_is_known_and_no_session_before() -> None:
    strategy, panel = strategies.make(NAME, SMALL), random_panel(1)
    model = view_of(strategy, panel).models[NAME][305]
    assert model.fitted == panel.sessions[305].item() == date(2020, 11, 1)
    assert model.first == panel.sessions[305 - 119].item()
    assert model.last == panel.sessions[305 - 5].item()


def by_hand(panel: Panel, t: int, window: int, horizon: int) -> tuple[list[list[float]], list[bool]]:
    """Samples of session `t`, put together bar by bar."""
    close = panel.close * panel.adjustment
    names = [name for name in FEATURES if not name.startswith("distance")]
    values = factors.compute(panel, [*names, "sma_50"], benchmark="SPY", universe=members(panel))
    seen, rises = [], []
    for u in range(max(0, t - window + 1), t - horizon + 1):
        for n in range(len(panel.symbols) - 1):
            row = [values[name][u, n] for name in names]
            row.append(panel.close[u, n] / values["sma_50"][u, n] - 1.0)
            change = close[u + horizon, n] / close[u, n] - 1.0
            if np.isfinite([*row, change]).all():
                seen.append(row)
                rises.append(bool(change > 0))
    return seen, rises


def test_the_model_is_what_scikit_learn_makes_of_samples_put_together_by_hand() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, log_loss
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    panel = random_panel(1)
    seen, rises = by_hand(panel, t=397, window=120, horizon=5)
    reference = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-10, max_iter=10_000))
    reference.fit(seen, rises)
    scaler, regression = reference[0], reference[1]

    view = view_of(strategies.make(NAME, SMALL), panel)
    model = view.models[NAME][397]
    assert (model.samples, model.rising) == (len(rises), pytest.approx(np.mean(rises)))
    assert model.means == pytest.approx(scaler.mean_)
    assert model.deviations == pytest.approx(scaler.scale_)
    assert model.coefficients == pytest.approx(regression.coef_[0], abs=1e-5)
    assert model.intercept == pytest.approx(regression.intercept_[0], abs=1e-5)
    chances = reference.predict_proba(seen)[:, 1]
    assert model.log_loss == pytest.approx(log_loss(rises, chances), abs=1e-8)
    assert model.accuracy == pytest.approx(accuracy_score(rises, chances > 0.5), abs=0.01)

    found = strategies.make(NAME, SMALL).signals(view)
    now = [values[410, 0] for values in features(view).values()]
    expected = reference.predict_proba([now])[0, 1]
    assert found.strength[410, 0] == pytest.approx(2 * expected - 1, abs=1e-5)


def test_the_same_samples_give_the_same_bits_however_they_lie_in_memory_and_on_any_threads() -> None:
    from threadpoolctl import threadpool_limits

    random = np.random.default_rng(5)
    samples = random.normal(size=(3_000, 5))
    rises = samples[:, 0] + random.normal(size=3_000) > 0
    plain = fit_logistic(samples, rises, 1.0)
    wide = np.zeros((3_000, 9))
    wide[:, 2:7] = samples
    for other in (np.asfortranarray(samples), wide[:, 2:7], samples[::-1][::-1]):
        assert fit_logistic(other, rises, 1.0) == plain
    for count in (1, 2):
        with threadpool_limits(limits=count):
            assert fit_logistic(samples, rises, 1.0) == plain


@pytest.mark.parametrize("inverse_regularisation", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("rare", [0.5, 0.01])
def test_the_fit_is_the_minimum_that_scikit_learn_comes_close_to(
    inverse_regularisation: float, rare: float
) -> None:
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(8)
    samples = random.normal(size=(2_000, 5)) * [1, 0.01, 30, 1, 1] + [0, 1, 50, 0, 0]
    rises = samples[:, 0] + random.normal(size=2_000) > np.quantile(samples[:, 0], 1 - rare) + rare
    learnt = fit_logistic(samples, rises, inverse_regularisation)
    standard = (samples - samples.mean(axis=0)) / samples.std(axis=0)
    reference = LogisticRegression(
        C=inverse_regularisation, solver="newton-cholesky", tol=1e-12, max_iter=1_000
    ).fit(standard, rises)
    assert learnt["coefficients"] == pytest.approx(reference.coef_[0], rel=1e-9, abs=1e-9)
    assert learnt["intercept"] == pytest.approx(reference.intercept_[0], rel=1e-9)


@pytest.mark.parametrize("inverse_regularisation", [1.0, 1e6, 1e15])
def test_a_feature_that_foretells_everything_is_believed_as_far_as_it_is_held(
    inverse_regularisation: float,
) -> None:
    random = np.random.default_rng(9)
    samples = random.normal(size=(300, 2))
    learnt = fit_logistic(samples, samples[:, 0] > 0.3, inverse_regularisation)
    assert learnt["accuracy"] > 0.97
    assert 3 < learnt["coefficients"][0] < np.inf
    assert 0 < learnt["log_loss"] < 0.2


def test_coefficients_that_nothing_holds_are_refused() -> None:
    random = np.random.default_rng(10)
    samples = np.column_stack([random.normal(size=100), np.full(100, 3.0)])
    with pytest.raises(Refused, match=r"100 samples does not converge.*lower inverse_regularisation"):
        fit_logistic(samples, samples[:, 0] + random.normal(size=100) > 0, np.inf)


def test_it_finds_what_there_is_to_find() -> None:
    random = np.random.default_rng(6)
    samples = random.normal(size=(2_000, 5)) * [1, 2, 3, 4, 5] + 7
    learnt = fit_logistic(samples, samples[:, 1] < 7, 1.0)
    assert learnt["accuracy"] > 0.99
    assert learnt["coefficients"][1] < -5 < 10 * max(map(abs, np.delete(learnt["coefficients"], 1)))


def test_a_feature_that_never_moves_says_nothing() -> None:
    random = np.random.default_rng(7)
    samples = np.column_stack([random.normal(size=500), np.full(500, 3.0)])
    learnt = fit_logistic(samples, samples[:, 0] > 0, 1.0)
    assert learnt["coefficients"][1] == pytest.approx(0.0, abs=1e-9)
    assert learnt["deviations"][1] == 1.0


#: By it, P is 1 / (1 + exp(-(0.2 + 0.5 a - b))), where a and b are the standardised momentum and RSI.
MODEL = Model(
    fitted=date(2020, 3, 2),
    first=date(2019, 3, 4),
    last=date(2020, 2, 24),
    samples=8_892,
    rising=0.55,
    features=FEATURES,
    means=(0.10, 0.2, 50.0, 1.0, 0.0),
    deviations=(0.10, 0.1, 10.0, 0.5, 0.02),
    coefficients=(0.5, 0.0, -1.0, 0.0, 0.0),
    intercept=0.2,
    log_loss=0.68,
    accuracy=0.56,
)
SILENT = replace(MODEL, means=(), deviations=(), coefficients=(), intercept=NAN, log_loss=NAN, accuracy=NAN)


def chance(score: float) -> float:
    return 1 / (1 + math.exp(-score))


SCENARIOS = [
    # momentum, RSI, model -> direction, confidence, words
    (0.10, 50.0, MODEL, "HOLD", 0.0, "probability of a rise in 5 sessions 55.0% is not above 60.0%"),
    (
        0.10,
        47.0,
        MODEL,
        "BUY",
        chance(0.5),
        "62.2% is above 60.0%, by the model of 2020-03-02 (8892 samples)",
    ),
    (0.30, 50.0, MODEL, "BUY", chance(1.2), "most of its log-odds: momentum_60 +1.00"),
    (0.30, 30.0, MODEL, "BUY", chance(3.2), "most of its log-odds: rsi_14 +2.00, momentum_60 +1.00"),
    (0.14, 50.0, MODEL, "HOLD", 0.0, "59.9% is not above 60.0%"),
    (0.15, 50.0, MODEL, "BUY", chance(0.45), "61.1% is above"),
    (-0.90, 90.0, MODEL, "HOLD", 0.0, "0.0% is not above 60.0%"),  # never sold by a condition
    (NAN, 47.0, MODEL, "HOLD", 0.0, "too little history, or a bar is missing: momentum_60 not known"),
    (0.30, NAN, MODEL, "HOLD", 0.0, "rsi_14 not known"),
    (
        0.30,
        30.0,
        replace(SILENT, samples=120),
        "HOLD",
        0.0,
        "no model: on 2020-03-02 there were 120 samples, and 500 are needed",
    ),
    (0.30, 30.0, replace(SILENT, rising=1.0), "HOLD", 0.0, "there were 8892 samples that all rose"),
    (0.30, 30.0, replace(SILENT, rising=0.0), "HOLD", 0.0, "there were 8892 samples that all fell"),
    (NAN, NAN, replace(SILENT, samples=0, rising=NAN), "HOLD", 0.0, "there were 0 samples"),
]


@pytest.mark.parametrize("row", SCENARIOS, ids=lambda row: f"{row[0]} {row[1]} {row[2].speaks}")
def test_what_is_likely_is_bought_and_nothing_is_sold(row: tuple) -> None:
    momentum, rsi, model, direction, confidence, words = row
    strategy = strategies.make(NAME)
    values = {
        "momentum_60": momentum,
        "rsi_14": rsi,
        "volatility_20": 0.3,
        "volume_ratio_20": 2,
        "sma_50": 98,
    }
    view = replace(session_of(strategy, values), models={NAME: (model,)})
    found = strategy.signals(view)
    assert Direction(found.direction[0, 0]).name == direction
    assert found.confidence[0, 0] == pytest.approx(confidence, abs=1e-12)
    assert words in strategy.explain(view, found, 0, 0)


def test_each_session_uses_the_model_that_was_live() -> None:
    strategy = strategies.make(NAME)
    values = {"momentum_60": 0.3, "rsi_14": 50, "volatility_20": 0.3, "volume_ratio_20": 2, "sma_50": 98}
    one = session_of(strategy, values)
    both = replace(
        one,
        sessions=np.repeat(one.sessions, 2),
        close=np.repeat(one.close, 2, axis=0),
        vix=np.repeat(one.vix, 2),
        factors={name: np.repeat(column, 2, axis=0) for name, column in one.factors.items()},
        models={NAME: (MODEL, replace(MODEL, intercept=-3.0, fitted=date(2020, 3, 31)))},
    )
    found = strategy.signals(both)
    assert found.direction[:, 0].tolist() == [Direction.BUY, Direction.HOLD]
    assert "by the model of 2020-03-31" in strategy.explain(both, found, 1, 0)


def test_too_few_samples_make_no_model() -> None:
    panel = random_panel(1)
    enough = view_of(strategies.make(NAME, SMALL), panel).models[NAME]
    count = max(one.samples for one in enough)
    few = view_of(strategies.make(NAME, SMALL | {"min_samples": count + 1}), panel).models[NAME]
    assert any(one.speaks for one in enough)
    assert not any(one.speaks for one in few)
    assert [one.samples for one in few] == [one.samples for one in enough]


def test_symbols_that_only_rise_make_no_model_and_it_says_so() -> None:
    random = np.random.default_rng(8)
    growth = np.cumsum(random.uniform(0.001, 0.01, (300, 3)), axis=0)
    volume = random.uniform(1, 2, (300, 3))
    panel = panel_of(np.exp(growth), volume=volume, symbols=("SPY", "A", "^VIX"))
    strategy = strategies.make(NAME, SMALL)
    view = view_of(strategy, panel)
    found = strategy.signals(view)
    assert (found.direction == Direction.HOLD).all()
    assert "samples that all rose" in strategy.explain(view, found, 299, 1)


def test_the_symbols_of_a_book_are_pooled() -> None:
    strategy = strategies.make(NAME, SMALL)
    view = view_of(strategy, random_panel(1))
    parts = [strategy.fit(columns_of(view, slice(n, n + 1))).samples for n in range(4)]
    assert strategy.fit(view).samples == sum(parts) > max(parts)


def test_a_view_without_its_models_is_refused() -> None:
    strategy = strategies.make(NAME, SMALL)
    with pytest.raises(LookupError, match="needs the model of each of 1 sessions and was given 0"):
        strategy.signals(session_of(strategy, {}))


def test_strategies_that_do_not_learn_are_given_no_models() -> None:
    strategy = strategies.make("rsi_mean_reversion")
    view = session_of(strategy, {})
    assert with_models(view, [strategy]) is view


def test_a_recipe_names_what_decides_a_fit_and_nothing_else() -> None:
    plain, symbols = strategies.make(NAME), ("AAPL", "MSFT")
    same = strategies.make(NAME, {"buy_above": 0.7, "sessions": 9, "stop_atr": 3})
    assert plain.recipe(symbols) == same.recipe(symbols)
    others = [{"window": 200}, {"horizon": 4}, {"min_samples": 99}, {"inverse_regularisation": 0.1}]
    recipes = {strategies.make(NAME, params).recipe(symbols) for params in others}
    assert len(recipes | {plain.recipe(symbols), plain.recipe(("MSFT", "AAPL"))}) == 6


def test_a_window_without_a_known_outcome_is_refused() -> None:
    with pytest.raises(Refused, match=r"ml_momentum\.params: horizon 20 is not shorter than window 20"):
        strategies.make(NAME, {"horizon": 20, "window": 20})


def test_it_leaves_after_5_sessions_or_at_two_and_a_half_true_ranges() -> None:
    assert strategies.make(NAME).exit_plan == ExitPlan(sessions=5, stop=ExitDistance(atr=2.5))
