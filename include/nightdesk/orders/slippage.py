"""Slippage: what a fill cost against the price before it, as it was expected and as it came.

It is signed as a cost: positive where a purchase was dearer than the reference price, or a sale brought less.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from nightdesk.core.money import ZERO
from nightdesk.orders.fills import expected_price
from nightdesk.orders.order import BASIS_POINTS, Order, worst_price

if TYPE_CHECKING:
    from nightdesk.orders.fills import Fill, FillTerms


def expected_prices(
    fills: Iterable[Fill], orders: Mapping[str, Order], terms: FillTerms
) -> dict[str, Decimal | None]:
    """What a book expected each of its fills to cost.

    Parameters
    ----------
    fills : iterable of Fill
    orders : mapping of client order id to Order
        Those that were filled, restated for splits of the fills' session.
    terms : FillTerms
        The book's.

    Returns
    -------
    dict of execution id to Decimal
        Dollars a unit; None where the fill has no reference price.
    """
    return {
        fill.execution_id: None
        if fill.reference_price is None
        else expected_price(
            fill.side,
            fill.reference_price,
            terms.terms[fill.symbol].slippage,
            worst_price(orders[fill.client_order_id], fill.price),
        )
        for fill in fills
    }


@dataclass(frozen=True, slots=True)
class Slippage:
    """Slippage of one fill or of several together.

    `notional` is at the reference price, `expected` and `realised` are costs; all in dollars, unrounded.
    """

    notional: Decimal = ZERO
    expected: Decimal = ZERO
    realised: Decimal = ZERO

    @property
    def expected_bps(self) -> float:
        """The expected cost in basis points of the notional; NaN without one."""
        return self._bps(self.expected)

    @property
    def realised_bps(self) -> float:
        """The realised cost in basis points of the notional; NaN without one."""
        return self._bps(self.realised)

    def _bps(self, cost: Decimal) -> float:
        return float(cost / self.notional * BASIS_POINTS) if self.notional else math.nan


def slippage_of(fill: Fill, expected: Decimal | None) -> Slippage:
    """Slippage of a fill that was expected at a price; empty for one without a reference price."""
    reference = fill.reference_price
    if reference is None or expected is None:
        return Slippage()
    quantity = fill.signed_quantity * fill.multiplier
    return Slippage(
        notional=abs(quantity) * reference,
        expected=quantity * (expected - reference),
        realised=quantity * (fill.price - reference),
    )


def total(parts: Iterable[Slippage]) -> Slippage:
    """Slippage of several fills together."""
    several = tuple(parts)
    return Slippage(
        notional=sum((one.notional for one in several), ZERO),
        expected=sum((one.expected for one in several), ZERO),
        realised=sum((one.realised for one in several), ZERO),
    )
