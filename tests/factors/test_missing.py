"""What a missing bar and a price that does not move do to each kind of factor."""

from dataclasses import replace

import numpy as np
import pytest

from nightdesk import factors
from nightdesk.core.panel import Panel
from nightdesk.testing.random_panels import members, panel_of, random_panel

GAP = 300

#: Rows from the missing bar on that have no value: the window, or only the day itself.
MISSING_AFTER = {
    "sma_20": 20,
    "bb_width_20_2": 20,
    "adv_20": 20,
    "dollar_volume_20": 20,
    "volume_ratio_20": 21,
    "volatility_20": 21,
    "beta_60": 61,
    "q05_60": 61,
    "tail_asymmetry_60": 61,
    "rsi_14": 1,
    "atr_14": 1,
    "adx_14": 1,
    "macd": 1,
    "macd_signal": 1,
    "ta.rsi(14)": 1,
}


def without_bar(panel: Panel, row: int, column: int) -> Panel:
    changed = {}
    for name in ("open", "high", "low", "close", "volume"):
        changed[name] = getattr(panel, name).copy()
        changed[name][row, column] = np.nan
    return replace(panel, **changed)


def whole_panel() -> Panel:
    """A random panel whose column 2 has no gap of its own."""
    rng = np.random.default_rng(8)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0, 0.01, (420, 3)), axis=0))
    return panel_of(
        close,
        high=close * 1.01,
        low=close * 0.99,
        volume=rng.integers(1_000, 9_000, close.shape),
        symbols=("SPY", "A", "B"),
    )


@pytest.mark.parametrize("name", MISSING_AFTER)
def test_a_missing_bar_makes_exactly_the_values_missing_that_hold_it(name: str) -> None:
    panel = without_bar(whole_panel(), GAP, 2)
    found = factors.compute(panel, [name], benchmark="SPY", universe=members(panel))[name]
    rows = np.flatnonzero(np.isnan(found[:, 2]) & (np.arange(420) >= 200))
    np.testing.assert_array_equal(rows, np.arange(GAP, GAP + MISSING_AFTER[name]))
    assert np.isfinite(found[200:, 1]).all()


def test_momentum_needs_its_two_bars_only() -> None:
    panel = without_bar(whole_panel(), GAP, 2)
    found = factors.compute(panel, ["momentum_60"], benchmark="SPY", universe=members(panel))["momentum_60"][
        :, 2
    ]
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found[60:])) + 60, [GAP, GAP + 60])


def test_a_missing_benchmark_bar_makes_every_beta_missing_that_holds_it() -> None:
    found = factors.compute(
        without_bar(whole_panel(), GAP, 0), ["beta_60"], benchmark="SPY", universe=members(whole_panel())
    )["beta_60"]
    assert np.isnan(found[GAP : GAP + 61]).all()
    assert np.isfinite(found[GAP + 61 :]).all()


@pytest.mark.parametrize("name", ["rsi_14", "atr_14", "adx_14", "macd", "macd_signal"])
def test_a_recursive_indicator_goes_on_as_if_the_session_had_not_been(name: str) -> None:
    panel = random_panel(3)
    column = 2
    kept = np.flatnonzero(np.isfinite(panel.close[:, column]))
    assert len(kept) < len(panel)
    arrays = (
        "open",
        "high",
        "low",
        "close",
        "volume",
        "fill_open",
        "fill_volume",
        "adjustment",
        "dividend",
        "split",
    )
    dense = replace(
        panel, sessions=panel.sessions[kept], **{one: getattr(panel, one)[kept] for one in arrays}
    )
    found = factors.compute(panel, [name], benchmark="SPY", universe=members(panel))[name][:, column]
    expected = np.full(len(panel), np.nan)
    expected[kept] = factors.compute(dense, [name], benchmark="SPY", universe=members(dense))[name][:, column]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["rsi_14", "adx_14", "tail_asymmetry_60", "beta_60"])
def test_a_price_that_never_moves_has_no_value(name: str) -> None:
    still = panel_of(np.full((400, 1), 42.0), symbols=("SPY",))
    assert np.isnan(factors.compute(still, [name], benchmark="SPY", universe=members(still))[name]).all()


def test_an_rsi_after_a_gap_is_not_oversold() -> None:
    rising = np.linspace(10.0, 20.0, 60)
    rising[30] = np.nan
    found = factors.compute(panel_of(rising), ["rsi_14"], benchmark="S0", universe=1)["rsi_14"][:, 0]
    assert np.isnan(found[30])
    np.testing.assert_allclose(found[31:], 100.0)


def test_a_ratio_to_no_volume_is_missing_and_not_infinite() -> None:
    panel = panel_of([1.0, 1.0, 1.0, 1.0], volume=[0, 0, 5, 5])
    found = factors.compute(panel, ["volume_ratio_2"], benchmark="S0", universe=members(panel))[
        "volume_ratio_2"
    ][:, 0]
    np.testing.assert_array_equal(found, [np.nan, np.nan, np.nan, 2.0])
