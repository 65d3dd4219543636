"""The warm-up audit: how many sessions before a decision a book needs until more of them change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial

import numpy as np

from nightdesk import factors
from nightdesk.core.book import Book
from nightdesk.core.calendar import as_date
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats, Panel
from nightdesk.core.withheld import Flags, usable
from nightdesk.engine import Desk, resolve
from nightdesk.engine.warm_up import SPARE_SESSIONS
from nightdesk.factors import Factor
from nightdesk.feeds.hourly_quality import sound_hours
from nightdesk.feeds.quality import examine
from nightdesk.research.audits.differences import (
    DECISIONS,
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

#: By how much of the largest value among the symbols a number may differ. A recursive average never forgets
#: its start wholly; `Factor.look_back` is where it has, to 1e-9 of itself, and a difference of two such
#: averages is smaller than they are.
TOLERANCE = 1e-6


#: A panel and names of factors to their values.
Computing = Callable[[Panel, Sequence[str]], Mapping[str, Floats]]


@dataclass(frozen=True)
class StartHistory:
    """What one beginning has shown: a book that decides a session first, with more and with less history.

    Attributes
    ----------
    session : date
    history : int
        Sessions with a bar of the benchmark before it, all of which the reference has.
    needed : int or None
        The fewest of them with which every signal, target, verdict and order is that of all; None where even
        the declared number is not enough and no smaller number than `history` is.
    enough : bool
        Whether the declared number is.
    differences : tuple of RunDifference
        What the declared number changes, or where that is enough, what one session less than `needed` does.
    cause : TracedCause or None
        Of those, the first decision and what it comes from.
    """

    session: date
    history: int
    needed: int | None
    enough: bool
    differences: tuple[RunDifference, ...]
    cause: TracedCause | None


@dataclass(frozen=True)
class FactorHistory:
    """What a factor needs.

    Attributes
    ----------
    name : str
    declared : int
        Its look-back: sessions, or hours of a factor over hours, the one of its value included.
    needed : int or None
        The fewest with which its values are those of all history; `declared` where that is enough. None where
        no smaller number than all is.
    symbol : str
        One whose value differs; empty where none does.
    """

    name: str
    declared: int
    needed: int | None
    symbol: str = ""

    @property
    def passed(self) -> bool:
        """Whether what it declares is enough."""
        return not self.symbol


@dataclass(frozen=True)
class WarmUp:
    """What a warm-up audit has shown.

    Attributes
    ----------
    declared : int
        Sessions before its first decision from which the book computes its factors.
    starts : tuple of StartHistory
    factors : tuple of FactorHistory
        All that the book computes, sorted by name; each as at the start that shows the most.
    """

    declared: int
    starts: tuple[StartHistory, ...]
    factors: tuple[FactorHistory, ...]

    @property
    def needed(self) -> int | None:
        """The most that any start needs; None where one of them needs all there is."""
        each = [one.needed for one in self.starts]
        return None if None in each else max((one for one in each if one is not None), default=0)

    @property
    def judged(self) -> bool:
        """Whether a start had more history than is declared, so that something could have differed."""
        return any(one.history > self.declared for one in self.starts)

    @property
    def passed(self) -> bool:
        """Whether the declared number was enough for every start, and every factor's for itself."""
        enough = all(one.enough for one in self.starts)
        return self.judged and enough and all(one.passed for one in self.factors)


def audit_warm_up(
    book: Book,
    panel: Panel,
    sessions: Sequence[date],
    declared: int,
    done: Callable[[], None] = lambda: None,
) -> WarmUp:
    """Let a book begin at some sessions, each time with all history and with less and less of it.

    A start is a backtest of one session. Its reference has all sessions of the panel before it; the fewest
    that decide the same are found by halving, from the declared number down, or up where that is too few.
    The data are checked once, on all history, and what is withheld there is withheld from every start: a
    price that waits for a person since long ago is no matter of warm-up.

    Parameters
    ----------
    book : Book
    panel : Panel
        Of more history than is declared: twice as much, where the source has it.
    sessions : sequence of date
        Where it begins; each a session of the panel.
    declared : int
        Sessions of history that the book says it needs.
    done : callable
        Called after each start.

    Raises
    ------
    Refused
        As `nightdesk.research.backtest.run.backtest`.
    """
    desk, panel = resolve(book), _sound(book, panel)
    starts, found = [], dict[str, FactorHistory]()
    for session in sessions:
        at = _Beginning.of(book, panel, session)
        starts.append(at.audited(declared))
        for one in _factor_histories(desk, at.panel):
            before = found.get(one.name)
            if before is None or (before.passed and not one.passed):
                found[one.name] = one
        done()
    return WarmUp(declared, tuple(starts), tuple(found[name] for name in sorted(found)))


