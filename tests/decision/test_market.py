"""The market as decisions see it."""

import numpy as np
from tests.decision.desks import desk
from tests.research.panels import seeded_panel

from nightdesk import factors
from nightdesk.decision import Market, observe
from nightdesk.feeds.quality import examine
from nightdesk.panel import Panel
from nightdesk.portfolio import portfolio_volatility

ROW = 300
MADE = desk()


def market_of(panel: Panel) -> Market:
    quality = examine(panel, MADE.book)
    found = factors.compute(panel, MADE.factor_names, benchmark="SPY")
    return observe(
        MADE, panel, found, quarantined=quality.quarantined, entries_allowed=quality.entries_allowed
    )


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
