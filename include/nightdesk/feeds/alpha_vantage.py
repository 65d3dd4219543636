"""The `alpha_vantage` source of earnings: when companies are expected to report, from its calendar."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from nightdesk.core.facts import EARNINGS, FactKind
from nightdesk.feeds.feed import Fault
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.spellings import same_symbol
from nightdesk.feeds.vendor_facts import NEW_YORK, FoundFacts, VendorFacts
from nightdesk.feeds.vendor_feed import TOLD_TWICE

#: Where the service is.
ADDRESS = "https://www.alphavantage.co"

#: Columns that a calendar has in this order; the last is absent from older answers.
COLUMNS = ("symbol", "name", "reportDate", "fiscalDateEnding", "estimate", "currency", "timeOfTheDay")

#: What the desk calls its times of the day.
TIMINGS: Mapping[str, str] = {"pre-market": "before", "post-market": "after", "": ""}

#: The horizons of the calendar, in days.
HORIZONS: Mapping[str, int] = {"3month": 89, "6month": 180, "12month": 365}

#: A report lies this many days around the end of its quarter, and no longer than that after today.
EARLIEST_REPORT, LATEST_REPORT, FARTHEST = -31, 400, 400

#: How long after a span its calendar is still asked for: what it tells is known only from then on, and each
#: session of a backfill would cost a request.
RECENT = timedelta(days=7)

WITHOUT_DAY = "without a day, or on a day on which no company reports that quarter"
UNKNOWN_TIME = "its time of the day is not known, its day is kept"

_WANTED = "the earnings calendar"


class AlphaVantageFacts(VendorFacts):
    """The calendar of earnings, asked for once for all symbols, since a free key has 25 requests a day.

    It holds what is expected now, so each fact is known from when it was fetched. All of them are given for a
    span that reaches to today or to a few days before it; for any other span nothing is asked.
    """

    name = "alpha_vantage"
    kinds = (EARNINGS,)
    account = "ALPHA_VANTAGE"

    def collect(
        self, found: FoundFacts, kind: FactKind, subjects: Sequence[str], first: date, last: date
    ) -> None:
        if not subjects:
            return
        now, today = self.now(), self.now().astimezone(NEW_YORK).date()
        if not first <= today <= last + RECENT:
            raise SourceFault(
                Fault.ABSENT,
                f"its calendar tells what is expected now: it is not asked from {first} to {last}",
            )
        wanted = {same_symbol(symbol): symbol for symbol in subjects}
        expected = _Expected()
        for row in _rows(self._calendar(last)):
            symbol = wanted.get(same_symbol(row["symbol"].strip()))
            if symbol is not None:
                expected.take(symbol, row, today)
        for (symbol, ends), report in expected.reports.items():
            if symbol not in expected.torn:
                found.add(symbol, ends, now, *report)
        for symbol, ends in expected.torn.items():
            words = f"the server answered two reports of the quarter to {ends} that differ"
            found.fail([symbol], SourceFault(Fault.PASSING, words))
        found.count({reason: count for reason, count in expected.counts.items() if count})

    def _calendar(self, last: date) -> str:
        """The calendar as CSV; `SourceFault` for what stands in its place."""
        from nightdesk.core.masking import one_line
        from nightdesk.feeds.http_line import HttpLine

        key = self.key()
        line = HttpLine(
            self.name,
            self.part("URL") or ADDRESS,
            secrets={"apikey": key},
            one_address=True,
            timeout=self.timeout,
            sleep=self.sleep,
        )
        ahead = (last - self.now().date()).days
        horizon = next((name for name, days in HORIZONS.items() if ahead <= days), "12month")
        text = line.text(_WANTED, "/query", {"function": "EARNINGS_CALENDAR", "horizon": horizon})
        if text.lstrip().startswith(("{", "[")):
            raise _in_its_place(text, key)
        header = text.partition("\n")[0].strip().split(",")
        if tuple(header) not in (COLUMNS, COLUMNS[:-1]):
            shown = one_line(text.partition("\n")[0].replace(key, "***"))[:80]
            raise SourceFault(Fault.PASSING, f"the server answered {shown!r} where {_WANTED} was asked for")
        return text


class _Expected:
    """The reports of a calendar: day and time of the day by symbol and quarter."""

    def __init__(self) -> None:
        self.reports: dict[tuple[str, date], tuple[date, str]] = {}
        self.torn: dict[str, date] = {}
        self.counts = {WITHOUT_DAY: 0, UNKNOWN_TIME: 0, TOLD_TWICE: 0}

    def take(self, symbol: str, row: Mapping[str, str], today: date) -> None:
        """One row of the calendar."""
        day, ends = _day(row["reportDate"]), _day(row["fiscalDateEnding"])
        if day is None or ends is None or not _can_be(day, ends, today):
            self.counts[WITHOUT_DAY] += 1
            return
        timing = row["timeOfTheDay"].strip().lower()
        self.counts[UNKNOWN_TIME] += timing not in TIMINGS
        report = (day, TIMINGS.get(timing, ""))
        if (symbol, ends) not in self.reports:
            self.reports[symbol, ends] = report
        elif self.reports[symbol, ends] == report:
            self.counts[TOLD_TWICE] += 1
        else:
            self.torn[symbol] = ends


def _in_its_place(text: str, key: str) -> SourceFault:
    """What the service says in JSON, with status 200, in place of a calendar; it repeats the key there."""
    from nightdesk.core.masking import one_line

    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        return SourceFault(Fault.PASSING, f"the server answered no CSV where {_WANTED} was asked for")
    said = " ".join(
        str(answer[name]) for name in ("Error Message", "Information", "Note") if answer.get(name)
    )
    words = one_line(said.replace(key, "***"))[:200]
    if "Error Message" in answer:
        return SourceFault(Fault.FINAL, f"the server refuses the request: {words}")
    lower = said.lower()
    if "rate limit" in lower or "per day" in lower or "per minute" in lower or "per second" in lower:
        return SourceFault(Fault.PASSING, f"the server asks for fewer requests: {words}")
    if "premium" in lower or "key" in lower:
        return SourceFault(Fault.FINAL, f"the server refuses access: {words}")
    return SourceFault(Fault.PASSING, f"the server answered no CSV where {_WANTED} was asked for: {words}")


def _rows(text: str) -> Iterator[dict[str, str]]:
    """The rows by their columns; `SourceFault` for one that is cut off."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = next(reader)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(columns):
                raise _cut(reader.line_num)
            yield {"timeOfTheDay": "", **dict(zip(columns, cells, strict=True))}
    except csv.Error:
        fault = _cut(reader.line_num)
    else:
        return
    raise fault


def _cut(line: int) -> SourceFault:
    return SourceFault(
        Fault.PASSING, f"the server answered a calendar whose line {line} is cut off or has too many cells"
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _can_be(day: date, ends: date, today: date) -> bool:
    """Whether a company can report on a day the quarter that ends on another."""
    far = day - today <= timedelta(days=FARTHEST)
    return far and EARLIEST_REPORT <= (day - ends).days <= LATEST_REPORT
