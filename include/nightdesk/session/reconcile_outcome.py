"""What settling keeps beside the ledger: where orders stand, and what differs, of which people are told."""

from __future__ import annotations

from collections.abc import Sequence

from nightdesk.accounting.reconciliation import AWAITED
from nightdesk.accounting.repairs import Difference, Dispute, MoveOrder, RefuseFill, Repair
from nightdesk.session.context import Context
from nightdesk.session.notices import Condition, Look, notice
from nightdesk.session.writing import Saver
from nightdesk.store.alert_spells import AlertSpell, Kind
from nightdesk.store.execution_rows import refuse_execution
from nightdesk.store.kill_switch_rows import set_kill_switch
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.order_rows import move_orders

_DISPUTES: tuple[Kind, ...] = ("dispute",)


def keep(context: Context, save: Saver, repairs: Sequence[Repair]) -> None:
    """Keep what the repairs of a session say of orders, refused executions, differences and disputes.

    Parameters
    ----------
    context : Context
        The session.
    save : Saver
        Its open transaction, of an unsealed session.
    repairs : sequence of Repair
        See `nightdesk.session.reconcile.agree`.
    """
    moves = [one for one in repairs if isinstance(one, MoveOrder)]
    move_orders(context.conn, context.as_of, context.session, moves)
    for one in repairs:
        if isinstance(one, RefuseFill):
            tell_refused(context, one)
    differences = [one for one in repairs if isinstance(one, Difference)]
    _keep_differences(context, save, differences)
    _keep_disputes(context, save, [one for one in repairs if isinstance(one, Dispute)], differences)


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
    book, session, name = context.book.name, context.session, context.name
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
        key, reason = f"reconciliation {book} {name}", f"ledger and broker differ at {name}: {words}"
        set_kill_switch(context.conn, book, on=True, reason=reason, who="settle", session=session, key=key)
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
            f"{_words(differences)}. They are within the book's tolerance (broker.tolerance).",
            book=book,
            session=session,
        )


def _keep_disputes(
    context: Context, save: Saver, disputes: Sequence[Dispute], differences: Sequence[Difference]
) -> None:
    """Store the positions in dispute; of those that no other alert tells of, people are told once a spell.

    An order that is waited for no longer stops the book: what became of it is for a person to find out.
    """
    book, session = context.book.name, context.session
    save.rows(
        "disputed_positions",
        [
            {
                "symbol": one.symbol,
                "ledger_value": one.ledger_value,
                "claimed_value": one.claimed_value,
                "reason": one.reason,
            }
            for one in disputes
        ],
    )
    if context.book.broker.kind == "paper":
        return  # its account is the desk's own: nothing of it was ever in dispute
    differing = {one.item for one in differences if not one.tolerated}
    notice(
        context.conn,
        Look(book, _DISPUTES, context.name, session),
        [_condition(one) for one in disputes if one.orders and one.symbol not in differing],
        lambda spell: _over(spell, differing),
    )
    for one in disputes:
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
    set_kill_switch(context.conn, book, on=True, reason=reason, who="settle", session=session, key=key)
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


def _words(differences: Sequence[Difference]) -> str:
    return "; ".join(
        f"{one.item}: ledger {one.ledger_value}, broker {one.broker_value}" for one in differences
    )
