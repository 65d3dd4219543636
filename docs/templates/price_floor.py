"""A rule of the gate: nothing is opened in a symbol that has become too cheap to trade well."""

import numpy as np
from pydantic import Field

from nightdesk.core.fields import Frozen
from nightdesk.core.panel import Floats
from nightdesk.risk import Rule, Ruling, Situation, register, without_entries


@register
class PriceFloor(Rule):
    """Entries are refused below a price; what is held may be kept and sold."""

    name = "price_floor"
    order = 57
    subject = "entries"
    sentence = "its price of {value:.2f} dollars is below {limit:.2f}"

    class Params(Frozen):
        """The floor."""

        limit: float = Field(5.0, gt=0, description="dollars a unit")

    params: Params

    def apply(self, wanted: Floats, held: Floats, situation: Situation) -> Ruling:
        cheap = situation.price < self.params.limit
        after = np.where(cheap, without_entries(wanted, held), wanted)
        return Ruling(after, situation.price, self.params.limit)
