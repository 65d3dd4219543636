"""`validate`: whether what a grid over a book's parameters shows is more than luck."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.book_commands import open_book
from nightdesk.cli.options import BookName, FeedName, First, Json, Last, ReleaseAfter
from nightdesk.cli.output import plain, progress, show, table
from nightdesk.cli.spans import begin
from nightdesk.cli.sweep_commands import SAMPLE, GridAxes, Jobs, measured_on, try_grid
from nightdesk.cli.trial_counting import count_in_ledger, database_at_hand
from nightdesk.cli.whole_files import whole_files

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.research.sweep.trials import SweepSpan, Trial
    from nightdesk.research.validation.candidate_sets import CandidateSets
    from nightdesk.research.validation.luck_verdict import LuckVerdict, TriedBefore


@app.command(
    epilog=example(
        "nightdesk validate multi_asset --from 2010-01-04 --to 2022-12-30 --feed files:bars "
        "--set portfolio.volatility_target=0.06,0.10,0.15 "
        "--set strategies.time_series_momentum.params.window=40,60,120 --out build/validation",
    )
)
def validate(
    book: BookName,
    first: First,
    last: Last,
    set_: GridAxes,
    out: Annotated[Path, typer.Option("--out", help="Where the result is written.", show_default=False)],
    feed: FeedName = None,
    release_after: ReleaseAfter = None,
    metric: Annotated[
        str, typer.Option("--metric", metavar="NAME", help="The figure by which sets are chosen.")
    ] = "sharpe",
    folds: Annotated[int, typer.Option("--folds", metavar="N", help="Of the purged folds; 6 or more.")] = 10,
    walk: Annotated[
        Literal["rolling", "anchored"],
        typer.Option("--walk", help="Whether a train window moves on, or begins with the span and grows."),
    ] = "rolling",
    train: Annotated[int, typer.Option("--train", metavar="N", help="Sessions of a train window.")] = 504,
    test: Annotated[int, typer.Option("--test", metavar="N", help="Sessions of a test window.")] = 126,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of every draw.")] = 1,
    jobs: Jobs = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep it as evidence for the book's right to trade.")
    ] = False,
    json: Json = False,
) -> None:
    """Judge a book's parameters: is what they made more than luck?

    Every combination of the values is a backtest, as by `sweep`, and counts among the book's trials where the
    desk's database is at hand. Judged is the book's own set where the grid holds it, else the best one. The
    sweep runs once; the rest is made of its returns: deflated Sharpe ratio, probability of overfitting,
    purged folds, walk-forward, Hansen's test, Monte Carlo.
    """
    from nightdesk.research.sweep.grid import points, read_axis
    from nightdesk.research.validation.candidate_sets import candidate_sets
    from nightdesk.research.validation.luck_verdict import STEPS, ValidationPlan, check_plan
    from nightdesk.research.validation.luck_verdict import validate as judge
    from nightdesk.research.validation.validation_document import validation_document
    from nightdesk.research.validation.validation_files import FILES, write_validation

    plan = ValidationPlan(metric, folds, walk, train, test, seed)
    grid = points([read_axis(text) for text in set_])
    named = open_book(book)
    start = begin(named, first, last)
    check_plan(plan, start.sessions - 1, len(grid))
    with progress(f"reading bars of {named.name}"):
        market = start.read(feed)
    _refuse_broken_ledger()
    span, trials = try_grid(book, start, market, grid, jobs, release_after=release_after, courses=True)
    tried = _tried(named, trials, span)
    sets = candidate_sets(trials, span, named, metric)
    with progress("judging", STEPS) as advance:
        found = judge(sets, plan, tried, advance)
    measured = measured_on(named, start, market, span)
    document = {
        **measured,
        "release_after": release_after,
        "sets": _sets(trials),
        **validation_document(sets, found),
    }
    with whole_files(out, "validation.json", *FILES) as draft:
        text = json_text.dumps(plain(document), ensure_ascii=False, indent=2, allow_nan=False)
        (draft / "validation.json").write_text(f"{text}\n", encoding="utf-8")
        write_validation(draft, sets, found)
    kept = _keep(named, document) if keep else None
    show(
        {**document, "kept": kept, "out": out},
        as_json=json,
        text=lambda: _validation_lines(document, sets, found, out, kept),
    )


def _refuse_broken_ledger() -> None:
    """Refuse at once where it is not known how many sets were tried before; a silent server is told later."""
    from contextlib import suppress

    from nightdesk.core.errors import Transient
    from nightdesk.store.trial_rows import check_trials

    with suppress(Transient), database_at_hand() as conn:
        if conn is not None:
            check_trials(conn)


def _tried(book: Book, trials: Sequence[Trial], span: SweepSpan) -> TriedBefore:
    """Count the sets among the book's trials; how many there are with them."""
    from math import nan

    from nightdesk.operations.count_trials import count_sweep
    from nightdesk.research.validation.luck_verdict import TriedBefore
    from nightdesk.store.trial_rows import trials_of

    known = sum(not one.refused for one in trials)
    counted = count_in_ledger(
        lambda conn, by: count_sweep(conn, book, trials, span, by=by, kind="validation"), known > 0
    )
    if counted.rows:
        with database_at_hand() as conn:
            if conn is not None:
                found = trials_of(conn, book.name)
                return TriedBefore(found.count, found.sharpe_variance, from_ledger=True)
    return TriedBefore(known, nan, from_ledger=False)


