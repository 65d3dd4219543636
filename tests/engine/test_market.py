"""The market as decisions see it."""

import numpy as np
from tests.engine.desks import desk
from tests.research.backtest.panels import seeded_panel

from nightdesk import factors
from nightdesk.core.panel import Panel
from nightdesk.core.withheld import usable
from nightdesk.engine import Market, observe
from nightdesk.feeds.quality import examine
from nightdesk.portfolio import portfolio_volatility

ROW = 300
MADE = desk()


def market_of(panel: Panel) -> Market:
    quality = examine(panel, MADE.book)
    sound = usable(panel, quality.withheld.bars)
    found = factors.compute(sound, MADE.factor_names, benchmark="SPY", universe=len(MADE.symbols))
    return observe(MADE, panel, found, withheld=quality.withheld, entries_allowed=quality.entries_allowed)


def test_a_bar_that_failed_its_checks_values_nothing_and_does_not_look_like_risk() -> None:
    sound = market_of(seeded_panel(MADE.book))
    spoilt = market_of(seeded_panel(MADE.book, faults={("GLD", ROW): 0.1}))
    gold = MADE.column["GLD"]
    assert spoilt.quarantined[ROW, gold]
    assert spoilt.price[ROW, gold] == sound.price[ROW - 1, gold]
    weights = np.array([0.5, 0.4])
    calm, tense = (portfolio_volatility(weights, one.day(ROW + 5).returns) for one in (sound, spoilt))
    assert calm <= tense < 2 * calm


def test_a_session_without_the_volatility_index_has_its_newest_value_and_band() -> None:
    vix = MADE.book.volatility_index
    seen = market_of(seeded_panel(MADE.book, faults={(vix, ROW): np.nan}))
    assert seen.vix[ROW] == seen.vix[ROW - 1] == 15.0
    assert seen.band[ROW] == seen.band[ROW - 1]
    assert not seen.entries_allowed[ROW]
    assert seen.entries_allowed[ROW + 1]


def test_a_day_shows_the_returns_of_its_own_session_last_and_as_many_as_the_book_asks_for() -> None:
    panel = seeded_panel(MADE.book)
    market, returns = market_of(panel), panel.returns[:, : len(MADE.symbols)]
    wanted = MADE.book.portfolio
    for row, day in ((ROW, market.day(ROW)), (len(panel) - 1, market.day(-1))):
        for window, length in ((day.returns, wanted.volatility_window), (day.history, wanted.var_window)):
            assert np.array_equal(window, returns[row + 1 - length : row + 1], equal_nan=True)


def test_before_the_first_session_nothing_is_known_of_returns() -> None:
    first = market_of(seeded_panel(MADE.book)).day(0)
    assert first.returns.shape == (MADE.book.portfolio.volatility_window, len(MADE.symbols))
    assert first.history.shape == (MADE.book.portfolio.var_window, len(MADE.symbols))
    assert np.isnan(first.returns).all()
    assert np.isnan(first.history).all()


def test_the_window_of_value_at_risk_may_be_the_shorter_one() -> None:
    of = desk(portfolio={"volatility_window": 90, "var_window": 30})
    panel = seeded_panel(of.book)
    found = factors.compute(panel, of.factor_names, benchmark="SPY", universe=len(MADE.symbols))
    day = observe(of, panel, found).day(ROW)
    assert np.array_equal(day.history, day.returns[-30:])
    assert day.returns.shape == (90, 2)
