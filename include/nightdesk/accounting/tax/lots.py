"""Lots: what was bought at one time, and which of it a sale is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from nightdesk.accounting.tax.terms import Method
from nightdesk.core.errors import Refused
from nightdesk.core.money import QUANTITY_STEP, ZERO, apportion, to_cents


@dataclass(frozen=True, slots=True)
class Lot:
    """Units of one purchase, or a part of them.

    Attributes
    ----------
    lot_id : str
        Order and session of the purchase; parts of a lot share it.
    number : int
        Place in the order of acquisition over all books of the taxpayer.
    book, symbol : str
    acquired : date
        Session of the purchase.
    held_since : date
        Where the holding period begins; before `acquired` where a wash sale added that of the units sold.
    quantity : Decimal
        Units; negative for units sold short.
    cost : Decimal
        Dollars and cents paid, commission included; negative for what a short sale brought.
    carried : Decimal
        Disallowed losses that were added to the basis, dollars and cents.
    replaces : bool
        Whether these units have served as replacement; each does once.
    bought : bool
        False for units that came without a purchase, and replace nothing.
    """

    lot_id: str
    number: int
    book: str
    symbol: str
    acquired: date
    held_since: date
    quantity: Decimal
    cost: Decimal
    carried: Decimal = ZERO
    replaces: bool = False
    bought: bool = True

    @property
    def basis(self) -> Decimal:
        """Cost and carried losses, dollars and cents."""
        return self.cost + self.carried


def share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Dollars that belong to `part` units of `whole`: the one place where tax amounts are rounded.

    Half-even to the cent; what is left over belongs to the rest, so nothing is lost. (The cash of one sale is
    shared among its lots by `apportion`, as that of an order among strategies is.)
    """
    return amount if part == whole else to_cents(amount * part / whole)


def divide(lot: Lot, quantity: Decimal) -> tuple[Lot, Lot | None]:
    """A part of a lot with so many units, and the rest; None where nothing is left."""
    if quantity == lot.quantity:
        return lot, None
    part = replace(
        lot,
        quantity=quantity,
        cost=share(lot.cost, quantity, lot.quantity),
        carried=share(lot.carried, quantity, lot.quantity),
    )
    rest = replace(
        lot,
        quantity=lot.quantity - quantity,
        cost=lot.cost - part.cost,
        carried=lot.carried - part.carried,
    )
    return part, rest


def take(
    lots: Sequence[Lot], quantity: Decimal, method: Method, named: Sequence[str] | None = None
) -> tuple[tuple[Lot, ...], tuple[Lot, ...]]:
    """The lots, or parts of them, that a sale is of.

    Parameters
    ----------
    lots : sequence of Lot
        All of one book and symbol, in the order of acquisition; at least `quantity` units.
    quantity : Decimal
        Units sold, with the sign of the lots.
    method : str
        See `TaxTerms`.
    named : sequence of lot id, optional
        The lots that were identified for this sale, with the method "specific".

    Returns
    -------
    taken, left : tuple of Lot
        Both in the order of acquisition, whatever the method.

    Raises
    ------
    Refused
        When a named lot is not there, or the named ones are too small.
    """
    left: dict[int, Lot] = dict(enumerate(lots))
    taken: dict[int, Lot] = {}
    for place in _order(lots, quantity, method, named):
        if not quantity:
            break
        lot = lots[place]
        amount = min(lot.quantity, quantity, key=abs)
        part, rest = divide(lot, amount)
        taken[place] = part
        quantity -= amount
        del left[place]
        if rest is not None:
            left[place] = rest
    return tuple(taken[place] for place in sorted(taken)), tuple(left[place] for place in sorted(left))


def restated(lots: Sequence[Lot], change: Decimal) -> tuple[Lot, ...]:
    """Lots after a split that changed what is held by `change` units: shared by quantity, cost kept."""
    quantities = [lot.quantity for lot in lots]
    shares = apportion(sum(quantities, ZERO) + change, quantities, QUANTITY_STEP)
    return tuple(replace(lot, quantity=new) for lot, new in zip(lots, shares, strict=True))


def returned(lot: Lot, cash: Decimal) -> tuple[Lot, Decimal]:
    """A lot after a return of capital, and what of the cash is beyond its basis.

    The cash of a short position is what its holder paid: it lowers what the sale brought.
    """
    basis = lot.basis - cash
    if basis * lot.quantity < 0:
        return replace(lot, cost=ZERO, carried=ZERO), -basis
    return replace(lot, cost=lot.cost - cash), ZERO


def part_of(lot: Lot, fraction: Decimal) -> tuple[Lot, Lot | None]:
    """A lot's basis divided: the part that goes to another symbol, and the rest; None where all of it goes.

    Both keep the lot's units: only what they cost is divided.
    """
    if fraction == 1:
        return lot, None
    part = replace(lot, cost=to_cents(lot.cost * fraction), carried=to_cents(lot.carried * fraction))
    rest = replace(lot, cost=lot.cost - part.cost, carried=lot.carried - part.carried)
    return part, rest


def _order(
    lots: Sequence[Lot], quantity: Decimal, method: Method, named: Sequence[str] | None
) -> Sequence[int]:
    """Places of lots in the order in which a sale takes them."""
    places = range(len(lots))
    if method == "lifo":
        return places[::-1]
    if method == "highest_cost":
        return sorted(places, key=lambda n: -lots[n].basis / lots[n].quantity)
    if method == "fifo" or named is None:
        return places
    there = {lot.lot_id for lot in lots}
    missing = [one for one in named if one not in there]
    held = ", ".join(sorted(there))
    if missing:
        raise Refused(
            f"{lots[0].book} {lots[0].symbol}: lot {missing[0]} was named for a sale and is not held then; "
            f"held are {held}: correct tax.sales in the book"
        )
    chosen = [n for one in dict.fromkeys(named) for n in places if lots[n].lot_id == one]
    units = sum((lots[n].quantity for n in chosen), ZERO)
    if abs(units) < abs(quantity):
        raise Refused(
            f"{lots[0].book} {lots[0].symbol}: the lots named for a sale of {abs(quantity)} have "
            f"{abs(units)} units; held are {held}: name more of them in tax.sales of the book"
        )
    return chosen
