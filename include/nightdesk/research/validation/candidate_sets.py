"""The sets of a sweep with their returns, as validation judges them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.book import Book
from nightdesk.core.calendar import as_date
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats
from nightdesk.core.schedule import SESSIONS_A_YEAR
from nightdesk.performance import growth_of, simple_returns
from nightdesk.research.sweep.set_course import SetCourse
from nightdesk.research.sweep.trials import SweepSpan, Trial
from nightdesk.research.validation.scores import best_set


@dataclass(frozen=True)
class CandidateSets:
    """Sets of parameters that were tried on the same sessions.

    Attributes
    ----------
    trials : tuple of Trial, length n_sets
        Those with a result, with their courses.
    sessions : ndarray of datetime64[D], shape (n_returns,)
        The session that each return ends in.
    returns : ndarray of shape (n_returns, n_sets)
        Finite.
    benchmark : ndarray of shape (n_returns,)
        Of the book's benchmark, dividends reinvested; 0 where it has no bar.
    cash : float
        What cash earns in a session, by the book's rate.
    best : int
        The set that is best by the metric over all sessions.
    own : int or None
        The set whose rules are those of the book's file; None where the grid does not hold it.
    """

    trials: tuple[Trial, ...]
    sessions: NDArray[np.datetime64]
    returns: Floats
    benchmark: Floats
    cash: float
    best: int
    own: int | None

    @property
    def judged(self) -> int:
        """The set that is judged: the book's own, or, where the grid does not hold it, the best."""
        return self.best if self.own is None else self.own

    @property
    def judged_course(self) -> SetCourse:
        """Its course."""
        course = self.trials[self.judged].course
        if course is None:
            raise ValueError("the sweep was not asked for courses")
        return course


def candidate_sets(
    trials: Sequence[Trial],
    span: SweepSpan,
    book: Book,
    metric: str,
) -> CandidateSets:
    """The sets of a sweep that have a result.

    Parameters
    ----------
    trials : sequence of Trial
        With courses.
    span : SweepSpan
        What they were tried on.
    book : Book
        As its file is.
    metric : str
        A name of `SCORES`, by which sets are chosen.

    Raises
    ------
    Refused
        When no set has a result, one has a return that is no number, or none of them ever trades.
    """
    known = [one for one in trials if one.course is not None]
    if not known:
        reasons = list(dict.fromkeys(one.refused for one in trials))
        raise Refused(f"none of the {len(trials):,} sets has a result: {'; '.join(reasons[:3])}")
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.column_stack([simple_returns(one.course.nav) for one in known if one.course])
    days = span.panel.days
    decided = (days.sessions >= np.datetime64(span.first)) & (days.sessions <= np.datetime64(span.last))
    sessions = days.sessions[decided]
    _refuse_strange(known, returns, sessions)
    growth = growth_of(days.adjusted_close[:, days.column(book.benchmark)])[decided]
    own = next((n for n, one in enumerate(known) if one.rules_hash == book.rules_hash), None)
    return CandidateSets(
        trials=tuple(known),
        sessions=sessions[1:],
        returns=returns,
        benchmark=np.nan_to_num(simple_returns(growth), nan=0.0),
        cash=book.rates.credit_rate / SESSIONS_A_YEAR,
        best=best_set(returns, metric)[0],
        own=own,
    )


def _refuse_strange(known: Sequence[Trial], returns: Floats, sessions: NDArray[np.datetime64]) -> None:
    if len(returns) < 2:
        raise Refused(
            f"{len(sessions)} sessions have {len(returns)} returns, which judge nothing: widen the span"
        )
    strange = np.argwhere(~np.isfinite(returns))
    if len(strange):
        row, column = strange[0]
        at = ", ".join(f"{key}={value}" for key, value in known[column].settings.items())
        raise Refused(
            f"the return of {at} is no number in the session of {as_date(sessions[row + 1])}: its NAV came "
            "to nothing, or a bar is broken. Leave that set out, or mend the bars"
        )
