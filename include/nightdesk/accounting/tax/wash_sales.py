"""Wash sales: which replacement shares a loss is matched with, and what becomes of it.

Section 1091 of the Internal Revenue Code, Reg. 1.1091-1 and -2, IRS Publication 550 ("Wash Sales").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from nightdesk.accounting.tax.lots import Lot, divide, share
from nightdesk.core.money import ZERO

#: Days before and after the sale, which itself makes the 61st.
WINDOW = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Disposal:
    """One lot, or a part of one, that was sold (or a short sale that was closed).

    Attributes
    ----------
    reference : str
        The order of the sale, or the action behind it.
    book, symbol, lot_id : str
    acquired, held_since, sold : date
        Dates of the purchase, of the beginning of the holding period, and of the sale. Of a short sale,
        purchase and sale are both the session that closed it.
    quantity : Decimal
        Units, positive, as on the day of the sale.
    proceeds, basis : Decimal
        Dollars and cents, less and plus commission; the basis holds losses carried from before.
    short : bool
        Whether it closed a short sale.
    open_quantity : Decimal
        Units whose loss no replacement was found for, so far; restated for splits. 0 for a gain, and where
        the rule does not apply.
    open_loss : Decimal
        The loss on them, positive.
    disallowed : Decimal
        The loss on the others, positive.
    adopted : bool
        Whether its units had come without a purchase.
    """

    reference: str
    book: str
    symbol: str
    lot_id: str
    acquired: date
    held_since: date
    sold: date
    quantity: Decimal
    proceeds: Decimal
    basis: Decimal
    short: bool = False
    open_quantity: Decimal = ZERO
    open_loss: Decimal = ZERO
    disallowed: Decimal = ZERO
    adopted: bool = False

    @property
    def gain(self) -> Decimal:
        """What counts for the tax: proceeds less basis, with the disallowed loss added back."""
        return self.proceeds - self.basis + self.disallowed

    @property
    def long_term(self) -> bool:
        """Whether it was held for more than one year; a short sale never is."""
        return not self.short and long_term(self.held_since, self.sold)

    def asks_at(self, day: date) -> bool:
        """Whether a purchase on this day, not before the sale, would replace some of it."""
        return day - self.sold <= WINDOW and bool(self.open_quantity)


def long_term(held_since: date, sold: date) -> bool:
    """Whether units were held for more than one year.

    Counting begins on the day after the purchase, and the same date of the next year is the first beyond one
    year (Pub. 550, "Holding Period"). Units bought on the last day of a month are held from the first of the
    next (Rev. Rul. 66-7), which settles the leap day too: it has no anniversary but March 1.
    """
    begins = held_since + timedelta(days=1)
    try:
        beyond = begins.replace(year=begins.year + 1)
    except ValueError:
        beyond = date(begins.year + 1, 3, 1)
    return sold >= beyond


def replacements(disposal: Disposal, lots: Iterable[Lot]) -> list[Lot]:
    """Purchases before a sale that replace what it sold: still held, first acquired first.

    What is left of the very lot that was sold is none: a part of one purchase is not replaced by the rest of
    it (Rev. Rul. 56-602).
    """
    there = [
        lot
        for lot in lots
        if lot.bought
        and not lot.replaces
        and lot.quantity > 0
        and lot.lot_id != disposal.lot_id
        and timedelta(0) <= disposal.sold - lot.acquired <= WINDOW
    ]
    return sorted(there, key=lambda lot: (lot.acquired, lot.number))


def match(disposal: Disposal, lot: Lot) -> tuple[Disposal, Lot, Lot | None]:
    """Match the open loss of a sale with a replacement, share for share.

    Returns
    -------
    disposal : Disposal
        With as much less of its loss open, and as much more disallowed.
    replacement : Lot
        The units that were used: the disallowed loss is added to their basis, and the time for which the
        units sold were held to their holding period.
    rest : Lot or None
        The units of the lot that were not needed, as they were.
    """
    units = min(disposal.open_quantity, lot.quantity)
    loss = share(disposal.open_loss, units, disposal.open_quantity)
    part, rest = divide(lot, units)
    replacement = replace(
        part,
        carried=part.carried + loss,
        held_since=part.held_since - (disposal.sold - disposal.held_since),
        replaces=True,
    )
    matched = replace(
        disposal,
        open_quantity=disposal.open_quantity - units,
        open_loss=disposal.open_loss - loss,
        disallowed=disposal.disallowed + loss,
    )
    return matched, replacement, rest
