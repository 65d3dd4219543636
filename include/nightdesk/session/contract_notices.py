"""The exercise notices that a session books, and what people are told of them."""

from __future__ import annotations

from collections.abc import Iterable

from nightdesk.accounting.exercise_notices import ExerciseNotice, standing
from nightdesk.accounting.ledger import Entry
from nightdesk.accounting.option_life import EARLY
from nightdesk.session.context import Context
from nightdesk.store.exercise_notice_rows import StatedNotice, notices_of
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
    for one in booked:
        _tell_booked(context, one, [entry for entry in entries if entry.reference.startswith(EARLY)])
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


def _tell_booked(context: Context, one: ExerciseNotice, entries: Iterable[Entry]) -> None:
    reference = f"{EARLY}{one.kind}-{one.symbol}-{one.session}"
    shares = [entry for entry in entries if entry.reference == reference and entry.symbol != one.symbol]
    underlying = shares[0].symbol if shares else ""
    units, cash = sum(entry.quantity for entry in shares), sum(entry.cash for entry in shares)
    raise_alert(
        context.conn,
        f"notice {context.book.name} {one.kind} {one.symbol} {one.session} {one.quantity:f}",
        "INFO",
        f"{context.book.name}: {one}",
        f"{one.quantity:f} {one.symbol} ended before their expiry: {units:+f} {underlying} for {cash:+,.2f} "
        f"dollars, before the open of {one.session} ({one.who}: {one.reason}).",
        book=context.book.name,
        session=context.session,
    )
