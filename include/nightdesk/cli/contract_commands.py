"""`assign`, `exercise` and `notices`: options that end before their expiry, as somebody states it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightdesk.cli.app import app, example
from nightdesk.cli.machine_commands import database
from nightdesk.cli.options import BookName, Json, Reason, day_option
from nightdesk.cli.output import show, table

if TYPE_CHECKING:
    from nightdesk.accounting.exercise_notices import ExerciseNotice, NoticeKind
    from nightdesk.store.db import Connection
    from nightdesk.store.exercise_notice_rows import StatedNotice


def _contracts(text: str | Decimal) -> Decimal:
    if isinstance(text, Decimal):
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise typer.BadParameter(f"{text!r} is no number of contracts: write it as 3")
    return number


Symbol = Annotated[str, typer.Argument(metavar="CONTRACT", help="As in the book: SPY261218C00400000.")]
Quantity = Annotated[
    Decimal,
    typer.Argument(metavar="N", parser=_contracts, help="Contracts; 0 withdraws an earlier notice."),
]
Counts = Annotated[
    date,
    day_option("--session", "The session before whose open it counts, as 2026-11-20."),
]
Sealed = Annotated[
    bool,
    typer.Option(
        "--sealed",
        help="Take it though that session was begun; it counts once that is decided anew (paper only).",
        show_default=False,
    ),
]
From = Annotated[
    Path | None,
    typer.Option(
        "--file",
        metavar="FILE",
        help="State those of a CSV: session, contract, kind, quantity, and reason if you like.",
        show_default=False,
    ),
]


@app.command(
    epilog=example(
        'nightdesk assign my_options SPY261218C00400000 2 --session 2026-11-20 --reason "broker notice"'
    )
)
def assign(
    book: BookName,
    contract: Symbol,
    quantity: Quantity,
    session: Counts,
    reason: Reason,
    sealed: Sealed = False,
    json: Json = False,
) -> None:
    """State that contracts which were sold short were assigned before their expiry.

    They count in the night before the open of the session: the shares move at the strike before its dividends
    and orders. Stated again with another number, that takes the place of the first.
    """
    _give(book, contract, quantity, session, "assignment", reason, sealed=sealed, json=json)


@app.command(
    epilog=example(
        'nightdesk exercise my_options SPY261218C00400000 2 --session 2026-11-20 --reason "for the dividend"'
    )
)
def exercise(
    book: BookName,
    contract: Symbol,
    quantity: Quantity,
    session: Counts,
    reason: Reason,
    sealed: Sealed = False,
    json: Json = False,
) -> None:
    """State that contracts which are held were exercised before their expiry; see `assign`."""
    _give(book, contract, quantity, session, "exercise", reason, sealed=sealed, json=json)


@app.command(
    epilog=example("nightdesk notices my_options", "nightdesk notices my_options --file assigned.csv")
)
def notices(book: BookName, file: From = None, sealed: Sealed = False, json: Json = False) -> None:
    """List what was stated of options that ended early; with --file, state what a file says.

    Of a file all notices are stored or none. Each says whether the ledger holds it.
    """
    import getpass

    from nightdesk.accounting.exercise_notices import read_notices
    from nightdesk.operations.give_notice import give_notices
    from nightdesk.session.entry import open_standing

    with database() as conn, open_standing(book, conn=conn) as context:
        stated: Sequence[ExerciseNotice] = ()
        if file is not None:
            read, words = read_notices(file, context.book), f"stated in {file.name}"
            stated = give_notices(context, read, reason=words, who=getpass.getuser(), sealed=sealed)
        rows = notice_documents(conn, context.book.name, context.session)
    show(
        {"book": context.book.name, "stated": [str(one) for one in stated], "notices": rows},
        as_json=json,
        text=lambda: _lines(context.book.name, [str(one) for one in stated], rows),
    )


def _give(
    book: str,
    contract: str,
    quantity: Decimal,
    session: date,
    kind: NoticeKind,
    reason: str,
    *,
    sealed: bool,
    json: bool,
) -> None:
    import getpass

    from nightdesk.accounting.exercise_notices import ExerciseNotice
    from nightdesk.operations.give_notice import give_notices
    from nightdesk.session.entry import open_standing

    notice, who = ExerciseNotice(session, contract, kind, quantity), getpass.getuser()
    with database() as conn, open_standing(book, conn=conn) as context:
        stored = give_notices(context, [notice], reason=reason, who=who, sealed=sealed)
        name = context.book.name
    words = f"{name}: {notice}" if quantity else f"{name}: the {kind} of {contract} in {session} is withdrawn"
    show(
        {
            "book": name,
            "session": session,
            "contract": contract,
            "kind": kind,
            "quantity": quantity,
            "reason": reason,
            "who": who,
            "stored": bool(stored),
        },
        as_json=json,
        text=lambda: [f"{words} ({who}: {reason})" if stored else f"{words}: it was stated already"],
    )


def notice_documents(
    conn: Connection, book: str, settled: date | None, first: date = date.min
) -> list[dict[str, Any]]:
    """The newest notice of each fact, of the sessions from `first` on, and whether the ledger holds it.

    `settled` is the newest session whose settling was begun; None before the first one.
    """
    from nightdesk.store.exercise_notice_rows import notices_since
    from nightdesk.store.ledger_rows import read_entries

    found = notices_since(conn, book, first)
    newest = {one.notice.key: one for one in found}
    booked = {one.reference for one in read_entries(conn, book)} if found else set()
    return [
        {
            "session": one.notice.session,
            "contract": one.notice.symbol,
            "kind": one.notice.kind,
            "quantity": one.notice.quantity,
            "state": _state(book, settled, one, in_ledger=one.notice.reference in booked),
            "reason": one.notice.reason,
            "who": one.notice.who,
            "known_at": one.known_at,
        }
        for _, one in sorted(newest.items())
    ]


def _state(book: str, settled: date | None, one: StatedNotice, *, in_ledger: bool) -> str:
    if not one.notice.quantity:
        return "booked, and withdrawn since" if in_ledger else "withdrawn"
    if in_ledger:
        return "booked"
    if settled is None or one.notice.session > settled:
        return f"counts before the open of {one.notice.session}"
    return f"NOT BOOKED: nightdesk replay {book} --from {one.notice.session} --rebuild"


def _lines(book: str, stated: Sequence[str], rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield from (f"stated: {one}" for one in stated)
    if not rows:
        yield f"{book}: nothing was stated of options that ended early"
        return
    heads = ("session", "contract", "kind", "quantity", "state", "who", "reason")
    cells = [tuple(f"{row[head]}" for head in heads) for row in rows]
    yield from table(heads, cells, right=("quantity",))
