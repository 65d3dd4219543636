"""Sessions, opens and closes of an exchange, from `exchange_calendars`.

All instants are timezone-aware UTC; a session is a plain date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.errors import Refused
from nightdesk.core.kept_sessions import kept_sessions

if TYPE_CHECKING:
    import exchange_calendars

Sessions = NDArray[np.datetime64]

#: A vendor's bars of a session are complete this long after its close.
SETTLING_TIME = timedelta(minutes=30)

FIRST_SESSION = date(1990, 1, 2)

#: Sessions by which it is said when an exchange usually opens.
SESSIONS_LOOKED_AT = 100

#: The calendar of a book that names none.
USUAL_CALENDAR = "XNYS"


@dataclass(frozen=True)
class Calendar:
    """The sessions of one exchange.

    Parameters
    ----------
    name : str
        A name known to `exchange_calendars`, such as ``"XNYS"``.
    sessions : ndarray of shape (n_sessions,), datetime64[D]
        Every session from 1990 to about a year ahead, ascending.
    opens, closes : ndarray of shape (n_sessions,), datetime64[s]
        Opening and closing instants in UTC, early closes included.
    zone : str
        Time zone of the exchange, such as ``"America/New_York"``.
    """

    name: str
    sessions: Sessions
    opens: NDArray[np.datetime64]
    closes: NDArray[np.datetime64]
    zone: str = "UTC"

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on `day`."""
        at = int(np.searchsorted(self.sessions, np.datetime64(day, "D")))
        return at < len(self.sessions) and self.sessions[at] == np.datetime64(day, "D")

    def index(self, session: date) -> int:
        """Position of `session` among the sessions; `Refused` on a holiday, naming its neighbours."""
        known = self._places.get(session)
        if known is not None:
            return known
        wanted = np.datetime64(session, "D")
        at = int(np.searchsorted(self.sessions, wanted))
        if at == len(self.sessions) or (at == 0 and self.sessions[0] != wanted):
            first, last = self.sessions[0], self.sessions[-1]
            raise Refused(
                f"{session} is outside the {self.name} calendar, which reaches from {first} to {last}"
            )
        if self.sessions[at] != wanted:
            raise Refused(
                f"{session} is not a session of {self.name} (a weekend or a holiday): "
                f"the sessions beside it are {self.sessions[at - 1]} and {self.sessions[at]}"
            )
        return at

    @cached_property
    def _places(self) -> Mapping[date, int]:
        """Position of every session."""
        return {session: at for at, session in enumerate(self.sessions.tolist())}

    @cached_property
    def hours_begun(self) -> NDArray[np.datetime64]:
        """The full hour of the exchange's clock at or before each open, UTC; shape (n_sessions,)."""
        zone = ZoneInfo(self.zone)
        offsets = [as_instant(moment).astimezone(zone).utcoffset() or timedelta(0) for moment in self.opens]
        local = self.opens + np.array(offsets, dtype="timedelta64[s]")
        begun: NDArray[np.datetime64] = self.opens - (local - local.astype("datetime64[h]"))
        return begun

    def between(self, first: date, last: date) -> Sessions:
        """Sessions from `first` to `last`, both included where they are sessions."""
        lo = np.searchsorted(self.sessions, np.datetime64(first, "D"), side="left")
        hi = np.searchsorted(self.sessions, np.datetime64(last, "D"), side="right")
        return self.sessions[lo:hi]

    def shift(self, session: date, count: int) -> date:
        """The session `count` sessions after (before, when negative) `session`."""
        at = self.index(session) + count
        if not 0 <= at < len(self.sessions):
            side = "before" if count < 0 else "after"
            raise Refused(
                f"{abs(count)} sessions {side} {session} is outside the {self.name} calendar, "
                f"which reaches from {self.sessions[0]} to {self.sessions[-1]}"
            )
        return as_date(self.sessions[at])

    def open_at(self, session: date) -> datetime:
        """Opening instant of `session`."""
        return as_instant(self.opens[self.index(session)])

    def close_at(self, session: date) -> datetime:
        """Closing instant of `session`: the `as_of` of a daily book."""
        return as_instant(self.closes[self.index(session)])

    def known_from(self, session: date) -> datetime:
        """The instant from which the bars of `session` are known: its close + 30 minutes."""
        return self.close_at(session) + SETTLING_TIME

    def session_of(self, moment: datetime) -> date:
        """The session that `moment` counts in: the first whose close is not before it.

        Raises
        ------
        Refused
            When the calendar ends before it, or begins after its day.
        """
        wanted = as_moment(moment)
        at = int(np.searchsorted(self.closes, wanted, side="left"))
        if at == len(self.sessions) or wanted.astype("datetime64[D]") < self.sessions[0]:
            raise self.outside(moment)
        return as_date(self.sessions[at])

    def latest_completed(self, now: datetime) -> date:
        """The newest session whose bars are known at `now`.

        Raises
        ------
        Refused
            When no session of the calendar was completed by then, or all of them: which is the newest one
            cannot be said.
        """
        at = int(np.searchsorted(self.closes, as_moment(now - SETTLING_TIME), side="right"))
        if not 0 < at < len(self.sessions):
            raise self.outside(now)
        return as_date(self.sessions[at - 1])

    def outside(self, moment: datetime) -> Refused:
        """The refusal of an instant that the calendar does not reach."""
        return Refused(
            f"{moment} is outside the {self.name} calendar, which reaches from {self.sessions[0]} to "
            f"{self.sessions[-1]}: is the clock right? A calendar ends about a year after its process began"
        )


