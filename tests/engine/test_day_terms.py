"""What decisions make of their days before they look at a position."""

from dataclasses import fields, replace

import numpy as np
from benchmarks.swing_market import seeded_panel, swing_book
from tests.engine.desks import day, desk

from nightdesk.core.calendar import as_date
from nightdesk.engine.day_terms import DayTerms
from nightdesk.engine.market import Market
from nightdesk.research.backtest.run import backtest
from nightdesk.strategies.strategy import Direction


def market() -> Market:
    """A year of five strategies, without a known band in its first sessions."""
    book = swing_book(36)
    _, panel = seeded_panel(book, 260)
    found = backtest(book, panel, as_date(panel.sessions[0]), as_date(panel.sessions[-1])).market
    return replace(found, band=np.where(np.arange(260) < 40, -1, found.band))


def test_those_of_all_sessions_are_those_of_each() -> None:
    whole = market()
    entered = 0
    for t in range(len(whole)):
        today = whole.day(t)
        together, alone = today.terms(whole.desk), replace(today).terms(whole.desk)
        assert together is not alone
        for one in fields(DayTerms):
            np.testing.assert_array_equal(getattr(together, one.name), getattr(alone, one.name))
        entered += np.count_nonzero(together.confidence)
        assert t >= 40 or not together.confidence.any()
    assert entered > 100


def test_a_day_with_other_signals_has_terms_of_its_own() -> None:
    where = desk()
    today = day([Direction.BUY, Direction.HOLD])
    known = replace(today, made=today.terms(where))
    assert known.terms(where).enters.tolist() == [[1, 0]]
    turned = replace(known, direction=np.array([[Direction.HOLD, Direction.BUY]], dtype=np.int8))
    assert turned.terms(where).enters.tolist() == [[0, 1]]
