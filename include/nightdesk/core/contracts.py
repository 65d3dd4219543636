"""What a unit of an instrument stands for: its multiplier, and the terms of options and perpetuals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.errors import Refused

Right = Literal["call", "put"]
Style = Literal["american", "european"]

#: Root, expiry as yymmdd, C or P, strike in thousandths of a dollar: an OCC symbol without its padding.
_OCC = re.compile(r"(?P<root>[A-Z0-9]{1,6})(?P<expiry>\d{6})(?P<right>[CP])(?P<strike>\d{8})")


@dataclass(frozen=True, slots=True)
class OptionTerms:
    """What an option is on: dollars a unit of the underlying, the last day, and when it may be exercised."""

    expiry: date
    right: Right
    strike: Decimal
    style: Style = "american"

    @classmethod
    def of(cls, symbol: str, style: Style = "american") -> Self:
        """The terms that an OCC symbol says, such as ``SPY261218P00400000``.

        Raises
        ------
        Refused
            When it is no OCC symbol, or its day is none.
        """
        found = _OCC.fullmatch(symbol)
        try:
            expiry = None if found is None else datetime.strptime(found["expiry"], "%y%m%d").date()  # noqa: DTZ007
        except ValueError:
            expiry = None
        if found is None or expiry is None or not int(found["strike"]):
            raise Refused(
                f"found {symbol}, which is no OCC symbol: a root of up to 6 characters, the expiry as "
                "yymmdd, C or P, the strike in thousandths of a dollar in 8 digits, like SPY261218P00400000"
            )
        right: Right = "call" if found["right"] == "C" else "put"
        return cls(expiry, right, Decimal(found["strike"]).scaleb(-3), style)

    @staticmethod
    def root_of(symbol: str) -> str:
        """What an OCC symbol begins with; a digit at its end says that the contract was adjusted."""
        found = _OCC.fullmatch(symbol)
        if found is None:
            raise ValueError(f"{symbol} is no OCC symbol")
        return found["root"]

    def symbol_of(self, root: str, strike: Decimal) -> str:
        """The OCC symbol of the same expiry and right under another root and strike."""
        right = "C" if self.right == "call" else "P"
        return f"{root}{self.expiry:%y%m%d}{right}{int(strike.scaleb(3)):08d}"


@dataclass(frozen=True, slots=True)
class Contract:
    """How a position in a symbol counts.

    Attributes
    ----------
    multiplier : Decimal
        Dollars that a unit moves by when its price moves by a dollar.
    on_margin : bool
        Whether a trade moves its profit and its commission alone, as that of a perpetual does, and a position
        is worth its profit since entry.
    collateral : Decimal
        Share of the notional that a position on margin puts up; 0 of others.
    funding : Decimal
        Share of the notional that a long pays a short at each of `FUNDING_HOURS`; negative: the short pays.
    funding_history : bool
        Whether each instant has a rate of its own instead; see `nightdesk.core.funding`.
    underlying : str
        Of an option the symbol that it is on, of a perpetual the word for it; empty of others.
    option : OptionTerms or None
    deliverable : Decimal or None
        Units of the underlying that a contract of an option delivers, where they are not its multiplier.
    """

    multiplier: Decimal = Decimal(1)
    on_margin: bool = False
    collateral: Decimal = Decimal(0)
    funding: Decimal = Decimal(0)
    funding_history: bool = False
    underlying: str = ""
    option: OptionTerms | None = None
    deliverable: Decimal | None = None

    @property
    def delivered(self) -> Decimal:
        """Units of the underlying that a contract of an option delivers."""
        return self.multiplier if self.deliverable is None else self.deliverable

    def notional(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Signed dollars that some units stand for at a price, unrounded."""
        return quantity * price * self.multiplier


_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

#: A unit that is worth its price, as a share or a coin is.
PLAIN = Contract()


#: Hours of the day, UTC, at which positions in perpetuals pay each other.
FUNDING_HOURS = (0, 8, 16)


def fundings_between(begin: datetime, end: datetime) -> int:
    """How often positions in perpetuals pay after one instant and up to another, both aware."""
    apart = timedelta(hours=24 // len(FUNDING_HOURS))
    return (end - _EPOCH) // apart - (begin - _EPOCH) // apart


def unit_value(price: NDArray[np.float64], multiplier: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Dollars of exposure a unit: prices (n_symbols,) times multipliers; 1.0 where no symbol has another."""
    return price if isinstance(multiplier, float) else price * multiplier


def per_price(dollars: NDArray[np.float64], multiplier: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """The way back: dollars a unit, of shape (..., n_symbols), as prices are quoted."""
    return dollars if isinstance(multiplier, float) else dollars / multiplier


#: The keys of a universe's line that only some asset classes have, and which.
OWN_KEYS = {
    "multiplier": ("option", "perpetual"),
    "underlying": ("option", "perpetual"),
    "style": ("option",),
    "deliverable": ("option",),
    "collateral": ("perpetual",),
    "funding_rate": ("perpetual",),
    "funding": ("perpetual",),
    "close_from": ("crypto", "perpetual"),
    "close_within_hours": ("crypto", "perpetual"),
}


def foreign_keys(asset_class: str, given: frozenset[str]) -> Iterator[str]:
    """In words, the keys that were given and mean nothing for an asset class."""
    for key, classes in OWN_KEYS.items():
        if key in given and asset_class not in classes:
            yield f"{key} is of {' and '.join(classes)}, and this is {asset_class}; leave it out"
