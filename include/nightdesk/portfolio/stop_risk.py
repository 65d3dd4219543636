"""Stop risk sizing: so many units that a fall to the strategy's stop costs a fixed part of equity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from pydantic import Field

from nightdesk.core.fields import Frozen, Share
from nightdesk.core.panel import Floats
from nightdesk.portfolio.sizing import BOTH_SIDES, Ask, Flags, Sizing, register


class _Bounds(NamedTuple):
    """Units that a position may have, of the shape of `held`; NaN where a bound is not known."""

    by_risk: Floats
    by_share: Floats


@register
class StopRiskSizing(Sizing):
    """Units = capital × risk / (entry - stop), at most `max_share` of the capital with its costs.

    The stop is that of the strategy's exit plan, from the close of the decision. With a stop at 2 % of the
    entry a risk of 1 % asks for 50 % of the capital, whatever the symbol: there the 5 % of `max_share` always
    decide, and 0.1 % of the capital is lost at the stop. The figures of a target keep both numbers. The risk
    decides where a stop lies further off than risk / `max_share` of the price, 20 % by default.

    It opens on a signal to enter, however strong, and adds to nothing: a position keeps its quantity until a
    signal to leave, an entry on the other side, or its exit plan ends it whole. Nothing is opened without a
    price or a stop.
    """

    name = "stop_risk"
    sides = BOTH_SIDES
    elementwise = True
    by_stop = True

    class Params(Frozen):
        """Its numbers."""

        risk: Share = Field(0.01, description="share of the capital that is lost at the stop")
        max_share: Share = Field(0.05, description="of the capital in one position, costs included")

    params: Params

    def quantities(self, ask: Ask) -> Floats:
        """Wanted units of the shape of `held`, not yet rounded."""
        wanted, opens = ask.held, self._opens(ask)
        if np.count_nonzero(opens):
            units = np.minimum(*self._bounds(ask)) * ask.entry_factor
            wanted = np.where(opens & np.isfinite(units), units * ask.enters, wanted)
        return np.where(ask.leaves, 0.0, wanted) if np.count_nonzero(ask.leaves) else wanted

    def figures(self, ask: Ask) -> Mapping[str, Floats]:
        """Units that the risk allows of what is opened, and `max_share`; both before the regime's factor."""
        opens, bounds = self._opens(ask), self._bounds(ask)
        return {
            "units_by_risk": np.where(opens, bounds.by_risk, np.nan),
            "units_by_share": np.where(opens, bounds.by_share, np.nan),
        }

    def _opens(self, ask: Ask) -> Flags:
        opens: Flags = (ask.enters != 0) & (ask.held * ask.enters <= 0.0)
        return opens

    def _bounds(self, ask: Ask) -> _Bounds:
        p = self.params
        with np.errstate(divide="ignore", invalid="ignore"):
            by_risk = ask.capital * p.risk / (np.asarray(ask.stop_distance) * ask.multiplier)
            by_share = ask.capital * p.max_share / (ask.unit_value * (1.0 + ask.costs))
        return _Bounds(by_risk, by_share)
