"""The course that a tear sheet is about: what any backtest has, and what of it is kept in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.performance import NavFigures, nav_figures
from nightdesk.store.backtest_rows import BacktestSeries


@dataclass(frozen=True)
class SheetCourse:
    """A value a session, at its last mark.

    Attributes
    ----------
    sessions : tuple of date, length n_sessions
    nav : ndarray of shape (n_sessions,)
        Dollars, above 0.
    benchmark : ndarray of shape (n_sessions,)
        The same capital in it, dividends reinvested; NaN before its first bar.
    earned : mapping of strategy to ndarray of shape (n_sessions,)
        Dollars that it has earned until then.
    """

    sessions: tuple[date, ...]
    nav: Floats
    benchmark: Floats
    earned: Mapping[str, Floats]

    @cached_property
    def benchmark_figures(self) -> NavFigures | None:
        """Those of the benchmark; None where it has no bar at or before the first session."""
        return nav_figures(self.benchmark) if np.isfinite(self.benchmark).all() else None


def sheet_course(series: Sequence[BacktestSeries]) -> SheetCourse:
    """The course of a backtest.

    Parameters
    ----------
    series : sequence of BacktestSeries
        Of `nightdesk.research.backtest.courses.course_of`, or as they are kept.

    Raises
    ------
    Refused
        When there is no NAV, or one that is no positive number: it neither grows nor falls by a share.
    """
    values = {(one.kind, one.strategy): np.array(one.dollars, dtype=np.float64) for one in series}
    days = next((tuple(one.sessions) for one in series if one.kind == "nav"), ())
    if not days:
        raise Refused("a tear sheet is of a backtest with a course, and this one has none: make it anew")
    nav = values["nav", ""]
    lost = np.flatnonzero(~(np.isfinite(nav) & (nav > 0.0)))
    if len(lost):
        raise Refused(
            f"the NAV of {days[lost[0]]} is {nav[lost[0]]:,.2f}, and a tear sheet needs one above 0 in every "
            f"session: end the backtest before it, or read its tables"
        )
    earned = {strategy: dollars for (kind, strategy), dollars in values.items() if kind == "strategy"}
    return SheetCourse(days, nav, values.get(("benchmark", ""), np.full(len(nav), np.nan)), earned)
