"""The parameter sweep: one backtest for each point of a grid, in parallel, on bars that are read once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import cast

from nightdesk import factors
from nightdesk.core.book import Book
from nightdesk.core.book_facts import fact_subjects
from nightdesk.core.data_terms import QualityLimits
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Floats, Panel
from nightdesk.engine import Desk, resolve
from nightdesk.feeds.hourly_quality import sound_panel
from nightdesk.performance.return_moments import ReturnMoments, moments_of_nav
from nightdesk.research.backtest.metrics import metrics
from nightdesk.research.backtest.run import backtest
from nightdesk.research.sweep.set_course import SetCourse, course_of_set
from nightdesk.version import code_version

#: What is kept of each backtest, by its name in `metrics.json`, and whether more of it is better.
METRICS: dict[str, bool] = {
    "annual_return": True,
    "excess_annual_return": True,
    "total_return": True,
    "excess_total_return": True,
    "annual_volatility": False,
    "sharpe": True,
    "sortino": True,
    "calmar": True,
    "max_drawdown": False,
    "win_rate": True,
    "profit_factor": True,
    "turnover_monthly": False,
    "exposure": True,
    "cost_drag": False,
    "cvar_95": False,
    "closed": True,
    "final_nav": True,
}


@dataclass(frozen=True)
class Trial:
    """One point of a grid.

    Attributes
    ----------
    settings : mapping of dotted key to YAML text
    figures : mapping of metric to float or None
        By the names of `METRICS`, None where a figure is not defined; empty where the point was refused.
    config_hash : str
        Of the book with these settings, and its first decided session; empty where there is none.
    refused : str
        Why there is no result, the words of a defect too; empty where there is one.
    rules_hash, code_version : str
        Of the same book, and of the code with the plug-ins that it names; empty where there is no result.
    moments : ReturnMoments or None
        Of the returns; None where there is no result.
    course : SetCourse or None
        Where it was asked for and there is a result. A point that is read from the store has none of these
        four, and is the same point.
    """

    settings: Mapping[str, str]
    figures: Mapping[str, float | None]
    config_hash: str = ""
    refused: str = ""
    rules_hash: str = field(default="", compare=False)
    code_version: str = field(default="", compare=False)
    moments: ReturnMoments | None = field(default=None, compare=False)
    course: SetCourse | None = field(default=None, compare=False)


@dataclass(frozen=True)
class SweepSpan:
    """Bars from `origin` on and the decided sessions, the same for every point.

    `release_after` are the sessions after which a simulated person releases a kill of a rule; None: nobody.
    `sources` are those of the bars.
    """

    panel: Panel
    origin: date
    first: date
    last: date
    release_after: int | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """What a process needs for any point: the span, and the factors of all points together.

    `limits` are those of the data checks that the factors' bars passed; a point with others makes its own.
    `courses` says whether the courses are asked for.
    """

    span: SweepSpan
    factors: Mapping[str, Floats]
    limits: QualityLimits
    courses: bool = False


def sweep(
    base: Book,
    grid: Sequence[Mapping[str, str]],
    load: Callable[[Mapping[str, str]], Book],
    span: SweepSpan,
    *,
    jobs: int = 1,
    done: Callable[[], None] = lambda: None,
    courses: bool = False,
) -> list[Trial]:
    """Try every point of a grid.

    Nothing of it is kept here, and no book is changed. Factors are computed once for all points: a
    parameter that names another factor adds it to them.

    Parameters
    ----------
    base : Book
        As its file has it, whose bars `span` holds.
    grid : sequence of mapping of dotted key to YAML text
        From `nightdesk.research.sweep.grid.points`.
    load : callable
        Makes the book of a point; `Refused` where it is none.
    span : SweepSpan
    jobs : int
        Processes side by side; 1: in this one. The result does not depend on it.
    done : callable
        Called after each point.
    courses : bool
        Whether the course of each point is given back: a number a session and one a trade.

    Returns
    -------
    list of Trial
        In the order of the grid. A point that is refused says why.

    Raises
    ------
    Refused
        When a process died.
    """
    books = [_book_of(base, settings, load, span) for settings in grid]
    desks = {n: resolve(book) for n, book in enumerate(books) if isinstance(book, Book)}
    names = dict.fromkeys(name for desk in desks.values() for name in desk.factor_names)
    sound = sound_panel(span.panel, base)
    values = factors.compute(
        sound,
        names,
        benchmark=base.benchmark,
        universe=len(base.symbols),
        member=base.member_mask(sound.sessions),
    )
    task = Task(span, values, base.quality, courses)
    tried = {n: desk.book for n, desk in desks.items()}
    results: dict[int, Trial] = {
        n: Trial(grid[n], {}, refused=book) for n, book in enumerate(books) if isinstance(book, str)
    }
    for _ in results:
        done()
    jobs = min(jobs, max(len(tried), 1))
    outcomes = _here(task, tried) if jobs == 1 else _side_by_side(task, tried, jobs)
    for n, outcome in outcomes:
        results[n] = _trial(grid[n], desks[n], outcome)
        done()
    return [results[n] for n in range(len(grid))]


@dataclass(frozen=True)
class PointOutcome:
    """What came of a point; `refused` as in `Trial`."""

    figures: Mapping[str, float | None]
    refused: str = ""
    moments: ReturnMoments | None = None
    course: SetCourse | None = None


def _trial(settings: Mapping[str, str], desk: Desk, outcome: PointOutcome) -> Trial:
    if outcome.refused:
        return Trial(settings, {}, refused=outcome.refused)
    return Trial(
        settings,
        outcome.figures,
        config_hash=desk.book.config_hash,
        rules_hash=desk.book.rules_hash,
        code_version=code_version(desk),
        moments=outcome.moments,
        course=outcome.course,
    )


def _book_of(
    base: Book, settings: Mapping[str, str], load: Callable[[Mapping[str, str]], Book], span: SweepSpan
) -> Book | str:
    """The book of a point, or why it is not tried."""
    try:
        book = load(settings)
    except Refused as error:
        return str(error)
    if _bars_of(book) != _bars_of(base):
        return (
            f"{', '.join(settings)}: other bars are needed (symbols, calendar, feeds, sentiment, facts or "
            "origin), and a sweep reads them once for all points: compare such books by backtests of their "
            "own"
        )
    # Where the book begins is the span's and no parameter.
    return book.model_copy(update={"inception": span.first, "origin": span.origin})


def _bars_of(book: Book) -> tuple[object, ...]:
    return (
        *(book.panel_symbols, book.continuous_symbols, book.symbols, book.benchmark, book.volatility_index),
        *(book.calendar, book.feeds, book.sentiment, book.origin, book.inception, book.hour_closes),
        *(tuple(fact_subjects(book).items()), book.positioning),
    )


def _try(task: Task, book: Book) -> PointOutcome:
    span = task.span
    try:
        known = task.factors if book.quality == task.limits else None
        result = backtest(
            book,
            span.panel,
            span.first,
            span.last,
            known_factors=known,
            release_after=span.release_after,
        )
        document = metrics(result)
        moments = moments_of_nav(result.closing_nav)
        course = course_of_set(result) if task.courses else None
    except Refused as error:
        return PointOutcome({}, str(error))
    except Exception as error:  # noqa: BLE001 (a defect at one point must not cost the others)
        return PointOutcome({}, f"{type(error).__name__}: {error}")
    figures: dict[str, float | None] = {}
    for name in METRICS:
        value = document[name]
        figures[name] = float(value) if isinstance(value, int | float) else None
    return PointOutcome(figures, "", moments, course)


def _here(task: Task, books: Mapping[int, Book]) -> Iterator[tuple[int, PointOutcome]]:
    for n, book in books.items():
        yield n, _try(task, book)


def _side_by_side(task: Task, books: Mapping[int, Book], jobs: int) -> Iterator[tuple[int, PointOutcome]]:
    from nightdesk.research.sweep.shared_arrays import share

    with tempfile.TemporaryDirectory(prefix="nightdesk-sweep-") as folder:
        path = Path(folder) / "task"
        share(path, task)
        pool = ProcessPoolExecutor(
            jobs, mp_context=get_context("spawn"), initializer=_begin, initargs=(path,)
        )
        try:
            waiting: dict[Future[PointOutcome], int] = {
                pool.submit(_try_shared, book): n for n, book in books.items()
            }
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BrokenProcessPool as error:
            raise Refused(
                "a process of the sweep died, most likely for want of memory: try fewer --jobs"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


_task: Task | None = None


def _begin(path: Path) -> None:
    """What a process does once, before its first point."""
    from nightdesk.research.sweep.shared_arrays import shared

    # The initializer of a pool hands something to its calls through the module alone.
    global _task
    _task = cast("Task", shared(path))


def _try_shared(book: Book) -> PointOutcome:
    if _task is None:
        raise RuntimeError("the process was not told what to try")
    return _try(_task, book)
