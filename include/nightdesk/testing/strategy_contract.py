"""What every strategy must keep, whatever it trades on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from nightdesk import factors, strategies
from nightdesk.core.panel import Panel
from nightdesk.strategies import Signals, Strategy, View, with_models
from nightdesk.strategies.bundle_signals import check_bundles
from nightdesk.strategies.strategy import BAR
from nightdesk.testing.random_panels import members, random_panel

VIX = "^VIX"


def view_of(strategy: Strategy, panel: Panel) -> View:
    """What the strategy sees of all symbols but the volatility index; its models are fitted on that panel."""
    found = factors.compute(panel, strategy.factors, benchmark="SPY", universe=members(panel))
    return with_models(View.of(panel, found, panel.symbols[:-1], VIX), [strategy])


def columns_of(view: View, columns: slice) -> View:
    """Some of the view's symbols, in the order of `columns`, with the models as they are."""
    return replace(
        view,
        symbols=view.symbols[columns],
        **{name: getattr(view, name)[:, columns] for name in BAR},
        factors={name: values[:, columns] for name, values in view.factors.items()},
    )


def assert_equal(found: Signals, expected: Signals) -> None:
    """All that the signals say is the same to the last bit."""
    mine, theirs = found.arrays(), expected.arrays()
    assert mine.keys() == theirs.keys()
    for name, values in mine.items():
        np.testing.assert_array_equal(values, theirs[name], err_msg=name)


