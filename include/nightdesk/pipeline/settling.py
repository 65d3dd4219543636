"""The step that settles a session: what happened since the last one is booked, reconciled and marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from nightdesk.decision import Market
from nightdesk.errors import Refused
from nightdesk.execution.ledger import Entry, Ledger, capital, mark
from nightdesk.execution.orders import Cross
from nightdesk.execution.repairs import BookFill, Difference, booked_entries
from nightdesk.execution.settling import cross_entries
from nightdesk.pipeline.belated import Belated, morning, tell_unbooked
from nightdesk.pipeline.context import Context
from nightdesk.pipeline.differing import keep
from nightdesk.pipeline.identity import identified
from nightdesk.pipeline.outlook import session_market, session_stale
from nightdesk.pipeline.saving import Outcome, saving
from nightdesk.pipeline.sides import adjustments, agree, agreed, ledger_side
from nightdesk.pipeline.turn import in_turn
from nightdesk.store.ledger import entry_rows, mark_row, position_rows, read_ledger, read_mark
from nightdesk.store.orders import StoredOrder, crosses_of, fill_rows, orders_to_settle
from nightdesk.store.runs import sealed_because


def settle(context: Context) -> Outcome:
    """Book the session's corporate actions and the fills of the orders before it, reconcile, mark the book.

    A sealed session is settled again from what was stored, and compared.

    Raises
    ------
    NotYet
        When the session before is not closed.
    Unreachable
        When the broker does not answer, or an order that was cancelled still works there.
    Refused
        When a symbol is held or ordered that the book no longer names.
    """
    with in_turn(context):
        market, opening = session_market(context), _opening(context)
        waiting = identified(context, orders_to_settle(context.conn, context.book.name, context.session))
        crosses = _crosses(context)
        _refuse_unnamed(context, opening, waiting, crosses)
        first, belated = _first_entries(context, market, opening, crosses)
        ours = ledger_side(context, market, opening, first, waiting)
        adjusted = adjustments(context, ours)
        ours = replace(ours, ledger=ours.ledger.apply(adjusted))
        unsealed = sealed_because(context.conn, context.book.name, context.session) is None
        repairs = agree(context, market, ours, waiting, belated.actions) if unsealed else agreed(context)
        entries = (*first, *adjusted, *booked_entries(repairs, ours))
        ledger = opening.apply(entries)
        fills = [one.fill for one in repairs if isinstance(one, BookFill)]
        with saving(context) as save:
            previous, prices = context.previous_session, market.prices(-1)
            before = None if previous is None else read_mark(context.conn, context.book.name, previous)
            marked = mark(ledger, context.session, prices, before)
            sent = {name: one.order for name, one in ours.orders.items()}
            save.rows("fills", fill_rows(fills, sent, context.desk.fill_terms))
            save.rows("ledger_entries", entry_rows(entries))
            save.rows("positions", position_rows(ledger, prices))
            save.rows("portfolio", [mark_row(marked)])
            stale = session_stale(context, market, ledger)
            save.rows("stale_holdings", [asdict(one) for one in stale])
            late = 0
            if unsealed and save.sealed is None:
                keep(context, save, repairs)
                late = tell_unbooked(context, belated.unbooked)
        return save.outcome(
            fills=len(fills),
            entries=len(entries),
            differences_to_broker=sum(isinstance(one, Difference) for one in repairs),
            late_actions=late,
            booked_late=len(belated.actions),
            **({"stale": "; ".join(map(str, stale))} if stale else {}),
            nav=f"{marked.nav:.2f}",
        )


def _opening(context: Context) -> Ledger:
    """The ledger as the session before left it; empty at the book's inception."""
    if context.previous_session is None:
        return Ledger()
    ledger = read_ledger(context.conn, context.book.name, context.previous_session)
    if ledger is None:
        raise LookupError(f"{context.book.name} {context.previous_session} is closed and has no mark")
    return ledger


def _crosses(context: Context) -> tuple[Cross, ...]:
    """What the session before decided to change hands inside the book."""
    if context.previous_session is None:
        return ()
    return crosses_of(context.conn, context.book.name, context.previous_session)


def _refuse_unnamed(
    context: Context, opening: Ledger, waiting: Sequence[StoredOrder], crosses: Sequence[Cross]
) -> None:
    """Refuse to go on without the bars and units of a symbol that is held or ordered."""
    needed = {one.symbol for one in opening.held()} | {one.order.symbol for one in waiting}
    needed |= {one.symbol for one in crosses}
    unnamed = sorted(needed - set(context.book.symbols))
    if unnamed:
        raise Refused(
            f"{context.book.name} {context.session}: {', '.join(unnamed)} is held or ordered, and the book "
            "no longer names it: put it back into the universe until the position is closed"
        )


def _first_entries(
    context: Context, market: Market, opening: Ledger, crosses: Sequence[Cross]
) -> tuple[tuple[Entry, ...], Belated]:
    """What comes before the fills: the capital at inception, else crosses, interest and corporate actions."""
    if context.previous_session is None:
        return (capital(context.session, context.record.initial_capital),), Belated()
    crossed = cross_entries(crosses, context.session)
    brought, belated = morning(context, market, opening.apply(crossed))
    return crossed + brought, belated
