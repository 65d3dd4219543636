"""Every registered factor keeps the contract, and the contract catches one that does not."""

import re
from dataclasses import replace

import numpy as np
import pytest
from tests.factors.panels import late_trouble_panel

from nightdesk import factors
from nightdesk.core.panel import Floats, Panel
from nightdesk.factors import technical
from nightdesk.testing.factor_contract import FactorContract, assert_truncation_changes_nothing
from nightdesk.testing.random_panels import members, random_panel

RAW = (
    *("volatility_signal", "momentum_signal", "tail_signal", "beta_signal"),
    *("carry_signal", "carry_signal_standardised"),
)


class OnTheRealMarket(FactorContract):
    """The contract, on eighteen years of the market too."""

    def test_nothing_looks_ahead_on_the_real_market(self, real_panel: Panel) -> None:
        recent = real_panel.until(3_000)
        assert_truncation_changes_nothing(self.compute, recent, (253, 700, 1_801, 2_999))


class TestStandard(OnTheRealMarket):
    """The desk's own table."""

    names = factors.STANDARD


class TestOtherNumbers(OnTheRealMarket):
    """Other members of the families, lags, and ranks of other factors."""

    names = (
        "momentum_1",
        "momentum_6_1",
        "volatility_2",
        "sma_1",
        "sma_7",
        "rsi_2",
        "atr_1",
        "adx_5",
        "bb_lower_10_1.5",
        "volume_ratio_1",
        "beta_21",
        "q01_30",
        "q50_21",
        "q99_60",
        "tail_asymmetry_20",
        "rank_rsi_14",
        "rank_momentum_60@5",
        "rsi_14@1",
        "adjusted_close",
        "session_low",
        "log_close",
    )


class TestOfFactors(OnTheRealMarket):
    """Factors of factors, within one another, with lags, of ranks and of indicators."""

    names = (
        "sum_1",
        "sum_20@2",
        "mean_20_of(adjusted_close)",
        "mean_1_of(rsi_14)",
        "std_60_of(momentum_1@1)",
        "zscore_30_of(std_20_of(volatility_5)@3)@1",
        "zscore_60_of(rank_momentum_5)",
        "rank_zscore_60_of(momentum_5)",
        "mean_3_of(ta.atr(14))",
    )


class TestRawSignals(OnTheRealMarket):
    """The raw signals and their scores, whose windows are up to 754 sessions long."""

    sessions = 900
    names = (
        "damped_beta_60",
        "benchmark_close",
        *RAW,
        *(f"zscore_252_of({name})" for name in RAW),
    )
    lengths = (1, 61, 252, 253, 312, 371, 503, 523, 524, 700, 754, 755, 899)


class TestTechnical(OnTheRealMarket):
    """Indicators of pandas-ta."""

    names = ("ta.supertrend(7,3)", "ta.supertrend(7,3).SUPERTd@1", "ta.atr(14)", "ta.bbands(20,2,2).BBU")
    lengths = (1, 7, 8, 9, 10, 15, 20, 21, 300, 419)

    def test_nothing_looks_ahead_on_the_real_market(self, real_panel: Panel) -> None:
        assert_truncation_changes_nothing(self.compute, real_panel.until(700), (300, 699))


class TestSentiment(OnTheRealMarket):
    """What was said of a symbol: on panels on which something was said of nearly every bar."""

    names = (
        *("sentiment", "sentiment_5", "sentiment_2", "sentiment@3", "rank_sentiment_20"),
        *("sentiment_change_5", "sentiment_change_2"),
    )

    def compute(self, panel: Panel) -> dict[str, Floats]:
        said = np.sin(panel.close * 7.0)
        silent = np.arange(len(panel))[:, None] % 5 < np.arange(panel.close.shape[1])[None, :]
        return super().compute(replace(panel, sentiment=np.where(silent, np.nan, said)))


class TestFacts(OnTheRealMarket):
    """Facts beside prices: on panels that say something of nearly every bar."""

    names = (
        "macro_DGS10",
        "macro_DGS10@4",
        "positioning_ratio",
        "positioning_percentile",
        "sessions_to_earnings",
        "sessions_since_earnings",
        "rank_market_cap",
        "market_cap",
        "quoted_spread",
    )

    def compute(self, panel: Panel) -> dict[str, Floats]:
        plain = {name for name in self.names if "@" not in name and not name.startswith("rank")}
        told = {name: np.sin(panel.close * (n + 2.0)) for n, name in enumerate(sorted(plain))}
        return super().compute(replace(panel, facts=told))


def test_every_family_is_under_contract() -> None:
    tried = {
        *TestStandard.names,
        *TestOtherNumbers.names,
        *TestOfFactors.names,
        *TestRawSignals.names,
        *TestTechnical.names,
        *TestSentiment.names,
        *TestFacts.names,
    }
    for pattern in factors.families():
        shape = re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(pattern)))
        assert any(shape.fullmatch(name) for name in tried), f"{pattern} is tested by no contract"


def test_a_factor_that_looks_ahead_is_caught() -> None:
    def centred(panel: Panel) -> dict[str, Floats]:
        out = np.full_like(panel.close, np.nan)
        out[1:-1] = (panel.close[:-2] + panel.close[1:-1] + panel.close[2:]) / 3.0
        return {"centred": out}

    with pytest.raises(AssertionError, match="centred"):
        assert_truncation_changes_nothing(centred, random_panel(1), [300])


def test_a_factor_that_scales_by_the_whole_series_is_caught() -> None:
    def scaled(panel: Panel) -> dict[str, Floats]:
        return {"scaled": panel.close / np.nanmax(panel.close, axis=0)}

    with pytest.raises(AssertionError, match="scaled"):
        assert_truncation_changes_nothing(scaled, random_panel(1), [300])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_no_indicator_that_pandas_ta_offers_looks_ahead(seed: int) -> None:
    import pandas_ta

    known = {name for group in pandas_ta.Category.values() for name in group}
    offered = sorted(known - set(technical.REFUSED) - {"long_run", "short_run"})
    assert len(offered) > 120
    panel = late_trouble_panel(seed)
    for name in offered:
        call = f"{name}()"
        columns = [f"ta.{call}.{column}" for column in technical.columns(call)]
        first = technical.shortest_history(technical.parse(call))
        lengths = {2, 90, 257, 390, 420, 499, 699, *range(first - 1, first + 8)}

        def compute(cut: Panel, columns: list[str] = columns) -> dict[str, Floats]:
            return factors.compute(cut, columns, benchmark="SPY", universe=members(cut))

        assert_truncation_changes_nothing(compute, panel, sorted(lengths))


@pytest.mark.parametrize("name", ["alma", "dpo", "kurtosis", "skew", "tos_stdevall", "vhm", "zigzag"])
def test_an_indicator_is_refused_because_it_does_change_with_later_rows(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = late_trouble_panel(1)
    monkeypatch.setattr(technical, "REFUSED", {})
    call = technical.parse.__wrapped__(f"{name}()")

    def compute(cut: Panel) -> dict[str, Floats]:
        bars = {
            "high": cut.high[:, 0],
            "low": cut.low[:, 0],
            "close": cut.close[:, 0],
            "volume": cut.volume[:, 0],
        }
        table = technical._answer(call, {one: bars[one] for one in call.inputs}, cut.sessions)
        return {name: np.full((len(cut), 1), np.nan) if table is None else table.to_numpy(dtype=float)}

    with pytest.raises(AssertionError, match=name):
        assert_truncation_changes_nothing(compute, panel, (22, 31, 90, 333, 611, 650))
