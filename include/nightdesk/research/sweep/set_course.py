"""The course of one point of a sweep: what validation needs of a backtest beside its figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.performance import round_trips
from nightdesk.research.backtest.run import Result


@dataclass(frozen=True)
class SetCourse:
    """The course of a backtest.

    Attributes
    ----------
    nav : ndarray of shape (n_sessions,)
        At the close of every decided session, dollars.
    trades : ndarray of shape (n_trades,)
        What each closed position earned, commission and dividends included, over the NAV at the close of the
        session that opened it; in the order of their closing.
    """

    nav: Floats
    trades: Floats


def course_of_set(result: Result) -> SetCourse:
    """The course of a backtest."""
    nav = result.closing_nav
    sessions = np.array([result.decided[n].state.mark.session for n in result.closing], dtype="datetime64[D]")
    trips = round_trips(result.entries)
    opened = np.searchsorted(sessions, np.array([one.opened for one in trips], dtype="datetime64[D]"))
    return SetCourse(nav, np.array([float(one.profit) for one in trips]) / nav[opened])
