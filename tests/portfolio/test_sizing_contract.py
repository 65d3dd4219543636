"""Every sizing method of the package keeps the contract, and one that claims too much does not."""

from dataclasses import fields

import numpy as np
import pytest

from nightdesk.core.panel import Floats
from nightdesk.portfolio import Ask, Sizing, make, names
from nightdesk.testing import SizingContract
from nightdesk.testing.sizing_contract import OF_A_STRATEGY


class TestWeight(SizingContract):
    """By volatility."""

    name = "weight"


class TestAtrRisk(SizingContract):
    """By the loss at the stop."""

    name = "atr_risk"


class TestStopRisk(SizingContract):
    """By the loss at the strategy's stop, where that decides."""

    name = "stop_risk"
    params = {"risk": 0.001, "max_share": 0.5}  # noqa: RUF012


class TestStopRiskAtItsCap(SizingContract):
    """The same where the largest share of the capital decides."""

    name = "stop_risk"


class TestLeverage(SizingContract):
    """By how sure its strategy is."""

    name = "leverage"


class TestPairs(SizingContract):
    """By the loss at the stop of a spread."""

    name = "pairs"
    params = {"risk": 0.001, "max_share": 0.5}  # noqa: RUF012


class TestRiskParity(SizingContract):
    """By equal contributions: sums over symbols, which rounding orders."""

    name = "risk_parity"
    tolerance = 1e-6


def of_the_package() -> list[Sizing]:
    """The methods that come with the package: other tests enter some of their own."""
    made = (make(name, path="sizing") for name in names())
    return [one for one in made if type(one).__module__.startswith("nightdesk.portfolio")]


def test_every_method_is_under_contract() -> None:
    every = (TestWeight, TestAtrRisk, TestStopRisk, TestLeverage, TestPairs, TestRiskParity)
    assert {one.name for one in every} == {one.name for one in of_the_package()}


def test_the_methods_that_are_elementwise_and_all_that_an_ask_says_of_a_strategy_are_known() -> None:
    elementwise = ["atr_risk", "leverage", "pairs", "stop_risk", "weight"]
    assert [one.name for one in of_the_package() if one.elementwise] == elementwise
    of_all = {one.name for one in fields(Ask)} - set(OF_A_STRATEGY)
    assert of_all == {
        "factors", "price", "max_weight", "volatility_target", "buy_fraction", "returns", "costs",
        "opens_month", "multiplier",
    }  # fmt: skip


class Claims(Sizing):
    """Keeps what it holds, and claims to be elementwise."""

    name = "claims_of_tests"
    elementwise = True

    def quantities(self, ask: Ask) -> Floats:
        """All that is held."""
        return ask.held


class AllHeld(Claims):
    """Looks at what all strategies hold."""

    def quantities(self, ask: Ask) -> Floats:
        """Nothing, where enough is held in all."""
        return ask.held * (ask.held.sum() < 500.0)


class AmongSymbols(Claims):
    """Looks at the other symbols of the same strategy."""

    def quantities(self, ask: Ask) -> Floats:
        """What is held of the symbol with the largest confidence."""
        return ask.held * (ask.confidence == ask.confidence.max(axis=-1, keepdims=True))


class OneCapital(Claims):
    """Takes the capital of the first strategy for that of all."""

    def quantities(self, ask: Ask) -> Floats:
        """A part of the capital in each."""
        return np.nan_to_num(np.ravel(ask.capital)[0] / ask.price) + 0.0 * ask.held


class CarriedOn(Claims):
    """Looks at other strategies in what it carries on."""

    def reduce_to(self, ask: Ask) -> Floats:
        """Half of the largest position."""
        return np.full_like(ask.held, np.abs(ask.held).max() / 2)


class Scalar(Claims):
    """Compares the factor on entries as if it were a number."""

    def quantities(self, ask: Ask) -> Floats:
        """Nothing, where no entry is allowed."""
        return ask.held if ask.entry_factor else 0.0 * ask.held


def claimed(method: type[Claims]) -> None:
    """Ask of a method what its claim says."""
    contract = SizingContract()
    contract.test_a_method_that_is_elementwise_says_of_each_strategy_and_symbol_what_it_says_of_them_alone(
        method(method.Params())
    )


def test_a_claim_that_holds_keeps_the_contract() -> None:
    claimed(Claims)


@pytest.mark.parametrize("method", [AllHeld, AmongSymbols, OneCapital, CarriedOn, Scalar])
def test_a_method_that_claims_wrongly_to_be_elementwise_breaks_the_contract(method: type[Claims]) -> None:
    with pytest.raises((AssertionError, ValueError)):
        claimed(method)
