"""What the data checks hold back on real bars, and what is computed without it."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nightdesk import factors
from nightdesk.core.book import Book, load_book
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Panel
from nightdesk.core.withheld import usable
from nightdesk.engine import parse_injections
from nightdesk.feeds.quality import examine
from nightdesk.research.backtest.accepted_prices import read_accepting
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import Result, backtest

PROJECT = Path(__file__).parents[3]
SPIN_OFF = date(2016, 7, 5)
AMD = ("AMD", date(2016, 4, 22))


@pytest.fixture(scope="module")
def stocks() -> Book:
    return load_book(PROJECT / "books" / "equity_swing.yaml")


@pytest.fixture(scope="module")
def panel(stocks: Book, market: Path) -> Panel:
    """Real bars of 36 stocks, 2013 to 2016."""
    return read_market(stocks, date(2013, 1, 2), date(2016, 12, 30), [f"files:{market}"]).panel


@pytest.fixture(scope="module")
def cases(market: Path) -> Path:
    """The folder of small inputs that once gave wrong numbers."""
    folder = market.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"no small cases in {folder}")
    return folder


@pytest.fixture(scope="module")
def repaired(market: Path) -> pd.DataFrame:
    """DHR with the spin-off of its adjusted close taken out again, by pandas alone; prices as of 2016."""
    bars = pd.read_csv(market / "equities_daily.csv.gz", parse_dates=["date"])
    bars = bars[(bars["symbol"] == "DHR") & (bars["date"] <= "2016-12-30")].set_index("date")
    factor = bars["adj_close"] / bars["close"]
    grown = (factor / factor.shift()).where(lambda ratio: ratio < 1.3, 1.0)
    adjusted = grown.cumprod() / grown.prod()
    return pd.DataFrame({name: bars[name] * adjusted for name in ("high", "low", "close")}).loc["2013":]


def wilder(values: pd.Series, n: int) -> pd.Series:
    """Wilder's average, seeded with the mean of the first n values."""
    out = values.astype(float).copy()
    start = out.first_valid_index()
    rows = out.loc[start:]
    seeded = rows.copy()
    seeded.iloc[: n - 1] = np.nan
    seeded.iloc[n - 1] = rows.iloc[:n].mean()
    return seeded.ewm(alpha=1 / n, adjust=False, ignore_na=True).mean()


def test_the_factors_of_dhr_are_right_after_its_spin_off(
    stocks: Book, panel: Panel, repaired: pd.DataFrame
) -> None:
    sound = usable(panel, examine(panel, stocks).withheld.bars)
    names = ("rsi_14", "momentum_12_1", "atr_14")
    found = factors.compute(sound, names, benchmark="SPY", universe=len(stocks.symbols))
    table = pd.DataFrame(
        {name: values[:, panel.column("DHR")] for name, values in found.items()},
        index=panel.sessions.astype("datetime64[ns]"),
    ).loc["2016-07-05":]
    close, before = repaired["close"], repaired["close"].shift()
    change = close - before
    gain, loss = wilder(change.clip(lower=0), 14), wilder((-change).clip(lower=0), 14)
    true_range = np.maximum(repaired["high"], before) - np.minimum(repaired["low"], before)
    raw = panel.close[:, panel.column("DHR")] / close
    expected = pd.DataFrame(
        {
            "rsi_14": 100 * gain / (gain + loss),
            "momentum_12_1": close.shift(21) / close.shift(252) - 1,
            "atr_14": wilder(true_range.where(before.notna()), 14) * raw,
        }
    ).loc["2016-07-05":]
    np.testing.assert_allclose(table.to_numpy(), expected.to_numpy(), rtol=2e-4)
    first = table.loc["2016-07-06"]
    assert first["rsi_14"] == pytest.approx(73.5, abs=0.05)
    assert 2.5 * first["atr_14"] == pytest.approx(2.60, abs=0.01)
    assert table.loc["2016-08-22", "momentum_12_1"] == pytest.approx(0.240, abs=0.0005)


def test_on_real_stocks_the_checks_hold_a_vendors_slip_and_one_real_jump(stocks: Book, panel: Panel) -> None:
    spells = examine(panel, stocks).spells()
    assert [(one.symbol, one.checks, one.first, one.ongoing) for one in spells] == [
        ("AMD", ("price_jump",), AMD[1], True),
        ("DHR", ("adjustment_jump",), SPIN_OFF, False),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "held"), [("multi_asset", {}), ("equity_swing", {"AMD": AMD[1], "DHR": SPIN_OFF})]
)
def test_in_eighteen_years_of_fifty_symbols_the_checks_hold_two(
    name: str, held: dict[str, date], market: Path
) -> None:
    book = load_book(PROJECT / "books" / f"{name}.yaml")
    panel = read_market(book, date(2005, 1, 3), date(2022, 12, 30), [f"files:{market}"]).panel
    assert {one.symbol: one.first for one in examine(panel, book).spells()} == held


