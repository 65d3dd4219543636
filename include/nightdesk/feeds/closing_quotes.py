"""Last quotes of sessions, from vendors that give the quotes of a span: which one is the last good one."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import ClassVar

from nightdesk.core.calendar import Calendar, as_date, get_calendar
from nightdesk.core.facts import FactKind
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.vendor_facts import FactRow, SubjectFacts

#: How many of the newest quotes before the close are looked at for one that has both sides.
QUOTES_ASKED = 20

#: Sessions of one question, the newest of its span: each is a request a symbol.
MOST_SESSIONS = 15

#: From this session on the consolidated tape tells sizes in shares, before in round lots (Alpaca's
#: description of its quotes).
SHARES_FROM = date(2025, 11, 3)

#: Shares of the usual round lot.
ROUND_LOT = 100.0

TOO_LONG_AGO = f"sessions before the newest {MOST_SESSIONS}, which are not asked for"
ONE_SIDED = "quotes after the last one with both sides: one side alone, or a bid above the ask"


@dataclass(frozen=True)
class VendorQuote:
    """A quote as a vendor gives it.

    Attributes
    ----------
    at : int
        Nanoseconds since 1970, UTC.
    bid, ask : float
        Dollars; 0 or NaN where that side is absent.
    bid_size, ask_size : float
        As the vendor counts them.
    order : int
        Tells quotes of one instant apart: the later is the larger.
    """

    at: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    order: int = 0


class ClosingQuotes(SubjectFacts):
    """A vendor's last quotes of sessions.

    One request a symbol and session, of the newest `MOST_SESSIONS` of a span; earlier ones are counted. The
    quote is the newest at or before the close (an early one on such days) that has both sides, its bid not
    above its ask, and it is known from the close on. A symbol without such a quote among the newest has none
    of that session.
    """

    #: Shares of one unit of its sizes before, and from, `SHARES_FROM` on; NaN where that is not known.
    unit_of_sizes: ClassVar[tuple[float, float]]

    @abstractmethod
    def newest(self, symbol: str, since: datetime, until: datetime) -> Sequence[VendorQuote]:
        """Up to `QUOTES_ASKED` of the newest quotes of a span, both ends included.

        Raises
        ------
        SourceFault
            When the vendor does not give them.
        """

    @property
    def calendar(self) -> Calendar:
        """On whose closes quotes are the last ones."""
        return get_calendar()

    def ask(
        self, kind: FactKind, subject: str, first: date, last: date
    ) -> tuple[Sequence[FactRow], Mapping[str, int]]:
        if subject.startswith("^") or subject.endswith("-USD"):
            raise SourceFault(Fault.ABSENT, "it has quotes of shares alone")
        over = [
            session
            for session in map(as_date, self.calendar.between(first, last))
            if self.calendar.close_at(session) <= self.now()
        ]
        rows: list[FactRow] = []
        passed_over = 0
        for session in over[-MOST_SESSIONS:]:
            begins, close = self.calendar.open_at(session), self.calendar.close_at(session)
            good, skipped = _last_good(self.newest(subject, begins, close), begins, close)
            passed_over += skipped
            if good is not None:
                unit = self.unit_of_sizes[session >= SHARES_FROM]
                rows.append((session, close, good.bid, good.ask, unit * good.bid_size, unit * good.ask_size))
        dropped = {ONE_SIDED: passed_over, TOO_LONG_AGO: max(0, len(over) - MOST_SESSIONS)}
        return rows, {reason: count for reason, count in dropped.items() if count}


def _last_good(
    found: Sequence[VendorQuote], since: datetime, until: datetime
) -> tuple[VendorQuote | None, int]:
    """The newest quote with both sides, and how many newer ones were passed over."""
    first, last = (round(one.timestamp()) * 1_000_000_000 for one in (since, until))
    skipped = 0
    for one in sorted(found, key=lambda one: (one.at, one.order), reverse=True):
        if not first <= one.at <= last:
            at = datetime.fromtimestamp(one.at // 1_000_000_000, UTC) if abs(one.at) < 4e18 else one.at
            raise SourceFault(
                Fault.FINAL,
                f"the server answered a quote of {at}, where those from {since} to {until} were asked for",
            )
        if one.bid > 0.0 and one.ask > 0.0 and one.bid <= one.ask:
            return one, skipped
        skipped += 1
    return None, skipped


def size_of(number: float) -> float:
    """A size that can be one; NaN for any other number."""
    return number if number >= 0.0 else math.nan
