"""Numbers and instants as people read them: each with its unit, each the same everywhere.

A minus is the typographic one, so that a negative figure is as wide as a positive one in a column.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"

Number = Decimal | float | int


def money(value: Number | None, *, signed: bool = False) -> str:
    """Dollars and cents; `signed` also writes the plus of a gain.

    Examples
    --------
    >>> money(Decimal("1234.5"))
    '$1,234.50'
    >>> money(Decimal("1234.5"), signed=True)
    '+$1,234.50'
    """
    if _missing(value):
        return NOTHING
    amount = round(Decimal(str(value)), 2)
    return f"{_sign(amount, signed=signed)}${abs(amount):,.2f}"


def price(value: Number | None) -> str:
    """Dollars per unit, with cents and up to four further places where they matter."""
    if _missing(value):
        return NOTHING
    amount = round(Decimal(str(value)), 6)
    whole, _, places = f"{abs(amount):,.6f}".partition(".")
    return f"{_sign(amount, signed=False)}${whole}.{places.rstrip('0').ljust(2, '0')}"


def percent(value: Number | None, *, signed: bool = False, places: int = 2) -> str:
    """A share as per cent: 0.0123 is ``1.23 %``."""
    if _missing(value):
        return NOTHING
    share = round(Decimal(str(value)) * 100, places)
    return f"{_sign(share, signed=signed)}{abs(share):,.{places}f} %"


def quantity(value: Number | None) -> str:
    """Units of an instrument, without idle zeros: ``1,200`` shares, ``0.0315`` bitcoin."""
    if _missing(value):
        return NOTHING
    amount = Decimal(str(value))
    text = f"{abs(amount):,.8f}".rstrip("0").rstrip(".")
    return f"{_sign(amount, signed=False)}{text}"


def number(value: Number | None, places: int = 2, *, signed: bool = False) -> str:
    """A bare number, such as a volatility index; `signed` also writes the plus."""
    if _missing(value):
        return NOTHING
    amount = round(Decimal(str(value)), places)
    return f"{_sign(amount, signed=signed)}{abs(amount):,.{places}f}"


def long_date(day: date) -> str:
    """A date in words: ``Friday, 20 November 2026``."""
    return f"{day:%A}, {day.day} {day:%B %Y}"


def instant(moment: datetime, zone: str = "America/New_York") -> str:
    """An instant in exchange time, UTC beside it: ``16:30 ET on 2026-11-20 (21:30 UTC)``."""
    local = moment.astimezone(ZoneInfo(zone))
    label = "ET" if zone == "America/New_York" else local.strftime("%Z")
    return f"{local:%H:%M} {label} on {local:%Y-%m-%d} ({moment.astimezone(UTC):%H:%M} UTC)"


def duration(span: timedelta | None) -> str:
    """A length of time as people say it.

    Examples
    --------
    >>> duration(timedelta(seconds=1934))
    '32 min'
    """
    if span is None:
        return NOTHING
    seconds = span.total_seconds()
    if seconds < 0:
        return f"{MINUS}{duration(-span)}"
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.1f} h"
    return f"{span.days:,} days"


def tone(value: Number | None) -> str:
    """The word for a figure's colour: ``gain``, ``loss`` or ``flat``."""
    if _missing(value) or not value:
        return "flat"
    return "gain" if Decimal(str(value)) > 0 else "loss"


def _missing(value: Number | None) -> bool:
    return value is None or math.isnan(value)


def _sign(amount: Decimal, *, signed: bool) -> str:
    if amount < 0:
        return MINUS
    return "+" if signed and amount > 0 else ""
