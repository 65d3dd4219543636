"""`sweep`: a grid over parameters of a book, for validation."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.book_commands import open_book
from nightdesk.cli.options import BookName, FeedName, First, Json, Last, Out, ReleaseAfter, processors
from nightdesk.cli.output import progress, say, show, table
from nightdesk.cli.spans import begin
from nightdesk.cli.trial_counting import count_in_ledger
from nightdesk.cli.whole_files import whole_files

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.research.backtest.data import FetchedBars
    from nightdesk.research.backtest.decided_span import Start
    from nightdesk.research.sweep.grid import Axis
    from nightdesk.research.sweep.sensitivity import FallingAway
    from nightdesk.research.sweep.trials import SweepSpan, Trial

#: What a sweep can never be: said with every result.
VALIDATION_ONLY = (
    "This is validation only: no book was changed, and the best of many tries is too good to be expected."
)

GridAxes = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=V1,V2",
        help="A parameter and the values that it takes, or KEY=[V1, V2] in YAML; may be repeated.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", metavar="N", min=1, help="Processes; by default one a processor.", show_default=False
    ),
]

SAMPLE = "sample data: these bars are generated, not a market's"

#: Figures that people are told of each point; sweep.csv holds all of them.
TOLD = {
    "annual_return": "return",
    "excess_annual_return": "beyond benchmark",
    "annual_volatility": "volatility",
    "sharpe": "sharpe",
    "max_drawdown": "drawdown",
    "turnover_monthly": "turnover a month",
    "closed": "trades",
}


@app.command(
    epilog=example(
        "nightdesk sweep multi_asset --from 2015-01-02 --to 2022-12-30 --feed files:bars "
        "--set portfolio.volatility_target=0.10,0.15,0.20 "
        "--set strategies.time_series_momentum.params.window=40,60,120 --out build/sweep",
    )
)
def sweep(
    book: BookName,
    first: First,
    last: Last,
    set_: GridAxes,
    feed: FeedName = None,
    release_after: ReleaseAfter = None,
    metric: Annotated[
        str, typer.Option("--metric", metavar="NAME", help="The figure by which points are compared.")
    ] = "sharpe",
    jobs: Jobs = None,
    out: Out = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep every point: see `sweeps`.")] = False,
    note: Annotated[str, typer.Option("--note", metavar="T", help="What is kept with it.")] = "",
    json: Json = False,
) -> None:
    """Try every combination of some parameters of a book over a span of sessions.

    A backtest for each, in parallel, on bars that are read once. It only measures: the book's file stays as
    it is. A combination that is no valid book is a row with its reason. Where the desk's database is at hand
    every combination with a result counts among the book's trials.
    """
    from nightdesk.operations.count_trials import count_sweep
    from nightdesk.research.sweep.grid import points, read_axis
    from nightdesk.research.sweep.sensitivity import falling_away

    _check_metric(metric)
    if note and not keep:
        raise typer.BadParameter("a note goes with --keep", param_hint="'--note'")
    if keep and release_after is not None:
        raise typer.BadParameter(
            "a kept sweep is of the book as it decides by itself: leave out --release-after",
            param_hint="'--keep'",
        )
    axes = [read_axis(text) for text in set_]
    grid = points(axes)
    named = open_book(book)
    start = begin(named, first, last)
    with progress(f"reading bars of {named.name}"):
        market = start.read(feed)
    span, trials = try_grid(book, start, market, grid, jobs, release_after=release_after)
    counted = count_in_ledger(
        lambda conn, by: count_sweep(conn, named, trials, span, by=by), any(not one.refused for one in trials)
    )
    swept = Swept(axes, trials, metric, falling_away(axes, trials, metric))
    if out is not None:
        write_files(out, swept)
    if swept.around is None:
        for reason in dict.fromkeys(trial.refused for trial in trials if trial.refused):
            say(reason)
    kept = _keep(named, start, market, set_, swept, note) if keep else None
    document = {
        **measured_on(named, start, market, span),
        **results_document(swept),
        "validation_only": True,
        "kept": kept,
        "trials": counted.document(),
        "out": out,
    }
    show(document, as_json=json, text=lambda: _lines(document, swept))


def try_grid(
    book: str,
    start: Start,
    market: FetchedBars,
    grid: Sequence[Mapping[str, str]],
    jobs: int | None,
    *,
    release_after: int | None = None,
    courses: bool = False,
) -> tuple[SweepSpan, list[Trial]]:
    """Try every point of a grid over values of a book's file, with a bar of progress."""
    from nightdesk.research.backtest.member_books import listed_as
    from nightdesk.research.sweep.trials import SweepSpan
    from nightdesk.research.sweep.trials import sweep as try_all

    span = SweepSpan(
        market.panel, start.origin, start.inception, start.last, release_after, tuple(market.sources)
    )
    of_span = (start.origin, start.inception, start.last)
    with progress(f"trying {len(grid):,} points", len(grid)) as advance:
        trials = try_all(
            listed_as(start.book, open_book(book), *of_span),
            grid,
            lambda settings: listed_as(start.book, open_book(book, settings), *of_span),
            span,
            jobs=processors() if jobs is None else jobs,
            done=advance,
            courses=courses,
        )
    return span, trials


@dataclass(frozen=True)
class Swept:
    """What a sweep tried and found; `around` is the best point and its neighbours, None without a result."""

    axes: Sequence[Axis]
    trials: Sequence[Trial]
    metric: str
    around: FallingAway | None

    @property
    def best(self) -> Trial | None:
        """The best point; None where no point has a result."""
        return None if self.around is None else self.around.best


