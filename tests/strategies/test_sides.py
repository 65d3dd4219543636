"""What a direction and a side say together."""

import numpy as np
import pytest

from nightdesk.strategies import Action, Direction, Side, Signals, spoken

BUY, SELL, STRONG_SELL, HOLD = Direction.BUY, Direction.SELL, Direction.STRONG_SELL, Direction.HOLD


@pytest.mark.parametrize(
    ("direction", "side", "action", "words"),
    [
        (BUY, Side.LONG, Action.ENTER, "buy"),
        (STRONG_SELL, Side.LONG, Action.LEAVE, "strong sell"),
        (HOLD, Side.LONG, Action.HOLD, "hold"),
        (STRONG_SELL, Side.SHORT, Action.ENTER, "strong sell, enter short"),
        (BUY, Side.SHORT, Action.LEAVE, "buy, leave short"),
        (HOLD, Side.SHORT, Action.HOLD, "hold"),
        (SELL, Side.EITHER, Action.LEAVE, "sell, leave either"),
        (BUY, Side.EITHER, Action.LEAVE, "buy, leave either"),
        (HOLD, Side.EITHER, Action.HOLD, "hold"),
    ],
)
def test_direction_and_side_say_the_action(
    direction: Direction, side: Side, action: Action, words: str
) -> None:
    said = np.array([[direction]], dtype=np.int8)
    about = np.array([[side]], dtype=np.int8)
    nothing = np.zeros((1, 1))
    signals = Signals(said, nothing, nothing, said, about)
    assert signals.action.tolist() == [[action]]
    assert spoken(direction, side) == words


def test_a_strategy_that_says_no_side_speaks_of_longs() -> None:
    said = np.array([[BUY, SELL, HOLD]], dtype=np.int8)
    signals = Signals(said, np.zeros((1, 3)), np.zeros((1, 3)), said)
    assert (signals.side == Side.LONG).all()
    assert signals.row(0).action.tolist() == [[Action.ENTER, Action.LEAVE, Action.HOLD]]
