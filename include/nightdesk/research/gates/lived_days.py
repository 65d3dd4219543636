"""What days on paper, or with real money, come to: sessions that were decided in their own time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.performance import NavFigures, nav_figures


@dataclass(frozen=True)
class LivedSession:
    """A session of a started book.

    Attributes
    ----------
    session : date
    nav, flow : Decimal
        Dollars at its last mark, and what came into the accounts in it that no trade made.
    late : bool
        Whether it was decided after its orders could still meet the market: by a backfill, or a replay.
    faults : tuple of str
        Why its data was too bad to open anything, or had stopped it.
    crashes : tuple of str
        Steps that were cut off, and tasks that failed for good.
    """

    session: date
    nav: Decimal
    flow: Decimal
    late: bool = False
    faults: tuple[str, ...] = ()
    crashes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LivedDays:
    """Sessions running of one set of rules, up to the newest.

    Attributes
    ----------
    book : str
        Which book has lived them.
    lived : tuple of LivedSession
        Ascending; of code whose tests were green.
    missing : tuple of date
        Sessions between the first and the newest due one that were not decided.
    sources : tuple of str
        Where the daily bars of its benchmark are from.
    """

    book: str
    lived: tuple[LivedSession, ...]
    missing: tuple[date, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def sessions(self) -> int:
        """How many were decided in their own time."""
        return sum(not one.late for one in self.lived)

    @property
    def figures(self) -> NavFigures:
        """Figures of the NAV without what came into the accounts; NaN where there are too few sessions."""
        return nav_figures(self.growth)

    @property
    def growth(self) -> Floats:
        """What a dollar has become by each session, of shape (n_sessions,); see `growth_of_sessions`."""
        return growth_of_sessions(self.lived)

    def crashes(self, newest: int) -> tuple[str, ...]:
        """The crashes in the newest sessions, each with its session."""
        return tuple(f"{one.session}: {words}" for one in self.lived[-newest:] for words in one.crashes)

    def gaps(self, newest: int) -> tuple[str, ...]:
        """Sessions among the newest that lack, came late, or whose data was too bad to open anything."""
        some = self.lived[-newest:]
        first = some[0].session if some else date.min
        found = [(day, "not decided") for day in self.missing if day >= first]
        found += [(one.session, "decided late") for one in some if one.late]
        found += [(one.session, words) for one in some for words in one.faults]
        return tuple(f"{day}: {words}" for day, words in sorted(found))

    def since(self, first: date) -> LivedDays:
        """Those from a session on."""
        return LivedDays(
            self.book,
            tuple(one for one in self.lived if one.session >= first),
            tuple(day for day in self.missing if day >= first),
            self.sources,
        )


def growth_of_sessions(lived: Sequence[LivedSession]) -> Floats:
    """What a dollar has become by each session: returns of a session are (NAV - flow) / NAV before - 1.

    Flows are taken to come at the end of a session; the first session is where it begins (1.0).

    Returns
    -------
    ndarray of shape (n_sessions,)
    """
    nav = np.array([float(one.nav) for one in lived])
    flow = np.array([float(one.flow) for one in lived])
    if not len(nav):
        return nav
    returns = np.concatenate([[1.0], (nav[1:] - flow[1:]) / nav[:-1]])
    grown: Floats = np.cumprod(returns)
    return grown


def apart(live: LivedDays, paper: LivedDays) -> float | None:
    """Cumulative return with real money less that on paper over the sessions that both have lived, a share.

    None where they share fewer than two.
    """
    both = {one.session for one in live.lived} & {one.session for one in paper.lived}
    ends = []
    for days in (live, paper):
        some = [grown for one, grown in zip(days.lived, days.growth, strict=True) if one.session in both]
        if len(some) < 2:
            return None
        ends.append(some[-1] / some[0])
    return float(ends[0] - ends[1])