def _check_metric(metric: str) -> None:
    from nightdesk.core.errors import Refused
    from nightdesk.research.sweep.trials import METRICS

    if metric not in METRICS:
        raise Refused(f"--metric: {metric!r} is not a figure of a sweep; known are {', '.join(METRICS)}")


def _keep(book: Book, start: Start, market: FetchedBars, grid: Sequence[str], swept: Swept, note: str) -> int:
    """Keep a sweep with all its points; its number."""
    import getpass

    from nightdesk.cli.machine_commands import database
    from nightdesk.operations.keep_sweep import keep_swept

    with database() as conn:
        return keep_swept(
            conn, book, start, market, grid, swept.trials,
            metric=swept.metric, by=getpass.getuser(), note=note,
        )  # fmt: skip


def measured_on(book: Book, start: Start, market: FetchedBars, span: SweepSpan) -> dict[str, Any]:
    """The book, the sessions and the bars that every point shares."""
    from nightdesk.cli.data_notes import market_counts

    return {
        "book": book.name,
        "from": start.inception,
        "to": start.last,
        "sessions": start.sessions,
        "sources": market.sources,
        "data": market_counts(market),
        "benchmark": _benchmark(book.benchmark, span),
    }


def results_document(swept: Swept) -> dict[str, Any]:
    """Every point with its figures, and the best one with how fast it falls away."""
    return {
        "metric": swept.metric,
        "parameters": {axis.key: axis.values for axis in swept.axes},
        "points": [
            {
                "settings": trial.settings,
                "figures": trial.figures or None,
                "config_hash": trial.config_hash,
                "refused": trial.refused or None,
            }
            for trial in swept.trials
        ],
        "best": _around(swept.around),
    }


def write_files(out: Path, swept: Swept) -> None:
    """Write `sweep.csv`, a row a point, and `sweep.svg`, a picture of the metric, into a folder."""
    from nightdesk.research.sweep.heat_map import draw_heat_map

    picture = draw_heat_map(swept.axes, swept.trials, swept.metric, swept.best)
    with whole_files(out, "sweep.csv", "sweep.svg") as draft:
        write_csv(draft / "sweep.csv", swept.axes, swept.trials)
        (draft / "sweep.svg").write_text(picture, encoding="utf-8")


def write_csv(path: Path, axes: Sequence[Axis], trials: Sequence[Trial]) -> None:
    """Write a row a point: its parameters, figures, the hash of its book, and why it was refused."""
    from nightdesk.research.sweep.trials import METRICS

    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*(axis.key for axis in axes), *METRICS, "config_hash", "refused"))
        for trial in trials:
            figures = (trial.figures.get(name) for name in METRICS)
            cells = ("" if one is None else one for one in figures)
            writer.writerow((*trial.settings.values(), *cells, trial.config_hash, trial.refused))


def _benchmark(symbol: str, span: SweepSpan) -> dict[str, Any]:
    """What the benchmark made over the span, the same for every point."""
    import numpy as np

    from nightdesk.performance import compare, growth_of

    panel = span.panel
    days = (panel.sessions >= np.datetime64(span.first)) & (panel.sessions <= np.datetime64(span.last))
    growth = growth_of(panel.adjusted_close[:, panel.column(symbol)])[days]
    beside = compare(np.ones(len(growth)), growth)
    return {
        "symbol": symbol,
        "total_return": beside.benchmark_total_return,
        "annual_return": beside.benchmark_annual_return,
    }


def _around(around: FallingAway | None) -> dict[str, Any] | None:
    if around is None:
        return None
    return {
        "settings": around.best.settings,
        "value": around.value,
        "neighbours": around.neighbours,
        "neighbours_missing": around.missing,
        "neighbours_mean": around.mean,
        "neighbours_worst": around.worst,
        "neighbours_over_best": around.share,
    }


def _lines(document: Mapping[str, Any], swept: Swept) -> Iterator[str]:
    from nightdesk.alerts.figures import percent
    from nightdesk.cli.data_notes import count_lines

    yield (
        f"{document['book']}, {document['sessions']:,} sessions from {document['from']} to {document['to']}, "
        f"{len(swept.trials):,} points"
    )
    if "sample" in document["sources"]:
        yield SAMPLE
    yield from count_lines(document["data"])
    beside = document["benchmark"]
    total, yearly = (percent(beside[name], signed=True) for name in ("total_return", "annual_return"))
    yield f"{beside['symbol']} in these sessions, dividends included: {total}, {yearly} a year"
    yield ""
    yield from point_lines(swept)
    if document["kept"] is not None:
        yield f"kept as sweep {document['kept']}"
    if document["out"] is not None:
        yield f"written to {document['out']}"


def point_lines(swept: Swept) -> Iterator[str]:
    """A row a point, the best one, how fast it falls away, and what a sweep can never be."""
    from nightdesk.research.sweep.heat_map import written
    from nightdesk.research.sweep.verdict import verdict

    keys = [axis.key for axis in swept.axes]
    rows = [
        (
            *trial.settings.values(),
            *(written(name, trial.figures.get(name)) for name in TOLD),
            "best" if trial is swept.best else _first_line(trial.refused),
        )
        for trial in swept.trials
    ]
    yield from table((*keys, *TOLD.values(), ""), rows, right=(*keys, *TOLD.values()))
    yield ""
    yield from verdict(swept.metric, swept.around)
    yield VALIDATION_ONLY


def _first_line(reason: str) -> str:
    line = reason.partition("\n")[0]
    return f"refused: {line}" if line else ""
