"""A sizing method: the same part of the capital in every position."""

import numpy as np
from pydantic import Field

from nightdesk.core.fields import Frozen
from nightdesk.core.panel import Floats
from nightdesk.portfolio import Ask, Sizing, register


@register
class EqualParts(Sizing):
    """One part of the capital for each entry; what is held is left alone until a signal to leave it."""

    name = "equal_parts"

    class Params(Frozen):
        """How many positions the capital is for."""

        parts: int = Field(10, ge=1, description="parts of the capital, one a position")

    params: Params

    def quantities(self, ask: Ask) -> Floats:
        """Wanted units of shape (n_symbols,), not yet rounded."""
        units = ask.capital / self.params.parts / ask.unit_value * ask.entry_factor
        opens = (ask.enters > 0) & (ask.held == 0.0) & np.isfinite(units)
        return np.where(ask.leaves, 0.0, np.where(opens, units, ask.held))
