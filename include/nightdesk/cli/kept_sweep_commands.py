"""`sweeps`: the sweeps that were kept, and one of them with all its points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import Json, Out
from nightdesk.cli.output import show, table

if TYPE_CHECKING:
    from nightdesk.cli.sweep_commands import Swept
    from nightdesk.store.sweep_rows import KeptSweep


@app.command(epilog=example("nightdesk sweeps multi_asset", "nightdesk sweeps --number 3 --out build/sweep"))
def sweeps(
    book: Annotated[str | None, typer.Argument(metavar="BOOK", help="Of this book alone.")] = None,
    newest: Annotated[int, typer.Option("--newest", min=1, max=1_000, help="So many at most.")] = 25,
    number: Annotated[
        int | None, typer.Option("--number", metavar="N", help="One with all its points.", show_default=False)
    ] = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """List the kept sweeps, the newest first; with --number show one whole.

    `sweep --keep` keeps one, and so does the DAG research__sweep. --out writes its sweep.csv and sweep.svg.
    """
    if number is None:
        if out is not None:
            raise typer.BadParameter("name the sweep that is written by --number", param_hint="'--out'")
        from nightdesk.store.sweep_rows import kept_sweeps

        with database() as conn:
            found = kept_sweeps(conn, book, newest=newest)
        show({"sweeps": [asdict(one) for one in found]}, as_json=json, text=lambda: _list(found))
        return
    from nightdesk.cli.sweep_commands import Swept, results_document, write_files
    from nightdesk.operations.keep_sweep import read_swept
    from nightdesk.research.sweep.sensitivity import falling_away

    with database() as conn:
        one = read_swept(conn, number)
    metric = one.kept.metric
    swept = Swept(one.axes, one.trials, metric, falling_away(one.axes, one.trials, metric))
    if out is not None:
        write_files(out, swept)
    show(
        {**asdict(one.kept), **results_document(swept), "validation_only": True, "out": out},
        as_json=json,
        text=lambda: _whole(one.kept, swept),
    )


def _list(found: Sequence[KeptSweep]) -> Iterator[str]:
    if not found:
        yield "No sweep is kept: `nightdesk sweep BOOK ... --keep`, or the DAG research__sweep, keeps one."
        return
    rows = [
        (
            str(one.number),
            one.book,
            f"{one.first} to {one.last}",
            f"{one.tried:,} of {one.points:,}" if not one.done else f"{one.points:,}",
            " ".join(one.grid),
            one.asked_by,
            one.note,
        )
        for one in found
    ]
    yield from table(("", "book", "span", "points", "parameters", "asked by", "note"), rows, right=("",))


def _whole(kept: KeptSweep, swept: Swept) -> Iterator[str]:
    from nightdesk.cli.sweep_commands import SAMPLE, point_lines

    yield f"sweep {kept.number} of {kept.book} from {kept.first} to {kept.last}, asked for by {kept.asked_by}"
    if kept.note:
        yield kept.note
    if "sample" in kept.sources:
        yield SAMPLE
    if not kept.done:
        yield f"{kept.tried:,} of {kept.points:,} points were tried so far."
    yield ""
    yield from point_lines(swept)
