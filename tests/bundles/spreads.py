"""Strategies that say bundles: a pair, and three legs of which the middle one is sold twice."""

from collections.abc import Mapping, Sequence

import numpy as np

from nightdesk.core.exit_plan import ExitDistance, ExitPlan
from nightdesk.core.panel import Floats
from nightdesk.engine.exits import Cause
from nightdesk.portfolio import Ask, Sizing
from nightdesk.portfolio import register as register_sizing
from nightdesk.portfolio.sizing import BOTH_SIDES
from nightdesk.research.backtest.run import Result
from nightdesk.strategies import Direction, Signals, Strategy, View, register
from nightdesk.strategies.bundle_signals import refuse_unknown_legs

#: Dollars a leg of a pair.
DOLLARS = 8_000.0


@register_sizing
class PairDollars(Sizing):
    """So many dollars a leg; what is held keeps its quantity until its signal leaves it."""

    name = "pair_dollars_of_a_test"
    sides = BOTH_SIDES

    def quantities(self, ask: Ask) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            units = DOLLARS / ask.unit_value * ask.entry_factor
        opens = (ask.enters != 0) & (ask.held == 0.0) & np.isfinite(units)
        return np.where(ask.leaves, 0.0, np.where(opens, units * ask.enters, ask.held))


@register_sizing
class ButterflyUnits(Sizing):
    """Ten units of the wings and twenty of the body, whatever they cost."""

    name = "butterfly_units_of_a_test"
    sides = BOTH_SIDES

    def quantities(self, ask: Ask) -> Floats:
        units = np.where(ask.enters < 0, 20.0, 10.0) * ask.entry_factor
        wanted = np.where((ask.enters != 0) & (ask.held == 0.0), units * ask.enters, ask.held)
        return np.where(ask.leaves, 0.0, wanted)


class Spread(Strategy):
    """Legs of fixed sides and ratios: (symbol, units for one of the bundle; negative: sold)."""

    factors = ("momentum_5",)
    sides = BOTH_SIDES
    bundles = True
    legs: tuple[tuple[str, float], ...]
    dollars = False

    def check(self, symbols: Sequence[str], path: str) -> None:
        refuse_unknown_legs(symbols, [symbol for symbol, _ in self.legs], f"{path}.legs")

    def signals(self, view: View) -> Signals:
        shape = view.close.shape
        direction, side = np.zeros(shape, dtype=np.int8), np.ones(shape, dtype=np.int8)
        bundle, ratio = np.zeros(shape, dtype=np.int16), np.zeros(shape)
        columns = {symbol: n for n, symbol in enumerate(view.symbols)}
        legs = [(columns[symbol], units) for symbol, units in self.legs if symbol in columns]
        here = np.ones(shape[0], dtype=bool)
        for n, _ in legs:
            here &= np.isfinite(view.close[:, n]) & np.isfinite(view.factors["momentum_5"][:, n])
        here &= len(legs) == len(self.legs)
        enters, leaves = self.moves(view, [n for n, _ in legs])
        for n, units in legs:
            side[:, n] = np.sign(units)
            direction[here & enters, n] = Direction.BUY * np.sign(units)
            direction[here & leaves, n] = Direction.SELL * np.sign(units)
            bundle[here, n] = 1
            ratio[here, n] = DOLLARS / view.close[here, n] if self.dollars else abs(units)
        sure = np.where(direction != 0, 0.9, 0.0)
        reason = np.where(direction * side > 0, 1, np.where(direction != 0, 2, 0)).astype(np.int8)
        return Signals(direction, np.zeros(shape), sure, reason, side, bundle, ratio)

    def moves(self, view: View, columns: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Where all legs are entered, and where they are left."""
        day = view.sessions.astype(np.int64) % 7
        return np.isin(day, (1, 2)), day == 6

    @property
    def words(self) -> Mapping[int, str]:
        return {0: "nothing", 1: "the spread is entered", 2: "the spread is left"}


@register
class GoldAgainstBonds(Spread):
    """GLD against TLT in equal dollars, by how far they have come apart in five sessions."""

    name = "pair_of_a_test"
    legs = (("GLD", 1.0), ("TLT", -1.0))
    dollars = True
    exit_plan = ExitPlan(sessions=6, stop=ExitDistance(share=0.01))

    def moves(self, view: View, columns: list[int]) -> tuple[np.ndarray, np.ndarray]:
        if len(columns) < 2:
            return (np.zeros(len(view.sessions), dtype=bool),) * 2
        apart = view.factors["momentum_5"][:, columns[0]] - view.factors["momentum_5"][:, columns[1]]
        return apart < -0.002, apart > 0.004


@register
class TwoAgainstOne(Spread):
    """SPY and QQQ against twice as many of XLK."""

    name = "butterfly_of_a_test"
    legs = (("SPY", 1.0), ("XLK", -2.0), ("QQQ", 1.0))


#: What a book says that trades them, in place of the multi-asset one's.
BOOK = {
    "strategies": {
        GoldAgainstBonds.name: {"share": 0.5, "sizing": PairDollars.name},
        TwoAgainstOne.name: {"share": 0.5, "sizing": ButterflyUnits.name},
    },
    "universe": {symbol: {"max_weight": 0.5} for symbol in ("GLD", "SPY", "TLT", "QQQ", "XLK")},
    "levels": None,
    "limits": {"max_weight": {}, "gross_leverage": {"limit": 1.4}, "trades_per_day": {"limit": 6}},
    "margin": {"kind": "reg_t"},
    "financing": {"debit_rate": 0.06, "borrow_rate": 0.005},
    "portfolio": {"volatility_target": None},
    # So little of a bar's volume that some legs are filled in part.
    "broker": {"account": "paper-multi-asset", "max_volume_share": 0.0000012},
}


def shows_everything(result: Result) -> None:
    """Bundles were opened, filled in part together, found uneven and repaired, and ended with another leg."""
    causes = {Cause(int(one)) for decided in result.decided for one in decided.targets.cause.flat}
    assert Cause.OPENS in causes
    assert Cause.BUNDLE in causes, "no leg went with another one"
    found = [one.targets.bundles for one in result.decided]
    assert any(one is not None and one.uneven.any() for one in found), "no bundle was uneven"
    tied = [order for one in result.decided for order in one.orders if order.fills_together]
    assert {order.bundle_units > 0 for order in tied} == {False, True}
    reasons = [rest.reason for one in result.decided for rest in one.expired]
    assert any("its bundle fills together" in reason for reason in reasons), reasons
