"""The rule on pairs of symbols that move together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from pydantic import Field

from nightdesk.core.fields import Frozen, Share
from nightdesk.core.panel import Floats
from nightdesk.risk.correlation import Columns
from nightdesk.risk.distances import Distance, RiskMeasures, at_most
from nightdesk.risk.rule import Rule, Ruling, register
from nightdesk.risk.situation import Asked, Situation, anywhere


@register
class Correlation(Rule):
    """A pair that moves together weighs jointly at most a share of the sum of its two caps.

    Pairs are taken from the most correlated down; both positions of a pair are made smaller alike. What is
    held is cut as well: the rule looks at positions, as the symbols' own caps do. The legs of a bundle move
    together by design and are no pair, unless something else is held or wanted in one of them.
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

    def passes(self, asked: Asked) -> bool:
        """No pair that moves together beyond its joint cap."""
        weight, situation = asked.weight, asked.situation
        if not anywhere(situation.standing.correlations.known > self.params.limit):
            return True
        if not anywhere(weight > self.params.joint_cap * situation.max_weight):
            return True  # of a pair beyond its joint cap one is beyond its part of it
        _, _, _, joint, cap = self._close_pairs(weight, situation)
        return not anywhere(joint > cap + 1e-12)

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Pairs beyond their joint cap made smaller; each symbol's value is of its tightest pair."""
        weight = np.abs(situation.weights(wanted))
        value, limit = np.full_like(weight, np.nan), np.full_like(weight, np.nan)
        first, second, strength, joint, cap = self._close_pairs(weight, situation)
        # Each pair for both of its symbols; of those as tight, the one with the first partner is told.
        one, other = np.concatenate([first, second]), np.concatenate([second, first])
        room = np.tile(cap - joint, 2)
        tightest_last = np.lexsort((-other, -room, one))
        told = one[tightest_last]
        value[told], limit[told] = np.tile(joint, 2)[tightest_last], np.tile(cap, 2)[tightest_last]
        (over,) = (joint > cap + 1e-12).nonzero()
        if not len(over):
            return Ruling(wanted, value, limit)
        scale, most = np.ones_like(weight), cap.tolist()
        for at in over[np.argsort(-strength[over], kind="stable")].tolist():
            i, j = first[at], second[at]
            together = float(weight[i] * scale[i] + weight[j] * scale[j])
            if together > most[at]:
                scale[i] *= most[at] / together
                scale[j] *= most[at] / together
        after = np.where(scale < 1.0, situation.units.toward_zero(wanted * scale), wanted)
        return Ruling(after, value, limit)

    def _close_pairs(
        self, weight: Floats, situation: Situation
    ) -> tuple[Columns, Columns, Floats, Floats, Floats]:
        """Pairs with a weight that move together: columns, correlations, joint weights and joint caps."""
        most, (first, second, strength) = situation.max_weight, situation.standing.correlations.pairs
        close = (strength > self.params.limit) & (weight[first] > 0.0) & (weight[second] > 0.0)
        if situation.hedged is not None:
            of = situation.hedged
            close &= (of[first] == 0) | (of[first] != of[second])
        first, second, strength = first[close], second[close], strength[close]
        cap = self.params.joint_cap * (most[first] + most[second])
        return first, second, strength, weight[first] + weight[second], cap

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
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
