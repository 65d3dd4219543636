"""The look-ahead audit: a book on bars that end at a session decides as it does on all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.panel import FILL_FIELDS, Panel
from nightdesk.research.audits.differences import (
    DecisionStage,
    Rows,
    RunDifference,
    TracedCause,
    cause_of,
    decision_differences,
    market_differences,
    same,
)
from nightdesk.research.backtest.run import Result, backtest


@dataclass(frozen=True)
class CutHistory:
    """What one truncation has shown.

    Attributes
    ----------
    last : date
        The session whose close the bars end with.
    rows : int
        Rows of the market that were compared, those before the first decision included.
    decisions : int
        Decisions that were compared.
    differences : tuple of RunDifference
        One for each thing that differs: where it does first.
    cause : TracedCause or None
        The first decision that differs and what it comes from; None where none differs.
    """

    last: date
    rows: int
    decisions: int
    differences: tuple[RunDifference, ...]
    cause: TracedCause | None

    @property
    def passed(self) -> bool:
        """Whether nothing differs: a factor that does is a fault even where no decision shows it."""
        return not self.differences

    @property
    def words(self) -> str:
        """The first decision that differs and why, or else the first thing that does; empty where none."""
        if self.cause is not None:
            return self.cause.words
        return min(self.differences, key=lambda one: (one.row, one.stage)).words if self.differences else ""

    @property
    def leaks(self) -> tuple[str, ...]:
        """The factors that differ, or where none does the strategies whose signals do."""
        for stage in (DecisionStage.FACTOR, DecisionStage.SIGNAL):
            names = tuple(one.name for one in self.differences if one.stage == stage)
            if names:
                return names
        return ()


@dataclass(frozen=True)
class LookAhead:
    """What a look-ahead audit has shown.

    Attributes
    ----------
    cuts : tuple of CutHistory
        In the order of their sessions.
    orders : int
        Orders of the run on all bars: an audit of a book that never trades says little.
    """

    cuts: tuple[CutHistory, ...]
    orders: int

    @property
    def passed(self) -> bool:
        """Whether no truncation changed anything."""
        return all(one.passed for one in self.cuts)

    @property
    def first(self) -> CutHistory | None:
        """The cut whose first difference is of the earliest session; None where nothing differs."""
        failed = [one for one in self.cuts if not one.passed]
        return min(failed, key=lambda one: min(each.as_of for each in one.differences), default=None)


def audit_look_ahead(
    book: Book,
    panel: Panel,
    first: date,
    last: date,
    cuts: int,
    done: Callable[[], None] = lambda: None,
) -> LookAhead:
    """Run a book on all bars, and on bars that end at some sessions, and compare every row up to there.

    All that the market shows is compared from the first row on, to the bit; then every target, verdict and
    order. The truncated panels are views of the whole one. Cost: `cuts` runs of half the span on average.

    Parameters
    ----------
    book : Book
        With the inception and the origin of the span.
    panel : Panel
        From the origin to at least `last`.
    first, last : date
        The decided sessions.
    cuts : int
        How many truncations; fewer where the span has fewer sessions.
    done : callable
        Called after each run.

    Raises
    ------
    Refused
        As `nightdesk.research.backtest.run.backtest`.
    """
    whole = backtest(book, panel, first, last)
    done()
    found = []
    for row in cut_rows(whole, cuts):
        found.append(_cut(book, panel, whole, row, first))
        done()
    return LookAhead(tuple(found), sum(len(one.orders) for one in whole.decided))


def cut_rows(whole: Result, cuts: int) -> list[int]:
    """The rows of the market at which histories end: spread over the decisions, without the last one.

    Every second one is moved to the next first session of a month, in which models are fitted and portfolios
    made anew.
    """
    begins, count = whole.decided[0].t, len(whole.decided)
    spread = [begins + count * (k + 1) // (cuts + 1) for k in range(cuts)]
    out = set()
    for k, row in enumerate(spread):
        months = np.flatnonzero(whole.market.opens_month[row : begins + count - 1])
        out.add(row + int(months[0]) if k % 2 and len(months) else row)
    return sorted(row for row in out if row < begins + count - 1)


def _cut(book: Book, panel: Panel, whole: Result, row: int, first: date) -> CutHistory:
    """One truncation, at a row of the market."""
    last = whole.market.sessions[row]
    cut = backtest(book, panel.until(row + 1), first, last)
    count, rows = len(cut.decided), Rows(0, 0, len(cut.market))
    mine = whole.decided[:count]
    differences = (
        *market_differences(whole.market, cut.market, rows),
        *decision_differences(cut.desk, mine, cut.decided, rows, cut.market.closes[cut.decided[0].t :]),
    )
    return CutHistory(last, rows.count, count, differences, cause_of(cut.desk, differences))


#: Arrays of a panel that are compared where it is read again.
_READ = (
    *("open", "high", "low", "close", "volume", "adjustment", "dividend", "split", "unexplained"),
    *(f"fill_{name}" for name in FILL_FIELDS),
)


#: What dividing two products of the same factors may leave, share.
_ROUNDING = 1e-12


def reading_differences(book: Book, whole: Panel, again: Panel) -> Iterator[RunDifference]:
    """Where a panel that was read up to a session differs from the same sessions of one read further.

    It shows what truncating arrays cannot: later bars or corporate actions that change earlier ones. Symbols
    that only one of them has are left out.
    """
    days, other = whole.days, again.days
    calendar = get_calendar(book.calendar)
    shared = [one for one in other.symbols if one in days.symbols]
    at, here = ([panel.column(one) for one in shared] for panel in (days, other))
    first = int(np.searchsorted(days.sessions, other.sessions[0]))
    for name in _READ:
        mine, theirs = getattr(days, name)[first : first + len(other)][:, at], getattr(other, name)[:, here]
        if name == "adjustment":  # it is 1 where a panel begins
            mine, theirs = mine / mine[0], theirs / theirs[0]
        differs = ~same(mine, theirs, _ROUNDING if name == "adjustment" else 0.0)
        if differs.any():
            row, column = (int(one) for one in np.argwhere(differs)[0])
            session = as_date(other.sessions[row])
            shown = f"{mine[row, column]:.10g}", f"{theirs[row, column]:.10g}"
            at_close, cells = (row, calendar.close_at(session), session), int(np.count_nonzero(differs))
            yield RunDifference(DecisionStage.DATA, name, *at_close, shared[column], *shown, cells)


def member_differences(whole: Book, again: Book, panel: Panel, first: date) -> Iterator[RunDifference]:
    """The first decided session of a panel that has other members where they are found up to its end."""
    sessions = panel.days.sessions[panel.days.sessions >= np.datetime64(first, "D")]
    masks = [book.member_mask(sessions) for book in (whole, again)]
    if masks[0] is None or masks[1] is None:
        return
    calendar = get_calendar(whole.calendar)
    for row, session in enumerate(map(as_date, sessions)):
        mine = {whole.symbols[n] for n in np.flatnonzero(masks[0][row])}
        other = {again.symbols[n] for n in np.flatnonzero(masks[1][row])}
        if mine != other:
            symbol = min(mine ^ other)
            shown = ("a member", "no member") if symbol in mine else ("no member", "a member")
            at_close = (row, calendar.close_at(session), session)
            yield RunDifference(DecisionStage.DATA, "member", *at_close, symbol, *shown, len(mine ^ other))
            return
