"""Leverage sizing: the surer a strategy is of a symbol, the more is borrowed for its position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from nightdesk.core.fields import Frozen, Positive, Share
from nightdesk.core.panel import Floats
from nightdesk.portfolio.sizing import BOTH_SIDES, Ask, Flags, Sizing, register


@dataclass(frozen=True, slots=True)
class _Sized:
    """What the formula makes of an ask; arrays of the shape of its `held`, NaN where nothing is entered.

    `conviction` is signed, `units` and `cap` (the most that the equity allows) are absolute. `inside` is
    where the conviction is too small to open anything.
    """

    conviction: Floats
    leverage: Floats
    units: Floats
    cap: Floats
    inside: Flags


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
            made, on_side = self._sized(ask), wanted * enters
            with np.errstate(invalid="ignore"):
                full = np.minimum(made.units, made.cap)
                grown = np.where(full > on_side, np.maximum(on_side, full * ask.entry_factor), full)
            known = np.isfinite(full)
            wanted = np.where(known & ~made.inside, grown * enters, wanted)
            wanted = np.where(known & made.inside & (on_side < 0.0), 0.0, wanted)
        return np.where(ask.leaves & (enters == 0), 0.0, wanted)

    def figures(self, ask: Ask) -> Mapping[str, Floats]:
        """The conviction c, the leverage, the units that the formula wants, the most that the equity allows,
        and whether the conviction is inside the dead band (1) or not (0); NaN where nothing is entered.
        """
        made = self._sized(ask)
        return {
            "conviction": made.conviction,
            "leverage": made.leverage,
            "wanted_units": made.units * ask.enters,
            "equity_cap": made.cap,
            "in_dead_band": np.where(ask.enters != 0, made.inside, np.nan),
        }

    def _sized(self, ask: Ask) -> _Sized:
        """The formula, before the dead band and the regime's factor."""
        p = self.params
        entered = np.where(ask.enters != 0, 1.0, np.nan)
        size = np.tanh(p.gain * np.abs(ask.strength)) * ask.confidence
        leverage = 1.0 + p.slope * size
        with np.errstate(divide="ignore", invalid="ignore"):
            unlevered = entered * (ask.capital * p.share / ask.unit_value)
        return _Sized(
            conviction=entered * size * ask.enters,
            leverage=entered * leverage,
            units=unlevered * leverage,
            cap=unlevered * p.max_leverage,
            inside=(size < p.dead_band) | (size == 0.0),
        )
