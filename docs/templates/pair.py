"""Pair: of two funds that have come apart buy the one that lags and sell the other, or neither."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nightdesk.strategies import Direction, Signals, SignalSide, Strategy, View, register
from nightdesk.strategies.bundle_signals import refuse_unknown_legs
from nightdesk.strategies.comparing import above, below

#: Dollars of each leg in one unit of the bundle: legs of equal dollars.
DOLLARS = 1_000.0


@register
class Pair(Strategy):
    """Long one and short the other while their momentum differs much, until it hardly does."""

    name = "pair"
    sides = frozenset({SignalSide.LONG, SignalSide.SHORT})
    bundles = True

    class Params(Strategy.Params):
        """Momentum is over so many sessions; its difference is a share."""

        first: str = "SPY"
        second: str = "TLT"
        window: int = 20
        apart: float = 0.05
        together: float = 0.01

    params: Params

    @property
    def factors(self) -> tuple[str, ...]:
        return (f"momentum_{self.params.window}",)

    def check(self, symbols: Sequence[str], path: str) -> None:
        refuse_unknown_legs(symbols, (self.params.first, self.params.second), f"{path}.params")

    def signals(self, view: View) -> Signals:
        p, momentum = self.params, view.factors[self.factors[0]]
        shape = momentum.shape
        direction, side = np.zeros(shape, dtype=np.int8), np.zeros(shape, dtype=np.int8)
        bundle, ratio = np.zeros(shape, dtype=np.int16), np.zeros(shape)
        legs = [view.symbols.index(one) for one in (p.first, p.second)]
        lead = (momentum[:, legs[0]] - momentum[:, legs[1]])[:, None] * [1.0, -1.0]
        price = view.close[:, legs]
        known = np.isfinite(lead + price).all(axis=1, keepdims=True)
        enters, leaves = known & above(np.abs(lead), p.apart), known & below(np.abs(lead), p.together)
        way = np.where(above(lead, 0.0), -1, 1)  # the leg that leads is sold
        direction[:, legs] = np.where(enters, way * Direction.BUY, np.where(leaves, Direction.BUY, 0))
        side[:, legs] = np.where(enters, way, SignalSide.EITHER)
        bundle[:, legs] = known
        ratio[:, legs] = np.where(known, DOLLARS / price, 0.0)
        said = np.abs(direction)
        reason = np.where(side != 0, 1, 2 * said).astype(np.int8)
        return Signals(direction, np.zeros(shape), said * 1.0, reason, side, bundle, ratio)

    def numbers(self, view: View, signals: Signals) -> Mapping[str, NDArray[np.float64]]:
        momentum = view.factors[self.factors[0]]
        first, second = (view.symbols.index(one) for one in (self.params.first, self.params.second))
        return {"lead": (momentum[:, first] - momentum[:, second])[:, None]}

    @property
    def words(self) -> Mapping[int, str]:
        names = f"{self.params.first} leads {self.params.second}"
        return {
            0: "no leg, or the pair is neither apart nor together",
            1: f"{names} by {{lead:+.1%}}, which is far",
            2: f"{names} by {{lead:+.1%}}, which is near",
        }
