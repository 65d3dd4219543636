"""Names of factors: what they mean, what they need, and how a wrong one is answered."""

import subprocess
import sys

import pytest

from nightdesk import factors
from nightdesk.core.errors import Refused
from nightdesk.factors.factor_registry import column_factors, innermost
from nightdesk.testing.random_panels import random_panel

REFUSED = {
    "momntum_60": "near ones are momentum_",
    "sma_0": "there is no factor 'sma_0'",
    "sma_020": "there is no factor 'sma_020'",
    "": "there is no factor ''",
    "momentum_1_12": "it must skip fewer months than 1",
    "momentum_12_12": "it must skip fewer months than 12",
    "volatility_1": "a deviation needs at least 2 sessions",
    "beta_1": "a variance needs at least 2 sessions",
    "q00_60": "there is no factor 'q00_60'",
    "rank_nothing": "there is no factor 'nothing'",
    "rsi_14@0": "there is no factor 'rsi_14@0'",
    "wrong@1": "there is no factor 'wrong'",
    "zscore_1_of(sma_20)": "a deviation needs at least 2 values",
    "std_20_of(std_20_of(momentum_1)": "its parentheses do not match; write it as",
    "mean_20_of(sma_20))": "its parentheses do not match",
    "mean_20_of(sma_20)+(sma_50)": "factor 'sma_20)+(sma_50': its parentheses do not match",
    "mean_20_of()": "there is no factor 'mean_20_of()'",
    "mean_20_of(nothing)": "there is no factor 'nothing'",
    "mean_20_of(rsi_14@0)": "there is no factor 'rsi_14@0'",
    "mean_20_of(h:rsi_14)": "h: stands before the whole name, as h:mean_20_of(rsi_14)",
    "rank_h:rsi_14": "h: stands before the whole name, as h:rank_rsi_14",
    "mean_2_of(" * 9 + "rsi_14" + ")" * 9: "it nests 9 factors, and 8 are the most",
    "ta.supertrend": "write it like ta.supertrend",
    "ta.suprtrend()": "near ones are supertrend",
    "ta.rsi(window=3)": "'window=3' does not fit; its numbers are length",
    "ta.rsi(3,100,1,1)": "'1' does not fit",
    "ta.rsi(length=3,length=4)": "'length=4' does not fit",
    "ta.rsi(length=3,4)": "'4' does not fit",
    "ta.rsi(close)": "'close' is not a number of at least 0",
    "ta.mom(-5)": "'-5' is not a number of at least 0",
    "ta.rsi(nan)": "'nan' is not a number",
    "ta.rsi(14,offset=-1)": "'offset=-1' does not fit",
    "ta.dpo(20)": "not available: it is centred",
    "ta.ichimoku()": "not available: its lagging span",
    "ta.long_run(3)": "works on other series than a bar's",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_name_is_refused_with_what_would_be_right(name: str) -> None:
    with pytest.raises(Refused) as refusal:
        factors.resolve(name)
    assert REFUSED[name] in str(refusal.value)


LOOK_BACK = {
    "momentum_60": 61,
    "momentum_12_1": 253,
    "volatility_20": 21,
    "sma_200": 200,
    "volume_ratio_20": 21,
    "adv_20": 20,
    "beta_60": 61,
    "q05_60": 61,
    "rank_momentum_12_1": 253,
    "sma_20@5": 25,
    "rsi_14": 295,
    "ta.supertrend(7,3)": 307,
    "sum_20": 21,
    "mean_20_of(adjusted_close)": 20,
    "zscore_252_of(std_20_of(momentum_1))": 2 + 19 + 251,
    "rank_mean_5_of(sma_20@5)@3": 25 + 4 + 3,
    "zscore_252_of(volatility_signal)": 523,
    "zscore_252_of(momentum_signal)": 312,
    "zscore_252_of(tail_signal)": 312,
    "zscore_252_of(beta_signal)": 371,
    "zscore_252_of(carry_signal)": 503,
    "zscore_252_of(carry_signal_standardised)": 754,
}


@pytest.mark.parametrize("name", LOOK_BACK)
def test_the_look_back_follows_from_the_name(name: str) -> None:
    assert factors.look_back([name]) == LOOK_BACK[name]


def test_what_a_factor_is_made_of_is_found_through_lags_and_parentheses() -> None:
    asked = "h:rank_mean_5_of(std_20_of(macro_DGS10@2))@3"
    family, parts = innermost(asked)
    assert (family.pattern, parts) == ("macro_{series}", {"series": "DGS10"})
    assert factors.facts_needed([asked]) == {asked: ("macro", "DGS10")}
    assert column_factors("rank_mean_5_of(sma_20@5)@3") == {"mean_5_of(sma_20@5)"}
    assert column_factors("mean_5_of(rank_sma_20@5)@3") == {"sma_20"}
    assert column_factors("mean_5_of(ta.atr(14))") == frozenset()


def test_a_factor_of_a_factor_is_by_column_where_that_is() -> None:
    by_column = ("zscore_60_of(momentum_5)", "zscore_60_of(std_5_of(momentum_5))@2")
    across = ("zscore_60_of(rank_momentum_5)", "mean_2_of(mean_2_of(ta.atr(14)))")
    assert all(factors.resolve(name).by_column for name in by_column)
    assert not any(factors.resolve(name).by_column for name in across)


def test_the_look_back_of_several_is_the_longest() -> None:
    assert factors.look_back(["sma_20", "sma_200", "momentum_60"]) == 200
    assert factors.look_back([]) == 0


def test_every_factor_asked_for_comes_back_once_under_its_own_name() -> None:
    asked = ["sma_20", "rsi_14@1", "sma_20"]
    assert list(factors.compute(random_panel(1), asked, benchmark="SPY", universe=4)) == [
        "sma_20",
        "rsi_14@1",
    ]


def test_a_wrong_name_is_refused_before_anything_is_computed() -> None:
    with pytest.raises(Refused, match="nonsense"):
        factors.compute(random_panel(1), ["sma_20", "nonsense"], benchmark="SPY", universe=4)


COLUMNS = [
    ("ta.supertrend(7,3)", "ta.supertrend(length=7,multiplier=3).SUPERT_7_3"),
    ("ta.supertrend(7,3).SUPERTd", "ta.supertrend(7, 3).SUPERTd_7_3"),
    ("ta.bbands(20,2,2).BBU", "ta.bbands(length=20).BBU"),
    ("ta.rsi()", "ta.rsi(14)"),
]


@pytest.mark.parametrize(("one", "other"), COLUMNS)
def test_two_ways_of_naming_a_column_mean_the_same(one: str, other: str) -> None:
    found = factors.compute(random_panel(2), [one, other], benchmark="SPY", universe=4)
    assert (found[one][100:, 0] == found[other][100:, 0]).all()


def test_a_column_that_an_indicator_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(Refused, match=r"ta\.macd has no column MACDx; it has MACD_12_26_9, MACDh_12_26_9"):
        factors.compute(random_panel(2), ["ta.macd().MACDx"], benchmark="SPY", universe=4)


def test_the_direction_of_a_supertrend_is_up_or_down_once_it_is_known() -> None:
    name = "ta.supertrend(7,3).SUPERTd"
    found = factors.compute(random_panel(2), [name], benchmark="SPY", universe=4)[name][20:, 0]
    assert set(found) == {-1.0, 1.0}


def test_only_its_own_indicators_load_pandas_ta() -> None:
    code = (
        "import sys; from nightdesk import factors; factors.look_back(factors.STANDARD);"
        "sys.exit(any(name in sys.modules for name in ('pandas', 'pandas_ta', 'numba')))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
