"""The ledger: average cost, realised profit, and a NAV that is cash plus positions."""

import math
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.accounting import Entry, Ledger, capital, fold, mark
from nightdesk.core.errors import Refused

DAY = date(2020, 3, 16)


def trade(quantity: str, price: str, commission: str = "0", session: date = DAY) -> Entry:
    cash = -(Decimal(quantity) * Decimal(price)).quantize(Decimal("0.01")) - Decimal(commission)
    return Entry(
        session,
        "fill",
        "trend",
        "GLD",
        Decimal(quantity),
        Decimal(price),
        cash,
        Decimal(commission),
        "execution",
    )


@pytest.mark.parametrize(
    ("trades", "quantity", "cost", "realised"),
    [
        ([("10", "100")], "10", "1000", "0"),
        ([("10", "100"), ("10", "110")], "20", "2100", "0"),
        ([("10", "100"), ("10", "110"), ("-5", "120")], "15", "1575", "75"),
        ([("10", "100"), ("-10", "90")], "0", "0", "-100"),
        ([("3", "33.33"), ("-1", "40")], "2", "66.66", "6.67"),
        ([("-10", "100"), ("4", "90")], "-6", "-600", "40"),
        ([("10", "100"), ("-15", "110")], "-5", "-550", "100"),
        ([("-10", "100"), ("15", "90")], "5", "450", "100"),
    ],
)
def test_positions_carry_average_cost_and_realise_on_reductions(
    trades: list[tuple[str, str]], quantity: str, cost: str, realised: str
) -> None:
    position = fold(trade(*one) for one in trades).positions["trend", "GLD"]
    assert (position.quantity, position.cost, position.realised) == (
        Decimal(quantity),
        Decimal(cost),
        Decimal(realised),
    )


def test_commission_is_told_apart_from_the_profit() -> None:
    ledger = fold([trade("10", "100", "1.00"), trade("-10", "110", "1.10")])
    position = ledger.positions["trend", "GLD"]
    assert (position.realised, position.commission, ledger.cash) == (
        Decimal(100),
        Decimal("2.10"),
        Decimal("97.90"),
    )


def test_a_position_knows_the_session_it_was_opened_in() -> None:
    later = date(2020, 4, 1)
    opened = fold([trade("10", "100"), trade("5", "100", session=later)])
    assert opened.positions["trend", "GLD"].entry_session == DAY
    closed = opened.apply([trade("-15", "100", session=later)])
    assert closed.positions["trend", "GLD"].entry_session is None
    assert closed.held() == ()


def test_a_dividend_is_cash_and_leaves_the_position() -> None:
    paid = Entry(
        DAY, "dividend", "trend", "GLD", Decimal(0), Decimal("0.5"), Decimal(5), Decimal(0), "dividend"
    )
    before = fold([trade("10", "100")])
    after = before.apply([paid])
    assert after.cash - before.cash == 5
    assert after.positions["trend", "GLD"].dividends == 5
    assert after.positions["trend", "GLD"].quantity == 10


def test_applying_entries_leaves_the_ledger_before_as_it_was() -> None:
    before = fold([trade("10", "100")])
    before.apply([trade("-10", "100")])
    assert before.positions["trend", "GLD"].quantity == 10


amounts = st.tuples(st.integers(-300, 300).filter(bool), st.integers(1, 50_000))


@given(st.lists(amounts, min_size=1, max_size=12), st.integers(1, 50_000))
def test_nav_less_capital_is_the_profit_of_all_positions(trades: list[tuple[int, int]], last: int) -> None:
    entries = [capital(DAY, Decimal(100_000))]
    entries += [trade(str(quantity), str(Decimal(cents) / 100), "0.35") for quantity, cents in trades]
    ledger = fold(entries)
    position, price = ledger.positions["trend", "GLD"], last / 100
    marked = mark(ledger, DAY, {"GLD": price})
    unrealised = position.quantity * Decimal(repr(price)) - position.cost
    assert marked.nav == marked.cash + marked.positions_value
    assert marked.nav - 100_000 == position.realised + unrealised - position.commission


@given(st.lists(amounts, min_size=1, max_size=8), st.integers(0, 8))
def test_a_ledger_applied_in_two_goes_is_the_ledger_folded_at_once(
    trades: list[tuple[int, int]], cut: int
) -> None:
    entries = [trade(str(quantity), str(Decimal(cents) / 100)) for quantity, cents in trades]
    assert fold(entries[:cut]).apply(entries[cut:]) == fold(entries)


def test_a_mark_measures_peak_drawdown_and_exposure() -> None:
    ledger = fold([capital(DAY, Decimal(2000)), trade("10", "100")])
    first = mark(ledger, DAY, {"GLD": 110.0})
    second = mark(ledger, date(2020, 3, 17), {"GLD": 90.0}, first)
    assert (first.nav, first.peak_nav, first.drawdown, first.day_return) == (2100, 2100, 0.0, 0.0)
    assert (second.nav, second.peak_nav) == (1900, 2100)
    assert second.drawdown == pytest.approx(200 / 2100)
    assert second.day_return == pytest.approx(-200 / 2100)
    assert second.gross == second.net == pytest.approx(900 / 1900)


@pytest.mark.parametrize("prices", [{}, {"GLD": math.nan}, {"GLD": 0.0}])
def test_a_held_symbol_without_a_price_is_refused(prices: dict[str, float]) -> None:
    with pytest.raises(Refused, match="GLD is held on 2020-03-16 and has no price"):
        mark(fold([trade("10", "100")]), DAY, prices)


def test_an_empty_ledger_is_worth_nothing() -> None:
    marked = mark(Ledger(), DAY, {})
    assert (marked.nav, marked.gross, marked.drawdown) == (0, 0.0, 0.0)
