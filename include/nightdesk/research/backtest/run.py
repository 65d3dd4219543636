"""The backtest: a book over history in memory, through the same functions as its daily run."""

from __future__ import annotations

import gc
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from nightdesk import factors
from nightdesk.accounting import Entry, Transfer
from nightdesk.accounting.exercise_notices import ExerciseNotice
from nightdesk.accounting.ledger import exposure
from nightdesk.core.book import Book
from nightdesk.core.calendar import as_date
from nightdesk.core.contracts import PLAIN
from nightdesk.core.corporate.findings import ActionFinding
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO
from nightdesk.core.panel import Floats, Panel
from nightdesk.core.schedule import schedule_of
from nightdesk.core.withheld import Flags, QuarantineSpell, Withheld, longest_first, usable
from nightdesk.engine import Desk, Injection, Market, StaleHolding, inject, observe, resolve, with_turns
from nightdesk.feeds.hourly_quality import sound_hours
from nightdesk.feeds.quality import CheckConsequence, examine
from nightdesk.feeds.volumes import refuse_without_volume
from nightdesk.performance import growth_of
from nightdesk.performance.round_trips import AllTrips, all_trips
from nightdesk.research.backtest.funding_walk import refuse_without_history
from nightdesk.research.backtest.simulation import Decided, Progress, Simulation
from nightdesk.risk import Override, RiskEvent
from nightdesk.strategies import View

#: Decisions after which whoever follows a backtest hears of it.
FOLLOWED = 512


