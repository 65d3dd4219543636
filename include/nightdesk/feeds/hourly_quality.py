"""The checks of hourly bars: a subset of those of `nightdesk.feeds.checks`, with limits of their own.

An hour may be without a trade, so its absence quarantines nothing: the symbol is stale for that decision,
which is a warning. Benchmark and volatility index are looked at by the checks of their daily bars. Where the
benchmark has hours, one that it lacks forbids the entries of that decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.calendar import as_date, as_instant
from nightdesk.core.corporate.findings import likely_split
from nightdesk.core.data_terms import QualityLimits as Limits
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Panel
from nightdesk.core.schedule import Schedule
from nightdesk.core.withheld import QuarantineSpell, Withheld, longest_first, runs, usable
from nightdesk.feeds.checks import CHECKS, Check, CheckConsequence, Finding, Flags, Floats, Spoils
from nightdesk.feeds.jumps import Jumps
from nightdesk.feeds.measures import Measured, measure
from nightdesk.feeds.quality import Quality, examine

NAMES = ("nulls", "not_positive", "out_of_range", "price_jump", "missing_share", "no_bar", "unchanged")
HOURLY_CHECKS: tuple[Check, ...] = tuple(one for one in CHECKS if one.name in NAMES)

#: What stands before the name of a check of hours, where those of days are told beside it.
OF_HOURS = "h:"

#: What a finding of hours says where the words of sessions would mislead.
_MEANINGS = {
    "missing_share": "hours without a bar in the look-back, share",
    "no_bar": "no bar of this hour, so no entry in this decision; hours since the last bar",
    "unchanged": "hours with an unchanged close",
}


@dataclass(frozen=True)
class HourlyQuality:
    """What the checks say of every hour of a panel; arrays of shape (n_rows, n_symbols).

    Attributes
    ----------
    panel : Panel
        What was checked.
    values : mapping of check name to ndarray
        What was measured, NaN where nothing could be.
    failed : mapping of check name to bool ndarray
    jumps : Jumps
        What each close was measured against.
    limits : nightdesk.core.data_terms.QualityLimits
        Those of hours, under the names that the checks use.
    withheld : Withheld
        What decisions do not use.
    benchmark : str
    entries_allowed : bool ndarray of shape (n_rows,)
        False where the benchmark lacks the hour; one that has never had any has nothing to lack.
    """

    panel: Panel
    values: Mapping[str, Measured]
    failed: Mapping[str, Flags]
    jumps: Jumps
    limits: Limits
    withheld: Withheld
    benchmark: str
    entries_allowed: Flags

    def why_no_entries(self, t: int) -> str:
        """Why the hour of row `t` forbids entries; empty where it does not."""
        return "" if self.entries_allowed[t] else f"{self.benchmark}, the benchmark, has no bar of this hour"

    def findings(self, t: int) -> list[Finding]:
        """Every check that fails in row `t`, symbol by symbol, under the names of `HOURLY_CHECKS`."""
        out = []
        for check in HOURLY_CHECKS:
            for n in np.flatnonzero(self.failed[check.name][t]):
                limit = float(self.jumps.limit[t, n] if check.limit is None else check.limit(self.limits))
                value = float(self.values[check.name][t, n])
                out.append(Finding(check.name, self.panel.symbols[n], value, limit, check.consequence.value))
        return out

    def spells(self, first: int, schedule: Schedule, book: str) -> tuple[QuarantineSpell, ...]:
        """Spells of quarantine by hours from row `first` on, the longest first; one that began before is cut.

        The names of their checks begin with `OF_HOURS`.
        """
        panel, out = self.panel, []
        assert panel.hours is not None
        for n, begin, end in runs(self.withheld.quarantined[first:]):
            rows, symbol = slice(first + begin, first + end), panel.symbols[n]
            failed = [
                one.name
                for one in HOURLY_CHECKS
                if one.consequence is CheckConsequence.QUARANTINE and self.failed[one.name][rows, n].any()
            ]
            words = (
                self.explain(one, rows.start, schedule, book).removeprefix(f"{symbol}: ")
                for one in self.findings(rows.start)
                if one.symbol == symbol and one.check in failed
            )
            sessions = np.unique(panel.sessions[rows])
            decisions = tuple(as_instant(one) for one in panel.hours.instants[rows])
            out.append(
                QuarantineSpell(
                    symbol,
                    tuple(f"{OF_HOURS}{name}" for name in failed),
                    "; ".join(words),
                    as_date(sessions[0]),
                    as_date(sessions[-1]),
                    len(sessions),
                    ongoing=rows.stop == len(panel),
                    decisions=decisions,
                    named=(schedule.name_of(decisions[0]), schedule.name_of(decisions[-1])),
                )
            )
        return longest_first(out)

    def explain(self, finding: Finding, t: int, schedule: Schedule, book: str) -> str:
        """A finding of row `t` as a sentence; of a jump, since which decision, and what ends it."""
        n = self.panel.column(finding.symbol)
        if finding.check == "price_jump":
            return self._explain_jump(finding, t, n, schedule, book)
        if finding.check == "no_bar" and self.panel.age[t, n] < 0:
            return f"{finding.symbol}: no hourly bar of it has ever come, so nothing is opened in it"
        if finding.check == "no_bar" and finding.symbol == self.benchmark:
            return f"{self.why_no_entries(t)}, so nothing is opened in this decision"
        meaning = _MEANINGS.get(finding.check)
        if meaning is None:
            return f"{finding.words} (the bar of this hour)"
        return f"{finding.symbol}: {meaning}: {finding.value:.6g}, beyond the limit {finding.limit:.6g}"

    def _explain_jump(self, finding: Finding, t: int, n: int, schedule: Schedule, book: str) -> str:
        panel, since = self.panel, int(self.jumps.since[t, n])
        assert panel.hours is not None
        begun = since + 1 + int(np.argmax(self.failed["price_jump"][since + 1 : t + 1, n]))
        named = [schedule.name_of(as_instant(panel.hours.instants[row])) for row in (since, begun)]
        accepted = panel.close[since, n] / np.prod(panel.split[since + 1 : t + 1, n])
        return (
            f"{finding.symbol}: the hourly close of {panel.last_close[t, n]:g} is {finding.value:.1%} away "
            f"from the last accepted price {accepted:g} of {named[0]}, beyond the limit of "
            f"{finding.limit:.1%}, and no corporate action explains it; in quarantine since {named[1]}. It "
            "ends when an action explains it (`nightdesk action` states one), the vendor takes it back, or a "
            f"person accepts the hours of that session: nightdesk accept {book} {finding.symbol} "
            f'--session {panel.sessions[begun]} --reason "..."'
            + likely_split(finding.symbol, panel.sessions[begun], self.jumps.move(panel, begun, n))
        )


@dataclass(frozen=True)
class SoundHours:
    """What the checks leave of hours: the panel with sound days behind it, what decisions do not use, and
    what the checks of hours say.
    """

    panel: Panel
    withheld: Withheld
    entries_allowed: Flags
    checks: HourlyQuality


def sound_hours(panel: Panel, quality: Quality, book: Book) -> SoundHours:
    """Check the hours of a panel; `quality` is what the checks say of its days."""
    if panel.hours is None:
        raise ValueError("a panel of sessions has no hours to check")
    checks = examine_hours(panel, book)
    return SoundHours(
        replace(panel, hours=replace(panel.hours, days=usable(panel.days, quality.withheld.bars))),
        withheld_by_hours(checks.withheld, quality.withheld, panel),
        panel.by_row(quality.entries_allowed, False) & checks.entries_allowed,
        checks,
    )


def examine_hours(panel: Panel, book: Book) -> HourlyQuality:
    """Check every hour of a panel.

    Parameters
    ----------
    panel : Panel
        Of hours; its columns are the book's panel symbols.
    book : Book
        Its limits of hours.

    Returns
    -------
    HourlyQuality
        Row t is a function of the rows up to t.
    """
    if panel.hours is None:
        raise Refused("the checks of hours were given a panel of sessions: give one of hours")
    limits = hourly_limits(book, panel)
    measured = measure(panel, limits, index=book.volatility_index, compare=None)
    values: dict[str, Measured] = {name: measured.by_check[name] for name in NAMES}
    at = panel.column(book.benchmark)
    values["no_bar"] = _hours_since_bar(panel, len(book.symbols), at)
    failed = {
        one.name: one.failed(
            values[one.name], measured.jumps.limit if one.limit is None else float(one.limit(limits))
        )
        for one in HOURLY_CHECKS
    }
    spoilt = np.any([failed[one.name] for one in HOURLY_CHECKS if one.spoils is Spoils.BAR], axis=0)
    held = [failed[one.name] for one in HOURLY_CHECKS if one.consequence is CheckConsequence.QUARANTINE]
    return HourlyQuality(
        panel=panel,
        values=values,
        failed=failed,
        jumps=measured.jumps,
        limits=limits,
        withheld=Withheld(
            quarantined=np.any(held, axis=0),
            bars=spoilt,
            prices=spoilt,
            opens=measured.opens,
        ),
        benchmark=book.benchmark,
        entries_allowed=panel.age[:, at] <= 0,
    )


def _hours_since_bar(panel: Panel, universe: int, benchmark: int) -> Floats:
    """Of the symbols of the book, which come first; all hours so far for one that never had a bar.

    Of the benchmark, where it is none of them, from its first bar on.
    """
    so_far = np.arange(1, len(panel) + 1)[:, None]
    since = np.where(panel.age < 0, so_far, panel.age).astype(np.float64)
    reference = np.where(panel.age[:, benchmark] < 0, np.nan, panel.age[:, benchmark])
    own = since[:, benchmark] if benchmark < universe else reference
    since[:, universe:] = np.nan
    since[:, benchmark] = own
    return since


def sound_panel(panel: Panel, book: Book) -> Panel:
    """The panel as factors see it: without the bars that the checks of days and of hours withhold."""
    days = usable(panel.days, examine(panel.days, book).withheld.bars)
    if panel.hours is None:
        return days
    hours = usable(panel, examine_hours(panel, book).withheld.bars)
    return replace(hours, hours=replace(panel.hours, days=days))


def hourly_limits(book: Book, panel: Panel) -> Limits:
    """The limits of hours under the names of those of sessions; a jump has one limit, whatever the symbol."""
    own, sessions_a_year = book.quality.hourly, panel.days.periods_a_year
    return book.quality.model_copy(
        update={
            "price_jump": own.price_jump,
            "price_jump_floor": own.price_jump,
            "missing_sessions": own.missing_hours,
            "look_back": round(own.look_back * panel.periods_a_year / sessions_a_year),
            "stale_sessions": own.stale_hours,
        }
    )


def withheld_by_hours(hours: Withheld, days: Withheld, panel: Panel) -> Withheld:
    """What decisions of hours do not use: what the checks of hours withhold, and the symbols that those of
    the newest session that was over hold in quarantine.

    Parameters
    ----------
    hours : Withheld
        Of the rows of `panel`.
    days : Withheld
        Of its sessions, `panel.days`.
    panel : Panel
    """
    return Withheld(
        quarantined=hours.quarantined | panel.by_row(days.quarantined, False),
        bars=hours.bars,
        prices=hours.prices,
        opens=hours.opens,
    )
