"""What settling keeps beside the ledger: where orders stand, and what differs, of which people are told."""

from __future__ import annotations

from collections.abc import Sequence

from nightdesk.execution.repairs import Difference, MoveOrder, RefuseFill, Repair
from nightdesk.pipeline.context import Context
from nightdesk.pipeline.saving import Saver
from nightdesk.store.executions import refuse_execution
from nightdesk.store.messages import raise_alert
from nightdesk.store.orders import move_orders
from nightdesk.store.risk import set_kill_switch


def keep(context: Context, save: Saver, repairs: Sequence[Repair]) -> None:
    """Keep what the repairs of a session say of orders, refused executions and differences.

    Parameters
    ----------
    context : Context
        The session.
    save : Saver
        Its open transaction, of an unsealed session.
    repairs : sequence of Repair
        See `nightdesk.execution.reconciling.plan_repairs`.
    """
    move_orders(context.conn, context.session, [one for one in repairs if isinstance(one, MoveOrder)])
    for one in repairs:
        if isinstance(one, RefuseFill):
            tell_refused(context, one)
    _keep_differences(context, save, [one for one in repairs if isinstance(one, Difference)])


def tell_refused(context: Context, one: RefuseFill) -> None:
    """Keep why an execution is not booked, and ask a person to look it up."""
    fill, book = one.fill, context.book.name
    refuse_execution(context.conn, book, fill.execution_id, one.reason)
    raise_alert(
        context.conn,
        f"fill {book} {fill.execution_id}",
        "CRITICAL",
        f"{book}: the broker reports a fill that cannot be ours",
        f"Execution {fill.execution_id}: {fill.side} {fill.quantity} {fill.symbol} at {fill.price} "
        f"for order {fill.client_order_id or 'of somebody else'}: {one.reason}. It was not booked. "
        "Look it up at the broker.",
        book=book,
        session=context.session,
    )


def _keep_differences(context: Context, save: Saver, differences: Sequence[Difference]) -> None:
    """Store the differences; one beyond the tolerance stops entries and asks a person."""
    book, session = context.book.name, context.session
    rows = [
        {
            "item": one.item,
            "ledger_value": one.ledger_value,
            "broker_value": one.broker_value,
            "outcome": "tolerated" if one.tolerated else "asked",
        }
        for one in differences
    ]
    save.rows("reconciliations", rows)
    asked = [one for one in differences if not one.tolerated]
    if asked:
        words = _words(asked)
        key, reason = f"reconciliation {book} {session}", f"ledger and broker differ at {session}: {words}"
        set_kill_switch(context.conn, book, on=True, reason=reason, who="settle", session=session, key=key)
        raise_alert(
            context.conn,
            key,
            "CRITICAL",
            f"{book}: ledger and broker differ",
            f"{reason}. Nothing was overwritten; nothing is opened until a person has looked: "
            f'`nightdesk adopt {book} --reason "..."` takes the broker\'s figures over, '
            f'`nightdesk resume {book} --reason "..."` lets it trade again.',
            book=book,
            session=session,
        )
    elif differences:
        raise_alert(
            context.conn,
            f"tolerated {book} {session}",
            "WARNING",
            f"{book}: small differences to the broker were booked",
            f"{_words(differences)}. They are within the book's tolerance (broker.tolerance).",
            book=book,
            session=session,
        )


def _words(differences: Sequence[Difference]) -> str:
    return "; ".join(
        f"{one.item}: ledger {one.ledger_value}, broker {one.broker_value}" for one in differences
    )
