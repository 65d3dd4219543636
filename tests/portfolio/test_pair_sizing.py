"""Equal dollars a leg, by the loss at the stop of the spread or the largest share, whichever is less."""

import numpy as np
import pytest

from nightdesk.portfolio import make
from nightdesk.portfolio.sizing import Ask
from nightdesk.testing.sizing_contract import random_ask

PAIRS = make("pairs", path="sizing")


def ask(**changed: object) -> Ask:
    """Two legs of a pair on 100,000 dollars, of which nothing is held."""
    whole = random_ask(PAIRS, 1)
    legs: dict[str, object] = {
        "held": np.zeros(2),
        "direction": np.array([1, -1], dtype=np.int8),
        "previous_direction": np.zeros(2, dtype=np.int8),
        "enters": np.array([1, -1], dtype=np.int8),
        "leaves": np.zeros(2, dtype=bool),
        "left_before": np.zeros(2, dtype=bool),
        "confidence": np.full(2, 0.8),
        "strength": np.array([0.8, -0.8]),
        "price": np.array([50.0, 125.0]),
        "stop_distance": np.array([0.5, 1.25]),
        "entry_factor": 1.0,
    }
    names = Ask.__dataclass_fields__
    return Ask(**{**{name: getattr(whole, name) for name in names}, **legs, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("loss", "dollars"),
    [
        (0.01, 5_000.0),  # 2 % / 0.01 would be twice the equity: 5 % decides
        (0.40, 5_000.0),  # just where both are the same
        (0.50, 4_000.0),  # 2 % / 0.50 = 4 % of the equity
        (2.00, 1_000.0),
    ],
)
def test_a_leg_has_the_dollars_of_the_smaller_limit(loss: float, dollars: float) -> None:
    found = PAIRS.quantities(ask(stop_distance=loss * np.array([50.0, 125.0])))
    np.testing.assert_allclose(found * np.array([50.0, 125.0]), [dollars, -dollars])


def test_the_regime_makes_an_entry_smaller_and_not_its_confidence() -> None:
    found = PAIRS.quantities(ask(entry_factor=0.5, confidence=np.full(2, 0.7)))
    np.testing.assert_allclose(found, [50.0, -20.0])


@pytest.mark.parametrize("loss", [np.nan, 0.0, -0.1])
def test_an_entry_without_a_loss_at_its_stop_is_not_opened(loss: float) -> None:
    assert PAIRS.quantities(ask(stop_distance=loss * np.array([50.0, 125.0]))).tolist() == [0.0, 0.0]
    assert PAIRS.quantities(ask(price=np.array([np.nan, 125.0]))).tolist() == [0.0, -40.0]


def test_what_is_held_is_kept_until_it_is_left_whole() -> None:
    held = np.array([60.0, -24.0])
    assert PAIRS.quantities(ask(held=held)).tolist() == held.tolist()
    assert PAIRS.quantities(ask(held=held, leaves=np.ones(2, dtype=bool))).tolist() == [0.0, 0.0]
