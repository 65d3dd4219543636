"""The five swing strategies on 36 real stocks: each of them speaks, and none of them looks ahead."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nightdesk import factors, strategies
from nightdesk.core.panel import Panel
from nightdesk.strategies import Direction, Strategy, View, with_models
from nightdesk.testing.random_panels import members, panel_of
from nightdesk.testing.strategy_contract import VIX, assert_equal

NAMES = ("rsi_mean_reversion", "ma_crossover", "ml_momentum", "news_sentiment", "volatility_breakout")


@pytest.fixture(scope="module")
def stocks(market: Path) -> Panel:
    """1,300 sessions from 2005 on, with headlines made up on one session of ten."""
    bars = pd.read_csv(market / "equities_daily.csv.gz")
    table = {name: bars.pivot(index="date", columns="symbol", values=name) for name in bars.columns[2:]}
    factor = table["adj_close"] / table["close"]
    index = np.full(len(factor), 20.0)

    def wide(one: pd.DataFrame) -> np.ndarray:
        return np.column_stack([one.to_numpy(dtype=float), index])[:1_300]

    panel = panel_of(
        wide(table["close"]),
        high=wide(table["high"]),
        low=wide(table["low"]),
        volume=wide(table["volume"]),
        adjustment=wide(factor / factor.iloc[0]),
        symbols=(*factor.columns, VIX),
    )
    random = np.random.default_rng(1)
    told = random.uniform(-1.0, 1.0, panel.close.shape)
    told[random.random(panel.close.shape) > 0.1] = np.nan
    sessions = factor.index.to_numpy().astype("datetime64[D]")[:1_300]
    return replace(panel, sessions=sessions, sentiment=told)


def view_of_stocks(strategy: Strategy, panel: Panel) -> View:
    found = factors.compute(panel, strategy.factors, benchmark=panel.symbols[0], universe=members(panel))
    return with_models(View.of(panel, found, panel.symbols[:-1], VIX), [strategy])


@pytest.mark.parametrize("name", NAMES)
def test_it_speaks_and_nothing_of_it_changes_with_the_bars_that_come_later(name: str, stocks: Panel) -> None:
    strategy = strategies.make(name)
    whole_view = view_of_stocks(strategy, stocks)
    whole = strategy.signals(whole_view)
    assert len(whole_view.symbols) == 36
    assert (whole.direction == Direction.BUY).sum() > 100
    assert ((whole.direction == Direction.SELL).sum() > 100) == (name != "ml_momentum")
    # a session of a refit, the one before it, and one in which labels of the refit are not yet known
    refit = int(np.flatnonzero(stocks.sessions == np.datetime64("2008-05-01"))[0])
    for length in (refit + 1, refit, refit + 4, 1_111):
        view = view_of_stocks(strategy, stocks.until(length))
        assert view.models.get(name, ())[-1:] == whole_view.models.get(name, ())[length - 1 : length]
        assert_equal(strategy.signals(view).row(-1), whole.row(length - 1))
