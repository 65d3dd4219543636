"""Risk parity sizing: an allocation that is made anew once a month, where the change is worth its cost."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from nightdesk.book import Frozen, Share
from nightdesk.panel import Floats
from nightdesk.portfolio.risk_parity import risk_parity, sample_covariance
from nightdesk.portfolio.sizing import Ask, Sizing, register
from nightdesk.strategies.base import Direction


@register
class RiskParitySizing(Sizing):
    """Equal risk contributions of what is a STRONG_BUY on the first session of a month, kept until the next.

    The weights are shares of the strategy's capital and add up to 1; what symbols may weigh at most is the
    gate's to say. They rest on the sample covariance of the book's `portfolio.volatility_window` sessions.
    A symbol of which nothing is known (HOLD), one that is no more than a BUY, and a STRONG_BUY whose window
    lacks a return or whose price did not move in it, keep the weight they have; the candidates share what is
    left. What is to be sold has none.

    The old weights stay when the one-way turnover (half the sum of the absolute changes of weight) is not
    under `max_turnover`, or the estimated cost (each change × the costs of its symbol) not under `max_cost`
    of the capital. The first allocation, with no weights before it, is exempt, and nothing else is: where
    more than the limit would have to change, what is held is kept and asked about again a month later.

    On every session the strategy wants its allocation at the session's prices and capital. What the gate held
    back is thereby asked for again, and drift is left alone by the gate's threshold on changes of weight.
    Without a price what is held is kept. The regime's factor makes additions smaller, as elsewhere.
    """

    name = "risk_parity"

    class Params(Frozen):
        """Limits on the change of a month."""

        max_turnover: float = Field(
            0.40,
            gt=0,
            le=1,
            description="one-way, share of the strategy's capital; a change must be under it",
        )
        max_cost: Share = Field(
            0.002, description="estimated, share of the strategy's capital; a change must be under it"
        )

    params: Params

    def allocate(self, ask: Ask) -> Floats:
        """Shares of the capital from this session on: made anew, or those before."""
        old = ask.allocation
        if not ask.opens_month:
            return old
        new = self._weights(ask)
        change = np.abs(new - old)
        turnover, cost = float(change.sum()) / 2.0, float((change * ask.costs).sum())
        first = not old.any()
        worth_it = turnover < self.params.max_turnover and cost < self.params.max_cost
        return new if first or worth_it else old

    def quantities(self, ask: Ask) -> Floats:
        """The allocation at today's prices, shape (n_symbols,), not yet rounded."""
        with np.errstate(divide="ignore", invalid="ignore"):
            full = ask.capital * ask.allocation / ask.price
        grown = np.where(full > ask.held, np.maximum(ask.held, full * ask.entry_factor), full)
        return np.where(np.isfinite(full), grown, ask.held)

    def _weights(self, ask: Ask) -> Floats:
        """Weights that would be had if nothing stood against the change."""
        candidates = np.flatnonzero(ask.direction == Direction.STRONG_BUY)
        parity = risk_parity(sample_covariance(ask.returns[:, candidates]))
        chosen = candidates[parity > 0.0]
        kept = ask.direction >= Direction.HOLD
        kept[chosen] = False
        weights = np.where(kept, ask.allocation, 0.0)
        weights[chosen] = max(0.0, 1.0 - float(weights.sum())) * parity[parity > 0.0]
        return weights
