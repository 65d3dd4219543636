"""`kill` and `resume`: the kill switch of a book and its release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine import database
from nightdesk.cli.options import BookName, Json, Reason
from nightdesk.cli.output import show

if TYPE_CHECKING:
    from nightdesk.pipeline.switching import Turned

Everything = Annotated[
    bool, typer.Option("--everything", help="Stop reductions as well: nothing leaves.", show_default=False)
]


@app.command(epilog=example('nightdesk kill multi_asset --reason "prices of GLD look wrong"'))
def kill(book: BookName, reason: Reason, everything: Everything = False, json: Json = False) -> None:
    """Stop a book from adding risk, until `resume`.

    Entries are blocked, orders that would add risk are not sent, and those that wait at the broker are
    cancelled; reductions pass. With --everything nothing is sent and all that waits is cancelled.
    """
    import getpass

    from nightdesk.pipeline import switching

    name, who = _name_of(book), getpass.getuser()
    with database() as conn:
        turned = switching.kill(conn, name, reason=reason, who=who, everything=everything, file=book)
    _tell(name, turned, on=True, reason=reason, who=who, json=json)


@app.command(epilog=example('nightdesk resume multi_asset --reason "the vendor has corrected them"'))
def resume(book: BookName, reason: Reason, json: Json = False) -> None:
    """Release the kill switch of a book."""
    import getpass

    from nightdesk.pipeline import switching

    name, who = _name_of(book), getpass.getuser()
    with database() as conn:
        turned = switching.release(conn, name, reason=reason, who=who)
    _tell(name, turned, on=False, reason=reason, who=who, json=json)


def _name_of(book: str) -> str:
    """A book's name, also of one whose file is broken: it can be stopped all the same."""
    from nightdesk.cli.books import open_book

    is_file = "/" in book or book.endswith((".yaml", ".yml"))
    return open_book(book).name if is_file else book


def _tell(name: str, turned: Turned, *, on: bool, reason: str, who: str, json: bool) -> None:
    word = "stopped" if on else "released"
    show(
        {
            "book": name,
            "kill_switch": on,
            "session": turned.session,
            "reason": reason,
            "who": who,
            "cancelled": turned.cancelled,
        },
        as_json=json,
        text=lambda: [
            f"{name} is {word} from the decision of {turned.session} on ({who}: {reason})",
            *(f"cancelled: {one}" for one in turned.cancelled),
        ],
    )
