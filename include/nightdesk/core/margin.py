"""What part of its positions' value a book must put up itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from nightdesk.core.fields import Frozen, Positive

#: What each kind of margin asks for of a position's value: initial, maintenance of longs and of shorts.
MARGINS = {"cash": (1.0, 1.0, 1.0), "reg_t": (0.50, 0.25, 0.30), "portfolio": (0.15, 0.15, 0.15)}


class Margin(Frozen):
    """What part of a position's value its holder must put up; excess equity is NAV - initial × gross.

    The defaults are those of the kind: all of it in a cash account, Regulation T and FINRA rule 4210, or a
    broker's portfolio margin.
    """

    kind: Literal["cash", "reg_t", "portfolio"] = Field("cash", description="cash: nothing is borrowed")
    initial: Positive = Field(1.0, le=1, description="share of a position's value, to open it")
    maintenance: Positive = Field(1.0, le=1, description="share of a long position's value, to keep it")
    maintenance_short: Positive = Field(1.0, le=1, description="the same of a short position")

    @model_validator(mode="before")
    @classmethod
    def _of_kind(cls, found: Any) -> Any:
        """Fill in the numbers of the kind; what is no mapping is refused by its type."""
        if not isinstance(found, Mapping) or found.get("kind", "cash") not in MARGINS:
            return found
        initial, maintenance, short = MARGINS[found.get("kind", "cash")]
        said = found.get("maintenance", maintenance)
        least = max(short, said) if isinstance(said, int | float) else short
        return {"initial": initial, "maintenance": maintenance, "maintenance_short": least, **found}

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if not self.borrows and min(self.initial, self.maintenance, self.maintenance_short) < 1:
            raise ValueError(
                "a cash account puts up the whole value of its positions: leave initial and maintenance out, "
                "or set kind to reg_t or portfolio"
            )
        if max(self.maintenance, self.maintenance_short) > self.initial:
            raise ValueError(
                f"maintenance {max(self.maintenance, self.maintenance_short):g} is more than initial "
                f"{self.initial:g}: a position could not be kept as it was opened"
            )
        return self

    @property
    def borrows(self) -> bool:
        """Whether the account may borrow money and shares."""
        return self.kind != "cash"

    @property
    def most_gross(self) -> float:
        """Gross exposure over NAV that the initial margin allows at most."""
        return 1.0 / self.initial

    @property
    def words(self) -> str:
        """What it allows, in words."""
        return (
            f"{self.kind}, whose initial margin of {self.initial:.0%} allows a gross of {self.most_gross:.2f}"
        )
