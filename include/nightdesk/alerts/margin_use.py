"""How much of its margin a book uses, as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nightdesk.alerts import figures
from nightdesk.core.margin import Margin


@dataclass(frozen=True)
class MarginUse:
    """A margin account at the mark, dollars.

    Attributes
    ----------
    excess : Decimal
        Excess equity: NAV less the initial margin of all positions. Below 0 nothing may be opened.
    cushion : Decimal
        NAV less the maintenance margin of all positions: what may be lost before a broker calls.
    words : str
        What the account asks for.
    """

    excess: Decimal
    cushion: Decimal
    words: str

    @classmethod
    def of(cls, margin: Margin, nav: Decimal, gross: float, net: float) -> MarginUse | None:
        """The use of a margin at a mark; None of a cash account.

        Parameters
        ----------
        margin : Margin
        nav : Decimal
            Dollars.
        gross, net : float
            Absolute and signed exposure, shares of NAV.
        """
        if not margin.borrows:
            return None
        longs, shorts = (gross + net) / 2, (gross - net) / 2
        kept = margin.maintenance * longs + margin.maintenance_short * shorts
        return cls(
            excess=round(nav * Decimal(1.0 - margin.initial * gross), 2),
            cushion=round(nav * Decimal(1.0 - kept), 2),
            words=f"NAV less {figures.percent(margin.initial, places=0)} of the exposure "
            f"({margin.kind.replace('_', ' ')} margin)",
        )

    @property
    def tone(self) -> str:
        """The colour of it: a loss where a broker would call, a warning where nothing may be opened."""
        return "loss" if self.cushion < 0 else "warn" if self.excess < 0 else ""
