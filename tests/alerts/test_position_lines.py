"""Positions as people read them: a line a symbol, each strategy's part beneath."""

from decimal import Decimal

import pytest

from nightdesk.alerts.position_lines import PositionLine, by_symbol


def line(symbol, strategy, quantity, cost="10", price="12"):
    units, value = Decimal(quantity), Decimal(quantity) * Decimal(price)
    profit = value - units * Decimal(cost)
    return PositionLine(
        symbol, strategy, units, Decimal(cost), Decimal(price), value, profit, float(value) / 1e4
    )


def test_a_symbol_of_several_strategies_is_one_line_with_their_sums():
    (one,) = by_symbol([line("SPY", "calm", 10), line("SPY", "swift", 30, cost="14")])
    assert (one.symbol, one.strategy, one.price) == ("SPY", "2 strategies", Decimal(12))
    assert (one.quantity, one.value, one.profit) == (Decimal(40), Decimal(480), Decimal(-40))
    assert one.average_cost == Decimal(13)
    assert one.weight == pytest.approx(0.048)
    assert [part.strategy for part in one.parts] == ["swift", "calm"]


def test_a_symbol_of_one_strategy_carries_its_name():
    (one,) = by_symbol([line("SPY", "calm", 10)])
    assert (one.strategy, one.average_cost) == ("calm", Decimal(10))


def test_long_and_short_together_are_net_and_have_no_average_cost():
    (one,) = by_symbol([line("SPY", "calm", 10), line("SPY", "swift", -10)])
    assert (one.quantity, one.value, one.average_cost) == (Decimal(0), Decimal(0), None)


def test_the_largest_net_value_stands_first_and_symbols_of_the_same_value_by_name():
    told = by_symbol(
        [line("B", "x", 5), line("A", "x", 5), line("C", "x", 9), line("C", "y", -1), line("D", "x", -20)]
    )
    assert [one.symbol for one in told] == ["D", "C", "A", "B"]
