"""The multi-asset book on real bars."""

from datetime import date
from pathlib import Path

import pytest

from nightdesk.book import load_book
from nightdesk.decision import RiskEvent
from nightdesk.research.backtest import Result, backtest
from nightdesk.research.market import origin_of, read_market

BOOK = load_book(Path(__file__).parents[2] / "books" / "multi_asset.yaml")
FIRST, LAST = date(2008, 1, 2), date(2010, 12, 31)


@pytest.fixture(scope="module")
def result(market: Path) -> Result:
    """The financial crisis, with a kill-switch drill at its end."""
    panel = read_market(BOOK, origin_of(BOOK, FIRST), LAST, [f"files:{market}"]).panel
    drill = [
        RiskEvent(date(2010, 9, 1), "kill", "drill"),
        RiskEvent(date(2010, 10, 1), "release", "drill over"),
    ]
    return backtest(BOOK, panel, FIRST, LAST, drill)


def test_every_rule_that_healthy_bars_can_meet_binds_somewhere(result: Result) -> None:
    bound = {
        one.rule
        for decided in result.decided
        for one in decided.gated.verdicts(BOOK.symbols)
        if one.action != "approve"
    }
    assert bound >= {rule.name for rule in result.desk.rules} - {"quarantine", "staleness", "max_weight"}


def test_purchases_leave_the_cash_buffer_and_no_session_is_overdrawn(result: Result) -> None:
    for one in result.decided:
        mark = one.state.mark
        assert mark.nav == mark.cash + mark.positions_value
        assert mark.cash > 0
        assert mark.gross < 0.97


def test_limits_on_trading_hold_in_every_session(result: Result) -> None:
    for one in result.decided:
        nav = one.state.mark.nav
        assert len(one.orders) <= 5
        assert sum(order.quantity * order.reference_price for order in one.orders) / nav <= 0.3001


def test_the_crisis_ends_where_it_ended_before(result: Result) -> None:
    """Figures of this code on these bars: a change of them is a change of decisions and wants a reason."""
    marks = {one.state.mark.session: one.state.mark.nav for one in result.decided}
    ends = [float(marks[day]) for day in (date(2008, 12, 31), date(2009, 12, 31), LAST)]
    assert ends == pytest.approx([96_732.71, 107_119.79, 116_091.66], rel=0.002)
    assert sum(len(one.orders) for one in result.decided) == pytest.approx(591, rel=0.01)