def day_begins(day: date) -> datetime:
    """Midnight of a day, UTC: what is decided in sessions before it lies before that."""
    return datetime.combine(day, time(), UTC)


def as_date(session: np.datetime64) -> date:
    """A `datetime64[D]` as a plain date."""
    day: date = session.astype("datetime64[D]").item()
    return day


def as_instant(moment: np.datetime64) -> datetime:
    """A UTC `datetime64` as a timezone-aware datetime."""
    naive: datetime = moment.astype("datetime64[s]").item()
    return naive.replace(tzinfo=UTC)


def as_moment(instant: datetime) -> np.datetime64:
    """A timezone-aware datetime as a UTC `datetime64[us]`."""
    return np.datetime64(instant.astimezone(UTC).replace(tzinfo=None), "us")


@lru_cache(maxsize=4)
def get_calendar(name: str = "XNYS") -> Calendar:
    """The calendar of an exchange; `Refused` when `exchange_calendars` does not know it.

    It is read from the package's own copy where that is to be trusted (`nightdesk.core.kept_sessions`): then
    pandas is not imported, and no holiday is computed.
    """
    until = a_year_from(datetime.now(UTC).date())
    kept = kept_sessions(name, until)
    if kept is None:
        return computed(name, until)
    return Calendar(kept.name, kept.sessions, kept.opens, kept.closes, kept.zone)


def a_year_from(day: date) -> date:
    """The same day of the next year; 28 February for the 29th."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day.replace(year=day.year + 1, day=28)


def usual_open(name: str) -> tuple[time, str]:
    """When an exchange opens on most days, by its own clock, and the zone of that clock."""
    calendar = get_calendar(name)
    zone = ZoneInfo(calendar.zone)
    opens = [as_instant(one).astimezone(zone).time() for one in calendar.opens[-SESSIONS_LOOKED_AT:]]
    return max(set(opens), key=opens.count), calendar.zone


def computed(name: str, until: date) -> Calendar:
    """The calendar up to a day as `exchange_calendars` has it; `Refused` when it does not know it."""
    import exchange_calendars

    try:
        source: exchange_calendars.ExchangeCalendar = exchange_calendars.get_calendar(
            name, start=FIRST_SESSION.isoformat(), end=until.isoformat()
        )
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise Refused(
            f"calendar {name!r} is not known: name one of exchange_calendars, such as XNYS"
        ) from error
    return Calendar(
        name=name,
        sessions=source.sessions.to_numpy().astype("datetime64[D]"),
        opens=source.opens.dt.tz_localize(None).to_numpy().astype("datetime64[s]"),
        closes=source.closes.dt.tz_localize(None).to_numpy().astype("datetime64[s]"),
        zone=str(source.tz),
    )
