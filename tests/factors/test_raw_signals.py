"""The raw signals against an independent version in pandas on the real bars, and by hand on small tables.

The version here works on series by date, one symbol after the other: nothing of it is the desk's.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.factors.panels import stocks_panel
from tests.hourly_book import SYMBOLS as HOURLY_SYMBOLS
from tests.hourly_book import hourly_panel

from nightdesk import factors
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats, Panel
from nightdesk.testing.random_panels import panel_of

SIGNALS = (
    "volatility_signal",
    "momentum_signal",
    "tail_signal",
    "beta_signal",
    "carry_signal",
    "carry_signal_standardised",
)


class InPandas:
    """Every signal of one symbol, from closes by date; `SPY` and the symbol are joined by date."""

    def __init__(
        self, close: pd.Series, market: pd.Series, sessions: pd.DatetimeIndex, a_year: float
    ) -> None:
        self.close, self.sessions, self.a_year = close, sessions, a_year
        self.r, self.m = (one.pct_change(fill_method=None) for one in (close, market))

    def zscore(self, x: pd.Series, n: int = 252) -> pd.Series:
        """Of the values that are there."""
        there = x.dropna()
        rolling = there.rolling(n)
        return ((there - rolling.mean()) / (rolling.std(ddof=1) + 1e-8)).reindex(x.index)

    def spread(self, x: pd.Series, n: int) -> pd.Series:
        return x.dropna().rolling(n).std(ddof=1).reindex(x.index)

    def volatility_signal(self) -> pd.Series:
        v = self.r.rolling(20).std(ddof=1) * np.sqrt(self.a_year)
        return -self.zscore(v) * (1 + self.spread(v, 20))

    def momentum_signal(self) -> pd.Series:
        short = self.r.rolling(20).sum()
        return 0.7 * (short - self.m.rolling(20).sum()) + 0.3 * (short - self.r.rolling(60).sum())

    def tail_signal(self) -> pd.Series:
        low, high = (self.r.rolling(60).quantile(q, interpolation="linear") for q in (0.05, 0.95))
        return -low * (high + low) / (high - low).where(high != low)

    def beta_signal(self) -> pd.Series:
        pair = pd.DataFrame({"r": self.r, "m": self.m}).dropna()
        # a window that holds a session without one of the two returns is missing
        whole = pd.DataFrame({"r": self.r, "m": self.m}).notna().all(axis=1).rolling(60).sum() == 60
        b = pair["r"].rolling(60).cov(pair["m"]) / (pair["m"].rolling(60).var(ddof=1) + 1e-8)
        b = b.reindex(self.r.index).where(whole)
        return -b * (1 + self.spread(b, 60))

    def _terms(self) -> tuple[pd.Series, pd.Series, pd.Series]:
        there = self.close.dropna()
        mean = there.rolling(252).mean().reindex(self.close.index)
        day = pd.Series(self.sessions.dayofyear, index=self.close.index)
        return (
            self.r.rolling(40).std(ddof=1) - self.r.rolling(20).std(ddof=1),
            (self.close - mean) / mean,
            np.sin(2 * np.pi * day / 365),
        )

    def carry_signal(self) -> pd.Series:
        risk, distance, sine = self._terms()
        return 0.5 * risk - 0.3 * distance + 0.2 * sine

    def carry_signal_standardised(self) -> pd.Series:
        risk, distance, sine = map(self.zscore, self._terms())
        return 0.5 * risk - 0.3 * distance + 0.2 * sine


def of_the_desk(panel: Panel, names: tuple[str, ...], universe: int) -> dict[str, Floats]:
    return factors.compute(panel, names, benchmark="SPY", universe=universe)


def series_of(panel: Panel, symbol: str, index: pd.Index) -> pd.Series:
    return pd.Series(panel.adjusted_close[:, panel.column(symbol)], index=index)


def assert_same(panel: Panel, index: pd.Index, a_year: float, prefix: str = "") -> int:
    """Every signal, and its score's z, as pandas has them; how many numbers were compared."""
    names = tuple(f"{prefix}{name}" for name in SIGNALS)
    scores = tuple(f"{prefix}zscore_252_of({name})" for name in SIGNALS)
    universe = len(panel.symbols) - (panel.symbols[-1] == "SPY")
    found = of_the_desk(panel, (*names, *scores), universe)
    sessions, compared = pd.DatetimeIndex(panel.sessions), 0
    for symbol in panel.symbols[:universe]:
        own = InPandas(series_of(panel, symbol, index), series_of(panel, "SPY", index), sessions, a_year)
        n = panel.column(symbol)
        for name, desk_name, score in zip(SIGNALS, names, scores, strict=True):
            expected = getattr(own, name)()
            for mine, theirs in ((desk_name, expected), (score, own.zscore(expected))):
                np.testing.assert_allclose(
                    found[mine][:, n], theirs.to_numpy(), rtol=1e-9, atol=1e-9, err_msg=f"{symbol} {mine}"
                )
                compared += int(np.isfinite(found[mine][:, n]).sum())
    return compared


def test_on_the_real_days_every_signal_is_that_of_pandas(market: Path) -> None:
    panel = stocks_panel(market)
    assert assert_same(panel, pd.DatetimeIndex(panel.sessions), 252.0) > 200_000


