"""Risk parity sizing: an allocation that is made anew once a month, as far as turnover and cost allow."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from nightdesk.core.fields import Frozen, Share
from nightdesk.core.panel import Floats
from nightdesk.portfolio.risk_parity import risk_parity, sample_covariance
from nightdesk.portfolio.sizing import Ask, Sizing, register
from nightdesk.strategies.strategy import Direction

#: A month's change keeps to so much of its limits, so that it is under them whatever is rounded.
UNDER = 1.0 - 1e-9


@register
class RiskParitySizing(Sizing):
    """Equal risk contributions of what is a STRONG_BUY on the first session of a month, kept until the next.

    The weights are shares of the strategy's capital and add up to 1; what symbols may weigh at most is the
    gate's to say. They rest on the sample covariance of the book's `portfolio.volatility_window` sessions.
    A symbol of which nothing is known (HOLD), one that is no more than a BUY, and a STRONG_BUY whose window
    lacks a return or whose price did not move in it, keep the weight they have; the candidates share what is
    left. What is to be sold has none.

    The one-way turnover (half the sum of the absolute changes of weight) stays under `max_turnover`, and the
    estimated cost (each change × the costs of its symbol) under `max_cost` of the capital. Where the new
    weights would exceed one of them, a part of the way is gone: first what is no longer selected is reduced,
    all of it or, where that alone is too much, the share that keeps both; then all other changes by the share
    that keeps both with what is left. The rest is asked about a month later, against what leads then; until
    it is bought, that part of the capital is in cash. The first allocation, with no weights before it, is
    exempt.

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
            description="one-way, share of the strategy's capital; a month's change stays under it",
        )
        max_cost: Share = Field(
            0.002, description="estimated, share of the strategy's capital; a month's change stays under it"
        )

    params: Params

    def allocate(self, ask: Ask) -> Floats:
        """Shares of the capital from this session on: made anew, or those before."""
        old = ask.allocation
        if not ask.opens_month:
            return old
        new = self._weights(ask)
        if not old.any():
            return new
        change = new - old
        leaves = np.where(new == 0.0, change, 0.0)
        turnover, cost = self.params.max_turnover * UNDER, self.params.max_cost * UNDER
        part = _share_within(leaves, ask.costs, turnover, cost)
        if part < 1.0:
            return old + part * leaves
        spent_turnover, spent_cost = _turnover_and_cost(leaves, ask.costs)
        rest = change - leaves
        part = _share_within(rest, ask.costs, turnover - spent_turnover, cost - spent_cost)
        return new if part == 1.0 else np.where(new == 0.0, 0.0, old + part * rest)

    def quantities(self, ask: Ask) -> Floats:
        """The allocation at today's prices, shape (n_symbols,), not yet rounded."""
        with np.errstate(divide="ignore", invalid="ignore"):
            full = ask.capital * ask.allocation / ask.unit_value
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


def _turnover_and_cost(change: Floats, costs: Floats) -> tuple[float, float]:
    """One-way turnover and estimated cost of changes of weight, shares of the capital."""
    size = np.abs(change)
    return float(size.sum()) / 2.0, float((size * costs).sum())


def _share_within(change: Floats, costs: Floats, turnover: float, cost: float) -> float:
    """The share of the changes, 0 to 1, that keeps to a turnover and a cost; both grow evenly with it."""
    asked, dear = _turnover_and_cost(change, costs)
    within = [room / wanted for room, wanted in ((turnover, asked), (cost, dear)) if wanted > room]
    return max(0.0, min([1.0, *within]))
