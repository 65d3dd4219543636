"""Facts laid out on the rows of a panel: what a decision at each row knew of them, as one number a symbol.

Each number at row t is made of the versions that the world knew at the instant at which the decision of row t
knows its bars, whatever came later.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.book import Book
from nightdesk.core.calendar import Calendar, Sessions
from nightdesk.core.fact_versions import FactVersions, Instants, KnownFacts, as_known
from nightdesk.core.facts import EARNINGS, LISTINGS, MACRO, POSITIONING, QUOTES
from nightdesk.core.panel import Floats, Panel
from nightdesk.core.schedule import Schedule

#: Weekly reports of three years: what a percentile of positions looks at, and how many of them it needs.
REPORTS, REPORTS_NEEDED = 156, 104
#: Sessions after its day for which a report of positions stands, where none has followed it.
REPORT_SESSIONS = 15
#: The last quote that counts is of the session, or of one of so many less one before it.
QUOTE_SESSIONS = 5


@dataclass(frozen=True)
class FactRows:
    """The rows of a panel as facts see them: n_rows instants, the session of each, and n_columns."""

    calendar: Calendar
    instants: Instants
    sessions: Sessions
    width: int

    @property
    def place(self) -> NDArray[np.intp]:
        """Where each row's session stands in the calendar."""
        return np.searchsorted(self.calendar.sessions, self.sessions)

    def place_of(self, days: Floats) -> Floats:
        """Where the first session from each day (since 1970) on stands in the calendar; NaN without one."""
        known = np.isfinite(days)
        dates = np.where(known, days, 0).astype(np.int64).astype("datetime64[D]")
        place = np.searchsorted(self.calendar.sessions, dates).astype(np.float64)
        return np.where(known & (place < len(self.calendar.sessions)), place, np.nan)


def with_facts(panel: Panel, book: Book, versions: Mapping[str, FactVersions], schedule: Schedule) -> Panel:
    """The panel with what was known at each row of the facts that a book reads.

    Behind hours the sessions get theirs too: as the last decision of each session knows them.

    Parameters
    ----------
    panel : Panel
        Its first columns are the symbols of the book.
    book : Book
    versions : mapping of str to FactVersions
        By kind, for the subjects of `nightdesk.core.book_facts.fact_subjects`.
    schedule : Schedule
        The book's: says from when the bars of a decision are known, and with them its facts.
    """
    if not versions:
        return panel
    days, delay = panel.days, np.timedelta64(schedule.delay)
    calendar = schedule.calendar
    closes = calendar.closes[np.searchsorted(calendar.sessions, days.sessions)]
    of_days = FactRows(calendar, closes + delay, days.sessions, len(panel.symbols))
    laid = dict(_laid(of_days, book, versions))
    if panel.hours is None:
        return replace(panel, facts=laid)
    of_hours = FactRows(calendar, panel.hours.instants + delay, panel.sessions, len(panel.symbols))
    behind = replace(panel.hours, days=replace(days, facts=laid))
    return replace(panel, facts=dict(_laid(of_hours, book, versions)), hours=behind)


def _laid(rows: FactRows, book: Book, versions: Mapping[str, FactVersions]) -> Iterator[tuple[str, Floats]]:
    """The arrays by the names of their factors, each of shape (n_rows, n_columns)."""
    places = {symbol: n for n, symbol in enumerate(book.symbols)}
    for kind, told in versions.items():
        if kind == MACRO.name:
            for name, series in macro_values(rows, told).items():
                # The same for all symbols, in the memory of one.
                yield name, np.broadcast_to(series[:, None], (len(series), rows.width))
            continue
        named = book.positioning.codes if kind == POSITIONING.name else dict.fromkeys(told.subjects)
        pairs = [
            (places[symbol], told.subjects.index(code or symbol))
            for symbol, code in named.items()
            if symbol in places
        ]
        for name, values in _BY_SUBJECT[kind](rows, told).items():
            wide = np.full((len(values), rows.width), np.nan)
            for column, subject in pairs:
                wide[:, column] = values[:, subject]
            yield name, wide


def macro_values(rows: FactRows, told: FactVersions) -> dict[str, Floats]:
    """The newest value of each series, of shape (n_rows,), by the name of its factor."""

    def newest(known: KnownFacts) -> float:
        days = known.newest(1, lambda known, day: math.isfinite(known.of("value", day)))
        return known.of("value", days[0]) if days else math.nan

    return {
        f"macro_{series}": np.array(list(as_known(told, n, rows.instants, newest)), dtype=np.float64)
        for n, series in enumerate(told.subjects)
    }


