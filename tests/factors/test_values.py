"""Factors by hand: small tables of bars with the values that follow from them."""

import numpy as np
import pytest

from nightdesk import factors
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats, Panel
from nightdesk.testing.random_panels import members, panel_of, random_panel

NAN = np.nan


def values(panel: Panel, name: str, benchmark: str = "S0") -> Floats:
    return factors.compute(panel, [name], benchmark=benchmark, universe=members(panel))[name]


TABLE = {
    "momentum_2": ([10, 11, 12, 9], [NAN, NAN, 0.2, 9 / 11 - 1]),
    "momentum_2@1": ([10, 11, 12, 9], [NAN, NAN, NAN, 0.2]),
    "sma_3": ([1, 2, 6, 1], [NAN, NAN, 3, 3]),
    "bb_mid_3_2": ([1, 2, 6, 1], [NAN, NAN, 3, 3]),
    "bb_upper_2_2": ([1, 3, 3, 9], [NAN, 4, 3, 12]),
    "bb_lower_2_2": ([1, 3, 3, 9], [NAN, 0, 3, 0]),
    "bb_width_2_2": ([1, 3, 3, 9], [NAN, 2, 0, 2]),
    "volatility_2": ([100, 110, 99, 99], [NAN, NAN, np.sqrt(0.02 * 252), np.sqrt(0.005 * 252)]),
    "q50_3": ([100, 110, 99, 99], [NAN, NAN, NAN, 0]),
    # changes +1 -1 +3: seeded with the mean of two, then half of the newest
    "rsi_2": ([10, 11, 10, 13], [NAN, NAN, 50, 100 * 1.75 / 2.0]),
    "adjusted_close": ([1, 2, 3], [1, 2, 3]),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_value_follows_from_the_closes(name: str) -> None:
    closes, expected = TABLE[name]
    np.testing.assert_allclose(values(panel_of(closes), name)[:, 0], expected, rtol=1e-12)


def test_momentum_12_1_skips_the_newest_month() -> None:
    close = np.arange(1.0, 400.0)
    found = values(panel_of(close), "momentum_12_1")[:, 0]
    assert np.isnan(found[:252]).all()
    assert found[300] == close[300 - 21] / close[300 - 252] - 1.0


def test_true_range_counts_the_gap_from_the_close_before() -> None:
    panel = panel_of([10, 20, 15], high=[11, 21, 16], low=[9, 19, 14])
    # from 10 to a high of 21; from 20 to a low of 14
    np.testing.assert_allclose(values(panel, "atr_1")[:, 0], [NAN, 11, 6])


def test_volume_ratio_leaves_today_out_of_the_mean() -> None:
    panel = panel_of([1, 1, 1, 1], volume=[100, 200, 300, 500])
    np.testing.assert_allclose(values(panel, "volume_ratio_2")[:, 0], [NAN, NAN, 2.0, 2.0])


def test_dollar_volume_and_average_volume_hold_today() -> None:
    panel = panel_of([1, 2, 3], volume=[100, 200, 300])
    np.testing.assert_allclose(values(panel, "dollar_volume_2")[:, 0], [NAN, 250, 650])
    np.testing.assert_allclose(values(panel, "adv_2")[:, 0], [NAN, 150, 250])


def test_a_split_is_no_rush_of_volume_and_no_fall_of_the_average() -> None:
    panel = panel_of([100, 100, 25, 25], volume=[10, 10, 40, 40], split=[1, 1, 4, 1], adjustment=[1, 1, 4, 4])
    np.testing.assert_allclose(values(panel, "volume_ratio_2")[2:, 0], [1, 1])
    np.testing.assert_allclose(values(panel, "adv_3")[2:, 0], [40, 40])
    np.testing.assert_allclose(values(panel, "momentum_1")[1:, 0], [0, 0, 0])
    np.testing.assert_allclose(values(panel, "sma_2")[1:, 0], [100, 25, 25])


def test_a_low_is_in_the_dollars_of_its_own_session() -> None:
    panel = panel_of([100, 24, 25], low=[98, 23, 24], split=[1, 4, 1], adjustment=[1, 4, 4])
    np.testing.assert_allclose(values(panel, "session_low")[:, 0], [98, 23, 24])
    np.testing.assert_allclose(values(panel, "session_low@1")[:, 0], [NAN, 98, 23])


@pytest.mark.parametrize("name", ["sma_20", "bb_upper_20_2", "atr_14", "macd", "macd_signal"])
def test_levels_are_in_the_raw_dollars_of_their_own_session(name: str) -> None:
    panel = random_panel(1)
    levels, adjusted = values(panel, name, "SPY"), panel.adjustment
    rescaled = panel_of(
        panel.close * adjusted, high=panel.high * adjusted, low=panel.low * adjusted, symbols=panel.symbols
    )
    np.testing.assert_allclose(levels, values(rescaled, name, "SPY") / adjusted, rtol=1e-9, atol=1e-12)


def test_beta_of_the_benchmark_is_one_and_of_its_double_is_two() -> None:
    market = np.random.default_rng(1).normal(0.0, 0.01, 100)
    close = np.cumprod(1.0 + np.column_stack([market, 2.0 * market]), axis=0)
    found = values(panel_of(close), "beta_60")
    assert (found[60:, 0] == 1.0).all()
    np.testing.assert_allclose(found[60:, 1], 2.0, rtol=1e-12)


def test_beta_without_its_benchmark_is_refused() -> None:
    with pytest.raises(Refused, match="beta_60 needs the benchmark SPY"):
        values(panel_of([1.0, 2.0]), "beta_60", benchmark="SPY")


def test_tail_asymmetry_is_positive_where_gains_reach_further() -> None:
    change = np.where(np.arange(200) % 7 == 0, 0.05, -0.005)
    change += np.random.default_rng(1).normal(0, 1e-4, 200)
    assert (values(panel_of(np.cumprod(1.0 + change)), "tail_asymmetry_60")[60:] > 0.5).all()


RANKS = [
    ([[1, 2, 3, 4]], [[0.25, 0.5, 0.75, 1.0]]),
    ([[4, 4, 1, 4]], [[0.75, 0.75, 0.25, 0.75]]),
    ([[NAN, 2, 1, NAN]], [[NAN, 1.0, 0.5, NAN]]),
    ([[7, 7, 7, 7]], [[0.625, 0.625, 0.625, 0.625]]),
    ([[NAN, NAN, NAN, 5]], [[NAN, NAN, NAN, 1.0]]),
]


@pytest.mark.parametrize(("row", "expected"), RANKS)
def test_ranks_are_percentiles_with_ties_averaged(
    row: list[list[float]], expected: list[list[float]]
) -> None:
    np.testing.assert_array_equal(values(panel_of(row), "rank_adjusted_close"), expected)


def test_columns_behind_the_universe_take_no_rank_and_change_none() -> None:
    panel = panel_of([[1.0, 3.0, 2.0, 9.0]], symbols=("A", "B", "SPY", "^VIX"))
    among = factors.compute(panel, ["rank_adjusted_close"], benchmark="SPY", universe=2)
    np.testing.assert_array_equal(among["rank_adjusted_close"], [[0.5, 1.0, NAN, NAN]])


def test_a_universe_that_the_panel_does_not_hold_is_refused() -> None:
    with pytest.raises(Refused, match="a universe of 3 symbols in a panel of 2"):
        factors.compute(panel_of([[1.0, 3.0]]), ["adjusted_close"], benchmark="S0", universe=3)


def test_ranks_are_among_members_alone_and_what_is_none_is_below_them() -> None:
    panel = panel_of([[1.0, 3.0, 2.0, NAN, 9.0]] * 2, symbols=("A", "B", "C", "D", "SPY"))
    member = np.array([[True, True, True, True], [True, False, True, False]])
    among = factors.compute(panel, ["rank_adjusted_close"], benchmark="SPY", universe=4, member=member)
    expected = [[1 / 3, 1.0, 2 / 3, NAN, NAN], [0.5, 0.0, 1.0, NAN, NAN]]
    np.testing.assert_array_equal(among["rank_adjusted_close"], expected)


def test_who_becomes_a_member_later_changes_no_rank_before() -> None:
    panel = random_panel(3)
    at = np.random.default_rng(4).random((len(panel), 4)) < 0.7
    later = at.copy()
    later[300:] = ~later[300:]
    names = ["rank_momentum_60", "rank_momentum_60@5"]
    one, other = (
        factors.compute(panel, names, benchmark="SPY", universe=4, member=mask) for mask in (at, later)
    )
    cut = factors.compute(panel.until(300), names, benchmark="SPY", universe=4, member=at[:300])
    for name in names:
        np.testing.assert_array_equal(one[name][:300], other[name][:300])
        np.testing.assert_array_equal(one[name][:300], cut[name])
        assert (one[name][300:] != other[name][300:]).any()
