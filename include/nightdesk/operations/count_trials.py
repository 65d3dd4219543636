"""What was tried on history, written into the ledger of trials by whatever has tried it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nightdesk.core.bars_digest import bars_digest
from nightdesk.core.calendar import as_date
from nightdesk.store.trial_rows import TrialKind, TriedSet, add_trials

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.core.panel import Panel
    from nightdesk.research.backtest.run import Result
    from nightdesk.research.sweep.trials import SweepSpan, Trial
    from nightdesk.store.db import Connection


def count_sweep(
    conn: Connection,
    book: Book,
    trials: Sequence[Trial],
    span: SweepSpan,
    *,
    by: str,
    kind: TrialKind = "sweep",
) -> tuple[int, ...]:
    """Note every point of a sweep that has a result; the numbers of the rows.

    Parameters
    ----------
    conn : Connection
        The rows belong to the caller's transaction, where one is open.
    book : Book
        As it was asked for.
    trials : sequence of Trial
        Those that were refused saw no result, and do not count.
    span : SweepSpan
        What they were tried on.
    by : str
        The person who asked.
    kind : str
        What has tried them.
    """
    digest = bars_digest(span.panel)
    feed = _feed(span.sources)
    days = span.panel.days.sessions
    last = as_date(days[days <= np.datetime64(span.last)][-1])
    return add_trials(
        conn,
        [
            TriedSet(
                kind=kind,
                book=book.name,
                asked_by=by,
                config_hash=one.config_hash,
                rules_hash=one.rules_hash,
                code_version=one.code_version,
                bars_hash=digest,
                first=span.first,
                last=last,
                feed=feed,
                sessions=one.moments.sessions,
                sharpe=one.moments.sharpe,
                annual_sharpe=one.moments.annual_sharpe,
                skewness=one.moments.skewness,
                kurtosis=one.moments.kurtosis,
                changes=one.settings,
                release_after=span.release_after,
            )
            for one in trials
            if one.moments is not None
        ],
    )


def count_backtest(
    conn: Connection,
    result: Result,
    panel: Panel,
    sources: Sequence[str],
    *,
    by: str,
    changes: Mapping[str, str],
    release_after: int | None = None,
) -> int:
    """Note a backtest; the number of the row.

    Parameters
    ----------
    conn : Connection
        The row belongs to the caller's transaction, where one is open.
    result : Result
    panel : Panel
        The bars that it was given.
    sources : sequence of str
        Of the bars.
    by : str
        The person who asked.
    changes : mapping of str to str
        Values over the book's file.
    release_after : int, optional
        Sessions after which a simulated person released kills of rules.
    """
    from nightdesk.performance.return_moments import moments_of_nav
    from nightdesk.version import code_version

    book, marks = result.desk.book, [result.decided[n].state.mark for n in (0, -1)]
    moments = moments_of_nav(result.closing_nav)
    (number,) = add_trials(
        conn,
        [
            TriedSet(
                kind="backtest",
                book=book.name,
                asked_by=by,
                config_hash=book.config_hash,
                rules_hash=book.rules_hash,
                code_version=code_version(result.desk),
                bars_hash=bars_digest(panel),
                first=marks[0].session,
                last=marks[1].session,
                feed=_feed(sources),
                sessions=moments.sessions,
                sharpe=moments.sharpe,
                annual_sharpe=moments.annual_sharpe,
                skewness=moments.skewness,
                kurtosis=moments.kurtosis,
                changes=changes,
                release_after=release_after,
            )
        ],
    )
    return number


def _feed(sources: Sequence[str]) -> str:
    return ",".join(sorted(sources))
