"""The book of five leveraged stocks over small markets made by hand, its signals put in."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from math import tanh

import numpy as np
import pytest
from tests.leveraged import NAV, SYMBOLS, XNYS, daily_book, market, says

from nightdesk.accounting import Entry
from nightdesk.core.panel import Action, Panel
from nightdesk.engine import Injection
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.backtest.simulation import Decided
from nightdesk.strategies import SignalSide

LONG, SHORT = SignalSide.LONG, SignalSide.SHORT


def run(panel: Panel, first: date, injected: Sequence[Injection], **changed: str) -> Result:
    last = panel.sessions[-1].item()
    return backtest(daily_book(**changed), panel, first, last, checked=False, injected=injected)


def entries_of(result: Result, kind: str) -> list[Entry]:
    return [one for one in result.entries if one.kind == kind]


def test_the_dividend_of_a_short_is_paid_by_the_book_and_that_of_a_long_received() -> None:
    first = date(2019, 5, 6)
    ex = XNYS.shift(first, 2)
    actions = [Action(symbol, np.datetime64(ex), "dividend", 0.77) for symbol in ("AAPL", "MSFT")]
    panel = market(first, {"AAPL": [100.0] * 4}, actions)
    said = [*says(first, SHORT, "AAPL", confidence=0.2), *says(first, LONG, "MSFT", confidence=0.2)]
    result = run(panel, first, said)
    held = {at.symbol: at.quantity for at in result.decided[1].state.ledger.held()}
    assert held["AAPL"] < 0 < held["MSFT"]
    paid = {one.symbol: (one.session, one.cash) for one in entries_of(result, "dividend")}
    cents = Decimal("0.01")
    assert paid == {symbol: (ex, (units * Decimal("0.77")).quantize(cents)) for symbol, units in held.items()}


def test_interest_over_a_long_weekend_counts_its_four_days_and_stands_apart_from_the_borrow_fee() -> None:
    """Labor Day of 2019 was 2 September: from Friday's close to Tuesday's there are four days of each."""
    first, friday, tuesday = date(2019, 8, 26), date(2019, 8, 30), date(2019, 9, 3)
    panel = market(first, {"AAPL": [100.0] * 8})
    said = [*says(first, LONG, "AAPL", "MSFT"), *says(date(2019, 8, 27), LONG, "GOOGL", "MSFT")]
    said += [
        *says(date(2019, 8, 28), LONG, "GOOGL", "MSFT"),
        *says(date(2019, 8, 29), SHORT, "NVDA", confidence=0.2),
    ]
    result = run(panel, first, said, limits__turnover_per_day__limit="3.0")
    marks = {one.state.mark.session: one.state for one in result.decided}
    before = marks[friday]
    assert before.mark.cash < 0
    short = {at.symbol: at for at in before.ledger.held()}["NVDA"]
    assert short.quantity < 0
    booked = {one.kind: one.cash for one in result.entries if one.session == tuesday}
    cents = Decimal("0.01")
    assert booked == {
        "interest": (before.mark.cash * Decimal("0.06") * 4 / 360).quantize(cents),
        "borrow": (short.quantity * 100 * Decimal("0.005") * 4 / 360).quantize(cents),
    }
    days = {one.session: one.cash for one in entries_of(result, "interest")}
    assert days[tuesday] == pytest.approx(4 * days[XNYS.shift(tuesday, 1)], rel=Decimal("0.001"))


def moves(result: Result) -> list[tuple[int, int, str]]:
    """Moves between drawdown levels, by the number of the session."""
    changes = [(at, one.gated.judged.change) for at, one in enumerate(result.decided)]
    return [(at, change.after, change.cause) for at, change in changes if change is not None]


def added(one: Decided) -> bool:
    """Whether the decision opens or adds to anything."""
    return bool((np.abs(one.gated.quantity) > np.abs(one.targets.held)).any())


def wanted_more(one: Decided) -> bool:
    """Whether its signals would have."""
    return bool((np.abs(one.targets.quantity) > np.abs(one.targets.held)).any())


def test_a_drawdown_of_fifteen_percent_shuts_the_door_and_the_way_back_opens_it_by_steps() -> None:
    first = date(2019, 2, 4)
    falls = [100.0, 100.0, 100.0, 96.0, 92.0, 88.0, 86.0]
    closes = [*falls, *(86.0 + 0.05 * n for n in range(40))]
    panel = market(first, dict.fromkeys(SYMBOLS, closes))
    sessions = [XNYS.shift(first, n) for n in range(len(closes))]
    leaves = sessions[6]  # inside the dead band, and on the other side
    said = [one for session in sessions if session != leaves for one in says(session, LONG, *SYMBOLS)]
    said += says(leaves, SHORT, *SYMBOLS, confidence=0.05)
    result = run(panel, first, said)
    (fell, level, cause), (returned, after, way) = moves(result)
    assert (level, cause, after, way) == (4, "drawdown", 0, "way back")
    assert float(result.decided[fell].gated.judged.risk.drawdown) >= 0.15
    assert all(float(one.gated.judged.risk.drawdown) < 0.15 for one in result.decided[:fell])
    shut = result.decided[fell:returned]
    assert not any(map(added, shut))
    assert sum(map(wanted_more, shut)) >= 9
    assert "max_drawdown" in {v.rule for v in shut[-1].gated.verdicts(SYMBOLS)}
    # ten sessions without a new low, five calm ones, and the simulated person after five
    assert returned - fell >= 10
    assert result.decided[returned].gated.judged.risk.answered_by == ""
    assert result.decided[returned - 1].gated.judged.risk.answered_by == "simulated person"
    sizes = [
        one.gated.judged.risk.size(result.desk.book.levels)  # type: ignore[arg-type]
        for one in result.decided[returned : returned + 20]
    ]
    assert sizes == [0.25] * 5 + [0.50] * 5 + [0.75] * 5 + [1.0] * 5
    gross = [one.state.mark.gross for one in result.decided]
    assert gross[6] > 1.4
    assert set(gross[7 : returned + 1]) == {0.0}  # selling was never forbidden
    full = 0.2 * (1 + 2 * tanh(2.0))  # of NAV, a position
    assert gross[returned + 1] == pytest.approx(0.5, abs=0.01)  # of 0.73, what a session may trade
    assert gross[returned + 2] == pytest.approx(0.25 * 5 * full, abs=0.01)
    assert max(gross[returned : returned + 16]) == pytest.approx(1.0, abs=0.01)
    assert gross[-1] == pytest.approx(1.5, abs=0.01)


def test_a_book_below_its_limits_is_back_within_them_one_decision_after_a_breach() -> None:
    """Prices fall by a fifth over night while the book is long 150 % of its NAV."""
    first = date(2019, 5, 6)
    closes = [100.0] * 6 + [80.0] * 4
    panel = market(first, dict.fromkeys(SYMBOLS, closes))
    said = [one for n in range(6) for one in says(XNYS.shift(first, n), LONG, *SYMBOLS)]
    result = run(panel, first, said)
    net, breach = [one.state.mark.net for one in result.decided], closes.index(80.0)
    assert net[breach] == pytest.approx((1.5 * 0.8) / (1 - 1.5 * 0.2), abs=0.02)
    assert net[breach + 1] <= 1.5 + 0.001  # slippage and commission of the sale itself
    spoken = Counter(v.rule for v in result.decided[breach].gated.verdicts(SYMBOLS) if v.action == "cut")
    assert spoken["leverage_reduction.net"] == len(SYMBOLS)
    assert float(result.nav[0]) == NAV
