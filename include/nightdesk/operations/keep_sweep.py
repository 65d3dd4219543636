"""A sweep that is kept: from a person's form to points that many processes try, a piece each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from nightdesk.core.errors import BadRequest, Refused
from nightdesk.operations.count_trials import count_sweep
from nightdesk.operations.research_form import (
    begin_asked,
    read_asked_book,
    read_asked_note,
    read_asked_span,
    refuse_strange_keys,
    shown,
)
from nightdesk.session.books import read_book
from nightdesk.session.context import book_path, project_root
from nightdesk.store.db import transaction
from nightdesk.store.sweep_rows import (
    KeptSweep,
    SweepAsked,
    SweepPoint,
    begin_sweep,
    keep_points,
    kept_sweep,
    sweep_of_run,
    sweep_points,
)

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.research.backtest.data import FetchedBars
    from nightdesk.research.backtest.decided_span import Start
    from nightdesk.research.sweep.grid import Axis
    from nightdesk.research.sweep.trials import Trial
    from nightdesk.store.db import Connection

#: The keys of the form.
SWEEP_FORM = ("book", "from", "to", "set", "metric", "piece", "note")
#: Points of a piece, where the form does not say.
PIECE = 20
#: Airflow makes no more mapped tasks of one than this unless it is told to.
MOST_PIECES = 1_000


@dataclass(frozen=True)
class SweepForm:
    """What a person asks for: a book over a span, at every point of a grid.

    `grid` holds a text KEY=V1,V2 a parameter; `piece` is how many points one task tries.
    """

    book: str
    first: date
    last: date
    grid: tuple[str, ...]
    metric: str = "sharpe"
    piece: int = PIECE
    note: str = ""

    @property
    def points(self) -> list[dict[str, str]]:
        """The points of its grid, in order."""
        return points_of(self.grid)


@dataclass(frozen=True)
class SweptGrid:
    """A kept sweep with its points as trials, in the order of the grid; those not tried yet are left out."""

    kept: KeptSweep
    axes: tuple[Axis, ...]
    trials: tuple[Trial, ...]


def read_sweep_form(values: Mapping[str, Any]) -> SweepForm:
    """A form as it was sent.

    Parameters
    ----------
    values : mapping
        By `SWEEP_FORM`; anything may stand in it.

    Raises
    ------
    BadRequest
        With the key, what was found and what is expected.
    """
    refuse_strange_keys(values, SWEEP_FORM)
    book, (first, last) = read_asked_book(values), read_asked_span(values)
    grid = tuple(_lines(values.get("set")))
    piece = PIECE if values.get("piece") in (None, "") else values["piece"]
    if isinstance(piece, bool) or not isinstance(piece, int) or piece < 1:
        raise BadRequest(f"piece: found {shown(piece)}; expected how many points a task tries, from 1")
    try:
        count = len(points_of(grid))
    except Refused as error:
        raise BadRequest(f"set: {error}") from error
    if count > piece * MOST_PIECES:
        raise BadRequest(
            f"piece: {count:,} points in pieces of {piece} are more than {MOST_PIECES:,} tasks: "
            f"take pieces of {-(-count // MOST_PIECES)} or more"
        )
    return SweepForm(book, first, last, grid, _metric(values), piece, read_asked_note(values))


def points_of(grid: Sequence[str]) -> list[dict[str, str]]:
    """The points of a grid that is written as KEY=V1,V2 a parameter; `Refused` where it is none."""
    from nightdesk.research.sweep.grid import points, read_axis

    return points([read_axis(text) for text in grid])


def plan_sweep(
    conn: Connection, form: SweepForm, *, by: str, run: str, environ: Mapping[str, str]
) -> tuple[KeptSweep, list[list[int]]]:
    """Note what a form asks for, and cut it into pieces.

    Parameters
    ----------
    conn : Connection
    form : SweepForm
    by : str
        The person who asks.
    run : str
        The run of Airflow, as ``DAG/run``; one that has begun its sweep goes on with that.
    environ : mapping of str to str
        Where the project's folder is named.

    Returns
    -------
    tuple of KeptSweep and list of list of int
        The numbers of the points of each piece, from 0.

    Raises
    ------
    BadRequest
        When there is no such book, or its span cannot be decided: nothing is stored.
    """
    book, start = begin_asked(form.book, form.first, form.last, {}, environ)
    asked = _asked(book, start, form.grid, form.metric, by=by, run=run, note=form.note)
    kept, count = _one(conn, begin_sweep(conn, asked)), asked.points
    return kept, [list(range(n, min(n + form.piece, count))) for n in range(0, count, form.piece)]


def keep_swept(
    conn: Connection,
    book: Book,
    start: Start,
    market: FetchedBars,
    grid: Sequence[str],
    trials: Sequence[Trial],
    *,
    metric: str,
    by: str,
    note: str = "",
) -> int:
    """Keep a sweep that a command has made, with all its points; its number.

    Parameters
    ----------
    conn : Connection
    book : Book
        As its file has it; `start` has given it its span.
    start : Start
    market : FetchedBars
        What the points were tried on.
    grid : sequence of str
        A text KEY=V1,V2 a parameter.
    trials : sequence of Trial
        In the order of the grid.
    metric, by, note : str
        By which points are compared, the person, and what they wrote with it.
    """
    asked = _asked(book, start, grid, metric, by=by, note=read_asked_note({"note": note}))
    with transaction(conn):
        number = begin_sweep(conn, asked)
        _keep(conn, number, market, dict(enumerate(trials)))
    return number


def try_points(
    conn: Connection, number: int, wanted: Sequence[int], *, environ: Mapping[str, str]
) -> list[SweepPoint]:
    """Try some points of a kept sweep in this process, keep what they came to, all or none, and count them.

    Parameters
    ----------
    conn : Connection
    number : int
        The sweep.
    wanted : sequence of int
        Numbers of points, from 0; those that were tried before are passed over.
    environ : mapping of str to str
        Where the project's folder is named.

    Returns
    -------
    list of SweepPoint
        Those that were tried here.

    Raises
    ------
    Refused
        When the book's file, the code or the bars are no longer those of its other points.
    Transient
        When a source does not answer.
    """
    from nightdesk.research.backtest.member_books import listed_as
    from nightdesk.research.sweep.trials import SweepSpan, sweep

    kept = _one(conn, number)
    there = {one.point for one in sweep_points(conn, number)}
    missing = [one for one in wanted if one not in there]
    if not missing:
        return []
    grid, path = points_of(kept.grid), book_path(kept.book, project_root(environ))
    book, start = begin_asked(kept.book, kept.first, kept.last, {}, environ)
    _refuse_other_book(kept, _asked(book, start, kept.grid, kept.metric, by=kept.asked_by, note=kept.note))
    market = start.read(None)
    of_span = (start.origin, start.inception, start.last)
    span = SweepSpan(market.panel, *of_span, sources=tuple(market.sources))
    trials = sweep(
        listed_as(start.book, book, *of_span),
        [grid[n] for n in missing],
        lambda settings: listed_as(start.book, read_book(path, settings), *of_span),
        span,
    )
    with transaction(conn):
        count_sweep(conn, book, trials, span, by=kept.asked_by)
        return _keep(conn, number, market, dict(zip(missing, trials, strict=True)))


def read_swept(conn: Connection, number: int) -> SweptGrid:
    """A kept sweep with what its points came to; `BadRequest` where there is none of that number."""
    from nightdesk.research.sweep.grid import read_axis
    from nightdesk.research.sweep.trials import Trial

    kept = _one(conn, number)
    axes = tuple(read_axis(text) for text in kept.grid)
    keys = [one.key for one in axes]
    trials = tuple(
        Trial({key: one.settings[key] for key in keys}, one.figures, one.config_hash, one.refused)
        for one in sweep_points(conn, number)
    )
    return SweptGrid(kept, axes, trials)


def sweep_begun_by(conn: Connection, run: str) -> KeptSweep:
    """The sweep that a run of Airflow has begun; `Refused` where it has begun none."""
    kept = sweep_of_run(conn, run)
    if kept is None:
        raise Refused(f"{run} has begun no sweep: clear its first task to begin it")
    return kept


def _asked(
    book: Book, start: Start, grid: Sequence[str], metric: str, *, by: str, run: str = "", note: str
) -> SweepAsked:
    from nightdesk.engine import resolve
    from nightdesk.version import code_version

    return SweepAsked(
        book=book.name,
        by=by,
        run=run,
        note=note,
        first=start.inception,
        last=start.last,
        grid=tuple(grid),
        metric=metric,
        points=len(points_of(grid)),
        config_hash=book.config_hash,
        code_version=code_version(resolve(start.book)),
    )


def _keep(
    conn: Connection, number: int, market: FetchedBars, trials: Mapping[int, Trial]
) -> list[SweepPoint]:
    from nightdesk.core.bars_digest import bars_digest

    found = [
        SweepPoint(n, one.settings, one.figures, one.config_hash, one.refused) for n, one in trials.items()
    ]
    keep_points(conn, number, found, bars_digest=bars_digest(market.panel), sources=tuple(market.sources))
    return found


def _one(conn: Connection, number: int) -> KeptSweep:
    kept = kept_sweep(conn, number)
    if kept is None:
        raise BadRequest(f"there is no kept sweep {number}: `nightdesk sweeps` lists them")
    return kept


def _refuse_other_book(kept: KeptSweep, now: SweepAsked) -> None:
    changed = [
        what
        for what, before, found in (
            ("the book's file", kept.config_hash, now.config_hash),
            ("the code", kept.code_version, now.code_version),
        )
        if before != found
    ]
    if changed:
        raise Refused(
            f"sweep {kept.number}: {' and '.join(changed)} changed since it began, so its points cannot be "
            "compared; ask for the sweep again"
        )


def _lines(value: Any) -> list[str]:
    """The parameters of a form: a list of texts, or one text with a line each."""
    lines = value.splitlines() if isinstance(value, str) else value
    if not isinstance(lines, list | tuple) or not all(isinstance(one, str) for one in lines):
        raise BadRequest(
            f"set: found {shown(value)}; expected parameters with their values, such as "
            "portfolio.volatility_target=0.10,0.15"
        )
    return [one.strip() for one in lines if one.strip()]


def _metric(values: Mapping[str, Any]) -> str:
    from nightdesk.research.sweep.trials import METRICS

    metric = values.get("metric") or "sharpe"
    if metric not in METRICS:
        raise BadRequest(f"metric: found {shown(metric)}; known are {', '.join(METRICS)}")
    return str(metric)
