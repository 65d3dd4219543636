"""What a book says about its taxes, as the computations need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from nightdesk.core.book import Book

#: Which lots a sale is of: the oldest, the newest, those of the highest cost, or those named for it.
Method = Literal["fifo", "lifo", "highest_cost", "specific"]


@dataclass(frozen=True)
class TaxTerms:
    """The tax terms of one book.

    Attributes
    ----------
    taxpayer : str
        Whose gains they are.
    method : str
        Which lots its sales are of.
    sales : mapping of order id to tuple of lot id
        With "specific": the lots of a sale, in their order. A sale that is not named is of the oldest, as the
        law has it where nothing was identified in time (Reg. 1.1012-1(c)).
    crypto : frozenset of str
        Symbols that are property and no security: no day trades are counted of them.
    wash_sales_of_crypto : bool
        Whether losses on them are disallowed all the same.
    collectibles, partnerships : frozenset of str
        Symbols of trusts that hold a collectible, and of funds that are partnerships.
    reported : bool
        Whether a broker reports the sales to the IRS; false of a paper account.
    """

    taxpayer: str
    method: Method = "fifo"
    sales: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    crypto: frozenset[str] = frozenset()
    wash_sales_of_crypto: bool = False
    collectibles: frozenset[str] = frozenset()
    partnerships: frozenset[str] = frozenset()
    reported: bool = True

    def washes(self, symbol: str) -> bool:
        """Whether losses on a symbol can be disallowed: section 1091 knows stocks and securities only."""
        return self.wash_sales_of_crypto or symbol not in self.crypto


def tax_terms(book: Book) -> TaxTerms:
    """The terms of a book; one that names no taxpayer is looked at by itself."""
    said = book.tax
    named = book.universe if book.members is None else book.members.named  # the others are plain securities
    return TaxTerms(
        taxpayer=said.taxpayer or book.name,
        method=said.lots,
        sales=said.sales,
        crypto=frozenset(one for one, it in named.items() if it.asset_class == "crypto"),
        wash_sales_of_crypto=said.wash_sales_of_crypto,
        collectibles=frozenset(one for one, it in named.items() if it.tax_class == "collectible"),
        partnerships=frozenset(one for one, it in named.items() if it.tax_class == "partnership"),
        reported=not book.simulated,
    )
