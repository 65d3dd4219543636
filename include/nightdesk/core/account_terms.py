"""Where a book's orders go and how they are sent, and how the account's gains are taxed."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from nightdesk.core.costs import Costs
from nightdesk.core.fields import Frozen, Name, Share


class Tolerance(Frozen):
    """Differences to the broker that are booked, marked as such, and ask no person; none by default."""

    cash: Decimal = Field(Decimal(0), ge=0, decimal_places=2, description="dollars")
    quantity: Decimal = Field(Decimal(0), ge=0, decimal_places=8, description="units of each symbol")


class BrokerEntry(Frozen):
    """Where orders go."""

    kind: Name = Field("paper", description="the broker by name; paper: embedded, with no real money")
    account: str = Field(min_length=1, description="one account serves one book")
    max_volume_share: Share | None = Field(
        0.10, description="paper: of the fill bar's volume that orders may take; null: without a bound"
    )
    live: bool = Field(False, description="real money; the environment must name the account as well")
    capital_limit: Decimal | None = Field(
        None, gt=0, decimal_places=2, description="dollars in positions that no order may lead beyond"
    )
    tolerance: Tolerance = Field(
        Tolerance(), description="differences to the broker that are booked and ask no person"
    )

    @model_validator(mode="after")
    def _limited_when_live(self) -> Self:
        if self.live and self.capital_limit is None:
            raise ValueError("a live account wants a capital_limit, in dollars")
        return self


#: What the one account of a book is called whose file says `broker`.
MAIN = "main"


def in_account(account: str) -> str:
    """Where something is, to be put behind it: `` in account coins``.

    It is nothing of `main`, which most books have alone.
    """
    return "" if account == MAIN else f" in account {account}"


class AccountEntry(BrokerEntry):
    """One of a book's accounts, under `accounts`."""

    capital: Decimal = Field(ge=0, decimal_places=2, description="dollars of initial_capital that lie there")
    costs: Costs | None = Field(
        None, description="instead of the book's costs; a symbol's own costs come before both"
    )


#: Ten basis points are 0.10 %; a limit further away than this is a typo.
WIDEST_OFFSET_BPS = Decimal(2000)


class Orders(Frozen):
    """How the book's orders are sent; all of them alike, exits too."""

    type: Literal["market", "limit"] = Field(
        "market", description="at any price, or at the limit that limit_offset_bps says"
    )
    limit_offset_bps: Decimal = Field(
        Decimal(0),
        ge=-WIDEST_OFFSET_BPS,
        le=WIDEST_OFFSET_BPS,
        decimal_places=4,
        description="basis points by which a limit is worse than the decision's price; better where negative",
    )

    @model_validator(mode="after")
    def _offset_of_a_limit(self) -> Self:
        if self.type == "market" and self.limit_offset_bps:
            raise ValueError(
                f"limit_offset_bps: found {self.limit_offset_bps}, and a market order has no limit; "
                "set type to limit, or leave it out"
            )
        return self


class Tax(Frozen):
    """How gains and losses are counted for the tax; see `nightdesk.accounting.tax`."""

    taxpayer: str = Field(
        "", max_length=80, description="whose books are looked at together; empty: this book by itself"
    )
    lots: Literal["fifo", "lifo", "highest_cost", "specific"] = Field(
        "fifo",
        description="which lots a sale is of: the oldest, the newest, the costliest, or those named",
    )
    sales: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="specific: lots of a sale by its order id; else the oldest"
    )
    wash_sales_of_crypto: bool = Field(
        False, description="whether losses on crypto are disallowed too; the law asks it of securities only"
    )

    @model_validator(mode="after")
    def _named_for_specific(self) -> Self:
        if self.sales and self.lots != "specific":
            raise ValueError(f"sales: lots are named for sales, and lots is {self.lots}: set it to specific")
        return self
