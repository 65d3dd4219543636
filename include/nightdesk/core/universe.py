"""The symbols that a book may trade, each with its size, its limits and its own costs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from nightdesk.core.asset_classes import AssetClass
from nightdesk.core.contracts import Contract, OptionTerms, Style, foreign_keys
from nightdesk.core.costs import Costs
from nightdesk.core.exit_plan import Stop
from nightdesk.core.fields import Frozen, Positive, Share, Symbol
from nightdesk.core.money import exact

#: How old its last hour may be at the exchange's close, hours, where a symbol does not say.
USUAL_CLOSE_WITHIN = 3


def _absent(value: Any) -> bool:
    return value is None


class Instrument(Frozen):
    """One symbol of a book's universe."""

    asset_class: AssetClass = Field(
        "etf", description="what it is, which says when its market is open; crypto, perpetual: always"
    )
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
    multiplier: Decimal | None = Field(
        None,
        gt=0,
        exclude_if=_absent,  # what has none of these keeps its configuration's hash
        description="dollars that a unit moves by with a dollar of its price; option: 100, perpetual: 1",
    )
    underlying: Symbol | None = Field(
        None,
        exclude_if=_absent,
        description="of an option the symbol that it is on, of a perpetual what its price follows",
    )
    style: Style | None = Field(
        None, exclude_if=_absent, description="when an option may be exercised; american where not said"
    )
    deliverable: Decimal | None = Field(
        None,
        gt=0,
        exclude_if=_absent,
        description="units of the underlying that a contract delivers, where a split has adjusted it; else "
        "its multiplier",
    )
    collateral: Share | None = Field(
        None,
        gt=0,
        exclude_if=_absent,
        description="share of its notional that a perpetual puts up: 0.5 is a leverage of 2",
    )
    funding_rate: float | None = Field(
        None,
        gt=-0.05,
        lt=0.05,
        exclude_if=_absent,
        description="share of its notional that a long perpetual pays at 0, 8 and 16 o'clock UTC; below 0: a "
        "short pays. Booked on paper and in backtests, where it is never left out",
    )

    funding: str | None = Field(
        None,
        pattern=r"^(files:.+|[a-z][a-z0-9_]*)$",
        exclude_if=_absent,
        description="instead of funding_rate, where its history stands: binance, bybit, or files:PATH of a "
        "CSV of rates",
    )

    close_from: Literal["days", "hours"] | None = Field(
        None,
        exclude_if=_absent,
        description="what its bar of a session is gathered from, in a daily book: whole UTC days, where not "
        "said, or hours, whose last one before the exchange's close it closes with",
    )
    close_within_hours: int | None = Field(
        None,
        ge=1,
        le=24,
        exclude_if=_absent,
        description="with hours: how old at the exchange's close the last may be; 3 where not said",
    )

    @model_validator(mode="after")
    def _of_its_class(self) -> Self:
        given = frozenset(name for name in self.model_fields_set if getattr(self, name) is not None)
        faults = list(foreign_keys(self.asset_class, given))
        wanted = {"option": ("underlying",), "perpetual": ("underlying", "collateral")}
        faults += [
            f"{key}: missing; an instrument of {self.asset_class} must say it"
            for key in wanted.get(self.asset_class, ())
            if getattr(self, key) is None
        ]
        if self.asset_class == "perpetual" and (self.funding is None) == (self.funding_rate is None):
            said = "missing" if self.funding is None else "given beside funding"
            faults.append(
                f"funding_rate: {said}; a perpetual says one of both: funding_rate as a number, or "
                "funding as the source of its history (binance, bybit, files:PATH)"
            )
        if self.close_within_hours is not None and self.close_from != "hours":
            faults.append(
                "close_within_hours: its bars are gathered from days; say close_from: hours, or leave it out"
            )
        if self.asset_class == "option" and self.unit % 1:
            faults.append(f"unit: found {self.unit}; contracts of an option are whole: leave it out")
        if self.deliverable is not None and self.deliverable % 1:
            faults.append(f"deliverable: found {self.deliverable}; a contract delivers whole units")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def hours_at_close(self) -> int | None:
        """How old at the exchange's close the last of its hours may be; None where it has days."""
        return (self.close_within_hours or USUAL_CLOSE_WITHIN) if self.close_from == "hours" else None

    @property
    def continuous(self) -> bool:
        """Whether its market never closes."""
        return self.asset_class in ("crypto", "perpetual")

    def contract(self, symbol: str) -> Contract:
        """What a unit of it stands for, where it is called `symbol`.

        Raises
        ------
        Refused
            When it is an option and its symbol does not say its terms.
        """
        if self.asset_class == "option":
            terms = OptionTerms.of(symbol, self.style or "american")
            multiplier = self.multiplier or Decimal(100)
            return Contract(
                multiplier,
                underlying=self.underlying or "",
                option=terms,
                deliverable=None if self.deliverable == multiplier else self.deliverable,
            )
        return Contract(
            self.multiplier or Decimal(1),
            on_margin=self.asset_class == "perpetual",
            collateral=exact(self.collateral or 0),
            funding=exact(self.funding_rate or 0),
            funding_history=self.funding is not None,
            underlying=self.underlying or "",
        )
