"""Letting a stopped book go on: its kill switch is released, or its drawdown level answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nightdesk.core.errors import Refused
from nightdesk.operations.approval import answer, spoken_of, what_waits
from nightdesk.operations.kill_switch import Turned, release
from nightdesk.risk import RiskEvent
from nightdesk.session.auto_stop import Counts, schedule_known
from nightdesk.store.db import Connection, transaction
from nightdesk.store.kill_switch_rows import kill_switch

What = Literal["switch", "level", "both"]


@dataclass(frozen=True)
class Resumed:
    """What was done, and whether the kill switch is still on.

    `released` is None where the switch was not, `answered` where no answer was stored, and `answered_from`
    is the first decision that reads it, in words.
    """

    released: Turned | None
    answered: RiskEvent | None
    stopped: bool
    answered_from: str = ""


def resume(
    conn: Connection, book: str, *, reason: str, who: str, what: What | None = None, approved: bool = True
) -> Resumed:
    """Undo by a person's word what a book is stopped by.

    Parameters
    ----------
    conn : Connection
        Where it is stored; both facts stand or fall together.
    book : str
        Name of a started book.
    reason, who : str
        Why, and the person who says so.
    what : {"switch", "level", "both"}, optional
        What is meant; needed where a book is stopped by both, since one reason seldom serves both.
    approved : bool
        False to say no to the drawdown level: the book goes on waiting.

    Raises
    ------
    Refused
        When nothing stops the book, when both do and `what` is not said, or when there is no such thing to
        undo; or when no reason or person is given.
    """
    meant = ("level" if not approved else None) if what is None else what
    if not approved and meant != "level":
        raise Refused("a no answers the drawdown level alone: leave the kill switch out of it")
    if meant is None:
        meant = _what_stops(conn, book)
    with transaction(conn):
        released = answered = None
        if meant in ("switch", "both"):
            released = release(conn, book, reason=reason, who=who)
        if meant in ("level", "both"):
            answered = answer(conn, book, approved=approved, reason=reason, who=who)
        stopped = kill_switch(conn, book).on
    if answered is None:
        return Resumed(released, None, stopped)
    counts = Counts(answered.session, answered.after)
    return Resumed(released, answered, stopped, counts.name(schedule_known(conn, book)))


def _what_stops(conn: Connection, book: str) -> What:
    switch, waiting = kill_switch(conn, book), what_waits(conn, book)
    if switch.on and waiting is not None:
        since = switch.begins(schedule_known(conn, book))
        raise Refused(
            f"book {book} is stopped by two things. The kill switch is on since {since} "
            f"({switch.who}: {switch.reason}), and level {waiting.episode.level} waits to be "
            f"{'confirmed' if waiting.wanted == 'confirm' else 'reviewed'} since {waiting.episode.since}. "
            "Say which your reason is for: --what switch, --what level or --what both"
        )
    if switch.on:
        return "switch"
    # Where nothing stops it, a level that was answered says by whom.
    return "level" if spoken_of(conn, book) is not None else "switch"