def walk[S](sessions: Iterable[int], steps: Sequence[Callable[[int, S], S]], state: S) -> S:
    """Carry a state through sessions.

    Parameters
    ----------
    sessions : iterable of int
        Rows of whatever arrays the steps look at, ascending.
    steps : sequence of callable
        Each takes the row and the state, and gives the state that the next step gets. What depends on no
        position belongs before the walk, computed for all sessions at once.
    state : object
        Before the first session.

    Returns
    -------
    object
        The state after the last step of the last session.
    """
    with uncollected():
        for t in sessions:
            for step in steps:
                state = step(t, state)
    return state


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the collector of cycles: a backtest keeps none, and each pass goes through all it keeps."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@dataclass(frozen=True)
class Result:
    """A backtest's outcome.

    Attributes
    ----------
    desk : Desk
    market : Market
        All sessions from the book's origin.
    decided : tuple of Decided
        The sessions that were decided, ascending.
    events : tuple of RiskEvent
        The facts that it was given and those that rules of the book raised, ascending.
    benchmark_returns : ndarray of shape (n_decided,)
        Adjusted returns of the book's benchmark in the decided sessions; NaN beside a missing bar. In an
        hour, of the newest session that was over.
    benchmark : ndarray of shape (n_decided,)
        What the benchmark was worth with dividends reinvested, see `nightdesk.performance.growth_of`;
        likewise.
    quarantines : tuple of QuarantineSpell
        The spells of quarantine in the decided sessions, the longest first; of an hourly book those of its
        days and those of its hours.
    accepted : tuple of (symbol, date)
        Prices that a person took as they are, on the whole panel, ascending by date.
    findings : tuple of ActionFinding
        What was inferred, asked or refused of corporate actions, on the whole panel, ascending.
    notes : tuple of str
        Of perpetuals with a history of funding, instants without a rate and rates that changed later.
    stopped : tuple of date
        Sessions whose data would have stopped the daily run, where they were lived through.
    before, after : Decided or None
        Of a part, the decisions beside its first and its last one.
    """

    desk: Desk
    market: Market
    decided: tuple[Decided, ...]
    events: tuple[RiskEvent, ...]
    benchmark_returns: Floats
    benchmark: Floats
    quarantines: tuple[QuarantineSpell, ...] = ()
    accepted: tuple[tuple[str, date], ...] = ()
    findings: tuple[ActionFinding, ...] = ()
    notes: tuple[str, ...] = ()
    stopped: tuple[date, ...] = ()
    before: Decided | None = None
    after: Decided | None = None

    def part(self, first: int, stop: int) -> Result:
        """The decisions from `first` up to, and without, `stop`; all else is that of the whole."""
        some = slice(first, stop)
        return replace(
            self,
            decided=self.decided[some],
            benchmark_returns=self.benchmark_returns[some],
            benchmark=self.benchmark[some],
            before=self.decided[first - 1] if first else self.before,
            after=self.decided[stop] if stop < len(self.decided) else self.after,
        )

    @cached_property
    def nav(self) -> Floats:
        """NAV at the mark of every decided session, dollars."""
        return np.array([float(one.state.mark.nav) for one in self.decided])

    @cached_property
    def closing(self) -> NDArray[np.intp]:
        """The last decision of each session, as rows of `decided`: all of them, of a daily book."""
        sessions = np.array([one.state.mark.session for one in self.decided], dtype="datetime64[D]")
        return np.flatnonzero(np.append(sessions[1:] != sessions[:-1], True)[: len(sessions)])

    @cached_property
    def closing_nav(self) -> Floats:
        """NAV at the last mark of every decided session, dollars: what figures of sessions are of."""
        return self.nav[self.closing]

    @cached_property
    def traded(self) -> Floats:
        """Dollars bought and sold in each decided session."""
        amounts = [float(sum((fill.notional for fill in one.fills), ZERO)) for one in self.decided]
        total = np.cumsum(amounts)[self.closing]
        return np.array(amounts) if len(total) == len(amounts) else np.diff(total, prepend=0.0)

    @cached_property
    def worth(self) -> tuple[Mapping[tuple[str, str], Decimal], ...]:
        """What each position stands for at the mark of every decided session, dollars and cents."""
        return tuple(self.worth_of(one) for one in self.decided)

    @cached_property
    def injected(self) -> frozenset[tuple[int, str, str]]:
        """Row of the market, strategy and symbol of every injected signal."""
        decisions = self.market.closes
        return frozenset(
            (bisect_left(decisions, as_of), name, symbol) for as_of, name, symbol in self.market.injected
        )

    @property
    def hourly(self) -> bool:
        """Whether a session may have several decisions."""
        return self.market.hours is not None

    def when(self, one: Decided) -> tuple[date] | tuple[date, datetime]:
        """The session of a decision, and of an hourly book its instant, UTC."""
        session = one.state.mark.session
        return (session, self.market.closes[one.t]) if self.hourly else (session,)

    def worth_of(self, one: Decided) -> dict[tuple[str, str], Decimal]:
        """The same of one decision."""
        prices, contracts = self.market.prices(one.t), self.desk.contracts
        return {
            (at.strategy, at.symbol): exposure(at, prices[at.symbol], contracts.get(at.symbol, PLAIN))
            for at in one.state.ledger.held()
        }

    @cached_property
    def view(self) -> View:
        """What strategies saw, in the rows of the market."""
        return self.market.view

    @cached_property
    def stale_spells(self) -> tuple[StaleSpell, ...]:
        """Every spell in which a held symbol had no bar, by its first session."""
        return tuple(_spells(self.decided))

    @cached_property
    def killed_spells(self) -> tuple[KilledSpell, ...]:
        """Every spell in which the book was stopped, by its first session."""
        return tuple(_killed_spells(self.decided, self.events))

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All ledger entries in their order."""
        return tuple(entry for one in self.decided for entry in one.entries)

    @cached_property
    def trips(self) -> AllTrips:
        """Its positions from flat to flat, see `nightdesk.performance.round_trips.all_trips`."""
        return all_trips(self.entries)


@dataclass(frozen=True)
class KilledSpell:
    """Sessions in a row that were decided with the kill switch set, so that nothing was opened.

    Attributes
    ----------
    first, last : date
    sessions : int
    reason : str
        Of the kill.
    released_by : str
        Who ended it: a simulated person, or nobody who is named; empty also where nobody did.
    ongoing : bool
        Whether the backtest ended in it.
    """

    first: date
    last: date
    sessions: int
    reason: str
    released_by: str
    ongoing: bool


@dataclass(frozen=True)
class StaleSpell:
    """Sessions in a row that marked a held symbol at an old price.

    `newest` is as of the last of them; `ongoing` whether the backtest ended in it.
    """

    first: date
    last: date
    newest: StaleHolding
    ongoing: bool


def _spells(decided: Sequence[Decided]) -> Iterator[StaleSpell]:
    running: dict[str, StaleSpell] = {}
    for one in decided:
        session, now = one.state.mark.session, {held.symbol: held for held in one.stale}
        for symbol in sorted(running.keys() - now.keys()):
            yield running.pop(symbol)
        for symbol, held in now.items():
            first = running[symbol].first if symbol in running else session
            running[symbol] = StaleSpell(first, session, held, ongoing=False)
    yield from (replace(one, ongoing=True) for _, one in sorted(running.items()))


def _killed_spells(decided: Sequence[Decided], events: Sequence[RiskEvent]) -> Iterator[KilledSpell]:
    released = {one.session: one.who for one in events if one.kind == "release"}
    for killed, some in groupby(decided, key=lambda one: one.state.facts.kill_switch):
        if killed:
            spell = list(some)
            sessions = sorted({one.state.mark.session for one in spell})
            after = spell[-1].t - decided[0].t + 1
            ongoing = after >= len(decided)
            who = "" if ongoing else released.get(decided[after].state.mark.session, "")
            reason = spell[0].state.facts.kill_reason
            yield KilledSpell(sessions[0], sessions[-1], len(sessions), reason, who, ongoing)


def backtest(
    book: Book,
    panel: Panel,
    first: date,
    last: date,
    facts: Sequence[RiskEvent] = (),
    *,
    checked: bool = True,
    known_factors: Mapping[str, Floats] | None = None,
    injected: Sequence[Injection] = (),
    notices: Sequence[ExerciseNotice] = (),
    transfers: Sequence[Transfer] = (),
    overrides: Sequence[Override] = (),
    release_after: int | None = None,
    rejects: frozenset[date] = frozenset(),
    without_bars: frozenset[date] = frozenset(),
    follow: Callable[[Result], None] | None = None,
) -> Result:
    """Drive a book over past sessions.

    Decisions are made on the close and fill at the next open, those of an hourly book at the end of each hour
    and in the next one. Factors, regimes and signals are computed for
    all sessions at once, since they depend on no position; then the sessions are walked once.

    Parameters
    ----------
    book : Book
    panel : Panel
        From the book's origin to at least `last`; columns are the book's panel symbols. Of hours for an
        hourly book.
    first, last : date
        The first decided session, in which the book receives its capital, and the last. Dates between
        sessions mean the next (previous) session.
    facts : sequence of RiskEvent
        Kills and releases, ascending; each counts from its session on.
    checked : bool
        Whether the data checks are run: quarantine, references, and sessions that stop the run.
    known_factors : mapping of name to ndarray of shape (n_sessions, n_columns), optional
        Those of the book on the usable bars of this panel, and any others, where they were computed before.
    injected : sequence of Injection
        Signals that take the place of the strategies' own, to exercise the rest.
    notices : sequence of ExerciseNotice
        Options that are exercised or assigned early, all of them in sessions that are decided.
    transfers : sequence of Transfer
        What people moved between accounts of the book.
    overrides : sequence of Override
        What people limit; none where a backtest is to say what the book does by itself.
    release_after : int, optional
        Sessions after which a simulated person releases a kill that a rule has set; None: nobody ever does.
    rejects : frozenset of date
        Sessions in which the broker rejects every order that is sent for them.
    without_bars : frozenset of date
        Sessions that are lived through where their data would have stopped the daily run: every symbol is in
        quarantine in them, so that positions are kept and nothing is decided, as on a desk that has stopped.
    follow : function of a Result, optional
        Called with what was decided so far after every `FOLLOWED` decisions, and after the last one.

    Raises
    ------
    Refused
        When the panel does not reach so far, a session's data would have stopped the daily run, or a symbol
        has no volume anywhere while fills are bound by it; when a notice is of no decided session, or of more
        contracts than are held.
    """
    desk = resolve(book)
    _refuse_another_schedule(book, panel)
    t0, stop = _span(panel, first, last)
    known = panel.until(stop)
    checks = _Checks(known, Withheld.nothing(known))
    if checked:
        checks = _check(book, known, t0, without_bars)
    if known_factors is None:
        sound = usable(checks.panel, checks.withheld.bars)
        values: Mapping[str, Floats] = factors.compute(
            sound,
            desk.factor_names,
            benchmark=book.benchmark,
            universe=len(book.symbols),
            member=book.member_mask(sound.sessions),
        )
    else:
        values = {name: known_factors[name][:stop] for name in desk.factor_names}
    observed = observe(
        desk, checks.panel, values, withheld=checks.withheld, entries_allowed=checks.entries_allowed
    )
    market = inject(observed, injected)
    days, column = known.days, known.column(book.benchmark)
    undecided = Result(
        desk,
        market,
        (),
        tuple(facts),
        benchmark_returns=known.by_row(days.returns[:, column], np.nan)[t0:],
        benchmark=known.by_row(growth_of(days.adjusted_close[:, column]), np.nan)[t0:],
        quarantines=checks.quarantines,
        accepted=tuple(
            (days.symbols[n], as_date(days.sessions[t])) for t, n in np.argwhere(days.accepted > 0)
        ),
        findings=known.findings,
        stopped=checks.stopped,
    )
    by_session = _noticed(notices, market.sessions[t0:stop])
    refuse_without_history(book, known.funding, market.closes[t0], market.closes[stop - 1])
    simulation = Simulation(
        desk,
        market,
        undecided.events,
        notices=by_session,
        funding=known.funding,
        transfers=tuple(transfers),
        overrides=tuple(overrides),
        release_after=release_after,
        rejects=rejects,
    )
    return _walked(undecided, range(t0, stop), simulation, follow)


def _noticed(
    notices: Sequence[ExerciseNotice], sessions: Sequence[date]
) -> Mapping[date, tuple[ExerciseNotice, ...]]:
    """Notices by session; `Refused` where one would be ignored."""
    decided, out = frozenset(sessions), dict[date, tuple[ExerciseNotice, ...]]()
    for one in notices:
        if one.session not in decided:
            raise Refused(
                f"{one} is of no session that is decided ({sessions[0]} to {sessions[-1]}): widen the span, "
                "or leave it out"
            )
        out[one.session] = (*out.get(one.session, ()), one)
    return out


def _walked(
    undecided: Result,
    sessions: range,
    simulation: Simulation,
    follow: Callable[[Result], None] | None,
) -> Result:
    """The result of walking sessions, of which `undecided` holds what is known before."""

    def so_far() -> Result:
        spoken = {one.t: one.spoken for one in simulation.decided}
        return replace(
            undecided,
            market=with_turns(undecided.market, spoken),
            decided=tuple(simulation.decided),
            events=tuple(simulation.facts),
            notes=tuple(simulation.notes),
        )

    def followed(t: int, progress: Progress) -> Progress:
        if follow is not None and (len(simulation.decided) % FOLLOWED == 0 or t == sessions[-1]):
            follow(so_far())
        return progress

    steps = (simulation.settle, simulation.decide)
    walk(sessions, steps if follow is None else (*steps, followed), Progress())
    return so_far()


@dataclass(frozen=True)
class _Checks:
    """What the data checks leave of a panel: of hours, its days without what they withhold."""

    panel: Panel
    withheld: Withheld
    entries_allowed: Flags | None = None
    quarantines: tuple[QuarantineSpell, ...] = ()
    stopped: tuple[date, ...] = ()

    def lived_through(self, stop: Flags) -> _Checks:
        """With every symbol in quarantine, and no entries, in the rows of `stop`."""
        held = replace(self.withheld, quarantined=self.withheld.quarantined | stop[:, None])
        allowed = ~stop if self.entries_allowed is None else self.entries_allowed & ~stop
        sessions = tuple(map(as_date, np.unique(self.panel.sessions[stop])))
        return replace(self, withheld=held, entries_allowed=allowed, stopped=sessions)


def _check(book: Book, known: Panel, t0: int, without_bars: frozenset[date]) -> _Checks:
    """Check a panel, its days and its hours; `Refused` where a row from `t0` on had stopped the run."""
    refuse_without_volume(book, known)
    days = known.days
    quality = examine(days, book)
    stop = known.by_row(quality.stop, False)
    lost = stop & np.isin(known.sessions, np.array(sorted(without_bars), dtype="datetime64[D]"))
    bad = np.flatnonzero((stop & ~lost)[t0:])
    if len(bad):
        day = int(known.by_row(np.arange(len(days)), -1)[t0 + int(bad[0])])
        failing = "; ".join(quality.reasons(day, CheckConsequence.QUARANTINE).values()) or "none"
        raise Refused(
            f"{days.sessions[day]}: the data is too bad to decide on: {quality.why_stopped(day)} "
            f"(in quarantine: {failing}). "
            "Bring the missing bars in, leave that symbol out, or widen the book's quality limits"
        )
    allowed = known.by_row(quality.entries_allowed, False)
    spells = quality.spells(int(np.searchsorted(days.sessions, known.sessions[t0])))
    checks = _Checks(known, quality.withheld, allowed, spells)
    if known.hours is not None:
        sound = sound_hours(known, quality, book)
        of_hours = sound.checks.spells(t0, schedule_of(book), book.name)
        spells = longest_first((*spells, *of_hours))
        checks = _Checks(sound.panel, sound.withheld, sound.entries_allowed, spells)
    return checks.lived_through(lost) if lost.any() else checks


def _span(panel: Panel, first: date, last: date) -> tuple[int, int]:
    """Rows from the first decided session up to, and without, the one after the last."""
    days = panel.sessions
    if (
        not len(days)
        or np.datetime64(first, "D") < days[0]
        or np.datetime64(last, "D") > _week_after(days[-1])
    ):
        reach = f"from {days[0]} to {days[-1]}" if len(days) else "over no session"
        raise Refused(f"a backtest from {first} to {last} needs bars of that span; they reach {reach}")
    t0 = int(np.searchsorted(days, np.datetime64(first, "D"), side="left"))
    stop = int(np.searchsorted(days, np.datetime64(last, "D"), side="right"))
    if stop <= t0:
        raise Refused(f"there is no session from {first} to {last}")
    return t0, stop


def _refuse_another_schedule(book: Book, panel: Panel) -> None:
    """Refuse a panel whose rows are not the book's decisions."""
    rhythm = "daily" if panel.hours is None else "hourly"
    if rhythm != book.schedule.rhythm:
        raise Refused(
            f"book {book.name} decides {book.schedule.rhythm}, and these bars were read for one that decides "
            f"{rhythm}: read them for this book"
        )


def _week_after(day: np.datetime64) -> np.datetime64:
    """A last date on a weekend or holiday after the newest session is still within reach."""
    later: np.datetime64 = day + np.timedelta64(7, "D")
    return later
