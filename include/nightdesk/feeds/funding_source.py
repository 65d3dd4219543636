"""The interface of every source of funding rates, and the one form in which they answer."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from nightdesk.core.funding import MOST, FundingRate
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault

Clock = Callable[[], datetime]

TOO_LARGE = f"funding rates beyond {MOST:.0%} of the notional"
TOLD_AGAIN = "funding rates told twice"


@dataclass(frozen=True)
class Funded:
    """What a source gave of one perpetual.

    Attributes
    ----------
    rates : tuple of FundingRate
        Each with the instant at which it was paid, whatever the rhythm; ascending.
    dropped : mapping of str to int
        How many were left out, by reason.
    """

    rates: tuple[FundingRate, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)


class FundingSource(ABC):
    """A source of funding rates.

    Parameters
    ----------
    environ : mapping of str to str, optional
        Where the address of its exchange is (default: this process's environment).
    now : callable, optional
        The clock, timezone-aware.
    """

    #: The name under which a book gives it.
    name: ClassVar[str]
    #: Whether it is a person's own, whose faults stop a run; those of others cost the funding.
    own: ClassVar[bool] = False

    def __init__(
        self, *, environ: Mapping[str, str] | None = None, now: Clock = lambda: datetime.now(UTC)
    ) -> None:
        self.environ = os.environ if environ is None else environ
        self.now = now

    @property
    def source(self) -> str:
        """The name under which its health is kept: that of its bars is another matter."""
        return f"funding:{self.name}"

    def covers(self, symbol: str) -> bool:
        """Whether it may know the perpetual, told without a network."""
        return True

    @abstractmethod
    def fetch(self, symbol: str, first: datetime, last: datetime) -> Funded:
        """The rates that were paid from `first` to `last` (timezone-aware, both included).

        Raises
        ------
        SourceFault
            When the source does not give them.
        Refused
            When what a person's own source holds is malformed.
        """


def to_milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return int(moment.timestamp() * 1000)


def to_second(milliseconds: int) -> datetime:
    """An instant as exchanges stamp it, in UTC, without what lies within its second.

    Binance stamps some rates a few milliseconds late. These are no other times of day: a rate would be missed
    at each of them on the days after.
    """
    return datetime.fromtimestamp(milliseconds // 1000, UTC)


def funded(symbol: str, stated: Iterable[tuple[int, Any]]) -> Funded:
    """What an exchange stated, as rates.

    Parameters
    ----------
    symbol : str
        The perpetual, as its book calls it.
    stated : iterable of (int, object)
        When each was paid in milliseconds since 1970, and the rate as it came. It is known from then on.

    Raises
    ------
    SourceFault
        Where a rate is no number, or an instant has two.
    """
    found: dict[datetime, Decimal] = {}
    dropped: dict[str, int] = {}
    for milliseconds, value in stated:
        instant, rate = to_second(milliseconds), _rate(value)
        reason = TOO_LARGE if abs(rate) >= MOST else TOLD_AGAIN if found.get(instant) == rate else ""
        if reason:
            dropped[reason] = dropped.get(reason, 0) + 1
            continue
        if instant in found:
            raise SourceFault(
                Fault.PASSING,
                f"the server answered two funding rates of {instant:%Y-%m-%d %H:%M:%S} UTC that differ",
            )
        found[instant] = rate
    return Funded(tuple(FundingRate(symbol, at, at, found[at]) for at in sorted(found)), dropped)


def _rate(value: Any) -> Decimal:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            rate = Decimal(str(value))
        except InvalidOperation:
            rate = Decimal("NaN")
        if rate.is_finite():
            return rate
    raise SourceFault(Fault.PASSING, "the server answered funding rates that are no numbers")
