"""What is known of the market beside its prices, kind by kind: each fact of a subject and a day.

A fact has two instants: from when on the world knew it (`known_at`: a release, a filing, the close of a
quote), and when the desk stored it. A decision reads the newest version that it could know by both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType


@dataclass(frozen=True)
class FactKind:
    """A kind of facts.

    Attributes
    ----------
    name : str
        The key of `feeds` under which a book names its sources.
    subject : str
        The column that says of whom or what a fact is.
    day : str
        The column of the day that it is of; subject and day tell a fact from every other.
    values : mapping of str to type
        Its other columns; float, str or date. What is not known is NaN, empty or None.
    by_source : bool
        Whether what two sources say of one subject and day are two facts, and not two versions of one.
    """

    name: str
    subject: str
    day: str
    values: Mapping[str, type] = field(hash=False)
    by_source: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns in their order."""
        return (self.subject, self.day, "known_at", *self.values, "source")

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that tell a fact from every other; what differs beside them are its versions."""
        return (self.subject, self.day, "source") if self.by_source else (self.subject, self.day)

    def columns_of(self, *types: type) -> tuple[str, ...]:
        """Those of its values that are of these types, in their order."""
        return tuple(name for name, one in self.values.items() if one in types)


def _kind(name: str, subject: str, day: str, **values: type) -> FactKind:
    return FactKind(name, subject, day, MappingProxyType(values))


#: A series of the economy: `value` in the unit of its publisher, of the period that begins at `period`.
MACRO = _kind("macro", "series", "period", value=float)

#: Futures held by non-commercial traders on `report_date` (a Tuesday), in contracts.
POSITIONING = _kind("positioning", "code", "report_date", long=float, short=float, open_interest=float)

#: The day on which a company reports the quarter that ends on `fiscal_end`; `timing`: before, after or empty.
EARNINGS = _kind("earnings", "symbol", "fiscal_end", report_date=date, timing=str)

#: What a symbol was on a day; money in dollars. `security` is common, fund or another word of its source.
LISTINGS = _kind(
    "listings",
    "symbol",
    "day",
    title=str,
    exchange=str,
    security=str,
    sector=str,
    industry=str,
    market_cap=float,
    shares=float,
    listed_from=date,
    delisted_on=date,
)

#: The last quote of a session: prices in dollars, sizes in units.
QUOTES = _kind("quotes", "symbol", "session", bid=float, ask=float, bid_size=float, ask_size=float)

#: The close of a session as a source says it that the book's bars are compared with; dollars. No key of
#: `feeds` names its sources: `feeds.compare_with` does.
SECOND_CLOSES = FactKind(
    "second_closes", "symbol", "session", MappingProxyType({"close": float}), by_source=True
)

#: Of which classes of instruments a kind says something, where that is not all of a book's.
FACT_CLASSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {EARNINGS.name: ("equity",), LISTINGS.name: ("equity", "etf"), QUOTES.name: ("equity", "etf")}
)

#: By name.
FACT_KINDS: Mapping[str, FactKind] = MappingProxyType(
    {one.name: one for one in (MACRO, POSITIONING, EARNINGS, LISTINGS, QUOTES)}
)
