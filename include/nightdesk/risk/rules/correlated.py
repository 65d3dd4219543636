"""The rule on pairs of symbols that move together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from pydantic import Field

from nightdesk.book import Frozen, Share
from nightdesk.panel import Floats
from nightdesk.risk.correlation import known_pairs
from nightdesk.risk.distances import Distance, Measured, at_most
from nightdesk.risk.rule import Rule, Ruling, register
from nightdesk.risk.situation import Flags, Situation


@register
class Correlation(Rule):
    """A pair that moves together weighs jointly at most a share of the sum of its two caps.

    Pairs are taken from the most correlated down; both positions of a pair are made smaller alike. What is
    held is cut as well: the rule looks at positions, as the symbols' own caps do.
    """

    name = "correlation"
    order = 41
    subject = "positions"
    sentence = "joint weight with a symbol it moves with {value:.2%}, at most {limit:.2%}"
    unmeasured = "it moves with no other symbol that is wanted"
    told_as: ClassVar = {
        "correlation": "{subject}: correlation of the closest pair, beyond which its joint weight is capped",
        "joint_weight": "{subject}: joint weight of a pair that moves together",
    }

    class Params(Frozen):
        """Its numbers."""

        limit: Share = Field(0.7, description="correlation above which a pair counts")
        joint_cap: Share = Field(0.75, description="of the sum of the two symbols' caps")

    def passes(self, wanted: Floats, held: Floats, situation: Situation) -> bool:
        """No pair that moves together beyond its joint cap."""
        weight, cap = np.abs(situation.weights(wanted)), situation.max_weight
        i, j, together = known_pairs(np.flatnonzero(weight), situation.standing.correlation)
        close = together > self.params.limit
        i, j = i[close], j[close]
        over = weight[i] + weight[j] > self.params.joint_cap * (cap[i] + cap[j]) + 1e-12
        return not over.any()

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Pairs beyond their joint cap made smaller; each symbol's value is of its tightest pair."""
        weight = np.abs(situation.weights(wanted))
        joint_limit = self.params.joint_cap * (situation.max_weight[:, None] + situation.max_weight[None, :])
        with np.errstate(invalid="ignore"):
            close = np.triu(situation.standing.correlation > self.params.limit, 1)
        close &= (weight > 0)[:, None] & (weight > 0)[None, :]
        value, limit = np.full_like(weight, np.nan), np.full_like(weight, np.nan)
        if not close.any():
            return Ruling(wanted, value, limit)
        self._tightest(weight, close, joint_limit, value, limit)
        over = np.argwhere(close & (weight[:, None] + weight[None, :] > joint_limit + 1e-12))
        if not len(over):
            return Ruling(wanted, value, limit)
        strength = situation.standing.correlation[over[:, 0], over[:, 1]]
        scale = np.ones_like(weight)
        for at in np.argsort(-strength, kind="stable").tolist():
            i, j = over[at].tolist()
            joint, most = float(weight[i] * scale[i] + weight[j] * scale[j]), float(joint_limit[i, j])
            if joint > most:
                scale[i] *= most / joint
                scale[j] *= most / joint
        after = np.where(scale < 1.0, situation.units.toward_zero(wanted * scale), wanted)
        return Ruling(after, value, limit)

    def distances(self, measured: Measured) -> Iterator[Distance]:
        """The closest pair of what is held; of those beyond the limit, the one nearest to its joint cap."""
        first, second, correlation = measured.pairs
        if not len(correlation):
            return
        limit: float = self.params.limit
        at = int(np.argmax(correlation))
        pair = measured.pair(first[at], second[at])
        yield at_most(self.name, pair, float(correlation[at]), limit, "correlation")
        close = correlation > limit
        if close.any():
            first, second = first[close], second[close]
            weight, caps = np.abs(measured.weights), measured.max_weight
            joint, cap = weight[first] + weight[second], self.params.joint_cap * (caps[first] + caps[second])
            at = int(np.argmax(joint - cap))
            pair = measured.pair(first[at], second[at])
            yield at_most("joint_weight", pair, float(joint[at]), float(cap[at]))

    @staticmethod
    def _tightest(weight: Floats, close: Flags, joint_limit: Floats, value: Floats, limit: Floats) -> None:
        """Write the joint weight and cap of each symbol's tightest pair into `value` and `limit`."""
        both = close | close.T
        joint = weight[:, None] + weight[None, :]
        room = np.where(both, joint_limit - joint, np.inf)
        partner = np.argmin(room, axis=1)
        rows = np.flatnonzero(both.any(axis=1))
        value[rows], limit[rows] = joint[rows, partner[rows]], joint_limit[rows, partner[rows]]
