"""What reconciling leaves to be kept and told: where orders stand, executions that were refused or corrected,
differences, positions in dispute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightdesk.accounting.reconciliation import AWAITED
from nightdesk.accounting.repairs import (
    CorrectFill,
    Difference,
    Dispute,
    LackCommission,
    MoveOrder,
    RefuseFill,
    Repair,
)
from nightdesk.orders.fills import Fill
from nightdesk.session.broker_session import in_words
from nightdesk.session.context import Context
from nightdesk.session.notices import Condition, Look, notice
from nightdesk.session.writing import Saver
from nightdesk.store.alert_spells import AlertSpell, Kind
from nightdesk.store.execution_rows import refuse_execution
from nightdesk.store.kill_switch_rows import set_kill_switch
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.order_rows import move_orders

_DISPUTES: tuple[Kind, ...] = ("dispute",)


def keep(context: Context, save: Saver, repairs: Mapping[str, Sequence[Repair]]) -> None:
    """Keep what the repairs of a session say of orders, refused executions, differences and disputes.

    Parameters
    ----------
    context : Context
        The session.
    save : Saver
        Its open transaction, of an unsealed session.
    repairs : mapping of account to sequence of Repair
        See `agree`.
    """
    told = [(account, one) for account, several in repairs.items() for one in several]
    moves = [one for _, one in told if isinstance(one, MoveOrder)]
    move_orders(context.conn, context.as_of, context.session, moves)
    for account, one in told:
        if isinstance(one, RefuseFill):
            _tell_refused(context, account, one)
        elif isinstance(one, CorrectFill):
            _tell_corrected(context, account, one)
        elif isinstance(one, LackCommission):
            _tell_lacking(context, account, one.fill)
    differences = [(account, one) for account, one in told if isinstance(one, Difference)]
    _keep_differences(context, save, differences)
    disputed = [(account, one) for account, one in told if isinstance(one, Dispute)]
    _keep_disputes(context, save, disputed, differences)


def _tell_refused(context: Context, account: str, one: RefuseFill) -> None:
    """Keep why an execution is not booked, and ask a person to look it up."""
    fill, book = one.fill, context.book.name
    refuse_execution(context.conn, book, account, fill.execution_id, one.reason)
    raise_alert(
        context.conn,
        f"fill {book} {fill.execution_id}",
        "CRITICAL",
        f"{book}: the broker reports a fill that cannot be ours",
        f"Execution {in_words(context, account, fill.execution_id)}: {fill.side} {fill.quantity} "
        f"{fill.symbol} at {fill.price} for order {fill.client_order_id or 'of somebody else'}: "
        f"{one.reason}. It was not booked. "
        "Look it up at the broker.",
        book=book,
        session=context.session,
    )


def _tell_corrected(context: Context, account: str, one: CorrectFill) -> None:
    fill, before, book = one.fill, one.before, context.book.name
    raise_alert(
        context.conn,
        f"corrected {book} {fill.execution_id}",
        "WARNING",
        f"{book}: the broker has corrected an execution",
        f"Execution {in_words(context, account, before.execution_id)} of order {fill.client_order_id} was "
        f"booked as {before.side} {before.quantity} {before.symbol} at {before.price}. The broker tells it "
        f"as {fill.quantity} at {fill.price} now ({fill.execution_id}): the difference is booked. Nothing is "
        "to be done.",
        book=book,
        session=context.session,
    )


def _tell_lacking(context: Context, account: str, fill: Fill) -> None:
    """Tell, once, that the commission of an execution of an earlier session is still to come."""
    book = context.book.name
    raise_alert(
        context.conn,
        f"commission {book} {fill.execution_id}",
        "WARNING",
        f"{book}: the broker has not told the commission of an execution",
        f"Execution {in_words(context, account, fill.execution_id)}: {fill.side} {fill.quantity} "
        f"{fill.symbol} at {fill.price} of {fill.session} is booked without a commission. It is booked "
        "when it is told; until then cash may lack so much at the broker. A statement of the day has it.",
        book=book,
        session=context.session,
    )


def _keep_differences(context: Context, save: Saver, differences: Sequence[tuple[str, Difference]]) -> None:
    """Store the differences; one beyond the tolerance stops entries and asks a person."""
    book, session, name = context.book.name, context.session, context.name
    rows = [
        {
            "account": account,
            "item": one.item,
            "ledger_value": one.ledger_value,
            "broker_value": one.broker_value,
            "outcome": "tolerated" if one.tolerated else "asked",
        }
        for account, one in differences
    ]
    save.rows("reconciliations", rows)
    asked = [(account, one) for account, one in differences if not one.tolerated]
    if asked:
        words = _words(context, asked)
        key, reason = f"reconciliation {book} {name}", f"ledger and broker differ at {name}: {words}"
        set_kill_switch(
            context.conn, book, on=True, reason=reason, who="settle", session=session,
            after=context.previous, key=key,
        )  # fmt: skip
        raise_alert(
            context.conn,
            key,
            "CRITICAL",
            f"{book}: ledger and broker differ",
            f"{reason}. Nothing was overwritten. No order goes out in a symbol that differs, and nothing is "
            "opened until a person has looked: "
            f'`nightdesk adopt {book} --reason "..."` takes the broker\'s figures over, '
            f'`nightdesk resume {book} --reason "..."` lets it trade again.',
            book=book,
            session=session,
        )
    elif differences:
        raise_alert(
            context.conn,
            f"tolerated {book} {name}",
            "WARNING",
            f"{book}: small differences to the broker were booked",
            f"{_words(context, differences)}. They are within the tolerance of the account "
            f"({'broker' if context.book.broker is not None else 'accounts.NAME'}.tolerance).",
            book=book,
            session=session,
        )


def _keep_disputes(
    context: Context,
    save: Saver,
    disputes: Sequence[tuple[str, Dispute]],
    differences: Sequence[tuple[str, Difference]],
) -> None:
    """Store the positions in dispute; of those that no other alert tells of, people are told once a spell.

    An order that is waited for no longer stops the book: what became of it is for a person to find out.
    """
    book, session = context.book.name, context.session
    save.rows(
        "disputed_positions",
        [
            {
                "account": account,
                "symbol": one.symbol,
                "ledger_value": one.ledger_value,
                "claimed_value": one.claimed_value,
                "reason": one.reason,
            }
            for account, one in disputes
        ],
    )
    if context.book.simulated:
        return  # its accounts are the desk's own: nothing of them was ever in dispute
    differing = {one.item for _, one in differences if not one.tolerated}
    notice(
        context.conn,
        Look(book, _DISPUTES, context.name, session),
        [_condition(one) for _, one in disputes if one.orders and one.symbol not in differing],
        lambda spell: _over(spell, differing),
    )
    for _, one in disputes:
        if one.given_up:
            _give_up(context, one)


def _condition(one: Dispute) -> Condition:
    return Condition(
        "dispute",
        one.symbol,
        "CRITICAL",
        f"{one.symbol}: {one.reason}. The ledger holds {one.ledger_value}; if that is true the account holds "
        f"{one.claimed_value}.",
        "The broker was asked several times. No order goes out in these symbols, and nothing is opened at "
        "all, until its answers agree; every settling asks again, and books what it then tells. Look at the "
        f"broker's own page. After {AWAITED.days} days an order is waited for no longer, and the book is "
        "stopped.",
    )


def _over(spell: AlertSpell, differing: set[str]) -> str | None:
    """The end of a dispute in words; none where an alert tells of the difference that has become of it."""
    if spell.subject in differing:
        return None
    return f"{spell.subject}: the broker's answers agree again; orders go out again."


def _give_up(context: Context, one: Dispute) -> None:
    book, session, orders = context.book.name, context.session, ", ".join(one.orders)
    key = f"given up {book} {orders}"
    reason = f"{one.symbol}: {one.reason}, {AWAITED.days} days after its decision"
    set_kill_switch(
        context.conn, book, on=True, reason=reason, who="settle", session=session, after=context.previous,
        key=key,
    )  # fmt: skip
    raise_alert(
        context.conn,
        key,
        "CRITICAL",
        f"{book}: {one.symbol}: the executions of an order never came",
        f"{reason}. It is waited for no longer; the ledger holds {one.ledger_value} {one.symbol}. Find out "
        f'at the broker what became of it. `nightdesk adopt {book} --reason "..."` takes over what differs, '
        f'`nightdesk resume {book} --reason "..."` lets the book trade again.',
        book=book,
        session=session,
    )


def _words(context: Context, differences: Sequence[tuple[str, Difference]]) -> str:
    return "; ".join(
        in_words(context, account, f"{one.item}: ledger {one.ledger_value}, broker {one.broker_value}")
        for account, one in differences
    )
