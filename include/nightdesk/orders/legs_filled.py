"""Orders that open a bundle, filled to the same share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from math import gcd

from nightdesk.core.money import ZERO, to_unit
from nightdesk.orders.order import Order


@dataclass(frozen=True, slots=True)
class Possible:
    """How much of an order can be filled, in units, and why no more (empty where all of it can).

    `ends` says of one that rests whether it ends all the same.
    """

    order: Order
    quantity: Decimal
    reason: str = ""
    ends: bool = False


def filled_together(possible: Sequence[Possible], units: Callable[[str], Decimal]) -> Sequence[Possible]:
    """Bring the orders of each bundle that is opened to the share of the one that can be filled least.

    Orders that share a bundle are of one group, and so are those that share one with them. Where the bundles
    are of whole units, the share is of whole ones; where an order of the group would be filled by less than a
    unit, none is.

    Parameters
    ----------
    possible : sequence of Possible
        Each order as if it were alone.
    units : callable
        The smallest quantity of a symbol.

    Returns
    -------
    sequence of Possible
        In the same order.
    """
    groups = _groups(possible)
    if not groups:
        return possible
    out = list(possible)
    for places in groups:
        share, worst = min((_share(possible[at]), at) for at in places)
        parts = gcd(*(possible[at].order.bundle_units for at in places))
        if parts:
            share = Fraction(int(share * parts), parts)
        if share == 1:
            continue
        filled = {at: _part(possible[at].order, share, units) for at in places}
        if not all(filled.values()):
            filled = dict.fromkeys(places, ZERO)
        least = possible[worst]
        why = (
            f"its bundle fills together, and of its leg {least.order.symbol} {least.quantity:f} of "
            f"{least.order.quantity:f} can be filled: {least.reason}"
        )
        for at, quantity in filled.items():
            reason = possible[at].reason if at == worst and quantity == least.quantity else why
            out[at] = replace(possible[at], quantity=quantity, reason=reason)
    return out


def _groups(possible: Sequence[Possible]) -> list[list[int]]:
    """Places of the orders that fill together; one by itself is in no group."""
    group_of: dict[str, list[int]] = {}
    for at, one in enumerate(possible):
        if not one.order.fills_together:
            continue
        joined = [at]
        for name in _names(one.order):
            joined = sorted({*group_of.get(name, ()), *joined})
        group_of |= dict.fromkeys(_names(one.order), joined)
        for member in joined:
            group_of |= dict.fromkeys(_names(possible[member].order), joined)
    every = {id(one): sorted(set(one)) for one in group_of.values()}
    return [places for places in every.values() if len(places) > 1 or possible[places[0]].order.bundle_units]


def _names(order: Order) -> list[str]:
    """The bundles of an order in its account: a broker knows no other."""
    return [f"{order.account} {name}" for name in order.bundles]


def _share(one: Possible) -> Fraction:
    return Fraction(one.quantity) / Fraction(one.order.quantity) if one.order.quantity else Fraction(0)


def _part(order: Order, share: Fraction, units: Callable[[str], Decimal]) -> Decimal:
    """A share of an order, in whole units toward zero."""
    unit = units(order.symbol)
    count = Fraction(order.quantity) * share / Fraction(unit)
    whole = Decimal(count.numerator // count.denominator).to_integral_value(ROUND_FLOOR)
    return to_unit(whole * unit, unit)
