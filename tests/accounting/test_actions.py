"""Corporate actions beyond splits and dividends: what they do to quantity, cost, profit and cash."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.accounting.test_booking import order

from nightdesk.accounting import Entry, Ledger, corporate_actions, fold, orders_after, restate
from nightdesk.accounting.ledger import value
from nightdesk.core.errors import Refused
from nightdesk.core.money import round_together, to_unit
from nightdesk.core.panel import Action
from nightdesk.orders import Intent, Order

BOUGHT, DAY = date(2021, 5, 4), date(2021, 6, 15)
ONE, ZERO = Decimal(1), Decimal(0)
UNITS = {"AAA": ONE, "BBB": ONE}


def held(symbol: str = "AAA", price: int = 40, **quantities: str) -> Ledger:
    """A ledger of 100,000 dollars whose strategies bought a symbol for 40 dollars a share."""
    money = Entry(BOUGHT, "capital", "", "", ZERO, ZERO, Decimal(100_000), ZERO, "initial capital")
    fills = (
        Entry(BOUGHT, "fill", name, symbol, Decimal(q), Decimal(price), -Decimal(q) * price, ZERO, name)
        for name, q in quantities.items()
    )
    return fold([money, *fills])


def act(ledger: Ledger, *events: Action, **prices: float) -> Ledger:
    return ledger.apply(corporate_actions(ledger, DAY, {}, {}, prices, UNITS, events))


def event(kind: str, value: float = 0.0, other: str = "", cash: float = 0.0) -> Action:
    return Action("AAA", np.datetime64(DAY), kind, value, other, cash)  # type: ignore[arg-type]


def test_a_change_of_symbol_moves_quantity_cost_and_the_session_of_entry() -> None:
    before = held(trend="100")
    ledger = act(before, event("symbol_change", 1.0, "BBB"), AAA=50.0)
    old, new = ledger.positions["trend", "AAA"], ledger.positions["trend", "BBB"]
    assert (old.quantity, old.cost, old.realised, old.entry_session) == (0, 0, 0, None)
    assert (new.quantity, new.cost, new.realised, new.entry_session) == (100, 4000, 0, BOUGHT)
    assert ledger.cash == before.cash


def test_a_merger_for_cash_realises_price_less_cost() -> None:
    before = held(trend="100")
    ledger = act(before, event("merger", cash=31.5), AAA=31.0)
    position = ledger.positions["trend", "AAA"]
    assert (position.quantity, position.cost, position.realised) == (0, 0, Decimal("-850.00"))
    assert ledger.cash - before.cash == 3150


def test_a_merger_for_shares_carries_the_cost_and_sells_the_fraction() -> None:
    before = held(trend="101")
    ledger = act(before, event("merger", 0.5, "BBB"), AAA=45.0, BBB=90.0)
    new = ledger.positions["trend", "BBB"]
    assert (new.quantity, new.entry_session) == (50, BOUGHT)
    assert (new.cost, new.realised) == (Decimal("4000.00"), Decimal("5.00"))  # half a share of 40 for 45
    assert ledger.cash - before.cash == Decimal("45.00")


@pytest.mark.parametrize(
    ("cost", "other", "cash", "carried", "realised"),
    [
        (40, 90.0, 10.0, "4000", "1000"),  # a gain of 1,500, of which the cash of 1,000 counts
        (40, 70.0, 10.0, "3500", "500"),  # a gain of 500 counts whole
        (60, 90.0, 10.0, "5000", "0"),  # a loss does not count
        (40, None, 10.0, "3000", "0"),  # no price known: out of the cost first
        (40, None, 50.0, "0", "1000"),
    ],
)
def test_of_cash_beside_shares_the_gain_counts_up_to_it_and_no_loss(
    cost: int, other: float | None, cash: float, carried: str, realised: str
) -> None:
    before = held(price=cost, trend="100")
    prices = {"AAA": 55.0} | ({} if other is None else {"BBB": other})
    ledger = act(before, event("merger", 0.5, "BBB", cash), **prices)
    old, new = ledger.positions["trend", "AAA"], ledger.positions["trend", "BBB"]
    assert (new.quantity, new.cost) == (50, Decimal(carried))
    assert old.realised == Decimal(realised)
    assert ledger.cash - before.cash == 100 * Decimal(str(cash))


def test_a_spin_off_divides_the_cost_by_what_both_are_worth() -> None:
    before = held(trend="100")
    ledger = act(before, event("spin_off", 0.25, "BBB", 40.0), AAA=50.0)
    old, new = ledger.positions["trend", "AAA"], ledger.positions["trend", "BBB"]
    assert (old.quantity, old.cost, old.entry_session) == (100, 3200, BOUGHT)
    assert (new.quantity, new.cost, new.entry_session) == (25, 800, BOUGHT)
    assert (old.realised, new.realised, ledger.cash) == (0, 0, before.cash)


@pytest.mark.parametrize(("amount", "cost", "realised"), [(15.0, "2500", "0"), (45.0, "0", "500")])
def test_a_return_of_capital_comes_out_of_the_cost_and_is_profit_beyond_it(
    amount: float, cost: str, realised: str
) -> None:
    before = held(trend="100")
    position = act(before, event("return_of_capital", amount)).positions["trend", "AAA"]
    assert (position.quantity, position.cost) == (100, Decimal(cost))
    assert (position.realised, position.dividends) == (Decimal(realised), 0)


def test_a_capital_gain_is_paid_as_a_dividend_is() -> None:
    position = act(held(trend="100"), event("capital_gain", 1.25)).positions["trend", "AAA"]
    assert (position.cost, position.dividends) == (4000, 125)


def test_a_delisting_for_nothing_realises_the_whole_cost() -> None:
    position = act(held(trend="100"), event("delisting")).positions["trend", "AAA"]
    assert (position.quantity, position.realised) == (0, -4000)


def test_who_is_short_owes_what_the_others_receive() -> None:
    before = held(trend="-100")
    ledger = act(before, event("capital_gain", 1.0), event("merger", cash=45.0))
    position = ledger.positions["trend", "AAA"]
    assert ledger.cash - before.cash == -100 - 4500
    assert (position.realised, position.dividends) == (-500, -100)


@pytest.mark.parametrize(
    ("told", "way"),
    [
        (event("symbol_change", 1.0, "CCC"), "AAA became CCC .* delisting, --cash P"),
        (event("merger", 2.0, "CCC"), "AAA was taken over by CCC .* merger, --cash P"),
        (event("spin_off", 0.5, "CCC", 8.0), "AAA spun off CCC .* return_of_capital, --amount 4"),
    ],
)
def test_a_symbol_that_the_book_does_not_name_is_refused_with_the_ways_out(told: Action, way: str) -> None:
    with pytest.raises(Refused, match=f"{way}".replace(" .* ", ".*put CCC into its universe.*")):
        act(held(trend="100"), told, AAA=50.0)
    assert corporate_actions(held("BBB", trend="1"), DAY, {}, {}, {"AAA": 50.0}, UNITS, (told,)) == ()


def test_an_order_of_a_symbol_that_has_ended_expires_and_the_others_are_restated() -> None:
    waiting = order(trend="3", carry="2")
    gone = Action("GLD", np.datetime64(DAY), "merger", 0.0, "", 12.0)
    assert orders_after([waiting], {}, [gone], {"GLD": ONE}) == (
        (),
        orders_after([waiting], {"GLD": 2.0}, [gone], {"GLD": ONE})[1],
    )
    live, expired = orders_after([waiting], {}, [gone], {"GLD": ONE})
    assert (live, [one.reason for one in expired]) == ((), ["GLD was taken over"])
    (restated,), nothing = orders_after([waiting], {"GLD": 2.0}, [], {"GLD": ONE})
    assert (restated.quantity, nothing) == (10, ())


QUANTITIES = st.lists(st.integers(-400, 400).filter(bool), min_size=1, max_size=5)
RATIOS = st.sampled_from([0.05, 0.1, 0.2, 0.25, 1 / 3, 0.5, 0.9, 1.05, 1.5, 5 / 3, 2.0, 4.0, 20.0])
WHOLE = st.sampled_from(["1", "1", "0.01", "10", "0.0001"])


def strategies_of(quantities: list[int], unit: Decimal) -> dict[str, str]:
    return {f"s{at}": str(one * unit) for at, one in enumerate(quantities)}


@given(QUANTITIES, RATIOS, WHOLE, st.floats(0.5, 900.0))
@settings(max_examples=300, deadline=None)
def test_a_split_leaves_every_strategy_on_its_side_and_within_a_unit_of_its_own(
    quantities: list[int], ratio: float, step: str, price: float
) -> None:
    unit = Decimal(step)
    before = held(**strategies_of(quantities, unit))
    prices = {"AAA": price}
    ledger = before.apply(corporate_actions(before, DAY, {"AAA": ratio}, {}, prices, {"AAA": unit}))
    exactly = {key: one.quantity * Decimal(repr(ratio)) for key, one in before.positions.items()}
    for key, position in ledger.positions.items():
        assert position.quantity % unit == 0
        assert position.quantity * exactly[key] >= 0, "no strategy changes its side"
        assert abs(position.quantity - exactly[key]) < unit + Decimal("0.00000001")
    total = sum(one.quantity for one in before.held())
    kept = to_unit(sum((q.quantize(Decimal("1e-8")) for q in exactly.values()), ZERO), unit)
    assert ledger.net().get("AAA", ZERO) == kept
    worth = sum((one * Decimal(repr(price)) for one in exactly.values()), ZERO)
    after = sum((value(one, price) for one in ledger.held()), ZERO) + ledger.cash - before.cash
    assert abs(after - worth) < Decimal("0.02") * (len(quantities) + 1) + abs(total) * Decimal("1e-4")


@given(QUANTITIES, RATIOS, WHOLE)
@settings(max_examples=300, deadline=None)
def test_the_intents_of_a_waiting_order_keep_their_sides_through_a_split(
    quantities: list[int], ratio: float, step: str
) -> None:
    unit = Decimal(step)
    if not sum(quantities):
        quantities = [*quantities, 1]
    sent = order(**strategies_of(quantities, unit))
    after: Order = restate(sent, ratio, unit)
    assert sum(one.quantity for one in after.intents) == after.signed_quantity
    for one, new in zip(sent.intents, after.intents, strict=True):
        assert isinstance(new, Intent)
        assert new.quantity * one.quantity >= 0
        assert abs(new.quantity - one.quantity * Decimal(repr(ratio))) < unit


def test_strategies_against_each_other_are_not_blown_up_by_a_reverse_split() -> None:
    before = held(carry="-99", trend="100")
    ledger = before.apply(corporate_actions(before, DAY, {"AAA": 0.1}, {}, {"AAA": 400.0}, UNITS))
    assert {one.strategy: one.quantity for one in ledger.held()} == {"carry": -10, "trend": 10}
    assert ledger.cash - before.cash == Decimal("40.00")  # a tenth of a share


def test_amounts_are_rounded_together_without_a_change_of_sign() -> None:
    amounts = [Decimal(x) for x in ("1.5", "-0.5", "0")]
    assert round_together(amounts, Decimal(1), ONE) == [1, 0, 0]
    assert round_together([Decimal("0.8"), Decimal("0.8"), Decimal("-1.6")], ZERO, ONE) == [1, 0, -1]


KINDS = st.sampled_from(["symbol_change", "merger", "boot", "spin_off", "return_of_capital", "redemption"])


@given(QUANTITIES, KINDS, RATIOS, st.integers(20, 90), st.floats(5.0, 90.0))
@settings(max_examples=300, deadline=None)
def test_an_action_by_itself_moves_the_books_value_by_rounding_alone(
    quantities: list[int], kind: str, ratio: float, cost: int, price: float
) -> None:
    """What is held before, at its last price, is what is held after at the prices that the action states."""
    before = held(price=cost, **strategies_of(quantities, ONE))
    cash = price / 4
    other = price / ratio
    told = {
        "symbol_change": event("symbol_change", ratio, "BBB"),
        "merger": event("merger", ratio, "BBB"),
        "boot": event("merger", ratio, "BBB", cash),
        "spin_off": event("spin_off", ratio, "BBB", cash / ratio),
        "return_of_capital": event("return_of_capital", cash),
        "redemption": event("delisting", cash=price),
    }[kind]
    if kind == "boot":
        other = (price - cash) / ratio
    if kind == "spin_off":
        other = cash / ratio
    left = price - cash if kind in ("spin_off", "return_of_capital") else price
    ledger = act(before, told, AAA=price, BBB=other)
    units = sum(abs(one.quantity) for one in before.held())
    worth_before = sum((value(one, price) for one in before.held()), ZERO)
    now = {"AAA": left, "BBB": other}
    worth_after = sum((value(one, now[one.symbol]) for one in ledger.held()), ZERO)
    moved = ledger.cash - before.cash + worth_after - worth_before
    assert abs(moved) <= Decimal("0.02") * (1 + len(quantities)) + units * Decimal("0.0001")
    profit = sum((one.realised + one.dividends for one in ledger.positions.values()), ZERO)
    unrealised = worth_after - sum((one.cost for one in ledger.held()), ZERO)
    assert profit + unrealised == ledger.cash + worth_after - 100_000, "every cent is somebody's"
