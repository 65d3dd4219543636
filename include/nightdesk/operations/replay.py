"""Deciding a span of past sessions in one process, and anew: the one way to change a sealed session.

The command line and the DAG ``replay__BOOK`` walk the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from nightdesk.brokers import make
from nightdesk.core.calendar import as_instant
from nightdesk.core.errors import Refused
from nightdesk.core.schedule import Schedule
from nightdesk.session.context import Context
from nightdesk.session.sequencing import await_turn
from nightdesk.session.steps import run_session
from nightdesk.store.db import Connection, book_lock, now, transaction
from nightdesk.store.rebuild_rows import Rebuild, add_rebuild, find_rebuild
from nightdesk.store.rewind import clear_from
from nightdesk.store.run_rows import latest_closed

if TYPE_CHECKING:
    from nightdesk.session.steps import Counts

#: Of one task of the DAG at most: longer ones would lose much to a machine that dies.
LONGEST_CHUNK = 500
#: Airflow maps a task over so many at most.
MOST_CHUNKS = 1000


@dataclass(frozen=True)
class Walked:
    """What a walk over decisions has done.

    Attributes
    ----------
    decided : int
        Decisions that were made, or made anew.
    skipped : int
        Those that were closed already.
    compared : int
        Sealed ones that were computed again.
    differing : tuple of datetime
        Of these, the ones that would come out differently now.
    """

    decided: int = 0
    skipped: int = 0
    compared: int = 0
    differing: tuple[datetime, ...] = ()


def due_decisions(
    conn: Connection, schedule: Schedule, calendar: str, first: date, last: date | None = None
) -> tuple[datetime, ...]:
    """The decisions of a span of sessions that can be made by now, ascending.

    Parameters
    ----------
    conn : Connection
        Whose clock says what is over.
    schedule : Schedule
        When the book decides.
    calendar : str
        Its exchange calendar, for the words of a refusal.
    first : date
    last : date, optional
        Default: the newest session that can be decided.

    Raises
    ------
    Refused
        When the span ends before it begins, lies ahead, or holds no session.
    """
    completed = schedule.latest_completed(now(conn))
    newest = schedule.session_of(completed)
    if first > newest:
        raise Refused(f"{first} is not over: the newest session that can be decided is {newest}")
    last = newest if last is None else last
    if last < first:
        raise Refused(f"the span ends ({last}) before it begins ({first})")
    if last > newest:
        raise Refused(f"{last} is not over: the newest session that can be decided is {newest}")
    decisions = tuple(as_instant(one) for one in schedule.instants(first, last))
    found = tuple(one for one in decisions if one <= completed)
    if not found:
        raise Refused(f"there is no session of {calendar} from {first} to {last}: widen the span")
    return found


def chunks_of(decisions: Sequence[datetime], size: int) -> list[Sequence[datetime]]:
    """The decisions in pieces of one size, the last one smaller.

    Raises
    ------
    Refused
        When the size is out of its bounds, or makes more pieces than Airflow maps a task over.
    """
    if not 1 <= size <= LONGEST_CHUNK:
        raise Refused(f"chunk: found {size}; expected 1 to {LONGEST_CHUNK} decisions a task")
    if len(decisions) > size * MOST_CHUNKS:
        raise Refused(
            f"chunk: {len(decisions):,} decisions in pieces of {size} are more than {MOST_CHUNKS} tasks: "
            f"name at least {-(-len(decisions) // MOST_CHUNKS)}"
        )
    return [decisions[at : at + size] for at in range(0, len(decisions), size)]


def walk(
    context: Context,
    decisions: Sequence[datetime],
    tell: Callable[[datetime, Mapping[str, Counts]], None],
    *,
    compare: bool,
) -> Walked:
    """Run the steps of decisions one after the other, in this process.

    Parameters
    ----------
    context : Context
        The book, at any of its decisions.
    decisions : sequence of datetime
        Ascending.
    tell : callable
        Is told of each decision and what its steps did; empty for one that was skipped.
    compare : bool
        Whether decisions that are closed already are computed again and compared, or left out: so a walk that
        was cut off goes on where it was.

    Raises
    ------
    NotYet
        When the decision before the first is not closed in time, or another run keeps the book's turn.
    """
    closed = None if compare else latest_closed(context.conn, context.book.name)
    left = [one for one in decisions if closed is None or one > closed]
    for one in decisions[: len(decisions) - len(left)]:
        tell(one, {})
    compared, differing = 0, []
    if left:
        await_turn(context.at(left[0]))
    for as_of in left:
        steps = run_session(context.at(as_of))
        compared += any("sealed" in one for one in steps.values())
        if any(one.get("differs") for one in steps.values()):
            differing.append(as_of)
        tell(as_of, steps)
    return Walked(len(left) - compared, len(decisions) - len(left), compared, tuple(differing))


def rewind(context: Context) -> tuple[datetime, ...]:
    """Take a book, with its paper accounts, back to before the context's decision.

    What was decided from that one on is cleared in one transaction. Running the cleared decisions in order
    then decides them on what is known now: a correction of the bars since is seen.

    Parameters
    ----------
    context : Context
        The first decision to make anew.

    Returns
    -------
    tuple of datetime
        The decisions that were cleared, ascending.

    Raises
    ------
    Refused
        When the book trades with a broker that is not simulated: what it did cannot be taken back.
    Transient
        When another run works on the book.
    """
    book = context.book
    with book_lock(context.conn, book.name, context.turn_seconds), transaction(context.conn):
        brokers = [make(book.in_account(name), context.conn) for name in book.account_names]
        real = sorted({broker.kind for broker in brokers if not broker.simulated})
        if real:
            raise Refused(
                f"book {book.name} trades with {', '.join(real)}: "
                "its sessions cannot be decided anew, only compared"
            )
        cleared = clear_from(context.conn, book.name, context.as_of, context.session)
        for broker in brokers:
            broker.take_back(context.as_of)
    return cleared


def rewind_once(context: Context, asked: Rebuild) -> tuple[datetime, ...]:
    """As `rewind`, for a run of a DAG: only the first call of a run takes the book back.

    A task of it that is cleared, retried or alive twice finds that the run has done so, and what it cleared.

    Raises
    ------
    Refused
        Beside those of `rewind`: when no reason is given, or the run has rebuilt another span before.
    """
    if not asked.reason.strip():
        raise Refused("a rebuild wants a reason: why is the book decided anew?")
    with book_lock(context.conn, asked.book, context.turn_seconds), transaction(context.conn):
        known = find_rebuild(context.conn, asked.dag_id, asked.run_id)
        if known is None:
            cleared = rewind(context)
            add_rebuild(context.conn, asked, cleared)
            return cleared
    before, decisions = known
    if before.from_as_of != asked.from_as_of:
        raise Refused(
            f"this run has taken {asked.book} back to {before.from_as_of:%Y-%m-%d %H:%M} UTC already: "
            "trigger a new one for another span"
        )
    return decisions
