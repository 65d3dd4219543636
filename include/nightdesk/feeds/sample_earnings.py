"""When the companies of the sample market report: four quarters a year, announced a month ahead.

Each company has the months in which its quarters end, a usual distance from there to its report, and a usual
time of the day. A few reports are moved after they were announced; of one company a quarter was moved onto
the day of the next one, so that two are reported on one day.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import Calendar, as_date, get_calendar
from nightdesk.core.releases import NEW_YORK
from nightdesk.feeds.sample_companies import SampleCompany
from nightdesk.feeds.sample_process import FIRST_DAY

SEED = 67
ANNOUNCED_DAYS = 30  # before the report
ANNOUNCED_AT = time(16, 30)  # in New York
MOVED_SHARE, MOVED_SESSIONS = 0.06, 4  # of reports; the most by which one is moved, sooner or later
MOVED_DAYS = 9  # before the day that was announced first
#: A company and the end of the quarter that it reports together with the next one.
TWICE = ("GELOS", date(2022, 6, 30))

#: Random numbers a quarter: how far from usual, whether and by how much it is moved, whether at another time.
_WIDTH = 4

#: The end of the quarter, known at (UTC, without a zone), the report's day, and before, after or nothing.
Report = tuple[date, datetime, date, str]


@dataclass(frozen=True)
class _Habits:
    """How a company reports: the last months of its quarters, days from their end to the report, its time."""

    months: tuple[int, ...]
    days: int
    timing: str


def earnings_of(company: SampleCompany, until: date) -> list[Report]:
    """The reports of a company whose quarters end by a day, each in all its versions, oldest quarter first.

    Of a symbol that was given up, those that were announced by then; of one that was taken on, those to come
    then, known from that day on.
    """
    since, end = company.first, company.ending.last if company.ending else date.max
    found: dict[tuple[date, datetime], Report] = {}
    for quarter, known_at, day, timing in _reports(company.drawn, until):
        if (since is not None and day < since) or known_at.date() > end:
            continue
        if since is not None:
            known_at = max(known_at, _instant(since, time()))
        found[quarter, known_at] = (quarter, known_at, day, timing)
    return list(found.values())


def _reports(drawn: str, until: date) -> Iterator[Report]:
    """All versions of the reports that belong to some random numbers."""
    habits, calendar = _habits(drawn), get_calendar("XNYS")
    years = range(FIRST_DAY.year - 1, until.year + 2)
    ends = [_month_end(year, month) for year in years for month in habits.months]
    # with the one behind them, onto whose day a report may be moved
    quarters = ends[: bisect_right(ends, until) + 1]
    numbers = _uniform(drawn, len(quarters))
    planned = [
        _session_from(calendar, quarter + timedelta(days=habits.days + int(7 * own) - 3))
        for quarter, own in zip(quarters, numbers[:, 0], strict=True)
    ]
    for n, quarter in enumerate(quarters[:-1]):
        timing = habits.timing if numbers[n, 3] < 0.9 else ""
        announced = planned[n] - timedelta(days=ANNOUNCED_DAYS)
        yield quarter, _instant(announced, ANNOUNCED_AT), planned[n], timing
        moved = _moved(calendar, planned[n], numbers[n])
        if (drawn, quarter) == TWICE:
            moved = planned[n + 1]
        if moved is not None:
            told = planned[n] - timedelta(days=MOVED_DAYS)
            yield quarter, _instant(told, ANNOUNCED_AT), moved, timing


def _moved(calendar: Calendar, planned: date, numbers: NDArray[np.float64]) -> date | None:
    """The day to which a report is moved, most often a later one; None where it stays."""
    if numbers[1] >= MOVED_SHARE:
        return None
    by = 1 + int(MOVED_SESSIONS * numbers[2])
    return calendar.shift(planned, by if numbers[1] < 0.7 * MOVED_SHARE else -by)


def _habits(drawn: str) -> _Habits:
    at = zlib.crc32(drawn.encode())
    # most companies' years end with the calendar's
    first = (3, 3, 3, 2, 1)[at % 5] if drawn != TWICE[0] else 3
    months = tuple(first + 3 * n for n in range(4))
    return _Habits(months, 24 + at // 5 % 18, ("before", "after")[at // 90 % 2])


def _month_end(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def _session_from(calendar: Calendar, day: date) -> date:
    """The first session from a day on."""
    return as_date(calendar.between(day, day + timedelta(days=10))[0])


def _instant(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, NEW_YORK).astimezone(UTC).replace(tzinfo=None)


def _uniform(drawn: str, quarters: int) -> NDArray[np.float64]:
    key = [SEED, zlib.crc32(drawn.encode())]
    bits = np.random.Philox(key=key).random_raw(quarters * _WIDTH).reshape(quarters, _WIDTH)
    uniform: NDArray[np.float64] = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    return uniform
