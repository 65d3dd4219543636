"""The checks of hourly bars: a subset of those of `nightdesk.feeds.checks`, with limits of their own.

An hour may be without a trade, so its absence quarantines nothing: the symbol is stale for that decision.
References are looked at by the checks of their daily bars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.data_terms import QualityLimits as Limits
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Panel
from nightdesk.core.withheld import Withheld, usable
from nightdesk.feeds.checks import CHECKS, Check, CheckConsequence, Finding, Flags, Floats, Spoils
from nightdesk.feeds.jumps import Jumps, bad_opens
from nightdesk.feeds.measures import measure
from nightdesk.feeds.quality import Quality, examine

NAMES = ("nulls", "not_positive", "out_of_range", "price_jump", "missing_share", "unchanged")
HOURLY_CHECKS: tuple[Check, ...] = tuple(one for one in CHECKS if one.name in NAMES)


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
    """

    panel: Panel
    values: Mapping[str, Floats]
    failed: Mapping[str, Flags]
    jumps: Jumps
    limits: Limits
    withheld: Withheld

    def findings(self, t: int) -> list[Finding]:
        """Every check that fails in row `t`, symbol by symbol."""
        out = []
        for check in HOURLY_CHECKS:
            for n in np.flatnonzero(self.failed[check.name][t]):
                limit = float(self.jumps.limit[t, n] if check.limit is None else check.limit(self.limits))
                value = float(self.values[check.name][t, n])
                out.append(Finding(check.name, self.panel.symbols[n], value, limit, check.consequence.value))
        return out


@dataclass(frozen=True)
class SoundHours:
    """What the checks leave of hours: the panel with sound days behind it, and what decisions do not use."""

    panel: Panel
    withheld: Withheld
    entries_allowed: Flags


def sound_hours(panel: Panel, quality: Quality, book: Book) -> SoundHours:
    """Check the hours of a panel; `quality` is what the checks say of its days."""
    if panel.hours is None:
        raise ValueError("a panel of sessions has no hours to check")
    return SoundHours(
        replace(panel, hours=replace(panel.hours, days=usable(panel.days, quality.withheld.bars))),
        withheld_by_hours(examine_hours(panel, book).withheld, quality.withheld, panel),
        panel.by_row(quality.entries_allowed, False),
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
    failed = {
        one.name: one.failed(
            measured.by_check[one.name],
            measured.jumps.limit if one.limit is None else float(one.limit(limits)),
        )
        for one in HOURLY_CHECKS
    }
    spoilt = np.any([failed[one.name] for one in HOURLY_CHECKS if one.spoils is Spoils.BAR], axis=0)
    held = [failed[one.name] for one in HOURLY_CHECKS if one.consequence is CheckConsequence.QUARANTINE]
    return HourlyQuality(
        panel=panel,
        values={name: measured.by_check[name] for name in failed},
        failed=failed,
        jumps=measured.jumps,
        limits=limits,
        withheld=Withheld(
            quarantined=np.any(held, axis=0),
            bars=spoilt,
            prices=spoilt,
            opens=bad_opens(panel, measured.jumps),
        ),
    )


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