def _sets(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Every set with its figures, or why it was refused."""
    return [
        {
            "settings": one.settings,
            "figures": one.figures or None,
            "config_hash": one.config_hash,
            "refused": one.refused or None,
        }
        for one in trials
    ]


def _keep(book: Book, document: Mapping[str, Any]) -> int:
    """Keep what the checks have shown of the judged rules; the number of the evidence."""
    from nightdesk.cli.machine_commands import database
    from nightdesk.store.gate_evidence_rows import keep_evidence

    judged = document["judged"]
    figures = {
        **{name: document[name] for name in ("passed", "sessions", "plan", "trials", "release_after")},
        "first": f"{document['from']}",
        "last": f"{document['to']}",
        "sources": sorted(document["sources"]),
        "deflated_sharpe": document["sharpe"]["deflated"],
        "overfitting_probability": document["overfitting"]["probability"],
        "superior_ability_p": document["superior_ability"]["cash"]["p_value"],
        "settings": judged["settings"],
        "is_own": judged["is_own"],
        "checks": {one["name"]: _short(one) for one in document["checks"]},
    }
    with database() as conn:
        return keep_evidence(
            conn, book.name, "validation", judged["rules_hash"], judged["code_version"], figures
        )


def _short(check: Mapping[str, Any]) -> dict[str, Any]:
    return {name: check[name] for name in ("value", "limit", "passed")}


def _validation_lines(
    document: Mapping[str, Any], sets: CandidateSets, found: LuckVerdict, out: Path, kept: int | None
) -> Iterator[str]:
    from nightdesk.cli.data_notes import count_lines
    from nightdesk.research.validation.validation_document import check_cells, told_lines

    yield (
        f"{document['book']}, {document['sessions']:,} sessions from {document['from']} to {document['to']}, "
        f"{len(document['sets']):,} sets, {len(sets.trials):,} with a result"
    )
    if "sample" in document["sources"]:
        yield SAMPLE
    yield from count_lines(document["data"])
    tried = found.tried
    whose = (
        "by the ledger" if tried.from_ledger else "of this command alone; what was tried before is not known"
    )
    yield f"trials: {tried.count:,} distinct sets, {whose}"
    yield ""
    heads = ("test", "value", "limit", "", "what it says")
    rows = [
        (*check_cells(one), "pass" if one.passed else "FAIL", words)
        for one, words in zip(found.checks, (each["words"] for each in document["checks"]), strict=True)
    ]
    yield from table(heads, rows, right=("value", "limit"))
    yield ""
    yield from told_lines(sets, document)
    failed = sum(not one.passed for one in found.checks)
    yield (
        "Every test is passed: luck is an unlikely reason for this result."
        if found.passed
        else f"{failed} of {len(found.checks)} tests are not passed: luck may be the reason for this result."
    )
    if kept is not None:
        yield f"kept as evidence {kept}"
    yield f"written to {out}"