@dataclass(frozen=True)
class _Beginning:
    """A book that decides one session first; `panel` ends with it."""

    book: Book
    panel: Panel
    session: date
    reference: Result

    @classmethod
    def of(cls, book: Book, panel: Panel, session: date) -> _Beginning:
        """With its run on all history."""
        rows = int(np.searchsorted(panel.sessions, np.datetime64(session, "D"), side="right"))
        until = panel.until(rows)
        return cls(book, until, session, _decide(book, until, session))

    @property
    def history(self) -> int:
        """Sessions with a bar of the benchmark before the decision."""
        days = self.panel.days
        known = np.isfinite(days.close[:, days.column(self.book.benchmark)])
        return int(np.count_nonzero(known & (days.sessions < np.datetime64(self.session, "D"))))

    def audited(self, declared: int) -> StartHistory:
        """What it needs, and what less of it changes."""
        differing = lru_cache(maxsize=None)(self._differing)

        def enough(history: int) -> bool:
            return not any(one.stage >= DECISIONS for one in differing(history))

        fits, all_ = enough(min(declared, self.history)), self.history
        if fits:
            needed: int | None = _fewest(enough, 0, min(declared, all_))
            shown = differing(needed - 1) if needed else ()
        else:
            needed = _fewest(enough, declared, all_)
            needed, shown = (needed if needed < all_ else None), differing(declared)
        return StartHistory(self.session, all_, needed, fits, shown, cause_of(self.reference.desk, shown))

    def _differing(self, history: int) -> tuple[RunDifference, ...]:
        """What differs with so many sessions before the decision."""
        mine = self.reference
        when = mine.market.closes[mine.decided[0].t]
        try:
            cut = _decide(self.book, shortened(self.panel, self.session, history), self.session)
        except Refused as error:
            words = ("decided", f"refused: {error}")
            return (RunDifference(DecisionStage.ORDER, self.book.name, 0, when, self.session, "", *words),)
        count = len(cut.decided)
        rows = Rows(len(mine.market) - count, len(cut.market) - count, count, TOLERANCE)
        return (
            *market_differences(mine.market, cut.market, rows),
            *decision_differences(cut.desk, mine.decided, cut.decided, rows, cut.market.closes[-count:]),
        )


def _decide(book: Book, panel: Panel, session: date) -> Result:
    """A book that receives its capital and decides first in a session."""
    begun = book.model_copy(update={"inception": session, "origin": as_date(panel.days.sessions[0])})
    return backtest(begun, panel, session, session, checked=False)


def _sound(book: Book, panel: Panel) -> Panel:
    """A panel without the bars that the data checks withhold on all of its history."""
    quality = examine(panel.days, book)
    if panel.hours is None:
        return usable(panel, quality.withheld.bars)
    hours = sound_hours(panel, quality, book)
    return usable(hours.panel, hours.withheld.bars)


def shortened(panel: Panel, session: date, history: int) -> Panel:
    """A panel with so many sessions before one of its own, and what comes from there on."""
    days = panel.days.sessions
    at = int(np.searchsorted(days, np.datetime64(session, "D")))
    return panel.since(days[max(0, at - history)])


def _fewest(enough: Callable[[int], bool], low: int, high: int) -> int:
    """The least number from `low` to `high` that is enough, if more is never worse; `high` is taken to be."""
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return high


def _factor_histories(desk: Desk, panel: Panel) -> Iterator[FactorHistory]:
    """Whether each factor of a book has, with the look-back that it declares, the values of all history.

    They are held against each other in the last row of the panel, of symbols that have every bar of the
    look-back. Where another symbol lacks one, a factor that compares symbols has `SPARE_SESSIONS` more.
    """
    compute = _computing(desk.book)
    reference = compute(panel, desk.factor_names)
    for name in desk.factor_names:
        one = factors.resolve(name)
        complete = _complete(panel, one.look_back, over_hours=one.hourly)
        counted = complete if one.by_column else np.ones_like(complete)
        spare = 0 if one.by_column or complete.all() else SPARE_SESSIONS
        differing = partial(_differing_columns, panel, one, compute, reference[name][-1:], counted, spare)
        wrong = differing(one.look_back)
        if not wrong:
            yield FactorHistory(name, one.look_back, one.look_back)
            continue
        most = len(panel)
        needed = _fewest(partial(_nothing_differs, differing), one.look_back, most)
        yield FactorHistory(name, one.look_back, needed if needed < most else None, panel.symbols[wrong[0]])


def _differing_columns(
    panel: Panel, one: Factor, compute: Computing, expected: Floats, counted: Flags, spare: int, length: int
) -> list[int]:
    """The counted columns whose newest value, of so many rows and some to spare, is not the expected one."""
    cut = _newest_rows(panel, length + spare, over_hours=one.hourly)
    values = compute(cut, [one.name])[one.name][-1:]
    differs = ~same(expected, values, TOLERANCE)[0] & counted
    return [int(n) for n in np.flatnonzero(differs)]


def _nothing_differs(differing: Callable[[int], list[int]], length: int) -> bool:
    return not differing(length)


def _computing(book: Book) -> Computing:
    """How the factors of a book are computed on a panel."""

    def compute(panel: Panel, names: Sequence[str]) -> Mapping[str, Floats]:
        return factors.compute(
            panel,
            names,
            benchmark=book.benchmark,
            universe=len(book.symbols),
            member=book.member_mask(panel.sessions),
        )

    return compute


def _complete(panel: Panel, length: int, *, over_hours: bool) -> Flags:
    """Which columns have every bar of the newest rows."""
    closes = panel.close if over_hours else panel.days.close
    return np.asarray(np.isfinite(closes[-length:]).all(axis=0), dtype=np.bool_)


def _newest_rows(panel: Panel, length: int, *, over_hours: bool) -> Panel:
    """The newest rows of a panel; of hours whole sessions, with as many rows or sessions at least."""
    if panel.hours is None:
        return panel.newest(length)
    if over_hours:
        return panel.since(panel.sessions[max(0, len(panel) - length)])
    days = panel.hours.days.sessions
    return panel.since(days[max(0, len(days) - length)])
