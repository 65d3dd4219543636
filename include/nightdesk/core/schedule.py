"""When a book decides: its instants, those beside each, and until when its orders may meet the market.

A decision is named by its `as_of`, a timezone-aware UTC instant: the close of a session for a daily book, the
end of a bar for an hourly one. Arrays of instants are UTC, datetime64[s].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import (
    SETTLING_TIME,
    Calendar,
    Sessions,
    as_instant,
    as_moment,
    get_calendar,
)
from nightdesk.core.errors import Refused

if TYPE_CHECKING:
    from nightdesk.core.book import Book

Instants = NDArray[np.datetime64]
Kind = Literal["daily", "hourly"]

#: Sessions by which figures of a session are made figures of a year, whatever the calendar.
SESSIONS_A_YEAR = 252

HOUR = np.timedelta64(3600, "s")


@dataclass(frozen=True, eq=False)
class Schedule:
    """The decision instants of one rhythm on one calendar.

    Parameters
    ----------
    kind : str
        ``"daily"``: one decision a session, at its close. ``"hourly"``: one at the end of each bar, the close
        last.
    calendar : Calendar
    starts, ends : ndarray of shape (n_instants,), datetime64[s]
        When the bar of each decision begins, and the decision instant at which it ends; ascending.
    row : ndarray of shape (n_instants,), intp
        The session of each decision, as an index into `calendar.sessions`.
    delay : timedelta
        The bars of a decision are known this long after it.
    wait : timedelta
        How much longer a vendor is waited for whose bar is not there by then.
    """

    kind: Kind
    calendar: Calendar
    starts: Instants
    ends: Instants
    row: NDArray[np.intp]
    delay: timedelta = SETTLING_TIME
    wait: timedelta = timedelta(0)

    def instants(self, first: date, last: date) -> Instants:
        """Decision instants of the sessions from `first` to `last`, both included where they are sessions."""
        return self.ends[self._span(first, last)]

    def begins(self, first: date, last: date) -> Instants:
        """When the bars begin that end at `instants`."""
        return self.starts[self._span(first, last)]

    def sessions_of(self, instants: Instants) -> Sessions:
        """The session of each of many instants, datetime64[D]: the first whose close is not before it.

        Raises
        ------
        Refused
            When the calendar ends before one of them.
        """
        at = np.searchsorted(self.calendar.closes, instants, side="left")
        if len(at) and int(at.max()) == len(self.calendar.sessions):
            raise self.calendar.outside(as_instant(instants.max()))
        return self.calendar.sessions[at]

    def opens_session(self, instants: Instants) -> NDArray[np.bool_]:
        """Whether the bar that ends at each of many decision instants is the first of its session."""
        at = np.searchsorted(self.ends, instants)
        first: NDArray[np.bool_] = (at == 0) | (self.row[at] != self.row[at - 1])
        return first

    def index(self, as_of: datetime) -> int:
        """Position of a decision in `ends`.

        Raises
        ------
        Refused
            When nothing is decided at that instant; names the decisions beside it.
        """
        wanted = as_moment(as_of)
        at = int(np.searchsorted(self.ends, wanted))
        if at < len(self.ends) and self.ends[at] == wanted:
            return at
        name = self.calendar.name
        if not 0 < at < len(self.ends):
            raise Refused(
                f"{as_of} is outside the {self.kind} decisions on {name}, which reach from "
                f"{as_instant(self.ends[0])} to {as_instant(self.ends[-1])}"
            )
        raise Refused(
            f"nothing is decided at {as_of}: the {self.kind} decisions on {name} beside it are at "
            f"{as_instant(self.ends[at - 1])} and {as_instant(self.ends[at])}"
        )

    def before(self, as_of: datetime) -> datetime:
        """The decision before the one at `as_of`."""
        return self._at(self.index(as_of) - 1, "before", as_of)

    def after(self, as_of: datetime) -> datetime:
        """The decision after the one at `as_of`."""
        return self._at(self.index(as_of) + 1, "after", as_of)

    def ending_of(self, start: datetime) -> datetime | None:
        """The decision whose bar begins at an instant; None where no bar does."""
        at = int(np.searchsorted(self.starts, as_moment(start)))
        begins = at < len(self.starts) and self.starts[at] == as_moment(start)
        return as_instant(self.ends[at]) if begins else None

    def session_of(self, as_of: datetime) -> date:
        """The session that an instant counts in; see `Calendar.session_of`."""
        return self.calendar.session_of(as_of)

    def first_of(self, session: date) -> datetime:
        """The first decision of a session."""
        return as_instant(self.ends[np.searchsorted(self.row, self.calendar.index(session))])

    def last_of(self, session: date) -> datetime:
        """The last decision of a session: its close."""
        return self.calendar.close_at(session)

    def settling_of(self, session: date, at: datetime | None) -> datetime:
        """The decision that settles what happened at an instant of a session: the first not before it.

        Parameters
        ----------
        session : date
            The session that it counts in. What is written down in the minutes after its bell counts in it
            too, and is settled by its last decision.
        at : datetime or None
            The instant, UTC; None where only the session is known: the last decision settles it.
        """
        last = self.last_of(session)
        if at is None or at >= last:
            return last
        found = as_instant(self.ends[np.searchsorted(self.ends, as_moment(at), side="left")])
        return max(found, self.first_of(session))

    def is_last(self, as_of: datetime) -> bool:
        """Whether the decision at `as_of` is the last of its session."""
        at = self.index(as_of)
        return at + 1 == len(self.ends) or bool(self.row[at + 1] != self.row[at])

    def name_of(self, as_of: datetime) -> str:
        """A decision in people's words: its session, with the exchange's clock where that has several."""
        session = self.session_of(as_of)
        if self.kind == "daily":
            return f"{session}"
        return f"{session} {as_of.astimezone(ZoneInfo(self.calendar.zone)):%H:%M}"

    def name_counted(self, session: date, after: datetime | None) -> str:
        """The decision from which on a word counts: the first of a session, or the first after an instant."""
        first = self.first_of(session)
        if after is not None:
            at = int(np.searchsorted(self.ends, as_moment(after), side="right"))
            first = max(first, self._at(at, "after", after))
        return self.name_of(first)

    def span_of(self, decisions: Sequence[datetime]) -> str:
        """Decisions in words: ``2025-01-03``, or ``3 sessions from 2025-01-03 to 2025-01-07``.

        They ascend, and there is at least one.
        """
        first, last = self.name_of(decisions[0]), self.name_of(decisions[-1])
        return first if first == last else f"{len(decisions)} {self.noun}s from {first} to {last}"

    def option_of(self, as_of: datetime) -> str:
        """A decision as commands take it: ``--session`` of the last one in a session, else ``--as-of``."""
        session = self.session_of(as_of)
        if as_of == self.last_of(session):
            return f"--session {session}"
        return f"--as-of {as_of.astimezone(UTC):%Y-%m-%dT%H:%M}Z"

    @property
    def noun(self) -> str:
        """What people call a decision: a session where each has one."""
        return "session" if self.kind == "daily" else "decision"

    def known_from(self, as_of: datetime) -> datetime:
        """The instant from which the bars of a decision are known."""
        return as_of + self.delay

    def waited_until(self, as_of: datetime) -> datetime:
        """The instant from which a symbol whose bar is not there is stale for the decision at `as_of`."""
        return as_of + self.delay + self.wait

    def window(self, as_of: datetime) -> tuple[datetime, datetime]:
        """When an order of the decision at `as_of` may be on its way to the market: [from, until).

        It begins when the decision's bars are known. It ends with the bar that the order is meant for: an
        order of the last decision of a session is meant for the next open, so that is where its time is over;
        one from within a session has until the next decision.
        """
        at = self.index(as_of)
        if at + 1 == len(self.ends):
            raise self._beyond("after", as_of)
        inside = self.row[at + 1] == self.row[at]
        until = self.ends[at + 1] if inside else self.calendar.opens[self.row[at + 1]]
        return self.known_from(as_of), as_instant(until)

    def deadline_of(self, as_of: datetime) -> str:
        """Until when an order of a decision may be sent, in people's words: ``the open of 2025-01-06`` of the
        last one of a session, else the next decision, ``2025-01-03 11:00``.
        """
        following = self.after(as_of)
        inside = self.session_of(following) == self.session_of(as_of)
        return self.name_of(following) if inside else f"the open of {self.session_of(following)}"

    def latest_completed(self, now: datetime) -> datetime:
        """The newest decision whose bars are known at `now`.

        Raises
        ------
        Refused
            When no decision of the calendar was by then, or all were: which is the newest cannot be said.
        """
        at = int(np.searchsorted(self.ends, as_moment(now - self.delay), side="right"))
        if not 0 < at < len(self.ends):
            raise self.calendar.outside(now)
        return as_instant(self.ends[at - 1])

    @cached_property
    def periods_a_session(self) -> int:
        """Decisions of a full session: 1, or the hours (7 on the New York exchanges)."""
        return int(np.bincount(np.bincount(self.row)).argmax())

    @property
    def periods_a_year(self) -> float:
        """By how many periods figures are made figures of a year: 252, or 252 × hours of a full session."""
        return float(SESSIONS_A_YEAR * self.periods_a_session)

    def _span(self, first: date, last: date) -> slice:
        days = self.calendar.sessions
        lo = np.searchsorted(days, np.datetime64(first, "D"), side="left")
        hi = np.searchsorted(days, np.datetime64(last, "D"), side="right")
        return slice(*np.searchsorted(self.row, (lo, hi)).tolist())

    def _at(self, at: int, side: str, as_of: datetime) -> datetime:
        if not 0 <= at < len(self.ends):
            raise self._beyond(side, as_of)
        return as_instant(self.ends[at])

    def _beyond(self, side: str, as_of: datetime) -> Refused:
        return Refused(
            f"no {self.kind} decision on {self.calendar.name} is known {side} {as_of}: the calendar reaches "
            f"from {self.calendar.sessions[0]} to {self.calendar.sessions[-1]}"
        )


def daily(calendar: Calendar) -> Schedule:
    """One decision a session, at its close."""
    return Schedule("daily", calendar, calendar.opens, calendar.closes, np.arange(len(calendar.sessions)))


def hourly(
    calendar: Calendar, delay: timedelta = timedelta(minutes=5), wait: timedelta = timedelta(minutes=10)
) -> Schedule:
    """One decision at each full hour of the exchange's clock within a session, and at its close.

    The first bar of a session ends at the first full hour after its open, however short that makes it, and
    the last one at the close: 9:30 to 10:00, 10 to 11, ... 15 to 16 in New York. In hours of the exchange's
    clock both changes of daylight saving time keep the count of a session.
    """
    full_hour = calendar.hours_begun
    count = -((full_hour - calendar.closes) // HOUR)
    row = np.repeat(np.arange(len(calendar.sessions)), count)
    within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    hour = full_hour[row] + within * HOUR
    starts = np.maximum(hour, calendar.opens[row])
    ends = np.minimum(hour + HOUR, calendar.closes[row])
    return Schedule("hourly", calendar, starts, ends, row, delay, wait)


def schedule_of(book: Book) -> Schedule:
    """The schedule that a book states."""
    said = book.schedule
    return _made(book.calendar, said.rhythm, said.bar_delay_minutes, said.wait_minutes)


@lru_cache(maxsize=8)
def _made(calendar: str, kind: Kind, delay_minutes: int, wait_minutes: int) -> Schedule:
    if kind == "daily":
        return daily(get_calendar(calendar))
    return hourly(get_calendar(calendar), timedelta(minutes=delay_minutes), timedelta(minutes=wait_minutes))
