"""The rule on what the market of a symbol could take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

from nightdesk.core.fields import Frozen, Share
from nightdesk.core.panel import Floats
from nightdesk.risk.distances import Distance, RiskMeasures, at_most
from nightdesk.risk.rule import Rule, Ruling, register
from nightdesk.risk.situation import Asked, Situation, without_entries

#: Mean volume of 20 sessions, in units of today.
ADV = "adv_20"


@register
class Liquidity(Rule):
    """No position is bought beyond a share of the average volume of a session (ADV20), on either side.

    What is held is not forced out when volume dries up. A symbol whose average volume is not known is not
    added to. It comes before the limits on positions and exposure, so that its verdict says what was wanted.
    """

    name = "liquidity"
    order = 50
    subject = "entries"
    factors = (ADV,)
    sentence = "a position of {value:,.10g} units wanted, {limit:,.10g} are what its average volume allows"
    unmeasured = "its average volume is not known"
    told_as: ClassVar = {"liquidity": "{subject}: position as a share of its average volume, the nearest"}

    class Params(Frozen):
        """Its number."""

        limit: Share = Field(description="share of the mean volume of 20 sessions that a position may be")

    def passes(self, asked: Asked) -> bool:
        """Every volume is known and carries what is wanted."""
        return bool((np.abs(asked.wanted) <= self.params.limit * asked.situation.factors[ADV]).all())

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        """Positions grown to what volume allows at most; value and limit are in units."""
        volume, kept = situation.factors[ADV], without_entries(wanted, held)
        known = np.isfinite(volume)
        cap = np.where(known, self.params.limit * np.where(known, volume, 0.0), 0.0)
        value = np.where(known, np.abs(wanted), np.nan)
        over = (np.abs(wanted) > cap) & (wanted != kept)
        if not over.any():
            return Ruling(wanted, value, cap)
        most = np.maximum(situation.units.toward_zero(cap), np.abs(kept))
        return Ruling(np.where(over, np.copysign(most, wanted), wanted), value, cap)

    def figures(self, factors: Mapping[str, Floats]) -> Mapping[str, Floats]:
        """The average volume, and the position that it allows, in units."""
        return {"adv": factors[ADV], "volume_cap": self.params.limit * factors[ADV]}

    def distances(self, measured: RiskMeasures) -> Iterator[Distance]:
        """The position that is the largest share of its volume."""
        share = measured.volume_share
        if share is None or not (share > 0.0).any():
            return
        n = int(np.nanargmax(share))
        yield at_most(self.name, measured.symbols[n], float(share[n]), self.params.limit)
