"""Leverage sizing: the surer a strategy is of a symbol, the more is borrowed for its position."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from pydantic import Field

from nightdesk.core.fields import Frozen, Positive, Share
from nightdesk.core.panel import Floats
from nightdesk.portfolio.sizing import BOTH_SIDES, Ask, Flags, Sizing, register


@register
class LeverageSizing(Sizing):
    """Notional = capital × share × (1 + slope × |c|), where c = tanh(gain × strength) × confidence.

    The position has the side of the entry, and is at most capital × share × `max_leverage`. Inside the dead
    band, where |c| is below `dead_band` (or 0), a position of the same side stays as it is, one of the other
    side is closed, and nothing is opened. The formula jumps at 0, where it turns from one whole share of the
    capital to the opposite one: without a band a name whose signal trembles around 0 is turned each time.

    A HOLD keeps what is held. A signal to leave, however strong, wants nothing. Without a price nothing is
    opened and what is held is kept. The regime's factor makes additions smaller and turns nothing that is
    held into a reduction, as in the other methods.
    """

    name = "leverage"
    sides = BOTH_SIDES
    elementwise = True

    class Params(Frozen):
        """Its numbers."""

        share: Share = Field(0.20, gt=0, description="of the capital in one position at a leverage of 1")
        gain: Positive = Field(2.0, description="factor on the strength inside the tanh")
        slope: float = Field(2.0, ge=0, description="leverage that a full conviction adds to 1")
        max_leverage: Positive = Field(3.0, description="most that the leverage of one position may be")
        dead_band: Share = Field(
            0.10, lt=1, description="conviction, absolute, below which nothing is opened or resized"
        )

    params: Params

    def quantities(self, ask: Ask) -> Floats:
        """Wanted units of the shape of `held`, not yet rounded."""
        enters, wanted = ask.enters, ask.held
        if np.count_nonzero(enters):
            size, on_side = self._size(ask), wanted * enters
            with np.errstate(divide="ignore", invalid="ignore"):
                unlevered = self._unlevered(ask)
                full = np.minimum(unlevered * self._leverage(size), unlevered * self.params.max_leverage)
                grown = np.where(full > on_side, np.maximum(on_side, full * ask.entry_factor), full)
                resized = grown * enters
            known, inside = np.isfinite(full) & (enters != 0), self._inside(size)
            wanted = np.where(known & ~inside, resized, wanted)
            wanted = np.where(known & inside & (on_side < 0.0), 0.0, wanted)
        return np.where(ask.leaves & (enters == 0), 0.0, wanted)

    def figures(self, ask: Ask) -> Mapping[str, Floats]:
        """The conviction c, the leverage, the units that the formula wants, the most that the equity allows,
        and whether the conviction is inside the dead band (1) or not (0); NaN where nothing is entered.
        """
        size, entered = self._size(ask), np.where(ask.enters != 0, 1.0, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            unlevered = entered * self._unlevered(ask)
        leverage = self._leverage(size)
        return {
            "conviction": entered * size * ask.enters,
            "leverage": entered * leverage,
            "wanted_units": unlevered * leverage * ask.enters,
            "equity_cap": unlevered * self.params.max_leverage,
            "in_dead_band": np.where(ask.enters != 0, self._inside(size), np.nan),
        }

    def _size(self, ask: Ask) -> Floats:
        """The conviction, absolute."""
        size: Floats = np.tanh(self.params.gain * np.abs(ask.strength)) * ask.confidence
        return size

    def _leverage(self, size: Floats) -> Floats:
        """What a conviction borrows."""
        return 1.0 + self.params.slope * size

    def _unlevered(self, ask: Ask) -> Floats:
        """Units of one share of the capital; not finite without a price."""
        units: Floats = ask.capital * self.params.share / ask.unit_value
        return units

    def _inside(self, size: Floats) -> Flags:
        """Where a conviction is too small to open anything."""
        inside: Flags = (size < self.params.dead_band) | (size == 0.0)
        return inside
