"""`stress`: a book over the bad times, with its drawdown levels on and off."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.book_commands import open_book
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, FeedName, Json, Out, ReleaseAfter
from nightdesk.cli.output import plain, progress, show, table
from nightdesk.cli.sweep_commands import SAMPLE
from nightdesk.cli.whole_files import whole_files

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.research.stress.comparison_of_levels import Stress, Stressed

#: Columns of stress.csv.
COLUMNS = (
    *("scenario", "from", "to", "levels", "sessions", "total_return", "benchmark_return"),
    *(
        "annual_volatility",
        "max_drawdown",
        "drawdown_limit",
        "breakers",
        "halts",
        "halted_sessions",
        "trades",
    ),
    *("deepest_level", "passed", "missing", "quarantined", "dropped_rows"),
    *("cash_sessions", "refused_orders", "stopped_sessions"),
)


@app.command(
    epilog=example(
        "nightdesk stress multi_asset --feed files:bars",
        "nightdesk stress multi_asset --feed files:bars --scenario covid_2020 --scenario all_fall",
    )
)
def stress(
    book: BookName,
    feed: FeedName = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario",
            metavar="NAME",
            help="crisis_2008, correction_2018, covid_2020, rates_2022, all_fall, one_market, wilder, gap, "
            "feed_lost or broker_rejects; may be repeated; by default all.",
            show_default=False,
        ),
    ] = None,
    release_after: ReleaseAfter = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Store the outcome as evidence of the book's rules.")
    ] = False,
    out: Out = None,
    json: Json = False,
) -> None:
    """Drive a book over the bad times, each with its drawdown levels on and off.

    With levels a scenario is passed when the book never comes to level 4, without them when its drawdown
    stays within the limit: the levels alone would hide what the strategies do. A scenario without bars is
    skipped, and said to be. The last five are shocks, laid over real bars or the broker's answers.
    """
    from nightdesk.core.errors import Refused
    from nightdesk.research.stress.comparison_of_levels import stress as try_all
    from nightdesk.research.stress.scenarios import SCENARIOS, SHOCKS
    from nightdesk.research.stress.scenarios import scenario as named_scenario

    asked = [named_scenario(name) for name in dict.fromkeys(scenario or ())] or [
        *SCENARIOS,
        *SHOCKS,
    ]
    if keep and (scenario or release_after is not None):
        raise typer.BadParameter("evidence is of all scenarios, and of the book alone", param_hint="'--keep'")
    named = open_book(book)
    with progress(f"trying {named.name}", len(asked)) as advance:
        result = try_all(
            named, asked, [feed] if feed is not None else None, advance, release_after=release_after
        )
    if not result.runs:
        told = "; ".join(f"{name}: {reason}" for name, reason in result.skipped.items())
        raise Refused(f"no scenario could be run: {told}")
    rows = [_row(run) for run in result.runs]
    if out is not None:
        with (
            whole_files(out, "stress.csv") as draft,
            (draft / "stress.csv").open("w", encoding="utf-8", newline="") as file,
        ):
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows([plain(cell) for cell in row.values()] for row in rows)
    overall = result.overall
    document = {
        "book": named.name,
        "sources": result.sources,
        "runs": rows,
        "skipped": result.skipped,
        "overall": overall and {"worst": overall.worst, "average": overall.average, "passed": overall.passed},
        "passed": result.passed,
        "evidence": _keep(named, result) if keep else None,
        "out": out,
    }
    show(document, as_json=json, text=lambda: _lines(named.name, result, out))


def _keep(book: Book, result: Stress) -> int:
    """The number of the evidence that the outcome is kept as."""
    from nightdesk.operations.keep_stress import keep_stress

    with database() as conn:
        return keep_stress(conn, book, result)


def _row(run: Stressed) -> Mapping[str, Any]:
    values = (
        *(run.scenario.name, run.scenario.first, run.scenario.last, "on" if run.levels else "off"),
        *(run.sessions, run.total_return, run.benchmark_return, run.annual_volatility, run.max_drawdown),
        *(run.scenario.drawdown_limit, run.breakers, run.halts, run.halted_sessions, run.trades),
        *(run.deepest_level, run.passed, run.missing, run.quarantined, run.dropped_rows),
        *(run.cash_sessions, run.refused_orders, run.stopped_sessions),
    )
    return dict(zip(COLUMNS, values, strict=True))


def _lines(book: str, result: Stress, out: Path | None) -> Iterator[str]:
    from dataclasses import asdict

    from nightdesk.alerts.figures import percent
    from nightdesk.cli.data_notes import count_lines
    from nightdesk.research.stress.comparison_of_levels import AVERAGE_LIMIT, WORST_LIMIT

    yield f"{book} under stress"
    if "sample" in result.sources:
        yield SAMPLE
    yield ""
    cells = [
        (
            run.scenario.title,
            "on" if run.levels else "off",
            percent(run.total_return, signed=True),
            percent(run.benchmark_return, signed=True),
            percent(run.annual_volatility),
            percent(run.max_drawdown),
            "no level 4" if run.levels else percent(run.scenario.drawdown_limit),
            str(run.breakers),
            f"{run.halts} ({run.halted_sessions})",
            str(run.trades),
            str(run.cash_sessions),
            str(run.refused_orders),
            str(run.deepest_level),
            "pass" if run.passed else "fail",
        )
        for run in result.runs
    ]
    heads = (
        *("scenario", "levels", "return", "benchmark", "volatility", "drawdown", "limit", "breakers"),
        *("halts (sessions)", "trades", "in cash", "refused", "deepest", ""),
    )
    yield from table(heads, cells, right=heads[2:-1])
    yield "the benchmark with its dividends, in the same sessions; drawdowns below the highest NAV until then"
    for run in {run.scenario.name: run for run in result.runs}.values():  # the bars of both runs are the same
        yield from (f"{run.scenario.title}: {line}" for line in count_lines(asdict(run)))
    for name, reason in result.skipped.items():
        yield f"skipped {name}: {reason}"
    if result.overall is not None:
        told, overall = "pass" if result.overall.passed else "fail", result.overall
        yield ""
        yield (
            f"without levels: worst drawdown {percent(overall.worst)} of at most {percent(WORST_LIMIT)}, "
            f"average {percent(overall.average)} of at most {percent(AVERAGE_LIMIT)}: {told}"
        )
    if out is not None:
        yield f"written to {out}"
