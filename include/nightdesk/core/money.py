"""Decimals of the ledger: scales, the one rounding, exact sharing."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

ZERO = Decimal(0)
CENT = Decimal("0.01")
PRICE_STEP = Decimal("0.000001")
QUANTITY_STEP = Decimal("0.00000001")


def exact(number: float) -> Decimal:
    """The decimal that a float is written as: 0.1 gives 0.1, not its binary neighbour."""
    return Decimal(repr(float(number)))


def to_cents(amount: Decimal) -> Decimal:
    """Dollars rounded half-even to the cent."""
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def to_price(price: Decimal) -> Decimal:
    """A price rounded half-even to six places."""
    return price.quantize(PRICE_STEP, ROUND_HALF_EVEN)


def plain(number: Decimal) -> str:
    """A number in full, without an exponent and without zeros at its end: "97.5"."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_unit(quantity: Decimal, unit: Decimal) -> Decimal:
    """A quantity rounded toward zero to a multiple of `unit`."""
    return quantity // unit * unit


def apportion(total: Decimal, weights: Sequence[Decimal], step: Decimal) -> list[Decimal]:
    """Share `total` in proportion to `weights`, in multiples of `step`, so that the shares add up to it
    exactly.

    Every share is rounded down and the steps left over go to the largest remainders, the first of equals
    first (Hamilton's method). Weights may differ in sign (intents against each other); their sum is not zero.
    What of `total` is no multiple of `step` goes to the first share.
    """
    if len(weights) == 1:
        return [total]
    whole = sum(weights, ZERO)
    ideal = [total * weight / whole / step for weight in weights]
    shares = [one.to_integral_value(ROUND_FLOOR) for one in ideal]
    left = total / step - sum(shares, ZERO)
    steps = int(left)
    by_remainder = sorted(range(len(weights)), key=lambda at: shares[at] - ideal[at])
    for at in by_remainder[:steps]:
        shares[at] += 1
    out = [share * step for share in shares]
    out[0] += total - sum(out, ZERO)
    return out


def round_together(amounts: Sequence[Decimal], total: Decimal, step: Decimal) -> list[Decimal]:
    """Round amounts to multiples of `step` that add up to `total`, each by less than one step.

    Every amount is rounded toward zero; the steps by which the sum then misses `total` go away from zero to
    the amounts with the largest remainders of that sign, the first of equals first. So none changes its sign,
    one that is 0 stays 0, and amounts against each other stay what they are beside a small sum, which
    `apportion` would blow up.

    Parameters
    ----------
    amounts : sequence of Decimal
        Exact and signed.
    total : Decimal
        Their sum, rounded to a multiple of `step` (toward zero or to the nearest).
    step : Decimal
        Positive.
    """
    steps = [(amount / step).to_integral_value(ROUND_DOWN) for amount in amounts]
    missing = int(total / step - sum(steps, ZERO))
    sign = 1 if missing > 0 else -1
    remainders = [amount / step - whole for amount, whole in zip(amounts, steps, strict=True)]
    able = [at for at, rest in enumerate(remainders) if rest * sign > 0]
    for at in sorted(able, key=lambda at: -abs(remainders[at]))[: abs(missing)]:
        steps[at] += sign
    return [whole * step for whole in steps]
