"""The stress test: a book over bad times, each with its drawdown levels on and off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Panel
from nightdesk.performance import compare, nav_figures, round_trips
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.member_books import with_listed
from nightdesk.research.backtest.rejected_orders import REJECTED
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.stress.scenarios import Scenario

#: Over all scenarios without levels: the deepest drawdown and the average one that pass, shares.
WORST_LIMIT, AVERAGE_LIMIT = 0.25, 0.18

#: Levels from which nothing or next to nothing may be opened; the deepest, at which the book is sold.
HALTED, LIQUIDATED = 2, 4


@dataclass(frozen=True)
class Stressed:
    """One run of a scenario.

    Attributes
    ----------
    scenario : Scenario
    levels : bool
        Whether the book's drawdown levels were in force.
    sessions : int
    total_return : float
        NAV at the end over the capital, less 1.
    benchmark_return : float
        Of the book's benchmark in the same sessions, dividends included; NaN where it is not known.
    annual_volatility, max_drawdown : float
        Shares.
    breakers : int
        Sessions in which a limit of the whole book was passed: its breaker, or another that says so.
    halts, halted_sessions : int
        How often the book came under its kill switch or to level 2 or deeper, and for how many sessions.
    trades : int
        Closed positions.
    cash_sessions : int
        Sessions at whose close no position was held.
    refused_orders : int
        Orders that the broker has rejected.
    stopped_sessions : int
        Sessions whose data would have stopped the daily run: positions were kept and nothing decided.
    missing, quarantined, dropped_rows : int
        Symbols without any bar, symbols that were in quarantine at times, rows that were left out.
    deepest_level : int
    sources : tuple of str
        Of its bars.
    passed : bool
        With levels: never at level 4. Without: drawdown within the scenario's limit.
    """

    scenario: Scenario
    levels: bool
    sessions: int
    total_return: float
    benchmark_return: float
    annual_volatility: float
    max_drawdown: float
    breakers: int
    halts: int
    halted_sessions: int
    trades: int
    deepest_level: int
    passed: bool
    cash_sessions: int = 0
    refused_orders: int = 0
    stopped_sessions: int = 0
    missing: int = 0
    quarantined: int = 0
    dropped_rows: int = 0
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Overall:
    """What the runs without levels say together, those of shocks that do not count left out: deepest and
    average drawdown, and whether both pass.
    """

    worst: float
    average: float
    passed: bool


@dataclass(frozen=True)
class Stress:
    """A stress test: its runs, why scenarios were skipped (by name), and what the runs say together.

    `overall` is None where no scenario that counts was run. `passed` is whether all that was run passed; a
    skipped scenario has not.
    """

    runs: tuple[Stressed, ...]
    skipped: dict[str, str]
    overall: Overall | None

    @property
    def sources(self) -> tuple[str, ...]:
        """Of the bars of all runs, sorted."""
        return tuple(sorted({source for run in self.runs for source in run.sources}))

    @property
    def passed(self) -> bool:
        """Whether every scenario was run and passed, and all of them together."""
        together = self.overall is None or self.overall.passed
        return bool(self.runs) and not self.skipped and together and all(run.passed for run in self.runs)


def stress(
    book: Book,
    scenarios: Sequence[Scenario],
    feeds: Sequence[str] | None = None,
    done: Callable[[], None] = lambda: None,
    *,
    release_after: int | None = None,
) -> Stress:
    """Drive a book over scenarios, each as a backtest of its own that begins with the book's capital.

    Parameters
    ----------
    book : Book
    scenarios : sequence of Scenario
    feeds : sequence of str, optional
        Sources of bars; default: the book's own.
    done : callable
        Called after each scenario.
    release_after : int, optional
        Sessions after which a simulated person releases a kill that a rule has set; None: nobody ever does.

    Returns
    -------
    Stress
        A scenario without bars, or whose bars are too bad to decide on, is skipped with the reason.
    """
    runs: list[Stressed] = []
    skipped: dict[str, str] = {}
    for one in scenarios:
        try:
            runs += _run(book, one, feeds, release_after)
        except Refused as error:
            skipped[one.name] = str(error)
        done()
    return Stress(tuple(runs), skipped, _overall(runs))


def _run(
    book: Book, scenario: Scenario, feeds: Sequence[str] | None, release_after: int | None
) -> list[Stressed]:
    """Both runs, or the one of a book without levels."""
    inception = as_date(get_calendar(book.calendar).between(scenario.first, scenario.last)[0])
    origin = origin_of(book, inception)
    begun = with_listed(book, origin, inception, scenario.last)
    begun = begun.model_copy(update={"inception": inception, "origin": origin})
    market = read_market(begun, origin, scenario.last, feeds)
    panel = market.panel
    _must_hold_bars(panel, begun, inception, scenario.last)
    shock = scenario.shock
    rejects, lost = frozenset[date](), frozenset[date]()
    if shock is not None:
        rejects, lost = shock.rejects(panel, inception), shock.loses(panel, inception)
        panel = shock.over(panel, begun, inception)
    variants = [True, False] if book.levels is not None else [False]
    out = []
    for levels in variants:
        tried = begun if levels else begun.model_copy(update={"levels": None})
        result = backtest(
            tried,
            panel,
            inception,
            scenario.last,
            release_after=release_after,
            rejects=rejects,
            without_bars=lost,
        )
        run = measured(scenario, result, levels=levels)
        dropped = sum(market.dropped.values())
        out.append(
            replace(run, missing=len(market.missing), dropped_rows=dropped, sources=tuple(market.sources))
        )
    return out


def measured(scenario: Scenario, result: Result, *, levels: bool) -> Stressed:
    """What is told of one run."""
    figures = nav_figures(result.closing_nav)
    reached = [one.gated.judged.risk.level for one in result.decided]
    halted = [
        one.state.facts.kill_switch or level >= HALTED
        for one, level in zip(result.decided, reached, strict=True)
    ]
    days = [one.state.mark.session for one in result.decided]
    deepest = max(reached)
    within = figures.max_drawdown <= scenario.drawdown_limit
    return Stressed(
        scenario=scenario,
        levels=levels,
        sessions=len(result.closing),
        total_return=float(result.nav[-1] / result.nav[0]) - 1.0,
        benchmark_return=compare(result.closing_nav, result.benchmark[result.closing]).benchmark_total_return,
        annual_volatility=figures.annual_volatility,
        max_drawdown=figures.max_drawdown,
        breakers=len({day for day, one in zip(days, result.decided, strict=True) if one.gated.breaches}),
        halts=sum(now and not before for before, now in pairwise([False, *halted])),
        halted_sessions=len({day for day, now in zip(days, halted, strict=True) if now}),
        trades=len(round_trips(result.entries)),
        deepest_level=deepest,
        passed=deepest < LIQUIDATED if levels else within,
        cash_sessions=sum(not result.decided[n].state.ledger.held() for n in result.closing.tolist()),
        refused_orders=sum(end.reason == REJECTED for one in result.decided for end in one.expired),
        stopped_sessions=len(result.stopped),
        quarantined=len({one.symbol for one in result.quarantines}),
    )


def _must_hold_bars(panel: Panel, book: Book, first: date, last: date) -> None:
    """Refuse a span of which the benchmark has no bars at all; the data checks judge the rest."""
    decided = panel.sessions >= np.datetime64(first, "D")
    there = panel.sessions[decided & np.isfinite(panel.close[:, panel.column(book.benchmark)])]
    if not len(there):
        raise Refused(f"there are no bars of {book.benchmark} from {first} to {last}")


def _overall(runs: Sequence[Stressed]) -> Overall | None:
    deep = [run.max_drawdown for run in runs if not run.levels and run.scenario.counts]
    if not deep:
        return None
    worst, average = max(deep), sum(deep) / len(deep)
    return Overall(worst, average, worst <= WORST_LIMIT and average <= AVERAGE_LIMIT)
