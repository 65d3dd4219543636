"""Rules of money in a book of several accounts: each pays for its own purchases, and the verdict names it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.core.margin import Margin
from nightdesk.risk import AccountFunds, Entering, Rule, Situation, make_rules, pass_gate, verdicts, words
from nightdesk.risk.situation import Asked
from nightdesk.testing.situations import SYMBOLS, situation

#: GLD and SPY in one account, BTC-USD in the other.
CODE = np.array([0, 0, 1])
PRICE = np.array([100.0, 50.0, 10_000.0])


def rules(**limits: dict[str, object]) -> tuple[Rule, ...]:
    return tuple(one for one in make_rules(limits) if one.name in limits)  # type: ignore[arg-type]


def of_accounts(stocks: float, coins: float, held: np.ndarray, **changed: object) -> Situation:
    """A book of two accounts with so much cash each."""
    worth = held * PRICE
    nav = np.array([stocks + worth[:2].sum(), coins + worth[2]])
    funds = AccountFunds(("stocks", "coins"), CODE, np.array([stocks, coins]), nav)
    nothing = Entering.nothing(3)
    entering = Entering(
        np.array([0.9, 0.5, 0.7]), nothing.opens, nothing.open_here, 0, stocks + coins, np.zeros(3)
    )
    return situation(nav=float(nav.sum()), accounts=funds, entering=entering, **changed)


def passed(limits: dict[str, dict[str, object]], wanted: np.ndarray, held: np.ndarray, now: Situation):  # type: ignore[no-untyped-def]
    passage = pass_gate(rules(**limits), wanted, held, now)
    return passage.quantity, {
        one.symbol: one for one in verdicts(passage, SYMBOLS) if one.action != "approve"
    }


def test_a_sale_in_one_account_does_not_pay_a_purchase_in_another() -> None:
    held = np.array([500.0, 0.0, 0.0])
    wanted = np.array([0.0, 0.0, 2.0])
    now = of_accounts(stocks=0.0, coins=5_000.0, held=held)
    left, told = passed({"cash": {}}, wanted, held, now)
    assert left.tolist() == [0.0, 0.0, 0.5], "the coins are bought for the cash that lies beside them"
    verdict = told["BTC-USD"]
    assert (verdict.rule, verdict.value, verdict.limit) == ("cash.coins", 20_000.0, 5_000.0)
    assert words(verdict).endswith(
        "purchases of 20,000.00 dollars with their costs, 5,000.00 are there, in account coins"
    )
    one = situation(nav=55_000.0, entering=now.entering)
    paid, _ = passed({"cash": {}}, wanted, held, one)
    assert paid[2] == 2.0, "in a book of one account it does"


def test_within_an_account_the_most_confident_comes_first() -> None:
    held = np.zeros(3)
    now = of_accounts(stocks=6_000.0, coins=50_000.0, held=held)
    left, told = passed({"cash": {}}, np.array([50.0, 100.0, 4.0]), held, now)
    assert left.tolist() == [50.0, 20.0, 4.0]
    assert told.keys() == {"SPY"}
    assert told["SPY"].rule == "cash.stocks"


@pytest.mark.parametrize(
    ("limits", "most"),
    [({"cash_buffer": {"limit": 0.1}}, 0.9), ({"gross_leverage": {"limit": 1.0}}, 1.0)],
)
def test_gross_is_bound_by_what_each_account_is_worth(
    limits: dict[str, dict[str, object]], most: float
) -> None:
    held = np.zeros(3)
    now = of_accounts(stocks=90_000.0, coins=10_000.0, held=held)
    left, told = passed(limits, np.array([100.0, 0.0, 5.0]), held, now)
    assert left[0] == 100.0
    assert left[2] == most
    (name,) = limits
    assert told["BTC-USD"].rule == f"{name}.coins"
    assert told["BTC-USD"].value == 5.0
    assert "in account coins" in words(told["BTC-USD"])


def test_on_margin_an_account_borrows_as_much_as_its_own_worth_allows() -> None:
    held = np.zeros(3)
    now = of_accounts(stocks=90_000.0, coins=10_000.0, held=held, margin=Margin(kind="reg_t"))
    left, _ = passed({"gross_leverage": {"limit": 1.8}}, np.array([0.0, 0.0, 5.0]), held, now)
    assert left[2] == 2.0, "twice its worth, though the book would bear 18"


def test_an_account_that_is_worth_nothing_buys_nothing() -> None:
    held = np.zeros(3)
    now = of_accounts(stocks=90_000.0, coins=0.0, held=held)
    for limits in ({"cash": {}}, {"gross_leverage": {"limit": 1.0}}, {"cash_buffer": {"limit": 0.0}}):
        left, told = passed(limits, np.array([10.0, 0.0, 1.0]), held, now)
        assert left.tolist() == [10.0, 0.0, 0.0]
        assert told["BTC-USD"].action == "reject"


units = st.integers(0, 900).map(float)


@given(
    st.tuples(units, units, st.integers(0, 90_000).map(lambda n: n / 10_000)),
    st.tuples(units, units, st.integers(0, 90_000).map(lambda n: n / 10_000)),
    st.integers(0, 100_000),
    st.integers(0, 100_000),
    st.sampled_from(
        [{"cash": {"reserve": 0.05}}, {"cash_buffer": {"limit": 0.1}}, {"gross_leverage": {"limit": 0.8}}]
    ),
)
def test_no_account_pays_with_money_that_it_has_not(
    wanted: tuple[float, ...],
    held: tuple[float, ...],
    stocks: int,
    coins: int,
    limits: dict[str, dict[str, object]],
) -> None:
    want, have = np.array(wanted), np.array(held)
    now = of_accounts(float(stocks + 1), float(coins + 1), have)
    left, _ = passed(limits, want, have, now)
    bought = np.maximum(left - have, 0.0) * PRICE
    sold = np.maximum(have - left, 0.0) * PRICE
    for at, cash in enumerate((stocks + 1, coins + 1)):
        mine = at == CODE
        slack = 1e-6 * now.nav
        assert bought[mine].sum() <= cash + sold[mine].sum() + slack
    (rule,) = rules(**limits)
    asked = Asked(want, have, now)
    if rule.passes(asked):
        assert np.array_equal(rule.apply(want, have, now).after, want), (
            "a cheap look never passes what is cut"
        )
