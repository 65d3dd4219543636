"""`trials`: how often each book was tried on history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import Json
from nightdesk.cli.output import show, table

if TYPE_CHECKING:
    from nightdesk.store.trial_rows import Trials


@app.command(epilog=example("nightdesk trials", "nightdesk trials multi_asset --newest 10"))
def trials(
    book: Annotated[str | None, typer.Argument(metavar="BOOK", help="Of this book alone.")] = None,
    newest: Annotated[int, typer.Option("--newest", min=1, max=1_000, help="So many at most.")] = 10,
    json: Json = False,
) -> None:
    """Say how many sets of parameters were tried of each book, and list the newest.

    What counts is a distinct set: configuration, code, bars, span and feed. A ledger with a gap or a changed
    row is refused: then nobody knows how many there were.
    """
    from nightdesk.store.trial_rows import newest_trials, trial_counts, trials_of

    with database() as conn:
        counts = trial_counts(conn) if book is None else (trials_of(conn, book),)
        rows = newest_trials(conn, book, newest=newest)
    show(
        {"books": [asdict(one) for one in counts], "newest": rows},
        as_json=json,
        text=lambda: _trial_lines(counts, rows),
    )


def _trial_lines(counts: Sequence[Trials], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    from nightdesk.alerts.figures import number
    from nightdesk.core.schedule import SESSIONS_A_YEAR

    if not rows:
        yield "nothing was tried: backtest, sweep and validate count what they try"
        return
    heads = ("book", "trials", "rows", "sets of rules", "deviation of their Sharpe a year")
    spread = [(one.sharpe_variance * SESSIONS_A_YEAR) ** 0.5 for one in counts]
    told = [
        (one.book, f"{one.count:,}", f"{one.asked:,}", f"{one.rules:,}", number(far))
        for one, far in zip(counts, spread, strict=True)
    ]
    yield from table(heads, told, right=heads[1:])
    yield ""
    newest = ("number", "kind", "book", "from", "to", "Sharpe", "by", "changes")
    yield from table(newest, map(_trial_row, rows), right=("number", "Sharpe"))


def _trial_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    changes = " ".join(f"{key}={value}" for key, value in row["changes"].items())
    sharpe = "" if row["annual_sharpe"] is None else f"{row['annual_sharpe']:.2f}"
    span = (f"{row['first']}", f"{row['last']}")
    return (f"{row['number']}", row["kind"], row["book"], *span, sharpe, row["asked_by"], changes)
