"""The line to FRED, and to ALFRED's vintages: observations in pages, each page looked at."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from nightdesk.feeds.feed import Fault
from nightdesk.feeds.http_line import HttpLine
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.vendor_facts import day_of_text, number_of

#: Where the service is.
ADDRESS = "https://api.stlouisfed.org"

#: The account whose key, and address in place of the service's own, the environment has.
ACCOUNT = "FRED"

#: On whose clock its days are.
ST_LOUIS = ZoneInfo("America/Chicago")

#: Rows of one page. The service gives up to 100,000, of which one answer would be larger than is read.
ROWS_A_PAGE = 20_000

#: More than any series has in all its vintages.
MOST_ROWS = 2_000_000

#: Seconds between two requests: 120 a minute are allowed.
PAUSE_SECONDS = 0.5

#: How FRED writes that there is no value.
NO_VALUE = "."

#: What the service takes for the end of time.
FOREVER = date(9999, 12, 31)

#: The first period that is asked for: the desk reads nothing that is older.
FIRST_PERIOD = date(1900, 1, 1)

_WANTED = "observations"
_SERIES = re.compile(r"[A-Za-z0-9_]{1,60}")
_ACCESS = "its key is unknown, or may not do this"


@dataclass(frozen=True)
class Observation:
    """A value of a series.

    Attributes
    ----------
    period : date
        The day that it is of, or the first day of the month or quarter.
    since, until : date
        The first and last day on which the service told it, cut at the span of vintages that was asked for.
    value : float
        NaN where FRED says that there is none.
    """

    period: date
    since: date
    until: date
    value: float


class FredLine:
    """The line.

    Parameters
    ----------
    key : str
        It shows in no representation and no error.
    url : str or None
        Scheme and host in place of FRED's own.
    timeout : float
        Seconds for the connection, and for each next byte.
    sleep : callable
        Waits some seconds between attempts, and between requests.
    """

    def __init__(
        self,
        key: str,
        url: str | None = None,
        *,
        timeout: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._line = HttpLine(
            "fred",
            url or ADDRESS,
            secrets={"api_key": key},
            access=_ACCESS,
            one_address=True,
            timeout=timeout,
            sleep=sleep,
        )
        self._sleep, self._asked = sleep, False

    def observations(
        self, series: str, first: date, last: date, vintages: tuple[date, date] | None = None
    ) -> list[Observation]:
        """The observations of a series whose period is in a span, both ends included.

        Parameters
        ----------
        series : str
            Such as ``VIXCLS``.
        first, last : date
        vintages : tuple of date, optional
            The first and last day on which the service told them; up to 2,000 vintages. Each observation
            comes once for every value that it had then. Default: those of today.

        Raises
        ------
        SourceFault
            When the service does not give them whole.
        """
        if not _SERIES.fullmatch(series):
            raise SourceFault(Fault.ABSENT, "no series of FRED has such a name")
        params = {
            "series_id": series,
            "file_type": "json",
            "observation_start": max(first, FIRST_PERIOD).isoformat(),
            "observation_end": last.isoformat(),
            "sort_order": "asc",
            "output_type": 1,
            "limit": ROWS_A_PAGE,
        }
        if vintages is not None:
            params |= {"realtime_start": vintages[0].isoformat(), "realtime_end": vintages[1].isoformat()}
        found: dict[tuple[date, date], Observation] = {}
        first_total = None
        while True:
            total, page = self._page(params | {"offset": len(found)}, len(found))
            read = len(found) + len(page)
            found |= {(one.period, one.since): one for one in page}
            if len(found) != read or total != (total if first_total is None else first_total):
                raise _unreadable("an observation twice, or ever another count: its pages do not agree")
            if read == total:
                return list(found.values())
            first_total = total

    def _page(self, params: dict[str, Any], offset: int) -> tuple[int, list[Observation]]:
        """A page, and how many rows there are in all."""
        if self._asked:
            self._sleep(PAUSE_SECONDS)
        self._asked = True
        try:
            answer = self._line.json(_WANTED, "/fred/series/observations", params)
        except SourceFault as error:
            fault = _as_fred_means(error)
        else:
            return _read_page(answer, offset)
        raise fault from None


def _as_fred_means(error: SourceFault) -> SourceFault:
    """FRED says with one and the same status that it knows no such key and no such series."""
    if "series does not exist" in error.reason:
        return SourceFault(Fault.ABSENT, "FRED has no such series")
    if "(400)" in error.reason and "api_key" in error.reason:
        return SourceFault(Fault.FINAL, f"the server refuses access (400): {_ACCESS}")
    return error


def _read_page(answer: Any, offset: int) -> tuple[int, list[Observation]]:
    if not isinstance(answer, dict):
        raise _unreadable(f"no JSON object where {_WANTED} were asked for")
    for name, value in (("output_type", 1), ("units", "lin")):
        if answer.get(name, value) != value:
            raise SourceFault(
                Fault.FINAL, f"the server answered {_WANTED} whose {name} is not {value!r}, as asked for"
            )
    total, rows = answer.get("count"), answer.get("observations")
    if isinstance(total, bool) or not isinstance(total, int) or not isinstance(rows, list):
        raise _unreadable(f"no list of {_WANTED} with their count")
    if not 0 <= total <= MOST_ROWS:
        raise SourceFault(Fault.FINAL, f"the server answered that it has {total} {_WANTED}")
    due = min(ROWS_A_PAGE, total - offset)
    if answer.get("offset", offset) != offset or len(rows) != due:
        raise _unreadable(f"a page of {len(rows)} {_WANTED} where {due} were due: its pages do not agree")
    return total, [_read_row(row) for row in rows]


def _read_row(row: Any) -> Observation:
    if not isinstance(row, dict):
        raise _unreadable("an observation that is none")
    period = day_of_text(row.get("date"), "an observation")
    since = day_of_text(row.get("realtime_start"), "a vintage")
    until = day_of_text(row.get("realtime_end"), "the end of a vintage", FOREVER)
    value = row.get("value")
    number = math.nan if value == NO_VALUE else number_of(value)
    if math.isnan(number) and value != NO_VALUE:
        raise _unreadable(f"a value of {period} that is no number")
    if until < since:
        raise _unreadable(f"a vintage from {since} to {until}")
    return Observation(period, since, until, number)


def _unreadable(what: str) -> SourceFault:
    return SourceFault(Fault.PASSING, f"the server answered {what}")
