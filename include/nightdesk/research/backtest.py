"""The backtest: a book over history in memory, through the same functions as its daily run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cached_property

import numpy as np

from nightdesk import factors
from nightdesk.book import Book
from nightdesk.calendar import as_date
from nightdesk.corporate.findings import ActionFinding
from nightdesk.decision import (
    Desk,
    Injection,
    Market,
    StaleHolding,
    inject,
    observe,
    resolve,
)
from nightdesk.errors import Refused
from nightdesk.execution import Entry
from nightdesk.execution.ledger import value
from nightdesk.feeds.quality import Consequence, examine
from nightdesk.feeds.volumes import refuse_without_volume
from nightdesk.panel import Floats, Panel
from nightdesk.performance import growth_of
from nightdesk.quarantine import Spell, Withheld, usable
from nightdesk.research.simulation import Decided, Progress, Simulation
from nightdesk.research.walk import walk
from nightdesk.risk import RiskEvent
from nightdesk.strategies import View


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
        Adjusted returns of the book's benchmark in the decided sessions; NaN beside a missing bar.
    benchmark : ndarray of shape (n_decided,)
        What the benchmark was worth with dividends reinvested, see `nightdesk.performance.growth_of`.
    quarantines : tuple of Spell
        The spells of quarantine in the decided sessions, the longest first.
    accepted : tuple of (symbol, date)
        Prices that a person took as they are, on the whole panel, ascending by date.
    findings : tuple of ActionFinding
        What was inferred, asked or refused of corporate actions, on the whole panel, ascending.
    """

    desk: Desk
    market: Market
    decided: tuple[Decided, ...]
    events: tuple[RiskEvent, ...]
    benchmark_returns: Floats
    benchmark: Floats
    quarantines: tuple[Spell, ...] = ()
    accepted: tuple[tuple[str, date], ...] = ()
    findings: tuple[ActionFinding, ...] = ()

    @cached_property
    def nav(self) -> Floats:
        """NAV at the mark of every decided session, dollars."""
        return np.array([float(one.state.mark.nav) for one in self.decided])

    @cached_property
    def worth(self) -> tuple[Mapping[tuple[str, str], Decimal], ...]:
        """What each position is worth at the mark of every decided session, dollars and cents."""
        return tuple(self._worth(one) for one in self.decided)

    def _worth(self, one: Decided) -> dict[tuple[str, str], Decimal]:
        prices = self.market.prices(one.t)
        return {(at.strategy, at.symbol): value(at, prices[at.symbol]) for at in one.state.ledger.held()}

    @cached_property
    def view(self) -> View:
        """What strategies saw, in the rows of the market."""
        return self.market.view

    @cached_property
    def stale_spells(self) -> tuple[StaleSpell, ...]:
        """Every spell in which a held symbol had no bar, by its first session."""
        return tuple(_spells(self.decided))

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All ledger entries in their order."""
        return tuple(entry for one in self.decided for entry in one.entries)


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
) -> Result:
    """Drive a book over past sessions.

    Decisions are made on the close and fill at the next open. Factors, regimes and signals are computed for
    all sessions at once, since they depend on no position; then the sessions are walked once.

    Parameters
    ----------
    book : Book
    panel : Panel
        From the book's origin to at least `last`; columns are the book's panel symbols.
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

    Raises
    ------
    Refused
        When the panel does not reach so far, a session's data would have stopped the daily run, or a symbol
        has no volume anywhere while fills are bound by it.
    """
    desk = resolve(book)
    t0, stop = _span(panel, first, last)
    known = panel.until(stop)
    quality = examine(known, book) if checked else None
    if quality is not None:
        refuse_without_volume(book, known)
        bad = np.flatnonzero(quality.stop[t0:])
        if len(bad):
            t = t0 + int(bad[0])
            failing = "; ".join(quality.reasons(t, Consequence.QUARANTINE).values()) or "none"
            raise Refused(
                f"{known.sessions[t]}: the data is too bad to decide on: {quality.why_stopped(t)} "
                f"(in quarantine: {failing}). "
                "Bring the missing bars in, leave that symbol out, or widen the book's quality limits"
            )
    withheld = Withheld.nothing(known) if quality is None else quality.withheld
    if known_factors is None:
        sound = usable(known, withheld.bars)
        values: Mapping[str, Floats] = factors.compute(
            sound, desk.factor_names, benchmark=book.benchmark, universe=len(book.symbols)
        )
    else:
        values = {name: known_factors[name][:stop] for name in desk.factor_names}
    allowed = None if quality is None else quality.entries_allowed
    market = inject(observe(desk, known, values, withheld=withheld, entries_allowed=allowed), injected)
    simulation = Simulation(desk, market, tuple(facts))
    walk(range(t0, stop), (simulation.settle, simulation.decide), Progress())
    column = known.column(book.benchmark)
    return Result(
        desk,
        market,
        tuple(simulation.decided),
        tuple(simulation.facts),
        benchmark_returns=known.returns[t0:, column],
        benchmark=growth_of(known.adjusted_close[:, column])[t0:],
        quarantines=() if quality is None else quality.spells(t0),
        accepted=tuple(
            (known.symbols[n], as_date(known.sessions[t])) for t, n in np.argwhere(known.accepted > 0)
        ),
        findings=known.findings,
    )


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


def _week_after(day: np.datetime64) -> np.datetime64:
    """A last date on a weekend or holiday after the newest session is still within reach."""
    later: np.datetime64 = day + np.timedelta64(7, "D")
    return later
