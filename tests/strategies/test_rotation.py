"""Rotation: which symbols are candidates, and what is missing."""

from pathlib import Path

import numpy as np
import pytest
from tests.strategies.test_cross_sectional_momentum import session

from nightdesk import strategies
from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.strategies import Direction
from nightdesk.testing.strategy_contract import StrategyContract

NAN = np.nan
BOOKS = Path(__file__).resolve().parents[2] / "books"
STRONG_SELL, _, HOLD, _, STRONG_BUY = Direction


class TestRotation(StrategyContract):
    """With the spec's numbers."""

    name = "rotation"


class TestAWiderGroup(StrategyContract):
    """With more candidates."""

    name = "rotation"
    params = {"above": 0.3}  # noqa: RUF012


SCENARIOS = [
    # rank, price, SMA200 -> direction, words
    (
        0.8,
        110,
        100,
        STRONG_BUY,
        "rank_momentum_12_1 0.80 is above 0.7 and the close 110.00 above sma_200 100.00",
    ),
    (0.71, 100.01, 100, STRONG_BUY, "above sma_200 100.00"),
    (0.7, 110, 100, STRONG_SELL, "rank_momentum_12_1 0.70 is not above 0.7"),
    (0.8, 100, 100, STRONG_SELL, "the close 100.00 is not above sma_200 100.00"),
    (0.2, 90, 100, STRONG_SELL, "0.20 is not above 0.7"),
    # one value is enough to be no candidate
    (0.2, NAN, NAN, STRONG_SELL, "0.20 is not above 0.7"),
    (NAN, 90, 100, STRONG_SELL, "the close 90.00 is not above sma_200 100.00"),
    # nothing is said of what might be one
    (0.8, NAN, 100, HOLD, "the close not known"),
    (0.8, 110, NAN, HOLD, "sma_200 not known"),
    (NAN, 110, 100, HOLD, "rank_momentum_12_1 not known"),
    (NAN, NAN, NAN, HOLD, "rank_momentum_12_1, sma_200, the close not known"),
]


@pytest.mark.parametrize("row", SCENARIOS, ids=lambda row: f"{row[0]} {row[1]} {row[2]}")
def test_what_leads_above_its_average_is_a_candidate(row: tuple) -> None:
    *numbers, direction, words = row
    strategy, view = strategies.make("rotation"), session(SPY=tuple(numbers))
    found = strategy.signals(view)
    assert found.direction[0, 0] == direction
    assert found.confidence[0, 0] == (0.0 if direction == HOLD else 1.0)
    assert found.strength[0, 0] == np.sign(direction)
    assert words in strategy.explain(view, found, 0, 0)


def test_the_book_states_the_defaults() -> None:
    entry = load_book(BOOKS / "multi_asset.yaml").strategies["rotation"]
    assert strategies.make("rotation", entry.params).params == strategies.make("rotation").params


def test_a_wrong_parameter_is_refused_with_its_path() -> None:
    with pytest.raises(Refused, match=r"strategies\.rotation\.params\.above: found 1\.5"):
        strategies.make("rotation", {"above": 1.5})
