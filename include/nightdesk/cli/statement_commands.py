"""`statement`: what a broker states of an account beside its line."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, Json
from nightdesk.cli.output import show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nightdesk.session.account_statements import StatementTaken

File = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="A statement that you have fetched.", show_default=False),
]
Fetch = Annotated[
    bool, typer.Option("--fetch", help="Have the broker's service make one.", show_default=False)
]
Account = Annotated[
    str | None,
    typer.Option("--account", metavar="NAME", help="Which of the book's accounts.", show_default=False),
]


@app.command(
    epilog=example(
        "nightdesk statement leveraged_five --file statement.xml",
        "nightdesk statement leveraged_five --fetch",
    )
)
def statement(
    book: BookName, file: File = None, fetch: Fetch = False, account: Account = None, json: Json = False
) -> None:
    """Take a broker's statement of an account: what its line tells late or never.

    Of IBKR the XML of a Flex query: dividends, interest, borrow fees, other fees, deposits, and executions
    that the line tells no more. It is taken as a whole or refused, and one that is taken twice changes
    nothing. The next settling books what is new.
    """
    from nightdesk.core.errors import Refused
    from nightdesk.operations.take_statement import take_statement
    from nightdesk.session.entry import open_standing

    if (file is None) is not fetch:
        raise Refused("name a statement with --file FILE, or have it fetched with --fetch: one of the two")
    content = None
    if file is not None:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise Refused(f"{file} cannot be read ({error.strerror or error})") from None
    with database() as conn, open_standing(book, conn=conn) as context:
        taken, name = take_statement(context, account, content), context.book.name
    show({"book": name, **asdict(taken)}, as_json=json, text=lambda: _told(name, taken))


def _told(book: str, taken: StatementTaken) -> Iterator[str]:
    yield (
        f"{book}: statement from {taken.first} to {taken.last}: {taken.executions} executions and "
        f"{taken.movements} movements of cash are new, {taken.known} executions were known"
    )
    yield from (f"  LEFT OUT {count} times: {why}" for why, count in sorted(taken.left_out.items()))
    yield from (f"  OTHERWISE THAN TOLD: {words}" for words in taken.differing)
    if taken.too_old:
        yield (
            f"  TOO OLD to be booked by itself: {', '.join(taken.too_old)}; what differs shows at the next "
            f"settling, and `nightdesk adopt {book}` takes it over"
        )
