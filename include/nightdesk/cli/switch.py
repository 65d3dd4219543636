"""`kill` and `resume`: the kill switch of a book and its release."""

from __future__ import annotations

from nightdesk.cli.app import app, example
from nightdesk.cli.books import open_book
from nightdesk.cli.machine import database
from nightdesk.cli.options import BookName, Json, Reason
from nightdesk.cli.output import show


@app.command(epilog=example('nightdesk kill multi_asset --reason "prices of GLD look wrong"'))
def kill(book: BookName, reason: Reason, json: Json = False) -> None:
    """Stop a book from adding risk, until `resume`.

    Entries are blocked, orders that would add risk are not sent, and those that wait at the broker are
    cancelled; reductions pass.
    """
    _turn(book, on=True, reason=reason, json=json)


@app.command(epilog=example('nightdesk resume multi_asset --reason "the vendor has corrected them"'))
def resume(book: BookName, reason: Reason, json: Json = False) -> None:
    """Release the kill switch of a book."""
    _turn(book, on=False, reason=reason, json=json)


def _turn(name: str, *, on: bool, reason: str, json: bool) -> None:
    import getpass

    from nightdesk.pipeline import switching

    book, who = open_book(name), getpass.getuser()
    turn, word = (switching.kill, "stopped") if on else (switching.release, "released")
    with database() as conn:
        turned = turn(conn, book, reason=reason, who=who)
    show(
        {
            "book": book.name,
            "kill_switch": on,
            "session": turned.session,
            "reason": reason,
            "who": who,
            "cancelled": turned.cancelled,
        },
        as_json=json,
        text=lambda: [
            f"{book.name} is {word} from the decision of {turned.session} on ({who}: {reason})",
            *(f"cancelled: {one}" for one in turned.cancelled),
        ],
    )
