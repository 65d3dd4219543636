"""Real bars as raw prices with splits in them: whoever states those, or nobody, the result is the same."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nightdesk.core.book import Book, parse_book
from nightdesk.research.backtest.data import FetchedBars, origin_of, read_market
from nightdesk.research.backtest.run import Result, backtest

FIRST, LAST = date(2019, 2, 1), date(2020, 6, 30)
#: Ex-date and shares after for one before, of sessions on which the symbol may be held.
SPLITS = {
    "SPY": [("2019-05-15", 1.5)],
    "QQQ": [("2019-06-03", 4.0), ("2020-02-12", 0.5)],
    "XLK": [("2019-09-10", 20.0)],
    "TLT": [("2019-08-14", 0.1)],
    "GLD": [("2019-10-01", 1.5)],
}
PRICES = ["open", "high", "low", "close"]


@pytest.fixture(scope="module")
def adjusted(market: Path) -> pd.DataFrame:
    """The real bars, split-adjusted by their vendor."""
    frames = [pd.read_csv(market / f"{name}.csv.gz") for name in ("multi_asset_daily", "vix_daily")]
    bars = pd.concat(frames)
    return bars[bars["symbol"].isin([*SPLITS, "^VIX"]) & bars["date"].between("2016-06-01", str(LAST))]


def raw(bars: pd.DataFrame) -> pd.DataFrame:
    """The same bars in the prices of their own day, had the splits happened."""
    out = bars.copy()
    out["split"] = 0.0
    for symbol, splits in SPLITS.items():
        for day, ratio in splits:
            before = (out["symbol"] == symbol) & (out["date"] < day)
            out.loc[before, PRICES] *= ratio
            out.loc[before, "volume"] = (out.loc[before, "volume"] / ratio).round()
            out.loc[(out["symbol"] == symbol) & (out["date"] == day), "split"] = ratio
    return out


def book() -> Book:
    """Five funds, followed by their trend; so much capital that whole shares are small."""
    return parse_book(
        {
            "name": "raw",
            "title": "Raw prices",
            "initial_capital": "5000000.00",
            "broker": {"account": "paper-raw"},
            "universe": {symbol: {"max_weight": 0.3} for symbol in SPLITS},
            "strategies": {"time_series_momentum": {}},
            "regime": [{"name": "ALL"}],
            "limits": {"smallest_trade": {"limit": 10_000}},
            "costs": {"commission": 0, "slippage": 0},
        },
        "a test",
    )


def run(folder: Path, bars: pd.DataFrame, actions: Sequence[str] = ()) -> tuple[FetchedBars, Result]:
    folder.mkdir(exist_ok=True)
    bars.to_csv(folder / "bars.csv", index=False)
    if actions:
        (folder / "actions.csv").write_text("\n".join(("symbol,date,kind,value", *actions)) + "\n")
    one = book()
    market = read_market(one, origin_of(one, FIRST), LAST, [f"files:{folder}"])
    return market, backtest(one, market.panel, FIRST, LAST)


@pytest.fixture(scope="module")
def expected(adjusted: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run(tmp_path_factory.mktemp("adjusted"), adjusted)[1]


def as_columns(folder: Path, bars: pd.DataFrame) -> tuple[FetchedBars, Result]:
    return run(folder, bars)


def as_actions(folder: Path, bars: pd.DataFrame) -> tuple[FetchedBars, Result]:
    stated = [f"{symbol},{day},split,{ratio}" for symbol, splits in SPLITS.items() for day, ratio in splits]
    return run(folder, bars.drop(columns="split"), stated)


def inferred_from_adj_close(folder: Path, bars: pd.DataFrame) -> tuple[FetchedBars, Result]:
    return run(folder, bars.drop(columns="split"))


def must_agree(result: Result, expected: Result) -> None:
    """NAV, and the value of what is held, within what whole shares of other prices can differ."""
    assert expected.nav.std() > 20_000  # it is invested
    np.testing.assert_allclose(result.nav, expected.nav, rtol=1e-3)
    traded = [sum(len(decision.orders) for decision in one.decided) for one in (result, expected)]
    assert abs(traded[0] - traded[1]) <= 0.05 * traded[1]


@pytest.mark.parametrize("layout", [as_columns, as_actions, inferred_from_adj_close])
def test_raw_prices_with_splits_give_the_result_of_adjusted_ones(
    layout, adjusted, expected, tmp_path
) -> None:
    market, result = layout(tmp_path, raw(adjusted))
    splits = {
        (str(market.panel.sessions[t]), market.panel.symbols[n])
        for t, n in np.argwhere(market.panel.split != 1)
    }
    assert splits == {(day, symbol) for symbol, told in SPLITS.items() for day, _ in told}
    must_agree(result, expected)
    inferred = [one for one in market.panel.findings if one.outcome == "inferred"]
    assert len(inferred) == (6 if layout is inferred_from_adj_close else 0)
    booked = {entry.symbol for entry in result.entries if entry.kind == "split"}
    assert booked  # splits of held symbols are among them
    assert any(entry.kind == "adjustment" for entry in result.entries)  # and fractions paid in cash


def test_splits_that_nothing_states_are_inferred_from_raw_prices_alone(adjusted, tmp_path) -> None:
    without = adjusted.drop(columns="adj_close")
    _, expected = run(tmp_path / "adjusted", without)
    market, result = run(tmp_path / "raw", raw(without).drop(columns="split"))
    assert len(market.panel.findings) == 6
    must_agree(result, expected)
