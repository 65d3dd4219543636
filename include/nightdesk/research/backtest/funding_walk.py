"""Funding by a history of rates, decision by decision, each by what was known at it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from nightdesk.accounting.funding_rates import (
    BelatedFunding,
    Funding,
    held_of,
    missing_words,
    not_yet_booked,
)
from nightdesk.accounting.ledger import Entry, Ledger
from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.funding import LONGEST_INTERVAL, RHYTHM, FundingHistory, FundingRate
from nightdesk.core.money import exact
from nightdesk.core.schedule import Schedule, schedule_of
from nightdesk.engine import Market


@dataclass(frozen=True)
class Settled:
    """A row of the market as its settling left it: the ledger, and what was booked."""

    ledger: Ledger
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class FundingWalk:
    """The funding of each period of a market.

    Parameters
    ----------
    market : Market
    history : FundingHistory
    first : int
        The row of the book's first decision.
    settled : callable
        What the settling of a row left, from `first` on.
    """

    market: Market
    history: FundingHistory
    first: int
    settled: Callable[[int], Settled]

    @cached_property
    def _schedule(self) -> Schedule:
        return schedule_of(self.market.desk.book)

    def of(self, t: int) -> Funding:
        """What the period that ends in row `t`, after the first, has of it; rows before it are settled."""
        begin, end = self.market.closes[t - 1 : t + 1]
        known_by, before = self._schedule.known_from(end), self._schedule.known_from(begin)
        due = self.history.between(begin, end, known_by)
        lately = self.history.between(begin - RHYTHM, begin, known_by)
        notes = missing_words(self.settled(t - 1).ledger, self.history.symbols, due, lately, begin, end)
        came = self.history.came(begin, before, known_by)
        if not came:
            return Funding(due, notes=notes)
        late = [one for rate in came for one in self._belated(rate)]
        booked = [entry for row in range(self.first, t) for entry in self.settled(row).entries]
        new, changed = not_yet_booked(late, booked, self.market.desk.contracts)
        return Funding(due, new, (*notes, *changed))

    def _belated(self, rate: FundingRate) -> list[BelatedFunding]:
        """A rate of an earlier instant, with what was held through its period; nothing before the first."""
        row = bisect_left(self.market.closes, rate.instant)
        if row <= self.first:
            return []
        crossed = [one for one in self.settled(row).entries if one.kind == "cross"]
        held = held_of(self.settled(row - 1).ledger.apply(crossed), rate.symbol)
        price = exact(self.market.prices(row - 1)[rate.symbol])
        return [BelatedFunding(rate, self.market.sessions[row], price, held)]


def refuse_without_history(book: Book, history: FundingHistory, begin: datetime, end: datetime) -> None:
    """Refuse a book of which a perpetual has a history that was not read, or that an exchange has not whole.

    Parameters
    ----------
    book : Book
    history : FundingHistory
    begin, end : datetime
        The first and the last decision. Instants that a file lacks are told one by one.
    """
    named = {name: one.funding for name, one in book.universe.items() if one.funding}
    lacking = sorted(named.keys() - history.symbols)
    if lacking:
        raise Refused(
            f"universe.{lacking[0]}.funding: its rates were not read with the bars: read the market of this "
            "book anew"
        )
    for symbol, source in named.items():
        if source.startswith("files:"):
            continue
        instants = [one.instant for one in history.rates if one.symbol == symbol]
        if not instants or min(instants) > begin + LONGEST_INTERVAL or max(instants) < end - LONGEST_INTERVAL:
            has = f"from {min(instants):%Y-%m-%d} to {max(instants):%Y-%m-%d}" if instants else "none"
            raise Refused(
                f"universe.{symbol}.funding: {source} has rates {has}, and the backtest is from "
                f"{begin:%Y-%m-%d} to {end:%Y-%m-%d}: take a span that they reach over, or name a file"
            )
