"""A person, or a file, states that options were exercised or assigned before their expiry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nightdesk.accounting.early_exercise import most_of
from nightdesk.accounting.exercise_notices import ExerciseNotice, check_notice
from nightdesk.accounting.ledger import Ledger
from nightdesk.core.errors import Refused
from nightdesk.session.context import Context
from nightdesk.store.db import book_lock, transaction
from nightdesk.store.exercise_notice_rows import add_notices, notices_of
from nightdesk.store.ledger_rows import latest_marked, read_ledger


def give_notices(
    context: Context, notices: Sequence[ExerciseNotice], *, reason: str, who: str, sealed: bool = False
) -> tuple[ExerciseNotice, ...]:
    """Store notices that the settling of their sessions will book; all of them or none.

    Parameters
    ----------
    context : Context
        The newest decision that was begun.
    notices : sequence of ExerciseNotice
        One with a reason of its own keeps it.
    reason, who : str
        Why, or where it was read, and the person who says so.
    sealed : bool
        Whether they may be of sessions that were begun, of a paper book: they count when those are decided
        anew.

    Returns
    -------
    tuple of ExerciseNotice
        Those that were stored now; what was stated already is left out.

    Raises
    ------
    Refused
        As `check_notice`; when a session was begun; when more contracts are meant than the book holds after
        its newest settling; or when no reason or person is given.
    Transient
        When another run works on the book.
    """
    conn, book = context.conn, context.book
    stated = [replace(one, reason=(one.reason or reason).strip(), who=who.strip()) for one in notices]
    new: list[ExerciseNotice] = []
    with book_lock(conn, book.name, context.turn_seconds), transaction(conn):
        marked = latest_marked(conn, book.name)
        held = None if marked is None else read_ledger(conn, book.name, marked)
        for one in stated:
            if not one.reason or not one.who:
                raise Refused(f"{one}: it wants a reason and a person: who says so, and where was it read?")
            check_notice(one, book)
            if one.session <= context.session:
                _refuse_begun(context, one, sealed=sealed)
            else:
                _refuse_not_held(one, held or Ledger())
            before = {old.notice.key: old.notice for old in notices_of(conn, book.name, one.session)}
            known = before.get(one.key)
            if one.quantity != (0 if known is None else known.quantity):
                new.append(one)
        add_notices(conn, book.name, new)
    return tuple(new)


def _refuse_begun(context: Context, one: ExerciseNotice, *, sealed: bool) -> None:
    book = context.book
    if sealed and all(book.is_simulated(account) for account in book.account_names):
        return
    following = context.schedule.session_of(context.schedule.after(context.schedule.last_of(context.session)))
    raise Refused(
        f"{one}: the session {context.session} was begun, and a notice counts before its session's open. "
        f"Name the next session, {following}. Where it must count in {one.session}: on a paper book state it "
        f"with --sealed, then run `nightdesk replay {context.book.name} --from {one.session} --rebuild`"
    )


def _refuse_not_held(one: ExerciseNotice, held: Ledger) -> None:
    most = most_of(held, one)
    if one.quantity > most:
        side = "holds" if one.kind == "exercise" else "is short"
        raise Refused(
            f"{one}: the book {side} {most:f} of it after its newest settling; correct the quantity, or the "
            f"command: `exercise` is for what is held, `assign` for what was sold short"
        )
