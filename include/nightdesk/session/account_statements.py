"""A broker's statements of a book's account: taken whole, kept as what the broker told, fetched when due.

A statement tells what the broker's line tells late or never. What the line told of the same execution stays.
Nothing is booked here: the next settling books what is new, as it books what comes over the line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from nightdesk.brokers import statements_of
from nightdesk.brokers.account_statement import AccountStatement
from nightdesk.core.errors import Refused, Transient
from nightdesk.orders.fills import Fill
from nightdesk.session.broker_session import LATE_SESSIONS, in_words
from nightdesk.session.context import Context
from nightdesk.store.db import now, transaction
from nightdesk.store.execution_rows import add_executions, add_movements, executions_since
from nightdesk.store.ledger_rows import latest_marked
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.statement_rows import add_statement, note_statement, statement_standing

if TYPE_CHECKING:
    from nightdesk.orders.broker_account import Movement

#: A broker that gave no statement is not asked again before; making one is work, and it limits how often.
ASKED_AGAIN = timedelta(minutes=30)
#: So long may a statement that is due not come, before people are told.
OVERDUE = timedelta(days=1)

BEFORE_INCEPTION = "before the book began, and within what it began with"

_NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class StatementTaken:
    """What a statement brought.

    Attributes
    ----------
    account : str
        The account of the book.
    first, last : date
        The days that it is of.
    executions, movements : int
        How many of either are new, or more of them is known.
    known : int
        How many executions the broker's line, or another statement, had told already.
    differing : tuple of str
        Executions that were told otherwise, in words: they stay as they were.
    too_old : tuple of str
        Ids of what is new and older than what a settling books: it shows as a difference.
    left_out : mapping of str to int
        How many rows say nothing that can be booked, by reason.
    """

    account: str
    first: date
    last: date
    executions: int
    movements: int
    known: int
    differing: tuple[str, ...] = ()
    too_old: tuple[str, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)


def fetch_when_due(context: Context, account: str) -> None:
    """Fetch a statement of a real account that has them, once a day, and keep what it says.

    One that does not come stops nothing: it is noted, asked for again after `ASKED_AGAIN`, and people are
    told when it is refused or overdue.
    """
    conn, book = context.conn, context.book
    if context.dry_run or book.is_simulated(account):
        return
    source = statements_of(book.in_account(account), context.environ)
    if source is None or not source.can_fetch:
        return
    at = now(conn)
    standing = statement_standing(conn, book.name, account)
    due = _newest_stated(context, at)
    if standing.last_day is not None and standing.last_day >= due:
        return
    if standing.asked_at is not None and at - standing.asked_at < ASKED_AGAIN:
        return
    fault = ""
    try:
        taken = keep_statement(context, account, source.fetch())
        if taken.last < due:
            fault = (
                f"the statement ends on {taken.last}, and {due} is over: its query's period ends too early"
            )
    except (Refused, Transient) as error:
        fault = str(error)
        if isinstance(error, Refused):
            _tell_missing(context, account, standing.failing_since or at, fault)
    note_statement(conn, book.name, account, at, fault)
    if fault and at - (standing.failing_since or at) > OVERDUE:
        _tell_missing(context, account, standing.failing_since or at, fault)


def keep_statement(context: Context, account: str, statement: AccountStatement) -> StatementTaken:
    """Keep what a statement says of one of the book's accounts, all of it or, where something fails, nothing.

    Parameters
    ----------
    context : Context
        The book; who calls holds its lock.
    account : str
        The account's name in the book.
    statement : AccountStatement
        Of that account.
    """
    conn, book = context.conn, context.book.name
    inception, oldest = context.record.inception, _oldest_booked(context)
    fills = [one for one in statement.fills if one.session >= inception]
    moved = [one for one in statement.movements if one.session >= inception]
    before = len(statement.fills) + len(statement.movements) - len(fills) - len(moved)
    left_out = dict(statement.left_out) | ({BEFORE_INCEPTION: before} if before else {})
    with transaction(conn):
        told = _told(context, account, fills)
        new = [one for one in fills if told.get(one.execution_id) is None]
        completed = [one for one in fills if _completes(one, told.get(one.execution_id))]
        added = add_executions(conn, book, account, [*new, *completed])
        shifted = add_movements(conn, book, account, moved)
        add_statement(conn, book, account, _row_of(statement, left_out))
        differing = tuple(_in_words(told[one.execution_id], one) for one in fills if _differs(one, told))
        for words in differing:
            _tell_differing(context, account, words)
    return StatementTaken(
        account=account,
        first=statement.first,
        last=statement.last,
        executions=added,
        movements=shifted,
        known=len(fills) - len(new),
        differing=differing,
        too_old=_too_old(new, moved, oldest),
        left_out=left_out,
    )


def _told(context: Context, account: str, fills: list[Fill]) -> dict[str, Fill]:
    """What is kept of executions, as far back as the given ones reach."""
    if not fills:
        return {}
    after = min(one.session for one in fills) - timedelta(days=10)
    kept = executions_since(context.conn, context.book.name, account, after)
    return {one.execution_id: one for one in kept}


def _completes(stated: Fill, told: Fill | None) -> bool:
    """Whether a statement has the commission that the line still owes."""
    return told is not None and told.commission_pending and _fact(stated) == _fact(told)


def _differs(stated: Fill, told: dict[str, Fill]) -> bool:
    known = told.get(stated.execution_id)
    return known is not None and _fact(known) != _fact(stated)


def _fact(fill: Fill) -> tuple[object, ...]:
    return fill.symbol, fill.side, fill.quantity, fill.price


def _in_words(told: Fill, stated: Fill) -> str:
    def words(one: Fill) -> str:
        return f"{one.side} {one.quantity} {one.symbol} at {one.price}"

    return f"execution {stated.execution_id} was told as {words(told)}, and is stated as {words(stated)}"


def _oldest_booked(context: Context) -> date:
    """The last session that the next settling does not look at any more."""
    settled = latest_marked(context.conn, context.book.name)
    due = context.as_of if settled is None else context.schedule.after(settled)
    return context.calendar.shift(context.schedule.session_of(due), -LATE_SESSIONS)


def _too_old(fills: list[Fill], moved: list[Movement], oldest: date) -> tuple[str, ...]:
    # A dividend is matched with what the ledger has booked, and books nothing by itself.
    booked = [one for one in moved if one.kind in ("fee", "interest", "borrow")]
    return (
        *(one.execution_id for one in fills if one.session <= oldest),
        *(one.movement_id for one in booked if one.session <= oldest),
    )


def _row_of(statement: AccountStatement, left_out: dict[str, int]) -> dict[str, object]:
    return {
        "first_day": statement.first,
        "last_day": statement.last,
        "generated_at": statement.generated_at,
        "executions": len(statement.fills),
        "movements": len(statement.movements),
        "left_out": left_out,
    }


def _newest_stated(context: Context, at: datetime) -> date:
    """The newest session that a statement can be of: they are made in the night after it."""
    today = at.astimezone(_NEW_YORK).date()
    sessions = context.calendar.between(today - timedelta(days=14), today - timedelta(days=1))
    newest: date = sessions[-1].item()
    return newest


def _tell_missing(context: Context, account: str, since: datetime, error: str) -> None:
    book = context.book.name
    raise_alert(
        context.conn,
        f"statement {book} {account} {since:%Y-%m-%d}",
        "WARNING",
        f"{book}: the broker's statement does not come",
        f"{in_words(context, account, error)}. Without it dividends, interest and fees show as differences "
        "of cash, and what the broker executed while nobody asked stays unknown. Put it right, or fetch the "
        f"statement by hand and give it to `nightdesk statement {book} --file F`.",
        book=book,
    )


def _tell_differing(context: Context, account: str, words: str) -> None:
    book = context.book.name
    raise_alert(
        context.conn,
        f"statement {book} {account} {words}",
        "WARNING",
        f"{book}: the broker states an execution otherwise than it told it",
        f"{in_words(context, account, words)}. What was told stays; look it up at the broker. Where its "
        "statement is right, the difference shows at the next settling, and "
        f'`nightdesk adopt {book} --reason "..."` takes it over.',
        book=book,
    )
