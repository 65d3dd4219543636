"""`rehearse`: each drawdown level and the kill switch, tried on a shadow copy of a book."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.book_commands import open_book
from nightdesk.cli.options import BookName, FeedName, Json, day_option
from nightdesk.cli.output import progress, show, table
from nightdesk.cli.spans import begin

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.research.gates.rehearsal import Rehearsal

Until = Annotated[
    date | None,
    day_option("--to", "The last session that the copy lives; by default the newest one."),
]


@app.command(epilog=example("nightdesk rehearse multi_asset", "nightdesk rehearse multi_asset --no-keep"))
def rehearse(
    book: BookName,
    feed: FeedName = None,
    to: Until = None,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Whether what it shows is kept as evidence.")
    ] = True,
    json: Json = False,
) -> None:
    """Send a shadow copy of a book to each of its drawdown levels, and stop it by the kill switch.

    The copy lives in memory over the newest 120 sessions, holds positions of its own and reaches no broker
    and no table. Each level must be entered, cut what the file says, open nothing it must not, and wait for
    a person where it should. Status 1 where one does not.
    """
    from nightdesk.core.calendar import as_date, get_calendar
    from nightdesk.research.gates.rehearsal import SESSIONS
    from nightdesk.research.gates.rehearsal import rehearse as try_all

    named = open_book(book)
    calendar = get_calendar(named.calendar)
    last = to or calendar.latest_completed(datetime.now(UTC))
    sessions = calendar.between(last - timedelta(days=2 * SESSIONS), last)
    start = begin(named, as_date(sessions[-SESSIONS:][0]) if len(sessions) else last, last)
    with progress(f"reading bars of {named.name}"):
        market = start.read(feed)
    parts = 2 + (0 if named.levels is None else len(named.levels.beyond(0)))
    with progress(f"rehearsing {named.name}", parts) as advance:
        found = try_all(start.book, market.panel, start.inception, start.last, advance)
    figures = {**found.figures, "sources": list(market.sources)}
    number = _keep(named, figures) if keep else None
    show(
        {"book": named.name, "evidence": number, **figures},
        as_json=json,
        text=lambda: _lines(named.name, found, number),
    )
    if figures["faults"]:
        typer.echo(f"nightdesk: {named.name} does not do what its levels say", err=True)
        raise typer.Exit(1)


def _keep(named: Book, figures: Mapping[str, Any]) -> int:
    from nightdesk.cli.machine_commands import database
    from nightdesk.engine import resolve
    from nightdesk.store.gate_evidence_rows import keep_evidence
    from nightdesk.version import code_version

    with database() as conn:
        code = code_version(resolve(named))
        return keep_evidence(conn, named.name, "drill", named.rules_hash, code, figures)


def _lines(name: str, found: Rehearsal, number: int | None) -> Iterator[str]:
    yield f"{name}, a shadow copy from {found.first} to {found.last}"
    yield ""
    rows = [
        (
            one.name,
            f"{one.session}",
            str(one.held),
            str(one.reduced),
            "passed" if one.passed else "; ".join(one.faults[:3]),
        )
        for one in found.parts
    ]
    yield from table(("", "entered", "held", "reduced", ""), rows, right=("held", "reduced"))
    if number is not None:
        yield ""
        yield f"kept as evidence {number}"
