"""Funding rates of perpetuals as a history: what was due when, what was known of it, and what is missing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property

from nightdesk.core.contracts import FUNDING_HOURS

#: So far back it is looked at which times of day a history has: over any stretch without a rate.
RHYTHM = timedelta(days=10)
#: Of that so much counts, up to its newest rate: an exchange that goes over from 4 hours to 8 lacks nothing.
NEWEST_RHYTHM = timedelta(days=2)

#: No exchange pays less often.
LONGEST_INTERVAL = timedelta(days=1)

#: Rates beyond this share of the notional at one instant are taken for a mistake.
MOST = Decimal("0.05")


@dataclass(frozen=True, slots=True, order=True)
class FundingRate:
    """What a long pays a short at one instant.

    Attributes
    ----------
    symbol : str
        The perpetual, as its book calls it.
    instant : datetime
        When it is paid, UTC.
    known_at : datetime
        From when the rate was known; a later version of the same instant takes its place.
    rate : Decimal
        Share of the notional; negative: the short pays.
    """

    symbol: str
    instant: datetime
    known_at: datetime
    rate: Decimal


@dataclass(frozen=True)
class FundingHistory:
    """The rates of some perpetuals, in any order; `symbols` are those whose history it is."""

    rates: tuple[FundingRate, ...] = ()
    symbols: frozenset[str] = frozenset()

    @cached_property
    def _by_instant(self) -> list[FundingRate]:
        return sorted(self.rates, key=lambda one: (one.instant, one.symbol, one.known_at))

    @cached_property
    def _instants(self) -> list[datetime]:
        return [one.instant for one in self._by_instant]

    @cached_property
    def _latest(self) -> list[FundingRate]:
        """Versions that came after an instant, by when they were known."""
        return sorted(self.rates, key=lambda one: (one.known_at, one.instant, one.symbol))

    @cached_property
    def _known(self) -> list[datetime]:
        return [one.known_at for one in self._latest]

    def between(self, begin: datetime, end: datetime, known_by: datetime) -> tuple[FundingRate, ...]:
        """The rates of instants after `begin` and up to `end`, each as it was known by an instant."""
        first, stop = bisect_right(self._instants, begin), bisect_right(self._instants, end)
        return newest(one for one in self._by_instant[first:stop] if one.known_at <= known_by)

    def came(self, until: datetime, after: datetime, known_by: datetime) -> tuple[FundingRate, ...]:
        """The rates of instants up to `until` that became known, or others, in a span."""
        first, stop = bisect_right(self._known, after), bisect_right(self._known, known_by)
        return newest(one for one in self._latest[first:stop] if one.instant <= until)


NO_HISTORY = FundingHistory()


def newest(rates: Iterable[FundingRate]) -> tuple[FundingRate, ...]:
    """Of each symbol and instant the version that was known last; by instant, then symbol."""
    found: dict[tuple[datetime, str], FundingRate] = {}
    for one in rates:
        known = found.get((one.instant, one.symbol))
        if known is None or known.known_at <= one.known_at:
            found[one.instant, one.symbol] = one
    return tuple(found[key] for key in sorted(found))


def missing_instants(
    due: Iterable[FundingRate], before: Iterable[FundingRate], symbol: str, begin: datetime, end: datetime
) -> tuple[datetime, ...]:
    """Instants after `begin` and up to `end` at which a symbol should have a rate and has none.

    Parameters
    ----------
    due : iterable of FundingRate
        Those of the span.
    before : iterable of FundingRate
        Those of the ten days before it: the times of day of the newest two are expected, 0, 8 and 16 o'clock
        UTC where there is none.
    symbol : str
    begin, end : datetime
        UTC.
    """
    given = {one.instant for one in due if one.symbol == symbol}
    earlier = [one.instant.astimezone(UTC) for one in before if one.symbol == symbol]
    since = max(earlier) - NEWEST_RHYTHM if earlier else begin
    times = {one.timetz() for one in earlier if one > since}
    expected = times or {time(hour, tzinfo=UTC) for hour in FUNDING_HOURS}
    days = (end.astimezone(UTC).date() - begin.astimezone(UTC).date()).days
    instants = (
        datetime.combine(begin.astimezone(UTC).date() + timedelta(days=n), at)
        for n in range(days + 1)
        for at in sorted(expected)
    )
    return tuple(at for at in instants if begin < at <= end and at not in given)
