"""Methods that are asked for several strategies at once say of each what they say of it alone."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightdesk.core.panel import Floats
from nightdesk.portfolio import Ask, make, names
from nightdesk.portfolio.sizing import entered, left

TOGETHER = [name for name in names() if make(name, path="sizing").elementwise]
ROWS, SYMBOLS = 3, 5

#: What differs between strategies.
OF_EACH = (
    "held", "direction", "previous_direction", "enters", "leaves", "left_before", "confidence", "allocation",
    "reduce_to", "capital", "entry_factor",
)  # fmt: skip


def random_ask(seed: int) -> Ask:
    """Three strategies on five symbols: anything held, said and missing."""
    dice = np.random.default_rng(seed)
    shape = (ROWS, SYMBOLS)

    def gappy(values: Floats) -> Floats:
        return np.where(dice.random(SYMBOLS) < 0.15, np.nan, values)

    held = np.where(dice.random(shape) < 0.5, np.round(dice.uniform(-50, 50, shape)), 0.0)
    now, before = (dice.integers(-2, 3, shape).astype(np.int8) for _ in range(2))
    side, side_before = (dice.integers(-1, 2, shape).astype(np.int8) for _ in range(2))
    price = dice.uniform(1, 500, SYMBOLS)
    return Ask(
        held=held,
        direction=now,
        previous_direction=before,
        enters=entered(now, side),
        leaves=left(now, side, held),
        left_before=left(before, side_before, held),
        confidence=dice.random(shape),
        factors={
            "volatility_60": gappy(dice.uniform(0.01, 0.6, SYMBOLS)),
            "atr_14": gappy(price * dice.uniform(0.0, 0.1, SYMBOLS)),
        },
        price=gappy(price),
        capital=dice.uniform(1e3, 1e6, (ROWS, 1)),
        max_weight=dice.random(SYMBOLS),
        volatility_target=dice.uniform(0.05, 0.3, SYMBOLS),
        buy_fraction=0.6,
        entry_factor=dice.choice([0.0, 0.5, 1.0], (ROWS, 1)),
        returns=dice.normal(0.0, 0.01, (60, SYMBOLS)),
        costs=dice.uniform(0.0, 0.01, SYMBOLS),
        allocation=np.zeros(shape),
        reduce_to=np.where(dice.random(shape) < 0.3, np.abs(held) / 2, 0.0),
        opens_month=bool(dice.random() < 0.5),
    )


def row_of(ask: Ask, s: int) -> Ask:
    """What one of the strategies alone is asked."""
    changed = {name: getattr(ask, name)[s] for name in OF_EACH}
    for name in ("capital", "entry_factor"):
        changed[name] = float(changed[name][0])
    return replace(ask, **changed)


def test_some_methods_are_asked_together_and_every_field_of_a_question_is_covered() -> None:
    assert TOGETHER == ["atr_risk", "weight"]
    of_all = {one.name for one in fields(Ask)} - set(OF_EACH)
    assert of_all == {
        "factors", "price", "max_weight", "volatility_target", "buy_fraction", "returns", "costs",
        "opens_month",
    }  # fmt: skip


@pytest.mark.parametrize("name", TOGETHER)
@given(seed=st.integers(0, 2**32 - 1))
def test_each_strategy_is_given_the_same_bits_alone_and_with_others(name: str, seed: int) -> None:
    method, ask = make(name, path="sizing"), random_ask(seed)
    for part in ("allocate", "reduce_to", "quantities"):
        together = getattr(method, part)(ask)
        alone = [getattr(method, part)(row_of(ask, s)) for s in range(ROWS)]
        assert together.shape == ask.held.shape
        assert np.array_equal(together, alone, equal_nan=True)
