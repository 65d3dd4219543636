"""What a corporate action makes of what several strategies hold: whole units, fractions, cash."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from nightdesk.accounting.ledger import Position
from nightdesk.core.money import CENT, QUANTITY_STEP, ZERO, exact, round_together, to_cents, to_unit

#: How references of cash in lieu of a fraction begin: a sale, though the ledger books it as an adjustment.
IN_LIEU = "fraction-"


def converted(positions: Sequence[Position], ratio: float) -> list[Decimal]:
    """Each position's quantity at so many units for one, to eight places."""
    return [(one.quantity * exact(ratio)).quantize(QUANTITY_STEP) for one in positions]


def fractions(quantities: Sequence[Decimal], unit: Decimal) -> list[Decimal]:
    """What of each quantity does not stay: the account keeps whole units, and so does every strategy.

    Each strategy keeps its side and differs from its exact quantity by less than a unit.
    """
    kept = to_unit(sum(quantities, ZERO), unit)
    whole = round_together(quantities, kept, unit)
    return [one - stays for one, stays in zip(quantities, whole, strict=True)]


def worth_of(quantities: Sequence[Decimal], per_unit: Decimal) -> list[Decimal]:
    """Dollars for each quantity; together what the account receives (pays, when short), to the cent."""
    exactly = [quantity * per_unit for quantity in quantities]
    return round_together(exactly, to_cents(sum(exactly, ZERO)), CENT)
