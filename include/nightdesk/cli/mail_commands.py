"""`mail`: the mail of a session, a week or a month, to read, to write to a file or to send now."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.book_commands import open_book
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import NEWEST, BookName, Json, Session
from nightdesk.cli.output import say, show

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.store.db import Connection
    from nightdesk.store.mail_rows import MailKind, StoredMail


@app.command(
    epilog=example(
        "nightdesk mail multi_asset",
        "nightdesk mail multi_asset --weekly --to week.eml",
        "nightdesk mail multi_asset --session 2026-11-19 --send",
    )
)
def mail(
    book: BookName,
    session: Session = None,
    weekly: Annotated[
        bool, typer.Option("--weekly", help="Of the ISO week that the session lies in.")
    ] = False,
    monthly: Annotated[bool, typer.Option("--monthly", help="Of the month that it lies in.")] = False,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Write it to a file that mail programs open, as day.eml."),
    ] = None,
    send: Annotated[
        bool, typer.Option("--send", help="Send it now to the routes of the book's INFO alerts.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the mail of a session, by default the newest that was begun; or write or send it.

    It is made anew from what is stored. Mails go out by themselves (`report.mail` of the book); one that is
    sent by hand is one more.
    """
    from nightdesk.operations.mail_by_hand import mail_file, mail_now, send_now
    from nightdesk.session.entry import open_context

    kind = _kind(weekly=weekly, monthly=monthly)
    if to is not None and send:
        raise typer.BadParameter("choose one of them", param_hint="'--to' / '--send'")
    loaded = open_book(book)
    sent: tuple[str, ...] = ()
    with database() as conn:
        when = _newest(conn, loaded) if session in (None, NEWEST) else session
        with open_context(book, when, conn=conn, begun=True) as context:
            made = mail_now(context, kind)
            if to is not None:
                _write(to, mail_file(conn, made))
            if send:
                sent = send_now(conn, loaded, made, os.environ)
    if to is not None:
        say(f"written to {to}")
    document = {
        "book": made.book, "kind": made.kind, "session": made.session, "subject": made.subject,
        "text": made.body, "html": made.html, "to": None if to is None else str(to), "sent": list(sent),
    }  # fmt: skip
    show(document, as_json=json, text=lambda: _lines(made, to, sent))


def _kind(*, weekly: bool, monthly: bool) -> MailKind:
    if weekly and monthly:
        raise typer.BadParameter("choose one of them", param_hint="'--weekly' / '--monthly'")
    return "weekly" if weekly else "monthly" if monthly else "daily"


def _newest(conn: Connection, book: Book) -> date | datetime:
    """The newest decision of which a step was begun."""
    from nightdesk.core.errors import Refused
    from nightdesk.store.run_rows import newest_begun

    found = newest_begun(conn, book.name)
    if found is None:
        raise Refused(
            f"book {book.name} has begun no session, so there is no mail of it: "
            "`nightdesk up` or `nightdesk run` begins it"
        )
    return found


def _write(path: Path, content: bytes) -> None:
    from nightdesk.cli.whole_files import whole_file

    with whole_file(path) as draft:
        draft.write_bytes(content)


def _lines(made: StoredMail, to: Path | None, sent: tuple[str, ...]) -> Iterator[str]:
    if sent:
        yield f"sent to {', '.join(sent)}: {made.subject}"
    elif to is None:
        yield f"Subject: {made.subject}"
        yield ""
        yield from made.body.splitlines()