class StrategyContract:
    """Inherited by the test class of each strategy, which says its `name` and `params`."""

    name: ClassVar[str]
    params: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def strategy(self) -> Strategy:
        return strategies.make(self.name, self.params)

    @pytest.fixture(params=[1, 2])
    def panel(self, request: pytest.FixtureRequest) -> Panel:
        return random_panel(request.param)

    def test_it_is_registered_and_its_factors_exist(self, strategy: Strategy) -> None:
        assert self.name in strategies.names()
        assert strategy.factors
        assert factors.look_back(strategy.factors) > 0

    def test_signals_fit_the_view_and_stay_in_their_ranges(self, strategy: Strategy, panel: Panel) -> None:
        view = view_of(strategy, panel)
        found = strategy.signals(view)
        for values in found.arrays().values():
            assert values.shape == view.close.shape
        assert found.direction.dtype == found.reason.dtype == np.int8
        assert found.strength.dtype == found.confidence.dtype == np.float64
        assert set(np.unique(found.direction)) <= set(strategies.Direction)
        assert len(np.unique(found.direction)) > 1
        assert (np.abs(found.strength) <= 1.0).all()
        assert ((found.confidence >= 0.0) & (found.confidence <= 1.0)).all()

    def test_nothing_looks_ahead(self, strategy: Strategy, panel: Panel) -> None:
        whole = strategy.signals(view_of(strategy, panel))
        # the last session of 398 is the first of a month, in which what learns is refitted
        for length in (1, 61, 200, 253, 333, 398, 419):
            cut = strategy.signals(view_of(strategy, panel.until(length)))
            assert_equal(cut.row(-1), whole.row(length - 1))

    def test_one_session_alone_says_what_it_says_among_all(self, strategy: Strategy, panel: Panel) -> None:
        view = view_of(strategy, panel)
        whole = strategy.signals(view)
        for t in (0, 100, 250, 400, 419):
            assert_equal(strategy.signals(view.rows(t, t + 1)), whole.row(t))

    def test_one_symbol_alone_says_what_it_says_among_all(self, strategy: Strategy, panel: Panel) -> None:
        view = view_of(strategy, panel)
        whole = strategy.signals(view)
        for n in range(len(view.symbols)):
            column = slice(n, n + 1)
            alone = columns_of(view, column)
            expected = Signals(**{name: values[:, column] for name, values in whole.arrays().items()})
            assert_equal(strategy.signals(alone), expected)

    def test_the_order_of_the_symbols_is_no_matter(self, strategy: Strategy, panel: Panel) -> None:
        view = view_of(strategy, panel)
        whole, back = strategy.signals(view), slice(None, None, -1)
        found = strategy.signals(columns_of(view, back))
        assert_equal(found, Signals(**{name: values[:, back] for name, values in whole.arrays().items()}))

    def test_a_symbol_that_nothing_is_known_of_is_held_without_confidence(
        self, strategy: Strategy, panel: Panel
    ) -> None:
        view = view_of(strategy, panel)
        unknown = np.full_like(view.close, np.nan)
        bars: dict[str, Any] = dict.fromkeys(BAR, unknown)
        blind = replace(view, **bars, factors=dict.fromkeys(view.factors, unknown))
        found = strategy.signals(blind)
        assert (found.direction == strategies.Direction.HOLD).all()
        assert (found.confidence == 0.0).all()
        assert (found.strength == 0.0).all()

    def test_a_session_without_the_volatility_index_sees_its_newest_value(
        self, strategy: Strategy, panel: Panel
    ) -> None:
        close = panel.close.copy()
        close[300, panel.column(VIX)] = np.nan
        found = factors.compute(panel, strategy.factors, benchmark="SPY", universe=members(panel))
        view = View.of(replace(panel, close=close), found, panel.symbols[:-1], VIX)
        assert view.vix[300] == panel.close[299, panel.column(VIX)]
        assert view.vix[301] == panel.close[301, panel.column(VIX)]

    def test_the_view_is_not_changed(self, strategy: Strategy, panel: Panel) -> None:
        view = view_of(strategy, panel)
        before = {name: values.copy() for name, values in view.factors.items()}
        bars = {name: getattr(view, name).copy() for name in BAR}
        strategy.signals(view)
        for name, values in view.factors.items():
            np.testing.assert_array_equal(values, before[name])
        for name, values in bars.items():
            np.testing.assert_array_equal(getattr(view, name), values)

    def test_it_says_the_same_twice(self, strategy: Strategy, panel: Panel) -> None:
        view = view_of(strategy, panel)
        found = strategy.signals(view)
        assert_equal(strategy.signals(view), found)
        assert_equal(type(strategy)(strategy.params).signals(view), found)

    def test_a_bar_that_is_missing_silences_its_own_session_and_symbol_alone(
        self, strategy: Strategy, panel: Panel
    ) -> None:
        view = view_of(strategy, panel)
        lost, whole = np.zeros(view.close.shape, dtype=bool), strategy.signals(view)
        lost[::3, 0] = True
        bars: dict[str, Any] = {name: np.where(lost, np.nan, getattr(view, name)) for name in BAR}
        gappy = {name: np.where(lost, np.nan, values) for name, values in view.factors.items()}
        found = strategy.signals(replace(view, **bars, factors=gappy))
        assert (found.confidence[lost] == 0.0).all()
        assert (found.action[lost] == strategies.SignalAction.HOLD).all()
        rows = ~lost.any(axis=1)
        before = whole.arrays()
        for name, values in found.arrays().items():
            np.testing.assert_array_equal(values[rows], before[name][rows], err_msg=name)

    def test_its_bundles_are_declared_and_whole(self, strategy: Strategy, panel: Panel) -> None:
        view = view_of(strategy, panel)
        found = strategy.signals(view)
        check_bundles(strategy, found, view.symbols, view.sessions)
        assert (found.bundle is not None) == (found.ratio is not None) == strategy.bundles

    def test_it_enters_on_no_side_but_those_that_it_declares_and_not_without_confidence(
        self, strategy: Strategy, panel: Panel
    ) -> None:
        found = strategy.signals(view_of(strategy, panel))
        assert set(np.unique(found.side)) <= set(strategies.SignalSide)
        enters = found.action == strategies.SignalAction.ENTER
        assert set(np.unique(found.side[enters])) <= strategy.sides
        assert (found.confidence[enters] > 0.0).all()

    def test_its_figures_fit_the_view_and_are_those_of_their_own_session(
        self, strategy: Strategy, panel: Panel
    ) -> None:
        view = view_of(strategy, panel)
        found = strategy.signals(view)
        figures = strategy.figures(view, found)
        assert bool(figures) == strategy.shows_figures
        for name, values in figures.items():
            assert values.shape == view.close.shape, name
            assert values.dtype == np.float64 or values.dtype.kind in "UO", name
        for t in (0, 250, 419):
            alone = strategy.figures(view.rows(t, t + 1), found.row(t))
            assert alone.keys() == figures.keys()
            for name, values in figures.items():
                np.testing.assert_array_equal(alone[name], values[t : t + 1], err_msg=name)

    def test_every_signal_is_explained_without_a_number_that_is_missing(
        self, strategy: Strategy, panel: Panel
    ) -> None:
        view = view_of(strategy, panel)
        found = strategy.signals(view)
        every = strategy.explanations(view, found)
        for t in range(0, 420, 7):
            for n in range(len(view.symbols)):
                words = strategy.explain(view, found, t, n)
                assert words == every[t, n]
                assert words
                assert "nan" not in words


class AcrossSymbolsContract(StrategyContract):
    """For a strategy that looks at all symbols of a session at once: one of them alone is another market."""

    test_one_symbol_alone_says_what_it_says_among_all = None  # type: ignore[assignment]  # not asked of it
