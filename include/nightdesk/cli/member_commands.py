"""`members`: who is in the universe of a book, who is leaving it, and what changed last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import AsOf, BookName, Json, day_option
from nightdesk.cli.output import show, table

if TYPE_CHECKING:
    from nightdesk.operations.member_standing import ListStanding

At = Annotated[
    date | None, day_option("--session", "As the decision of this session knew it; default: the newest one.")
]
HEADS = ("symbol", "group", "state", "since", "until", "quantity", "value")


@app.command(epilog=example("nightdesk members weekly", "nightdesk members weekly --session 2026-11-19"))
def members(book: BookName, session: At = None, as_of: AsOf = None, json: Json = False) -> None:
    """List the members of a book's universe, since when they are, and those that leave it while held.

    The list is the one that the decision knew, whatever its file says since; what changed in it last, and
    whether the file has changed again, stands below.
    """
    from nightdesk.cli.book_commands import open_book
    from nightdesk.core.errors import Refused
    from nightdesk.operations.member_standing import list_standing
    from nightdesk.session.entry import open_context
    from nightdesk.store.run_rows import newest_begun

    loaded = open_book(book)
    if session is not None and as_of is not None:
        raise typer.BadParameter("name one of them", param_hint="'--session' / '--as-of'")
    with database() as conn:
        when = as_of or session or newest_begun(conn, loaded.name)
        if when is None:
            raise Refused(
                f"nothing is stored of book {loaded.name}: its first ingest reads the list "
                "(`nightdesk run` runs one)"
            )
        with open_context(book, when, conn=conn, begun=True) as context:
            standing = list_standing(context)
            name = context.name
    document = {"book": loaded.name, "decision": name, **asdict(standing)}
    show(document, as_json=json, text=lambda: _lines(loaded.name, name, standing))


def _lines(book: str, decision: str, standing: ListStanding) -> Iterator[str]:
    from nightdesk.alerts.figures import money, quantity

    leaving = sum(one.state == "leaving" for one in standing.lines)
    yield f"{book} at {decision}: {len(standing.lines) - leaving:,} members, {leaving:,} leaving"
    rows = [
        (
            one.symbol,
            one.group,
            one.state,
            f"{one.since or ''}",
            f"{one.until or ''}",
            quantity(one.quantity) if one.quantity else "",
            money(one.value) if one.quantity else "",
        )
        for one in standing.lines
    ]
    yield from table(HEADS, rows, right=("quantity", "value"))
    if standing.changed is not None:
        yield f"changed last {standing.changed:%Y-%m-%d %H:%M} UTC:"
        yield from (f"  {one.words}" for one in standing.changes)
    if standing.file:
        yield standing.file