def test_on_the_real_hours_every_signal_is_that_of_pandas(market: Path) -> None:
    panel = hourly_panel(market)
    assert panel.hours is not None
    assert set(panel.symbols) >= set(HOURLY_SYMBOLS)
    index = pd.DatetimeIndex(panel.hours.instants)
    assert assert_same(panel_without_index(panel), index, 252.0 * 7, "h:") > 3_000


def panel_without_index(panel: Panel) -> Panel:
    """The symbols of the hourly book: SPY is one of them, and has returns of its own to compare with."""
    return panel.columns(slice(0, len(HOURLY_SYMBOLS)))


LOST = (("SPY", "2011-03-15"), ("AAPL", "2014-06-10"), ("AAPL", "2014-06-11"), ("NVDA", "2009-01-05"))


def test_days_that_spy_or_a_stock_lacks_are_joined_by_date(market: Path) -> None:
    panel = stocks_panel(market, LOST)
    assert np.isnan(panel.close[:, panel.column("SPY")]).sum() == 1
    assert assert_same(panel, pd.DatetimeIndex(panel.sessions), 252.0) > 200_000


def test_a_day_without_spy_costs_what_looks_at_spy_61_sessions_and_nothing_else(market: Path) -> None:
    whole, gappy = stocks_panel(market), stocks_panel(market, LOST[:1])
    names = tuple(f"zscore_252_of({name})" for name in SIGNALS)
    before, after = (of_the_desk(one, names, 5) for one in (whole, gappy))
    lost = int(np.searchsorted(whole.sessions, np.datetime64("2011-03-15")))
    for name in names:
        known = np.isfinite(after[name][:, 0])
        if "momentum" not in name and "beta" not in name:
            np.testing.assert_array_equal(after[name][:, :5], before[name][:, :5])
            continue
        rows = np.flatnonzero(np.isfinite(before[name][:, 0]) & ~known)
        # the return of the day, that of the next one, and the windows that hold one of the two
        longest = 60 if "beta" in name else 20
        assert rows.tolist() == list(range(lost, lost + longest + 1)), name


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_of_the_newest_session_is_the_same_from_the_bars_that_it_declares(
    name: str, market: Path
) -> None:
    panel = stocks_panel(market)
    asked = f"zscore_252_of({name})"
    whole = of_the_desk(panel, (asked,), 5)[asked]
    for stop in (2_000, 4_000):
        first = stop - factors.look_back([asked])
        close = panel_of(panel.adjusted_close[first:stop], symbols=panel.symbols)
        part = replace(close, sessions=panel.sessions[first:stop])
        found = of_the_desk(part, (asked,), 5)[asked]
        np.testing.assert_array_equal(found[-1], whole[stop - 1])  # to the last bit
        assert np.isnan(found[:-1, :5]).all()


def test_a_small_table_by_hand() -> None:
    # returns of 1 % up and down in turn: of 60 of them 30 are +1 %, 30 are -1 %
    close = 100.0 * np.cumprod(np.append(1.0, np.tile([1.01, 0.99], 40)))
    market = 100.0 * np.cumprod(np.append(1.0, np.full(80, 1.005)))
    panel = panel_of(np.column_stack([close, market]), symbols=("AAA", "SPY"))
    names = ("sum_20", "sum_60", "momentum_signal", "q05_60", "q95_60", "tail_signal", "damped_beta_60")
    found = {name: values[-1, 0] for name, values in of_the_desk(panel, names, 1).items()}
    assert found["sum_20"] == pytest.approx(0.0, abs=1e-12)
    assert found["sum_60"] == pytest.approx(0.0, abs=1e-12)
    # 0.7 × (0 - 20 × 0.5 %) + 0.3 × (0 - 0)
    assert found["momentum_signal"] == pytest.approx(-0.07, abs=1e-12)
    assert found["q05_60"] == pytest.approx(-0.01, abs=1e-12)
    assert found["q95_60"] == pytest.approx(0.01, abs=1e-12)
    # -(-1 %) × (1 % - 1 %) / 2 %
    assert found["tail_signal"] == pytest.approx(0.0, abs=1e-12)
    # the benchmark's returns have no variance: the covariance, 0, over 1e-8
    assert found["damped_beta_60"] == pytest.approx(0.0, abs=1e-6)


def test_equal_quantiles_give_no_tail_signal() -> None:
    close = np.full(80, 50.0)
    panel = panel_of(np.column_stack([close, close]), symbols=("AAA", "SPY"))
    assert np.isnan(of_the_desk(panel, ("tail_signal",), 1)["tail_signal"]).all()


def test_the_season_is_that_of_the_session_of_a_row() -> None:
    close = np.full(261, 100.0)
    panel = panel_of(np.column_stack([close, close]), symbols=("AAA", "SPY"))  # from 1 January 2020 on
    found = of_the_desk(panel, ("carry_signal",), 1)["carry_signal"][:, 0]
    assert np.isnan(found[:251]).all()
    for t in (251, 260):
        assert found[t] == pytest.approx(0.2 * np.sin(2 * np.pi * (t + 1) / 365), abs=1e-12)


def test_a_book_without_the_benchmark_among_its_symbols_is_refused_by_name() -> None:
    panel = panel_of(np.full((80, 1), 50.0), symbols=("AAA",))
    for name in ("momentum_signal", "damped_beta_60", "benchmark_close"):
        with pytest.raises(Refused, match=f"{name} needs the benchmark SPY"):
            of_the_desk(panel, (name,), 1)
