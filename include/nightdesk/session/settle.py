"""The step that settles a session: what happened since the last one is booked, reconciled and marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from nightdesk.accounting.booking import cross_entries
from nightdesk.accounting.ledger import Entry, Ledger, Mark
from nightdesk.accounting.period import Period, accrual_terms
from nightdesk.accounting.repairs import BookFill, Difference, LedgerSnapshot, Repair, booked_entries
from nightdesk.accounting.settlement import Accrued, Executed, Opening, Settlement
from nightdesk.accounting.settlement import settle as settle_period
from nightdesk.core.errors import Refused
from nightdesk.engine import Market
from nightdesk.engine.today import since_close
from nightdesk.orders.order import Cross, Order
from nightdesk.session.context import Context
from nightdesk.session.financing_costs import tell_financing
from nightdesk.session.late_booking import UnbookedAction, belated, tell_unbooked
from nightdesk.session.loading import session_market, session_stale
from nightdesk.session.order_identity import identified
from nightdesk.session.reading_ahead import settle_asks
from nightdesk.session.reconcile import adjustments, agree, agreed, ledger_side
from nightdesk.session.reconcile_outcome import keep
from nightdesk.session.sequencing import in_turn
from nightdesk.session.writing import Saver, StepOutcome, saving
from nightdesk.store.ahead import reading_once
from nightdesk.store.broker_rows import adjustments_of
from nightdesk.store.ledger_rows import entry_rows, mark_row, position_rows, read_ledger, read_mark
from nightdesk.store.order_rows import StoredOrder, crosses_of, fill_rows, filled_before, orders_to_settle
from nightdesk.store.run_rows import sealed_because


def settle(context: Context) -> StepOutcome:
    """Book the session's corporate actions and the fills of the orders before it, reconcile, mark the book.

    A sealed session is settled again from what was stored, and compared.

    Raises
    ------
    NotYet
        When the decision before is not closed.
    Unreachable
        When the broker does not answer, or an order that was cancelled still works there.
    Refused
        When a symbol is held or ordered that the book no longer names.
    """
    with in_turn(context):
        conn, book, as_of = context.conn, context.book.name, context.as_of
        with reading_once(conn, settle_asks(context)):
            market, opening = session_market(context), _opening(context)
            waiting = orders_to_settle(conn, book, *context.moment)
            crosses = _crosses(context)
            _refuse_unnamed(context, opening.ledger, waiting, crosses)
            period, unbooked = _period(context, market, opening.ledger, crosses)
            booked = filled_before(conn, book, as_of, [one.order.client_order_id for one in waiting])
            adopted = adjustments_of(conn, book, as_of)
            unsealed = sealed_because(conn, book, as_of) is None
        waiting = identified(context, waiting)

        def execute(accrued: Accrued) -> Agreed:
            ours = ledger_side(context, market, accrued, waiting, booked)
            adjusted = adjustments(adopted, ours)
            ours = replace(ours, ledger=ours.ledger.apply(adjusted))
            repairs = agree(context, period, ours, waiting) if unsealed else agreed(context)
            return Agreed.of(ours, adjusted, repairs)

        settled = settle_period(opening, [one.order for one in waiting], period, execute)
        with saving(context) as save:
            _save(save, settled, context)
            stale = session_stale(context, market, settled.ledger)
            save.rows("stale_holdings", [asdict(one) for one in stale])
            late = 0
            if unsealed and save.sealed is None:
                keep(context, save, settled.executed.repairs)
                late = tell_unbooked(context, unbooked)
                tell_financing(context, settled.entries)
            save.done(
                fills=len(settled.fills),
                entries=len(settled.entries),
                differences_to_broker=sum(isinstance(one, Difference) for one in settled.executed.repairs),
                late_actions=late,
                booked_late=len(period.late),
                **({"stale": "; ".join(map(str, stale))} if stale else {}),
                nav=f"{settled.mark.nav:.2f}",
            )
        return save.outcome()


@dataclass(frozen=True)
class Agreed(Executed):
    """What the broker said of the orders, and all that it brings the ledger to."""

    repairs: tuple[Repair, ...] = ()
    sent: Mapping[str, Order] = field(default_factory=dict)

    @classmethod
    def of(cls, ours: LedgerSnapshot, adjusted: tuple[Entry, ...], repairs: tuple[Repair, ...]) -> Agreed:
        """The entries of what a person took over, then those of the repairs."""
        return cls(
            entries=(*adjusted, *booked_entries(repairs, ours)),
            fills=tuple(one.fill for one in repairs if isinstance(one, BookFill)),
            repairs=repairs,
            sent={name: one.order for name, one in ours.orders.items()},
        )


def _save(save: Saver, settled: Settlement[Agreed], context: Context) -> None:
    """Keep the fills, the ledger and the mark of the session."""
    prices = settled.period.prices
    save.rows("fills", fill_rows(settled.fills, settled.executed.sent, context.desk.fill_terms))
    save.rows("ledger_entries", entry_rows(settled.entries))
    save.rows("positions", position_rows(settled.ledger, prices))
    save.rows("portfolio", [mark_row(_of_the_day(context, settled.mark))])


def _of_the_day(context: Context, mark: Mark) -> Mark:
    """The mark, its day's return measured from the last close where the session has several marks."""
    if not context.is_hourly:
        return mark
    opens = context.schedule.first_of(context.session)
    if context.session == context.record.inception:
        return since_close(mark, None)
    return since_close(mark, read_mark(context.conn, context.book.name, context.schedule.before(opens)))


def _opening(context: Context) -> Opening:
    """The book as the decision before left it; empty at its inception."""
    previous, book = context.previous, context.book.name
    if previous is None:
        return Opening()
    ledger, marked = read_ledger(context.conn, book, previous), read_mark(context.conn, book, previous)
    if ledger is None:
        raise LookupError(f"{book} {context.schedule.name_of(previous)} is closed and has no mark")
    return Opening(ledger, marked, previous)


def _period(
    context: Context, market: Market, opening: Ledger, crosses: tuple[Cross, ...]
) -> tuple[Period, tuple[UnbookedAction, ...]]:
    """What lies between the decision before and this one, and the late actions that it cannot book."""
    previous, book = context.previous, context.book
    terms = accrual_terms(book, simulated=book.broker.kind == "paper")
    if previous is None:
        return market.period(-1, terms, None, capital=context.record.initial_capital), ()
    late = belated(context, market, opening.apply(cross_entries(crosses, context.session, context.as_of)))
    since = context.schedule.session_of(previous)
    return market.period(-1, terms, since, crosses=crosses, late=late.actions), late.unbooked


def _crosses(context: Context) -> tuple[Cross, ...]:
    """What the decision before had change hands inside the book."""
    if context.previous is None:
        return ()
    return crosses_of(context.conn, context.book.name, context.previous)


def _refuse_unnamed(
    context: Context, opening: Ledger, waiting: Sequence[StoredOrder], crosses: Sequence[Cross]
) -> None:
    """Refuse to go on without the bars and units of a symbol that is held or ordered."""
    needed = {one.symbol for one in opening.held()} | {one.order.symbol for one in waiting}
    needed |= {one.symbol for one in crosses}
    unnamed = sorted(needed - set(context.book.symbols))
    if unnamed:
        raise Refused(
            f"{context.book.name} {context.name}: {', '.join(unnamed)} is held or ordered, and the book "
            "no longer names it: put it back into the universe until the position is closed"
        )
