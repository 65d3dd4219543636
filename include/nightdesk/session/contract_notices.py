"""The exercise notices that a session books, and what people are told of them."""

from __future__ import annotations

from collections.abc import Iterable

from nightdesk.accounting.exercise_notices import ExerciseNotice, standing
from nightdesk.accounting.ledger import Entry
from nightdesk.session.context import Context
from nightdesk.store.exercise_notice_rows import StatedNotice, notices_of
from nightdesk.store.ledger_rows import read_entries
from nightdesk.store.message_rows import raise_alert


def underlyings(context: Context) -> dict[str, str]:
    """The underlying of each option that the book names."""
    named = context.desk.contracts.items()
    return {symbol: one.underlying for symbol, one in named if one.option is not None}


def has_options(context: Context) -> bool:
    """Whether the book names an option: no other book reads notices."""
    return bool(underlyings(context))


def session_notices(context: Context) -> tuple[ExerciseNotice, ...]:
    """The notices that count in the session, by what was known at its decision."""
    known_by = context.known_by()
    return standing(one.notice for one in _stated(context) if one.known_at <= known_by)


def _stated(context: Context) -> tuple[StatedNotice, ...]:
    first = context.schedule.first_of(context.session)
    if context.as_of != first or not has_options(context):
        return ()
    return notices_of(context.conn, context.book.name, context.session)


def tell_notices(context: Context, entries: Iterable[Entry]) -> int:
    """Tell people what was exercised and assigned, and of notices that came after the decision had begun.

    Parameters
    ----------
    context : Context
        The session, in the transaction that stores it.
    entries : iterable of Entry
        All of the session.

    Returns
    -------
    int
        How many notices were booked.
    """
    stated = _stated(context)
    if not stated:
        return 0
    known_by, book = context.known_by(), context.book.name
    booked = standing(one.notice for one in stated if one.known_at <= known_by)
    moved = tuple(entries)
    for one in booked:
        raise_alert(
            context.conn,
            f"notice {book} {one.kind} {one.symbol} {one.session} {one.quantity:f}",
            "INFO",
            f"{book}: {one}",
            _booked_words(one, moved),
            book=book,
            session=context.session,
        )
    for late in (one.notice for one in stated if one.known_at > known_by):
        raise_alert(
            context.conn,
            f"notice too late {book} {late.kind} {late.symbol} {late.session} {late.quantity:f}",
            "CRITICAL",
            f"{book}: an exercise notice came too late to be booked",
            f"The {late} was stated after the decision of that session had begun, so the ledger does not "
            "hold it. State it for the next session, or on a paper book decide anew: `nightdesk replay "
            f"{book} --from {late.session} --rebuild`.",
            book=book,
            session=context.session,
        )
    return len(booked)


def early_ends(context: Context) -> tuple[str, ...]:
    """What was exercised and assigned before the open of the session, and what came too late for it, in
    sentences for its page.
    """
    stated = _stated(context)
    if not stated:
        return ()
    known_by = context.known_by()
    entries = read_entries(context.conn, context.book.name, context.as_of, context.as_of)
    return (
        *(
            _booked_words(one, entries)
            for one in standing(one.notice for one in stated if one.known_at <= known_by)
        ),
        *(
            f"Not booked, as it came after the decision had begun: {one.notice} ({_said(one.notice)})."
            for one in stated
            if one.known_at > known_by
        ),
    )


def _booked_words(one: ExerciseNotice, entries: Iterable[Entry]) -> str:
    """What a notice ended, and the shares and dollars that moved."""
    shares = [entry for entry in entries if entry.reference == one.reference and entry.symbol != one.symbol]
    underlying = shares[0].symbol if shares else ""
    units, cash = sum(entry.quantity for entry in shares), sum(entry.cash for entry in shares)
    return (
        f"{one.kind.capitalize()} of {one.quantity:f} {one.symbol} before the open of {one.session}: "
        f"{units:+f} {underlying} for {cash:+,.2f} dollars ({_said(one)})."
    )


def _said(one: ExerciseNotice) -> str:
    return f"{one.who}: {one.reason}"
