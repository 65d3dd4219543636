"""The tear sheet of a kept backtest, made of what the store has of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nightdesk.core.errors import BadRequest, Refused
from nightdesk.store.backtest_rows import backtest_document, backtest_series, backtests_by_number

if TYPE_CHECKING:
    from nightdesk.research.tear_sheet.figure_sections import SheetTrials
    from nightdesk.store.backtest_rows import BacktestSeries
    from nightdesk.store.db import Connection


def kept_sheet(conn: Connection, number: int) -> str:
    """The page of a kept backtest by its number; the same rows give the same bytes.

    Raises
    ------
    BadRequest
        When there is none of that number.
    Refused
        When it is still running, has failed, or its NAV was not above 0 in every session.
    """
    kept = backtests_by_number(conn, [number]).get(number)
    if kept is None:
        raise BadRequest(f"there is no kept backtest {number}: `nightdesk backtests` lists them")
    if kept.state != "done":
        raise Refused(f"backtest {number} is {kept.state}: a tear sheet is of one that is done")
    from nightdesk.research.tear_sheet.tear_sheet import kept_tear_sheet

    series = backtest_series(conn, number)
    return kept_tear_sheet(kept, series, backtest_document(conn, number), tries_of(conn, kept.book, series))


def tries_of(conn: Connection, book: str, series: Sequence[BacktestSeries]) -> SheetTrials | None:
    """How often a book was tried up to now, and what that leaves of the Sharpe ratio of a course.

    None where no trial of it is counted, or the ledger of trials has a gap: then nobody knows.
    """
    from nightdesk.performance.return_moments import luck_of_trials, moments_of_nav
    from nightdesk.research.tear_sheet.figure_sections import SheetTrials
    from nightdesk.store.trial_rows import trials_of

    try:
        trials = trials_of(conn, book)
    except Refused:
        return None
    nav = [one.dollars for one in series if one.kind == "nav"]
    if not trials.count or not nav:
        return None
    luck = luck_of_trials(trials.count, trials.sharpe_variance)
    return SheetTrials(trials.count, moments_of_nav(np.array(nav[0])).skill(luck))
