"""What trading, borrowing and idle cash cost and earn."""

from __future__ import annotations

from pydantic import Field

from nightdesk.core.fields import Frozen, Share


class Costs(Frozen):
    """What a trade costs."""

    commission: Share = Field(0.0010, description="commission, share of notional")
    commission_per_unit: float = Field(0.0, ge=0, description="commission on top, dollars a share or unit")
    slippage: Share = Field(0.0005, description="price moves against the order by this share")

    @property
    def total(self) -> float:
        """What a trade is expected to cost, share of its notional; without what each unit costs."""
        return self.commission + self.slippage


class IdleCash(Frozen):
    """What idle cash earns in a simulated account: the short form of a financing that only gives credit."""

    interest: float = Field(
        0.0, ge=0, lt=1, description="annual rate, actual/360 on cash before the day's trades; 0: none"
    )


class Financing(Frozen):
    """What borrowed money and borrowed shares cost in a simulated account, and what cash earns; rates a year.

    Each calendar day counts 1/360 of a year. A real broker's own entries are booked instead, and compared
    with these.
    """

    debit_rate: float = Field(ge=0, lt=1, description="on cash below 0, before the day's trades")
    credit_rate: float = Field(0.0, ge=0, lt=1, description="on cash above 0, proceeds of shorts included")
    borrow_rate: float = Field(ge=0, lt=10, description="on the value of shorts")
