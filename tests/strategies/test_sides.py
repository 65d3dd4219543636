"""What a direction and a side say together."""

import numpy as np
import pytest

from nightdesk.strategies import Direction, SignalAction, Signals, SignalSide, spoken

BUY, SELL, STRONG_SELL, HOLD = Direction.BUY, Direction.SELL, Direction.STRONG_SELL, Direction.HOLD


@pytest.mark.parametrize(
    ("direction", "side", "action", "words"),
    [
        (BUY, SignalSide.LONG, SignalAction.ENTER, "buy"),
        (STRONG_SELL, SignalSide.LONG, SignalAction.LEAVE, "strong sell"),
        (HOLD, SignalSide.LONG, SignalAction.HOLD, "hold"),
        (STRONG_SELL, SignalSide.SHORT, SignalAction.ENTER, "strong sell, enter short"),
        (BUY, SignalSide.SHORT, SignalAction.LEAVE, "buy, leave short"),
        (HOLD, SignalSide.SHORT, SignalAction.HOLD, "hold"),
        (SELL, SignalSide.EITHER, SignalAction.LEAVE, "sell, leave either"),
        (BUY, SignalSide.EITHER, SignalAction.LEAVE, "buy, leave either"),
        (HOLD, SignalSide.EITHER, SignalAction.HOLD, "hold"),
    ],
)
def test_direction_and_side_say_the_action(
    direction: Direction, side: SignalSide, action: SignalAction, words: str
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
    assert (signals.side == SignalSide.LONG).all()
    assert signals.row(0).action.tolist() == [[SignalAction.ENTER, SignalAction.LEAVE, SignalAction.HOLD]]