def position_values(rows: FactRows, told: FactVersions) -> dict[str, Floats]:
    """What non-commercial traders hold net, as a share of open interest, and its percentile of three years.

    Ratio = (long - short) / open interest, of the newest report; missing where that is of a day more than
    `REPORT_SESSIONS` sessions before. Percentile = share of the last `REPORTS` ratios, this one included,
    that are not above it; missing with fewer than `REPORTS_NEEDED`.

    Returns
    -------
    dict of str to ndarray of shape (n_rows, n_contracts)
    """

    def usable(known: KnownFacts, day: int) -> bool:
        return math.isfinite(_net(known, day))

    def summary(known: KnownFacts) -> tuple[float, float, float]:
        days = known.newest(REPORTS, usable)
        if not days:
            return math.nan, math.nan, math.nan
        ratios = [_net(known, day) for day in days]
        rank = sum(one <= ratios[-1] for one in ratios) / len(ratios)
        return float(days[-1]), ratios[-1], rank if len(ratios) >= REPORTS_NEEDED else math.nan

    ratio, percentile = _empty(rows, told), _empty(rows, told)
    for n in range(len(told.subjects)):
        found = np.array(list(as_known(told, n, rows.instants, summary)), dtype=np.float64).reshape(-1, 3)
        fresh = rows.place - rows.place_of(found[:, 0]) <= REPORT_SESSIONS
        ratio[:, n] = np.where(fresh, found[:, 1], np.nan)
        percentile[:, n] = np.where(fresh, found[:, 2], np.nan)
    return {"positioning_ratio": ratio, "positioning_percentile": percentile}


def report_distances(rows: FactRows, told: FactVersions) -> dict[str, Floats]:
    """Sessions to the next report of a company's earnings, and since the last one.

    A report that comes before the open is past at its day's close, another one (after the close, or not said)
    is to come, 0 sessions away. A report on no session counts in the next one.

    Returns
    -------
    dict of str to ndarray of shape (n_rows, n_symbols)
        Missing without a report to come, or without one in the past, that is known.
    """

    def reports(known: KnownFacts) -> list[tuple[float, float]]:
        """The first day at whose close each report is past, and its own day."""
        days = [(known.of("report_date", day), known.of("timing", day)) for day in known.days]
        return sorted((day + (timing >= 0), day) for day, timing in days if math.isfinite(day))

    today = rows.sessions.astype("datetime64[D]").astype(np.int64).tolist()
    to_come, past = _empty(rows, told), _empty(rows, told)
    for n in range(len(told.subjects)):
        for t, found in enumerate(as_known(told, n, rows.instants, reports)):
            at = bisect_right(found, (today[t], math.inf))
            if at < len(found):
                to_come[t, n] = found[at][1]
            if at:
                past[t, n] = found[at - 1][1]
    here = rows.place[:, None]
    return {
        "sessions_to_earnings": rows.place_of(to_come) - here,
        "sessions_since_earnings": here - rows.place_of(past),
    }


def market_caps(rows: FactRows, told: FactVersions) -> dict[str, Floats]:
    """The newest market capitalisation that is known, dollars, of shape (n_rows, n_symbols)."""

    def newest(known: KnownFacts) -> float:
        days = known.newest(1, lambda known, day: math.isfinite(known.of("market_cap", day)))
        return known.of("market_cap", days[0]) if days else math.nan

    values = _empty(rows, told)
    for n in range(len(told.subjects)):
        values[:, n] = list(as_known(told, n, rows.instants, newest))
    return {"market_cap": values}


def spreads(rows: FactRows, told: FactVersions) -> dict[str, Floats]:
    """(ask - bid) / mid of the newest quote, a share, of shape (n_rows, n_symbols).

    Quotes of one side, or with the bid above the ask, do not count; missing where the newest other one is not
    of the last `QUOTE_SESSIONS` sessions.
    """

    def summary(known: KnownFacts) -> tuple[float, float]:
        days = known.newest(1, lambda known, day: 0 < known.of("bid", day) <= known.of("ask", day))
        if not days:
            return math.nan, math.nan
        bid, ask = known.of("bid", days[0]), known.of("ask", days[0])
        return float(days[0]), (ask - bid) / ((ask + bid) / 2)

    values = _empty(rows, told)
    for n in range(len(told.subjects)):
        found = np.array(list(as_known(told, n, rows.instants, summary)), dtype=np.float64).reshape(-1, 2)
        fresh = rows.place - rows.place_of(found[:, 0]) < QUOTE_SESSIONS
        values[:, n] = np.where(fresh, found[:, 1], np.nan)
    return {"quoted_spread": values}


_BY_SUBJECT: Mapping[str, Callable[[FactRows, FactVersions], dict[str, Floats]]] = {
    POSITIONING.name: position_values,
    EARNINGS.name: report_distances,
    LISTINGS.name: market_caps,
    QUOTES.name: spreads,
}


def _net(known: KnownFacts, day: int) -> float:
    """The net position of a report as a share of open interest; NaN where that is not defined."""
    interest = known.of("open_interest", day)
    return (known.of("long", day) - known.of("short", day)) / interest if interest > 0 else math.nan


def _empty(rows: FactRows, told: FactVersions) -> Floats:
    return np.full((len(rows.sessions), len(told.subjects)), np.nan)
