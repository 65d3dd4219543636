"""`kill`, `resume` and `level`: what a person stops a book by, and lets it go on."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, Json, Reason
from nightdesk.cli.output import show

if TYPE_CHECKING:
    from nightdesk.operations.resume import Resumed


class Stopper(StrEnum):
    """What a book may be stopped by."""

    switch = "switch"
    level = "level"
    both = "both"


WhatStops = Annotated[
    Stopper | None,
    typer.Option("--what", help="What the reason is for, where both stop the book.", show_default=False),
]
Reject = Annotated[
    bool, typer.Option("--reject", help="Say no: the book goes on waiting.", show_default=False)
]
Everything = Annotated[
    bool, typer.Option("--everything", help="Stop reductions as well: nothing leaves.", show_default=False)
]


@app.command(epilog=example('nightdesk kill multi_asset --reason "prices of GLD look wrong"'))
def kill(book: BookName, reason: Reason, everything: Everything = False, json: Json = False) -> None:
    """Stop a book from adding risk, until `resume`.

    Entries are blocked, orders that would add risk are not sent, and those that wait at the broker are
    cancelled; reductions pass. With --everything nothing is sent and all that waits is cancelled, what
    protects positions too: they are named. Where the database cannot be reached or written, what waits at the
    broker is cancelled all the same.
    """
    import getpass
    from contextlib import ExitStack

    from nightdesk.core.errors import NightdeskError
    from nightdesk.operations import kill_switch

    name, who = _name_of(book), getpass.getuser()
    with ExitStack() as opened:
        conn, lacking = None, ""
        try:
            conn = opened.enter_context(database())
        except NightdeskError as error:
            lacking = str(error)
        turned = kill_switch.kill(
            conn, name, reason=reason, who=who, everything=everything, file=book, lacking=lacking
        )
    show(
        {
            "book": name,
            "kill_switch": True,
            "session": turned.session,
            "decision": turned.decision,
            "reason": reason,
            "who": who,
            "cancelled": turned.cancelled,
            "interrupted": turned.interrupted,
            "bare": turned.bare,
        },
        as_json=json,
        text=lambda: [
            f"{name} is stopped from the decision of {turned.decision} on ({who}: {reason})",
            *(f"cancelled: {one}" for one in turned.cancelled),
            *(f"{kill_switch.BARE}: {one}" for one in turned.bare),
            *(["another run works on it still: say it again when that has ended"] * turned.interrupted),
        ],
    )


@app.command(
    epilog=example(
        'nightdesk resume multi_asset --reason "the vendor has corrected them"',
        'nightdesk resume multi_asset --reason "too early" --reject',
    )
)
def resume(
    book: BookName, reason: Reason, what: WhatStops = None, reject: Reject = False, json: Json = False
) -> None:
    """Let a book go on that is stopped.

    Releases its kill switch, or says yes where its drawdown level waits for a person: then the book may come
    back, once its market is calm. With --reject it says no to that. Where both stop it, --what says which is
    meant.
    """
    import getpass

    from nightdesk.operations import resume as resume_operation

    name, who = _name_of(book), getpass.getuser()
    with database() as conn:
        done = resume_operation.resume(
            conn, name, reason=reason, who=who, what=None if what is None else what.value, approved=not reject
        )
    counts = [one.session for one in (done.released, done.answered) if one is not None]
    show(
        {
            "book": name,
            "kill_switch": done.stopped,
            "released": done.released is not None,
            "answer": None if done.answered is None else done.answered.kind,
            "session": max(counts),
            "reason": reason,
            "who": who,
        },
        as_json=json,
        text=lambda: _what_was_done(name, done, who, reason),
    )


@app.command(epilog=example('nightdesk level multi_asset 4 --reason "the broker may fail"'))
def level(
    book: BookName,
    number: Annotated[int, typer.Argument(metavar="N", min=1, max=4, help="Drawdown level, 1 to 4.")],
    reason: Reason,
    json: Json = False,
) -> None:
    """Send a book to a deeper drawdown level, as if it had fallen so far.

    The next decision enters it and does its cut: 2 and 3 sell a part of every position, 4 sells everything.
    It is left by its way back alone; at 3 and 4 a person is asked before (`resume`).
    """
    import getpass

    from nightdesk.cli.book_commands import open_book
    from nightdesk.core.schedule import schedule_of
    from nightdesk.operations.set_level import set_level

    found, who = open_book(book), getpass.getuser()
    with database() as conn:
        fact = set_level(conn, found, number, reason=reason, who=who)
    decision = schedule_of(found).name_counted(fact.session, fact.after)
    show(
        {
            "book": found.name,
            "level": number,
            "session": fact.session,
            "decision": decision,
            "reason": reason,
            "who": who,
        },
        as_json=json,
        text=lambda: [
            f"{found.name} goes to drawdown level {number} in the decision of {decision} ({who}: {reason})"
        ],
    )


def _what_was_done(name: str, done: Resumed, who: str, reason: str) -> list[str]:
    by, lines = f"({who}: {reason})", []
    if done.released is not None:
        lines.append(f"{name} is released from the decision of {done.released.decision} on {by}")
    if done.answered is not None:
        told = {
            "review": "its drawdown level is reviewed, and it may come back once calm",
            "confirm": "its drawdown level is confirmed, and it may come back once calm",
            "reject": "its drawdown level is rejected, and it goes on waiting",
        }
        lines.append(f"{name}: {told[done.answered.kind]}, from the decision of {done.answered_from} on {by}")
    return lines


def _name_of(book: str) -> str:
    """A book's name, also of one whose file is gone or broken: it can be stopped all the same."""
    from pathlib import Path

    is_file = "/" in book or book.endswith((".yaml", ".yml"))
    return Path(book).stem if is_file else book  # a book is named like its file
