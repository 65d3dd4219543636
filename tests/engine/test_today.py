"""A session so far, as decisions within it count it."""

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from nightdesk.accounting.ledger import Ledger, mark
from nightdesk.engine.inputs import Today, since_close
from nightdesk.orders.fills import Fill

SESSION = date(2020, 3, 16)


def fill(order: str, quantity: str) -> Fill:
    return Fill(
        f"{order}-{quantity}", order, "SPY", "buy", Decimal(quantity), Decimal(10), Decimal(0), SESSION
    )


def test_executions_of_one_order_are_one_trade_and_the_lowest_return_stays() -> None:
    today = Today().after([fill("a", "1"), fill("a", "2"), fill("b", "5")], -0.01).after([], -0.03)
    assert today.after([fill("c", "1")], 0.02) == Today(trades=3, notional=90.0, low=-0.03)


def test_a_decision_at_the_close_counts_no_trade_of_the_session_and_its_lowest_return() -> None:
    assert Today(3, 90.0, -0.03).at_close() == Today(0, 0.0, -0.03)
    assert Today().low == math.inf


def test_the_day_s_return_is_measured_from_the_closing_mark() -> None:
    now = replace(mark(Ledger(Decimal("99.00")), SESSION, {}), day_return=0.5)
    closing = mark(Ledger(Decimal("90.00")), date(2020, 3, 13), {})
    assert since_close(now, closing).day_return == pytest.approx(0.1)
    assert since_close(now, None).day_return == 0.0
