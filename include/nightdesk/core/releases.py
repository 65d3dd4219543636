"""When a publisher's figures are known: the Commitments of Traders of the CFTC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

import numpy as np

NEW_YORK = ZoneInfo("America/New_York")

#: When a report is published, New York.
COT_TIME = time(15, 30)

#: Business days from a report's day to its publication: of a Tuesday's, Friday.
COT_BUSINESS_DAYS = 3

#: Reports are published weekly from October 2000 on (CFTC, "About the COT Reports"); before, in pairs a
#: fortnight apart and still earlier twice a month. When each was, is not known: three weeks are never early.
COT_WEEKLY_FROM, COT_BEFORE = date(2001, 1, 2), timedelta(days=21)

#: Days on which the government in Washington was closed beside the federal holidays: days before or after
#: Christmas by order of the president, days of mourning, inaugurations.
CLOSED = frozenset({
    date(2001, 12, 24), date(2002, 12, 24), date(2003, 12, 26), date(2004, 6, 11), date(2005, 1, 20),
    date(2007, 1, 2), date(2007, 12, 24), date(2008, 12, 26), date(2009, 1, 20), date(2012, 12, 24),
    date(2014, 12, 26), date(2017, 1, 20), date(2018, 12, 5), date(2018, 12, 24), date(2019, 12, 24),
    date(2020, 12, 24), date(2021, 1, 20), date(2024, 12, 24), date(2025, 1, 9), date(2025, 12, 24),
    date(2025, 12, 26),
})  # fmt: skip

#: After the shutdown from 1 October 2025, as the CFTC announced on 18 November: report, publication.
_AFTER_2025 = {
    date(2025, 9, 30): date(2025, 11, 19),
    date(2025, 10, 7): date(2025, 11, 21),
    date(2025, 10, 14): date(2025, 11, 25),
    date(2025, 10, 21): date(2025, 12, 2),
    date(2025, 10, 28): date(2025, 12, 5),
    date(2025, 11, 4): date(2025, 12, 9),
    date(2025, 11, 10): date(2025, 12, 12),
    date(2025, 11, 18): date(2025, 12, 16),
    date(2025, 11, 25): date(2025, 12, 19),
    date(2025, 12, 2): date(2025, 12, 23),
    date(2025, 12, 9): date(2025, 12, 30),
    date(2025, 12, 16): date(2026, 1, 6),
    date(2025, 12, 23): date(2026, 1, 9),
    date(2025, 12, 30): date(2026, 1, 13),
    date(2026, 1, 6): date(2026, 1, 16),
    date(2026, 1, 13): date(2026, 1, 20),
}


def cot_release(report_date: date) -> datetime:
    """The instant from which a report of the Commitments of Traders is known.

    Three business days of the government in Washington after its day, 15:30 in New York: of a Tuesday's
    report Friday, in a week with a holiday later. Reports that came later still, after shutdowns of the
    government and the outage at ION in 2023, have their days in `cot_late_releases`. Where a day is not
    known for certain, the one here is never earlier than the true one.

    Parameters
    ----------
    report_date : date
        The day of the positions, most often a Tuesday.

    Returns
    -------
    datetime
        UTC.

    Examples
    --------
    >>> cot_release(date(2024, 8, 20)).isoformat()  # Friday
    '2024-08-23T19:30:00+00:00'
    >>> cot_release(date(2023, 11, 21)).isoformat()  # Monday after Thanksgiving
    '2023-11-27T20:30:00+00:00'
    """
    if report_date < COT_WEEKLY_FROM:
        day = report_date + COT_BEFORE
    else:
        closed = np.array(sorted(_closed(report_date.year) | _closed(report_date.year + 1)), "datetime64[D]")
        found = np.busday_offset(report_date, COT_BUSINESS_DAYS, roll="backward", holidays=closed)
        day = found.astype("datetime64[D]").item()
    # A late report holds up every one of its week, whichever day a source gives it.
    late = (when for of, when in cot_late_releases().items() if 0 <= (report_date - of).days < 7)
    day = max([day, *late])
    return datetime.combine(day, COT_TIME, NEW_YORK).astimezone(UTC)


@cache
def cot_late_releases() -> Mapping[date, date]:
    """The days on which late reports were published, by the reports' days."""
    return MappingProxyType(dict(_late()))


def _late() -> Iterator[tuple[date, date]]:
    # Shutdown from 1 to 16 October 2013: the backlog was gone by mid-November; which report came on which
    # day, is not known for certain.
    for report in _weekly(date(2013, 10, 1), date(2013, 11, 12)):
        yield report, date(2013, 11, 22)
    # Shutdown from 22 December 2018: from 1 February on a report each Friday and each Tuesday, until that of
    # 5 March came on time (CFTC, January 2019).
    reports = [date(2018, 12, 24), date(2018, 12, 31), *_weekly(date(2019, 1, 8), date(2019, 2, 26))]
    for at, report in enumerate(reports):
        yield report, date(2019, 2, 1) + timedelta(days=7 * (at // 2) + 4 * (at % 2))
    # The outage at ION: the first was published on 24 February, none yet on 17 March; the rest is not known
    # for certain (CFTC, 8662-23).
    yield date(2023, 1, 31), date(2023, 2, 24)
    for report in _weekly(date(2023, 2, 7), date(2023, 3, 21)):
        yield report, date(2023, 3, 31)
    yield from _AFTER_2025.items()


def _weekly(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=days) for days in range(0, (last - first).days + 1, 7))


@cache
def _closed(year: int) -> frozenset[date]:
    """Days of a year on which the government in Washington is closed, weekends apart."""
    from pandas.tseries.holiday import USFederalHolidayCalendar

    found = USFederalHolidayCalendar().holidays(f"{year}-01-01", f"{year}-12-31")
    return frozenset(found.date) | {day for day in CLOSED if day.year == year}
