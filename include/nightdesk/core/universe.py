"""The symbols that a book may trade, each with its size, its limits and its own costs."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field

from nightdesk.core.costs import Costs
from nightdesk.core.exit_plan import Stop
from nightdesk.core.fields import Frozen, Positive, Share

AssetClass = Literal["equity", "etf", "crypto"]


class Instrument(Frozen):
    """One symbol of a book's universe."""

    asset_class: AssetClass = Field("etf", description="says when its market is open; crypto: always")
    group: str = Field("", description="class or sector shown in reports")
    max_weight: Share = Field(description="largest share of NAV in this symbol")
    volatility_target: Positive = Field(0.15, description="annualised; carries the full weight")
    unit: Decimal = Field(Decimal(1), gt=0, description="smallest quantity: 1 share, 0.0001 BTC")
    tick: Decimal = Field(
        Decimal("0.01"), gt=0, decimal_places=6, description="smallest step of a limit price, dollars"
    )
    costs: Costs | None = Field(None, description="instead of the book's costs")
    stop: Stop | None = Field(None, description="instead of the numbers of limits.stop_loss")
    borrow_rate: float | None = Field(
        None, ge=0, lt=10, description="instead of the rate of financing.borrow_rate"
    )
    tax_class: Literal["collectible", "partnership"] | None = Field(
        None, description="what the tax makes of it, where it is no plain security; see docs/tax.md"
    )

    @property
    def continuous(self) -> bool:
        """Whether its market never closes."""
        return self.asset_class == "crypto"
