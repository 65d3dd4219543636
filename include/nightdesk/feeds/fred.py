"""The `fred` source of macro series: every value with the day on which FRED first told it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property

import numpy as np

from nightdesk.core.facts import MACRO, FactKind
from nightdesk.feeds.fred_http import ACCOUNT, FIRST_PERIOD, FOREVER, ST_LOUIS, FredLine, Observation
from nightdesk.feeds.vendor_facts import EARLIEST, FactRow, SubjectFacts, is_within, refuse_later

#: Days of vintages in one question: the service refuses more than 2,000 vintages, of which a day has one.
DAYS_A_QUESTION = 1_900

#: Daily rates and indices of the market, which are told within two weekdays and hardly ever corrected. Where
#: FRED's archive begins later than the series, the days before are known from the end of their second
#: weekday, not from the day on which the archive began.
TOLD_AT_ONCE = frozenset({
    "VIXCLS", "DFF", "DGS1MO", "DGS3MO", "DGS6MO", "DGS1", "DGS2", "DGS3", "DGS5", "DGS7", "DGS10", "DGS20",
    "DGS30",
})  # fmt: skip

WITHOUT_VALUE = "without a value"
PROJECTION = "told before the period that it is of: a projection"


class FredFacts(SubjectFacts):
    """Series of FRED with their vintages.

    A vintage is dated by a day of St. Louis, and its values are known from the end of that day on; those of
    today are given tomorrow. A value that a later vintage repeats is no new fact; one that a later vintage
    takes back is NaN from then on. Days of a series without a value from the beginning (holidays), and
    projections, are left out and counted.
    """

    name = "fred"
    kinds = (MACRO,)
    account = ACCOUNT

    @cached_property
    def line(self) -> FredLine:
        """The line to the service; `SourceFault` without a key."""
        return FredLine(self.key(), self.part("URL"), timeout=self.timeout, sleep=self.sleep)

    def ask(
        self, kind: FactKind, subject: str, first: date, last: date
    ) -> tuple[Sequence[FactRow], Mapping[str, int]]:
        today = self.now().astimezone(ST_LOUIS).date()
        # What the service tells of a span's first day was told on that day, or at any time before it.
        start = max(first - timedelta(days=1), EARLIEST)
        if start > today:
            return (), {}
        versions: dict[date, list[Observation]] = {}
        for since, until in _questions(start, today):
            # Beyond the last day only the periods within the span count, whenever they were told.
            earliest = first if since > last else FIRST_PERIOD
            for one in _told(
                self.line.observations(subject, earliest, last, (since, until)), min(until, today)
            ):
                refuse_later(one.since, today, "a vintage")
                if since == start or one.since > since:  # else the question before has it
                    versions.setdefault(one.period, []).append(one)
        dropped = {WITHOUT_VALUE: 0, PROJECTION: 0}
        rows = list(_facts(subject, versions, start, (first, last), dropped))
        return rows, {reason: count for reason, count in dropped.items() if count}


def _questions(start: date, today: date) -> Iterator[tuple[date, date]]:
    """Spans of vintages; each begins on the day on which the one before ends."""
    while (today - start).days > DAYS_A_QUESTION:
        following = start + timedelta(days=DAYS_A_QUESTION)
        yield start, following
        start = following
    yield start, FOREVER


def _told(found: Sequence[Observation], until: date) -> Iterator[Observation]:
    """The observations, and none (NaN) from where a value ends by a day and no other follows."""
    begun = {(one.period, one.since) for one in found}
    for one in found:
        yield one
        if math.isnan(one.value) or one.until >= until:
            continue
        following = one.until + timedelta(days=1)
        if (one.period, following) not in begun:
            yield Observation(one.period, following, until, math.nan)


def _facts(
    series: str,
    versions: Mapping[date, list[Observation]],
    start: date,
    span: tuple[date, date],
    dropped: dict[str, int],
) -> Iterator[FactRow]:
    """Each new value of each period that is of the span."""
    begins = _beginning(versions.values(), start)
    for period, found in versions.items():
        before = math.nan
        for one in sorted(found, key=lambda one: one.since):
            never = math.isnan(one.value) and math.isnan(before)
            is_new = one.value != before and not never
            known_at = end_of_day(one.since)
            if series in TOLD_AT_ONCE and one.since == begins:
                known_at = min(known_at, _second_weekday_over(period))
            before = one.value
            # Of what was told by the day before the span it is not known since when.
            if one.since <= start or not is_within(period, known_at, *span):
                continue
            if one.since < period:
                dropped[PROJECTION] += 1
            elif never:
                dropped[WITHOUT_VALUE] += 1
            elif is_new:
                yield period, known_at, one.value


def _beginning(versions: Iterable[list[Observation]], start: date) -> date | None:
    """The day on which the archive of a series begins; None where it had begun at `start`."""
    first = min((one.since for found in versions for one in found), default=start)
    return first if first > start else None


def end_of_day(day: date) -> datetime:
    """The midnight of St. Louis that ends a day, UTC."""
    return datetime.combine(day + timedelta(days=1), time(), ST_LOUIS).astimezone(UTC)


def _second_weekday_over(day: date) -> datetime:
    later: date = np.busday_offset(day, 2, roll="backward").astype("datetime64[D]").item()
    return end_of_day(later)
