"""What every sizing method must keep, whatever it wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from nightdesk import factors, portfolio
from nightdesk.core.panel import Floats
from nightdesk.portfolio import Ask, Sizing
from nightdesk.portfolio.sizing import entered, left
from nightdesk.strategies import SignalSide

#: Symbols of a random ask.
WIDTH = 6
#: What an ask says of a strategy; all else it says of the market and the book.
OF_A_STRATEGY = (
    "held", "direction", "previous_direction", "enters", "leaves", "left_before", "confidence", "strength",
    "allocation", "reduce_to", "stop_distance", "capital", "entry_factor",
)  # fmt: skip


def random_ask(method: Sizing, seed: int) -> Ask:
    """Anything that a strategy may hold and say of six symbols, on the sides that the method sizes."""
    dice = np.random.default_rng(seed)
    sides = np.array(sorted(method.sides), dtype=np.int8)
    side = dice.choice(sides, WIDTH)
    direction, before = (dice.integers(-2, 3, WIDTH).astype(np.int8) for _ in ("now", "before"))
    held = np.trunc(dice.uniform(0.0, 500.0, WIDTH)) * dice.choice(sides, WIDTH) * (dice.random(WIDTH) < 0.6)
    shares = dice.random(WIDTH) * (dice.random(WIDTH) < 0.5)
    strength = np.random.default_rng((seed, 1)).uniform(-1.0, 1.0, WIDTH)
    return Ask(
        held=held,
        direction=direction,
        previous_direction=before,
        enters=entered(direction, side),
        leaves=left(direction, side, held, len(sides) == 1),
        left_before=left(before, side, held, len(sides) == 1),
        confidence=dice.random(WIDTH),
        strength=strength,
        factors={name: dice.uniform(0.05, 5.0, WIDTH) for name in method.factors},
        price=dice.uniform(5.0, 500.0, WIDTH),
        capital=100_000.0,
        max_weight=dice.uniform(0.1, 1.0, WIDTH),
        volatility_target=dice.uniform(0.05, 0.3, WIDTH),
        buy_fraction=0.6,
        entry_factor=float(dice.choice([0.5, 1.0])),
        returns=dice.normal(0.0, 0.01, (60, WIDTH)),
        costs=np.full(WIDTH, 0.0015),
        allocation=shares / max(1.0, shares.sum()),
        reduce_to=np.where(dice.random(WIDTH) < 0.3, np.abs(held) / 2.0, 0.0),
        opens_month=bool(dice.random() < 0.5),
        stop_distance=dice.uniform(0.05, 5.0, WIDTH),
    )


def arrays_of(ask: Ask) -> dict[str, Any]:
    """The arrays of an ask, without its factors, by name."""
    found = {one.name: getattr(ask, one.name) for one in fields(Ask)}
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}


def asks_on_one_market(method: Sizing, seed: int) -> list[Ask]:
    """Asks of three strategies with capitals of their own; some symbols lack a price or a factor."""
    first, *others = (random_ask(method, 3 * seed + n) for n in range(3))
    dice = np.random.default_rng(seed)

    def gappy(values: Floats) -> Floats:
        return np.where(dice.random(WIDTH) < 0.15, np.nan, values)

    market = {one.name: getattr(first, one.name) for one in fields(Ask) if one.name not in OF_A_STRATEGY}
    market["price"] = gappy(first.price)
    market["factors"] = {name: gappy(values) for name, values in first.factors.items()}
    return [
        replace(
            one, **market, capital=one.capital * (n + 1), entry_factor=float(dice.choice([0.0, 0.5, 1.0]))
        )
        for n, one in enumerate([first, *others])
    ]


def stacked(asks: Sequence[Ask]) -> Ask:
    """The asks of strategies on one market as a method that is elementwise is told of them."""
    told: dict[str, Any] = {
        name: np.stack([np.atleast_1d(getattr(one, name)) for one in asks]) for name in OF_A_STRATEGY
    }
    return replace(asks[0], **told)


def of_symbol(ask: Ask, n: int) -> Ask:
    """What an ask says of one symbol."""
    cut: dict[str, Any] = {name: values[..., [n]] for name, values in arrays_of(ask).items()}
    return replace(ask, **cut, factors={name: values[[n]] for name, values in ask.factors.items()})


def decided(method: Sizing, ask: Ask) -> Floats:
    """What the method wants, asked as a decision asks it: first for what it carries on."""
    carried = replace(ask, allocation=method.allocate(ask), reduce_to=method.reduce_to(ask))
    return method.quantities(carried)


class SizingContract:
    """Inherited by the test class of each sizing method, which says its `name` and `params`.

    Attributes
    ----------
    tolerance : float
        How far a quantity may differ where symbols stand in another order, as a share of it: 0, for none.
    """

    name: ClassVar[str]
    params: ClassVar[dict[str, Any]] = {}
    tolerance: ClassVar[float] = 0.0

    @pytest.mark.parametrize("seed", range(5))
    def test_a_unit_counts_by_its_value(self, method: Sizing, seed: int) -> None:
        ask = random_ask(method, seed)
        quoted = replace(
            ask,
            price=ask.price / 64.0,
            stop_distance=ask.stop_distance / 64.0,
            factors={
                name: values / 64.0 if name.startswith("atr_") else values
                for name, values in ask.factors.items()
            },
            multiplier=np.full(WIDTH, 64.0),
        )
        assert np.array_equal(decided(method, quoted), decided(method, ask))

    @pytest.fixture
    def method(self) -> Sizing:
        return portfolio.make(self.name, self.params, path="strategies.any.sizing")

    @pytest.fixture(params=range(40))
    def ask(self, method: Sizing, request: pytest.FixtureRequest) -> Ask:
        return random_ask(method, request.param)

    def test_it_says_what_it_is_and_its_factors_exist(self, method: Sizing) -> None:
        assert type(method).__doc__
        assert method.sides
        assert SignalSide.EITHER not in method.sides
        if method.factors:
            assert factors.look_back(method.factors) > 0

    def test_what_it_wants_is_a_number_of_units_for_each_symbol(self, method: Sizing, ask: Ask) -> None:
        for found in (method.allocate(ask), method.reduce_to(ask), decided(method, ask)):
            assert found.shape == ask.held.shape
            assert np.isfinite(found).all()
        assert (method.reduce_to(ask) >= 0.0).all()

    def test_it_holds_on_no_side_but_those_that_it_declares(self, method: Sizing, ask: Ask) -> None:
        wanted = decided(method, ask)
        assert {int(one) for one in np.sign(wanted[wanted != 0])} <= set(method.sides)

    def test_what_is_to_be_left_never_turns(self, method: Sizing, ask: Ask) -> None:
        wanted, leaves = decided(method, ask), ask.leaves & (ask.enters == 0)
        assert (wanted[leaves] * ask.held[leaves] >= 0.0).all()

    def test_without_a_price_nothing_is_opened_and_nothing_changes_but_what_is_left(
        self, method: Sizing, ask: Ask
    ) -> None:
        blind = decided(method, replace(ask, price=np.full(WIDTH, np.nan)))
        np.testing.assert_array_equal(blind[~ask.leaves], ask.held[~ask.leaves])

    def test_a_factor_that_is_missing_opens_nothing_of_its_symbol(self, method: Sizing, ask: Ask) -> None:
        for name in method.factors:
            unknown = {**ask.factors, name: np.full(WIDTH, np.nan)}
            wanted = decided(method, replace(ask, factors=unknown))
            assert not ((ask.held == 0.0) & (wanted != 0.0)).any()

    def test_its_figures_are_numbers_of_the_shape_of_what_is_held(self, method: Sizing, ask: Ask) -> None:
        for name, values in method.figures(ask).items():
            assert name.isidentifier()
            assert values.shape == ask.held.shape, name
            assert values.dtype == np.float64, name

    def test_what_it_is_told_is_not_changed_and_it_says_the_same_twice(
        self, method: Sizing, ask: Ask
    ) -> None:
        before = {name: values.copy() for name, values in arrays_of(ask).items()}
        wanted = decided(method, ask)
        np.testing.assert_array_equal(decided(method, ask), wanted)
        np.testing.assert_array_equal(decided(type(method)(method.params), ask), wanted)
        method.figures(ask)
        for name, values in before.items():
            np.testing.assert_array_equal(getattr(ask, name), values, err_msg=name)

    def test_the_order_of_the_symbols_is_no_matter(self, method: Sizing, ask: Ask) -> None:
        turned: dict[str, Any] = {name: values[..., ::-1] for name, values in arrays_of(ask).items()}
        turned["factors"] = {name: values[::-1] for name, values in ask.factors.items()}
        expected, found = decided(method, ask), decided(method, replace(ask, **turned))[::-1]
        np.testing.assert_allclose(found, expected, rtol=self.tolerance, atol=self.tolerance)

    def test_a_method_that_is_elementwise_says_of_each_strategy_and_symbol_what_it_says_of_them_alone(
        self, method: Sizing
    ) -> None:
        if not method.elementwise:
            pytest.skip("it is told of one strategy at a time, and may look at all symbols")
        for asks in (asks_on_one_market(method, seed) for seed in range(40)):
            for part in (method.allocate, method.reduce_to, method.quantities):
                together = part(stacked(asks))
                assert together.shape == (len(asks), WIDTH)
                np.testing.assert_array_equal(together, [part(one) for one in asks])
                for s, one in enumerate(asks):
                    apart = np.concatenate([part(of_symbol(one, n)) for n in range(WIDTH)])
                    np.testing.assert_array_equal(together[s], apart)
            for name, together in method.figures(stacked(asks)).items():
                np.testing.assert_array_equal(together, [method.figures(one)[name] for one in asks])
