"""The weeks of a screened universe: when it is screened, from when on that is in force, and who is a member.

A screen is of a Sunday at 18:00 in New York, whatever the exchange: it knows the closes before, and counts
for decisions from the first close after it until the next good one does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from nightdesk.core.calendar import Calendar, as_date, as_moment
from nightdesk.core.members import Membership, MemberSpan, OffSpan, PairSpan

NEW_YORK = ZoneInfo("America/New_York")
#: Hour of New York's clock.
SCREENED_AT_HOUR = 18
#: How long a screen stays in force where the next one fails.
LONGEST_IN_FORCE = timedelta(days=14)
#: How long before the open of a session its members are checked again.
BEFORE_OPEN = timedelta(minutes=30)


def screened_before(moment: datetime) -> datetime:
    """The instant of the newest screen at or before a moment, UTC."""
    local = moment.astimezone(NEW_YORK)
    sunday = local.date() - timedelta(days=(local.weekday() + 1) % 7)
    found = _on(sunday)
    return found if found <= moment else _on(sunday - timedelta(days=7))


def _on(sunday: date) -> datetime:
    local = datetime(sunday.year, sunday.month, sunday.day, SCREENED_AT_HOUR, tzinfo=NEW_YORK)
    return local.astimezone(UTC)


def sessions_beside(calendar: Calendar, moment: datetime) -> tuple[date, date]:
    """The last session that was over at a moment, and the one that follows it.

    Raises
    ------
    Refused
        When the calendar does not know both.
    """
    at = int(np.searchsorted(calendar.closes, as_moment(moment), side="right"))
    if not 0 < at < len(calendar.sessions):
        raise calendar.outside(moment)
    return as_date(calendar.sessions[at - 1]), as_date(calendar.sessions[at])


def screens_of(calendar: Calendar, first: date, last: date) -> tuple[datetime, ...]:
    """The instants of the screens that decisions of the sessions from `first` to `last` use, ascending."""
    sessions = calendar.between(first, last)
    found = {screened_before(calendar.close_at(as_date(one))) for one in sessions}
    return tuple(sorted(found))


def checked_at(calendar: Calendar, session: date) -> datetime:
    """The instant of the check before the open of a session, UTC."""
    return calendar.open_at(session) - BEFORE_OPEN


@dataclass(frozen=True)
class ScreenedWeek:
    """What a good screen found, as members and pairs from a session on.

    Attributes
    ----------
    first_session : date
        In whose decision it is in force first.
    members : mapping of str to str
        The sector by symbol, empty where unknown.
    pairs : tuple of (a, b, sector)
    legs : frozenset of str
        The members that are such as legs of pairs alone.
    """

    first_session: date
    members: Mapping[str, str]
    pairs: tuple[tuple[str, str, str], ...] = ()
    legs: frozenset[str] = frozenset()


@dataclass
class _Open:
    """Spans that go on, by what they are of."""

    first: dict[tuple[str, ...], date] = field(default_factory=dict)

    def turn(
        self, now: Sequence[tuple[str, ...]], first: date, last: date
    ) -> Iterator[tuple[tuple[str, ...], date, date]]:
        """End at `last` what is not there any more, and begin at `first` what is new."""
        for gone in sorted(self.first.keys() - set(now)):
            yield gone, self.first.pop(gone), last
        for one in now:
            self.first.setdefault(one, first)


def membership_of(
    weeks: Sequence[ScreenedWeek], calendar: Calendar, off: Sequence[OffSpan] = ()
) -> Membership:
    """The members and pairs of screens, each from its first session to the one before the next screen's.

    A symbol keeps the sector that it had when a screen named it first: its group would otherwise be another
    in a backtest than in the decisions of its time.

    Parameters
    ----------
    weeks : sequence of ScreenedWeek
        In any order, with one at most for a session.
    calendar : Calendar
    off : sequence of OffSpan
    """
    sectors: dict[str, str] = {}
    members, legs, pairs = _Open(), _Open(), _Open()
    spans: list[MemberSpan] = []
    as_legs: list[MemberSpan] = []
    of_pairs: list[PairSpan] = []
    for week in sorted(weeks, key=lambda one: one.first_session):
        first, last = week.first_session, calendar.shift(week.first_session, -1)
        for symbol, sector in week.members.items():
            sectors.setdefault(symbol, sector)
        for kept, found, now in ((members, spans, week.members), (legs, as_legs, week.legs)):
            for (symbol,), begun, end in kept.turn([(one,) for one in sorted(now)], first, last):
                found.append(MemberSpan(symbol, begun, end, sectors[symbol]))
        for (a, b, sector), begun, end in pairs.turn(sorted(week.pairs), first, last):
            of_pairs.append(PairSpan(a, b, begun, end, sector))
    for kept, found in ((members, spans), (legs, as_legs)):
        found += [MemberSpan(one, begun, None, sectors[one]) for (one,), begun in kept.first.items()]
    of_pairs += [PairSpan(a, b, begun, None, sector) for (a, b, sector), begun in pairs.first.items()]
    return Membership(
        tuple(sorted(spans, key=lambda one: (one.symbol, one.first))),
        pairs=tuple(sorted(of_pairs, key=lambda one: (one.first, one.a, one.b))),
        legs=tuple(sorted(as_legs, key=lambda one: (one.symbol, one.first))),
        off=tuple(sorted(off, key=lambda one: (one.session, one.symbol))),
    )
