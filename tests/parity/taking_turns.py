"""Two strategies that hold the same units by turns: what one gives the other takes, and no order is sent."""

from collections.abc import Mapping

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.portfolio import Ask, Sizing
from nightdesk.portfolio import register as register_sizing
from nightdesk.strategies import Direction, Signals, Strategy, View, register

UNITS = 10.0


@register_sizing
class TenUnits(Sizing):
    """Ten units of what is to be bought, none of the rest."""

    name = "ten_units_of_parity"

    def quantities(self, ask: Ask) -> Floats:
        return np.where(ask.direction == Direction.STRONG_BUY, UNITS, 0.0)


class ByTurns(Strategy):
    """Everything on one day, nothing on the next."""

    rest: int
    factors = ()

    def signals(self, view: View) -> Signals:
        mine = view.sessions.astype(np.int64) % 2 == self.rest
        shape = (len(view.sessions), len(view.symbols))
        says = np.where(mine, Direction.STRONG_BUY, Direction.STRONG_SELL).astype(np.int8)
        return Signals(
            direction=np.broadcast_to(says[:, None], shape).copy(),
            strength=np.zeros(shape),
            confidence=np.ones(shape),
            reason=np.broadcast_to(mine[:, None], shape).astype(np.int8),
        )

    @property
    def words(self) -> Mapping[int, str]:
        return {0: "the day is the other one's", 1: "the day is mine's"}


@register
class EvenDays(ByTurns):
    name = "even_days_of_parity"
    rest = 0


@register
class OddDays(ByTurns):
    name = "odd_days_of_parity"
    rest = 1


#: What such a book says instead of the multi-asset one. The gate would find nothing to say of a cross.
BOOK = {
    "strategies": {name: {"share": 0.4, "sizing": TenUnits.name} for name in (EvenDays.name, OddDays.name)},
    "universe": {symbol: {"max_weight": 0.3} for symbol in ("GLD", "SPY", "TLT", "TIP")},
    "limits": {"max_weight": {}},
    "levels": None,
    "quality": {"failed_share": 0.6},
}
