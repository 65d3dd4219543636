"""The profit of a session by strategy."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import pytest

from nightdesk.accounting import Entry, Ledger, capital
from nightdesk.performance import StrategyDay, Valued, by_strategy

FIRST, SECOND = date(2024, 1, 2), date(2024, 1, 3)


def entry(kind: str, strategy: str, symbol: str, quantity: str, cash: str, commission: str = "0") -> Entry:
    amounts = (Decimal(quantity), Decimal(0), Decimal(cash), Decimal(commission))
    return Entry(SECOND, kind, strategy, symbol, *amounts, f"{kind}-{strategy}")  # type: ignore[arg-type]


def valued(ledger: Ledger, **prices: str) -> Valued:
    worth = {(one.strategy, one.symbol): one.quantity * Decimal(prices[one.symbol]) for one in ledger.held()}
    return Valued(ledger.cash + sum(worth.values(), Decimal(0)), ledger.positions, worth)


@pytest.fixture
def opening() -> Ledger:
    """Ten shares of each strategy, bought at 100."""
    return Ledger().apply(
        [capital(FIRST, Decimal(10_000))]
        + [entry("fill", name, "SPY", "10", "-1001", "1") for name in ("calm", "swift")]
    )


def days(opening: Ledger, entries: Iterable[Entry], price: str) -> dict[str, StrategyDay]:
    """Of the second session, in which the price goes from 100 to `price`."""
    entries = tuple(entries)
    before, after = valued(opening, SPY="100"), valued(opening.apply(entries), SPY=price)
    told = {one.strategy: one for one in by_strategy(("calm", "swift"), before, after, entries)}
    assert sum((one.profit for one in told.values()), Decimal(0)) == after.nav - before.nav
    return told


def test_a_sale_is_realised_and_what_stays_is_not(opening: Ledger) -> None:
    told = days(opening, [entry("fill", "calm", "SPY", "-4", "437.50", "2.50")], "112")
    assert told["calm"] == StrategyDay(
        "calm", Decimal(40), Decimal(72), commission=Decimal("2.50"), dividends=Decimal(0)
    )
    assert told["swift"] == StrategyDay("swift", unrealised=Decimal(120))
    assert told[""] == StrategyDay("")


def test_a_dividend_belongs_to_the_strategy_that_holds(opening: Ledger) -> None:
    told = days(opening, [entry("dividend", "swift", "SPY", "0", "12.34")], "99")
    assert (told["swift"].dividends, told["swift"].unrealised) == (Decimal("12.34"), Decimal(-10))
    assert told["calm"].dividends == 0


def test_a_cross_between_strategies_makes_no_profit_for_the_book(opening: Ledger) -> None:
    crossed = [
        entry("cross", "calm", "SPY", "-10", "1000.00"),
        entry("cross", "swift", "SPY", "10", "-1000.00"),
    ]
    told = days(opening, crossed, "105")
    assert (told["calm"].profit, told["swift"].profit) == (Decimal(0), Decimal(100))


def test_interest_and_fees_are_named_and_belong_to_no_strategy(opening: Ledger) -> None:
    told = days(opening, [entry("interest", "", "", "0", "1.23"), entry("fee", "", "", "0", "-0.40")], "100")
    assert told[""] == StrategyDay("", interest=Decimal("1.23"), fees=Decimal("-0.40"))


def test_what_a_short_costs_is_its_strategys_and_what_no_symbol_costs_is_the_books(opening: Ledger) -> None:
    told = days(
        opening, [entry("borrow", "calm", "SPY", "0", "-0.75"), entry("borrow", "", "", "0", "-2")], "100"
    )
    assert told["calm"] == StrategyDay("calm", borrow=Decimal("0.75"))
    assert told["calm"].profit == Decimal("-0.75")
    assert told[""] == StrategyDay("", borrow=Decimal(2))


def test_what_nothing_explains_is_told_as_such_and_never_lost(opening: Ledger) -> None:
    told = days(opening, [entry("adjustment", "", "", "0", "-7.00")], "101")
    assert told[""].other == Decimal("-7.00")
    assert told["calm"].profit == told["swift"].profit == Decimal(10)


def test_the_capital_is_no_profit() -> None:
    ledger = Ledger().apply([capital(FIRST, Decimal(10_000))])
    told = by_strategy(("calm",), Valued(), valued(ledger), [capital(FIRST, Decimal(10_000))])
    assert [one.profit for one in told] == [0, 0]


def test_a_strategy_that_left_the_book_has_a_line_while_it_holds(opening: Ledger) -> None:
    before, after = valued(opening, SPY="100"), valued(opening, SPY="101")
    assert [one.strategy for one in by_strategy(("calm",), before, after, ())] == ["calm", "swift", ""]
