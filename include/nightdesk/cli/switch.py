"""`kill` and `resume`: the kill switch of a book and its release."""

from __future__ import annotations

from datetime import date

from nightdesk.cli.app import app, example
from nightdesk.cli.books import open_book
from nightdesk.cli.machine import database
from nightdesk.cli.options import BookName, Json, Reason
from nightdesk.cli.output import show


@app.command(epilog=example('nightdesk kill multi_asset --reason "prices of GLD look wrong"'))
def kill(book: BookName, reason: Reason, json: Json = False) -> None:
    """Stop a book from adding risk, until `resume`.

    Entries are blocked and orders that would add risk are not sent; reductions pass.
    """
    _turn(book, on=True, reason=reason, json=json)


@app.command(epilog=example('nightdesk resume multi_asset --reason "the vendor has corrected them"'))
def resume(book: BookName, reason: Reason, json: Json = False) -> None:
    """Release the kill switch of a book."""
    _turn(book, on=False, reason=reason, json=json)


def _turn(name: str, *, on: bool, reason: str, json: bool) -> None:
    import getpass

    from nightdesk.calendar import get_calendar
    from nightdesk.errors import Refused
    from nightdesk.store.books import book_record
    from nightdesk.store.risk import kill_switch, set_kill_switch
    from nightdesk.store.runs import latest_closed

    book = open_book(name)
    with database() as conn:
        record = book_record(conn, book.name)
        if record is None:
            raise Refused(
                f"book {book.name} was never started, so it trades nothing: "
                "`nightdesk up` or `nightdesk run` starts it"
            )
        closed = latest_closed(conn, book.name)
        counts_from = record.inception if closed is None else get_calendar(book.calendar).shift(closed, 1)
        standing = kill_switch(conn, book.name, date.max)
        if standing.on == on:
            state = (
                f"stopped since {standing.session} by {standing.who}: {standing.reason}"
                if on
                else "not stopped"
            )
            raise Refused(f"book {book.name} is {state}")
        who = getpass.getuser()
        set_kill_switch(conn, book.name, on=on, reason=reason, who=who, session=counts_from)
    word = "stopped" if on else "released"
    show(
        {"book": book.name, "kill_switch": on, "session": counts_from, "reason": reason, "who": who},
        as_json=json,
        text=lambda: [f"{book.name} is {word} from the decision of {counts_from} on ({who}: {reason})"],
    )
