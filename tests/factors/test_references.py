"""Factors against two independent sources: pandas-ta on real bars, and golden files made by TA-Lib."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nightdesk import factors
from nightdesk.core.panel import Panel
from nightdesk.testing.random_panels import members, panel_of

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "talib.csv.gz"

#: The first row of each golden series from which our value must equal TA-Lib's. Its ADX is seeded with 13
#: values where Wilder takes 14, and its fast MACD average starts where the slow one does: both forget that.
EQUAL_FROM = {
    "momentum_60": 60,
    "sma_20": 19,
    "sma_200": 199,
    "rsi_14": 14,
    "atr_14": 14,
    "adx_14": 350,
    "bb_upper_20_2": 19,
    "bb_mid_20_2": 19,
    "bb_lower_20_2": 19,
    "macd": 300,
    "macd_signal": 350,
}

#: Our factor, pandas-ta's call, the rows of warm-up that the two may differ in.
PANDAS_TA = {
    "momentum_60": (lambda ta, b: ta.percent_return(b.close, length=60), 60),
    "sma_200": (lambda ta, b: ta.sma(b.close, length=200, talib=False), 200),
    "rsi_14": (lambda ta, b: ta.rsi(b.close, length=14, talib=False), 300),
    "atr_14": (lambda ta, b: ta.atr(b.high, b.low, b.close, length=14, talib=False), 300),
    "atr_20": (lambda ta, b: ta.atr(b.high, b.low, b.close, length=20, talib=False), 430),
    "adx_14": (lambda ta, b: ta.adx(b.high, b.low, b.close, length=14, talib=False)["ADX_14"], 360),
    "bb_upper_20_2": (lambda ta, b: _bands(ta, b).iloc[:, 2], 20),
    "bb_mid_20_2": (lambda ta, b: _bands(ta, b).iloc[:, 1], 20),
    "bb_lower_20_2": (lambda ta, b: _bands(ta, b).iloc[:, 0], 20),
    "bb_width_20_2": (lambda ta, b: _bands(ta, b).iloc[:, 3] / 100.0, 20),
    "macd": (lambda ta, b: ta.macd(b.close, talib=False).iloc[:, 0], 300),
    "macd_signal": (lambda ta, b: ta.macd(b.close, talib=False).iloc[:, 2], 350),
}


def _bands(ta, bars: pd.DataFrame) -> pd.DataFrame:
    return ta.bbands(bars.close, length=20, lower_std=2, upper_std=2, ddof=0, talib=False)


def test_talib_is_not_in_this_environment() -> None:
    assert find_spec("talib") is None, "pandas-ta would silently call it, and two references would be one"


@pytest.mark.parametrize("symbol", ["SPY", "TLT", "BTC-USD", "SLV"])
@pytest.mark.parametrize("name", PANDAS_TA)
def test_a_factor_agrees_with_pandas_ta_on_real_bars(name: str, symbol: str, real_panel: Panel) -> None:
    import pandas_ta

    call, warm_up = PANDAS_TA[name]
    at = real_panel.column(symbol)
    adjustment = real_panel.adjustment[:, at]
    prices = {one: getattr(real_panel, one)[:, at] * adjustment for one in ("high", "low", "close")}
    bars = pd.DataFrame(prices, index=pd.DatetimeIndex(real_panel.sessions))
    present = bars.notna().all(axis=1).to_numpy()
    reference = call(pandas_ta, bars[present]).to_numpy()[warm_up:]
    level = name.startswith(("sma", "atr", "macd", "bb_")) and name != "bb_width_20_2"
    found = factors.compute(real_panel, [name], benchmark="SPY", universe=members(real_panel))[name][:, at]
    found = (found * adjustment if level else found)[present][warm_up:]
    assert len(reference) > 1_000
    np.testing.assert_allclose(found, reference, rtol=1e-9, atol=1e-9 * np.nanmax(np.abs(reference)))


@pytest.mark.parametrize("symbol", ["A", "B", "C"])
@pytest.mark.parametrize("name", EQUAL_FROM)
def test_a_factor_agrees_with_the_golden_file_of_talib(name: str, symbol: str) -> None:
    golden = pd.read_csv(GOLDEN).query("symbol == @symbol").set_index("row")
    bars = golden[["high", "low", "close"]].reindex(range(420))
    panel = panel_of(bars["close"], high=bars["high"], low=bars["low"])
    found = factors.compute(panel, [name], benchmark="S0", universe=members(panel))[name][:, 0]
    first = EQUAL_FROM[name]
    expected = golden[name].reindex(range(420)).to_numpy()
    if name.startswith(("momentum", "sma", "bb_")):
        whole = bars["close"].rolling(first + 1).count().to_numpy() == first + 1
    else:
        whole = bars["close"].notna().to_numpy() & (np.arange(420) >= first + (420 - len(golden)))
    if name == "rsi_14" and symbol == "C":
        assert np.isnan(found[14:30]).all()  # TA-Lib says 0 of a price that does not move
        whole[:30] = False
    assert whole.sum() >= 40
    np.testing.assert_allclose(found[whole], expected[whole], rtol=1e-9, atol=1e-11)