@pytest.mark.parametrize("factor", [1.49, 0.51, 1.35, 0.65])
def test_a_bar_of_an_ordinary_stock_or_fund_that_is_far_off_is_caught(
    stocks: Book, panel: Panel, factor: float
) -> None:
    limit = examine(panel, stocks).jumps.limit[600:]
    at = {symbol: float(np.median(limit[:, panel.column(symbol)])) for symbol in ("JNJ", "AAPL", "SPY")}
    assert all(value < abs(factor - 1) for symbol, value in at.items() if symbol != "AAPL")
    assert at["AAPL"] < 0.49
    n, t = panel.column("JNJ"), 700
    close, high, low = (one.copy() for one in (panel.close, panel.high, panel.low))
    close[t, n] *= factor
    high[t, n], low[t, n] = max(high[t, n], close[t, n]), min(low[t, n], close[t, n])
    off = examine(replace(panel, close=close, high=high, low=low), stocks)
    assert np.flatnonzero(off.failed["price_jump"][:, n]).tolist() == [t]


def test_a_price_is_accepted_for_a_backtest_by_name_and_is_on_its_record(stocks: Book, market: Path) -> None:
    first, last = date(2016, 4, 1), date(2016, 6, 30)
    feeds, origin = [f"files:{market}"], origin_of(stocks, first)
    plain = backtest(stocks, read_market(stocks, origin, last, feeds).panel, first, last)
    assert [(one.symbol, one.ongoing) for one in plain.quarantines] == [("AMD", True)]
    assert plain.accepted == ()
    taken = backtest(stocks, read_accepting(stocks, origin, last, feeds, [AMD]).panel, first, last)
    assert taken.quarantines == ()
    assert taken.accepted == (AMD,)
    n, t = taken.desk.column["AMD"], len(taken.market) - 1
    assert plain.market.price[t, n] < 2.7 < 5.0 < taken.market.price[t, n]
    with pytest.raises(Refused, match="what waits of it is 2016-04-22 to 2016-06-30; accept the first"):
        read_accepting(stocks, origin, last, feeds, [("AMD", date(2016, 4, 21))])
    with pytest.raises(Refused, match="no price of JNJ waits at any session"):
        read_accepting(stocks, origin, last, feeds, [("JNJ", date(2016, 4, 22))])


def probe(cases: Path, case: str, tmp_path: Path, *, change: bool) -> Result:
    """The small book on a case without its adjusted closes; unless `change`, with a sound bar for the bad."""
    bars = pd.read_csv(cases / case / "bars.csv.gz").drop(columns="adj_close")
    if not change:
        prices = ["open", "high", "low", "close"]
        [at] = np.flatnonzero(bars["close"] < 0)
        bars.loc[at, prices] = bars.loc[at - 1, prices].to_numpy()
    folder = tmp_path / str(change)
    folder.mkdir()
    bars.to_csv(folder / "bars.csv", index=False)
    book = load_book(cases / "probe.yaml")
    first, last = date(2021, 5, 3), date(2021, 7, 30)
    panel = read_market(book, origin_of(book, first), last, [f"files:{folder}"]).panel
    says = parse_injections((cases / case / "inject.csv").read_text(), "a case", book)
    return backtest(book, panel, first, last, injected=says)


def test_a_negative_price_moves_no_nav(cases: Path, tmp_path: Path) -> None:
    bad = probe(cases, "negative_price_bar", tmp_path, change=True)
    good = probe(cases, "negative_price_bar", tmp_path, change=False)
    (spell,) = bad.quarantines
    assert (spell.symbol, spell.first, spell.sessions) == ("AAA", date(2021, 6, 15), 1)
    t = int(np.flatnonzero([one == spell.first for one in bad.market.sessions])[0])
    row = next(k for k, one in enumerate(bad.decided) if one.t == t)
    assert bad.nav[row] == bad.nav[row - 1]  # marked at the last accepted price
    np.testing.assert_array_equal(np.delete(bad.nav, row), np.delete(good.nav, row))
    assert bad.market.price.min() > 0
    np.testing.assert_array_equal(bad.market.returns[bad.market.returns < -0.2], [])
