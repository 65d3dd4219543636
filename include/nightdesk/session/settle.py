"""The step that settles a session: what happened since the last one is booked, reconciled and marked.

What happened is the period between two decisions, with the actions that became known after their session was
settled, the executions of the orders that waited, and what a person took over from the broker. The comparison
with the broker is in `nightdesk.session.reconcile`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal

from nightdesk.accounting.account_marks import account_marks
from nightdesk.accounting.booking import cross_entries
from nightdesk.accounting.ledger import Entry, Ledger, Mark
from nightdesk.accounting.period import Period, accrual_terms
from nightdesk.accounting.repairs import (
    BookFill,
    CorrectFill,
    Difference,
    LedgerSnapshot,
    Repair,
    booked_entries,
)
from nightdesk.accounting.settlement import Accrued, Executed, Opening, Settlement, at_close
from nightdesk.accounting.settlement import settle as settle_period
from nightdesk.core.account_terms import MAIN
from nightdesk.core.errors import Refused
from nightdesk.engine import Market
from nightdesk.engine.inputs import since_close
from nightdesk.orders.fills import Fill
from nightdesk.orders.order import Cross, Order
from nightdesk.session.belated_actions import UnbookedAction, belated_actions, tell_unbooked
from nightdesk.session.context import Context
from nightdesk.session.contract_notices import session_notices, tell_notices
from nightdesk.session.financing_costs import tell_financing
from nightdesk.session.funding_due import session_funding, tell_funding
from nightdesk.session.loading import session_market, session_stale
from nightdesk.session.order_identity import identified
from nightdesk.session.reading_ahead import settle_asks
from nightdesk.session.reconcile import adjustments, agree, agreed, ledger_side
from nightdesk.session.reconciled import keep
from nightdesk.session.sequencing import in_turn
from nightdesk.session.writing import Saver, StepOutcome, saving
from nightdesk.store.ahead import reading_once
from nightdesk.store.broker_rows import Adjustment, adjustments_of
from nightdesk.store.ledger_rows import (
    account_mark_rows,
    entry_rows,
    mark_row,
    position_rows,
    positions_of,
    read_ledger,
    read_mark,
)
from nightdesk.store.order_rows import StoredOrder, crosses_of, fill_rows, filled_before, orders_to_settle
from nightdesk.store.run_rows import sealed_because
from nightdesk.store.transfer_rows import transfers_of


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
        start = _start(context)
        waiting = identified(context, start.waiting)

        def execute(accrued: Accrued) -> Agreed:
            return _agreed(context, start, waiting, accrued)

        settled = settle_period(start.opening, [one.order for one in waiting], start.period, execute)
        with saving(context) as save:
            _save(save, settled, context)
            stale = session_stale(context, start.market, settled.ledger)
            save.rows("stale_holdings", [asdict(one) for one in stale])
            told = 0
            if not start.is_sealed and save.sealed is None:
                keep(context, save, settled.executed.repairs)
                told = tell_unbooked(context, start.unbooked)
                tell_financing(context, settled.entries)
                tell_notices(context, settled.entries)
                tell_funding(context, start.notes, settled.entries)
            save.done(
                fills=len(settled.fills),
                entries=len(settled.entries),
                differences_to_broker=sum(
                    isinstance(one, Difference)
                    for repairs in settled.executed.repairs.values()
                    for one in repairs
                ),
                late_actions=told,
                booked_late=len(start.period.late),
                fills_told_late=sum(_is_late(context, one) for one in settled.fills),
                **({"stale": "; ".join(map(str, stale))} if stale else {}),
                nav=f"{settled.mark.nav:.2f}",
            )
        return save.outcome()


def _is_late(context: Context, fill: Fill) -> bool:
    """Whether an execution happened before the decision that came before this one."""
    before = context.previous
    return fill.executed_at is not None and before is not None and fill.executed_at <= before


@dataclass(frozen=True)
class _Start:
    """What is stored when a settling begins.

    Attributes
    ----------
    market : Market
        Up to the session.
    opening : Opening
        The book as the decision before left it.
    period : Period
        What lies between that decision and this one.
    unbooked : tuple of UnbookedAction
        Late actions that the period cannot book.
    notes : tuple of str
        What a person must know of its funding.
    waiting : tuple of StoredOrder
        The orders that were open at that decision.
    booked : mapping of client order id to Decimal
        Units of them that earlier settlings booked.
    adopted : tuple of Adjustment
        What a person took over from the broker for this session.
    is_sealed : bool
        Whether the session is settled again from what was stored.
    """

    market: Market
    opening: Opening
    period: Period
    unbooked: tuple[UnbookedAction, ...]
    notes: tuple[str, ...]
    waiting: tuple[StoredOrder, ...]
    booked: Mapping[str, Decimal]
    adopted: tuple[Adjustment, ...]
    is_sealed: bool


def _start(context: Context) -> _Start:
    conn, book, as_of = context.conn, context.book.name, context.as_of
    with reading_once(conn, settle_asks(context)):
        market, opening, crosses = session_market(context), _opening(context), _crosses(context)
        waiting = orders_to_settle(conn, book, *context.moment)
        _refuse_unnamed(context, opening.ledger, waiting, crosses)
        _refuse_rerouted(context, waiting)
        lived = _period(context, market, opening.ledger, crosses)
        return _Start(
            market=market,
            opening=opening,
            period=lived.period,
            unbooked=lived.unbooked,
            notes=lived.notes,
            waiting=waiting,
            booked=filled_before(conn, book, as_of, [one.order.client_order_id for one in waiting]),
            adopted=adjustments_of(conn, book, as_of),
            is_sealed=sealed_because(conn, book, as_of) is not None,
        )


@dataclass(frozen=True)
class Agreed(Executed):
    """What the broker said of the orders, and all that it brings the ledger to."""

    repairs: Mapping[str, tuple[Repair, ...]] = field(default_factory=dict)
    sent: Mapping[str, Order] = field(default_factory=dict)

    @classmethod
    def of(cls, ours: LedgerSnapshot, adjusted: tuple[Entry, ...], repairs: tuple[Repair, ...]) -> Agreed:
        """The entries of what a person took over in one account, then those of the repairs."""
        return cls(
            entries=(*adjusted, *booked_entries(repairs, ours)),
            fills=tuple(one.fill for one in repairs if isinstance(one, BookFill | CorrectFill)),
            repairs={ours.account: repairs},
            sent={name: one.order for name, one in ours.orders.items()},
        )

    def and_in(self, other: Agreed) -> Agreed:
        """Both together: of several accounts one after the other."""
        return Agreed(
            entries=self.entries + other.entries,
            fills=self.fills + other.fills,
            expired=self.expired + other.expired,
            repairs={**self.repairs, **other.repairs},
            sent={**self.sent, **other.sent},
        )


def _agreed(context: Context, start: _Start, waiting: Sequence[StoredOrder], accrued: Accrued) -> Agreed:
    """What the brokers say of the orders that waited, or what a sealed session was settled by."""
    first, *others = context.book.account_names
    done = _agreed_in(context, first, start, waiting, accrued)
    for account in others:
        done = done.and_in(_agreed_in(context, account, start, waiting, accrued))
    return done


def _agreed_in(
    context: Context, account: str, start: _Start, waiting: Sequence[StoredOrder], accrued: Accrued
) -> Agreed:
    """The same of one account."""
    mine = [one for one in waiting if one.order.account == account]
    period = start.period.within(account)
    ours = ledger_side(context, account, start.market, accrued, mine, start.booked)
    adjusted = adjustments([one for one in start.adopted if one.account == account], ours)
    ours = replace(
        ours,
        ledger=ours.ledger.apply(replace(one, account=MAIN) for one in adjusted),
        at_close=lambda ledger: at_close(ledger, period)[1],
    )
    ours, repairs = agreed(context, ours) if start.is_sealed else agree(context, period, ours, mine)
    return Agreed.of(ours, adjusted, repairs)


def _save(save: Saver, settled: Settlement[Agreed], context: Context) -> None:
    """Keep the fills, the ledger and the mark of the session."""
    prices = settled.period.prices
    save.rows("fills", fill_rows(settled.fills, settled.executed.sent, context.desk.fill_terms))
    save.rows("ledger_entries", entry_rows(settled.entries))
    terms = settled.period.terms
    save.rows("positions", position_rows(settled.ledger, prices, terms.contracts, terms.account_of))
    save.rows("portfolio", [mark_row(_of_the_day(context, settled.mark))])
    if terms.account_of:
        names = context.book.account_names
        marks = account_marks(settled.ledger, prices, names, terms.account_of, terms.contracts)
        save.rows("account_marks", account_mark_rows(marks))


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


@dataclass(frozen=True)
class _Lived:
    """A period, the late actions that it cannot book, and what a person must know of its funding."""

    period: Period
    unbooked: tuple[UnbookedAction, ...] = ()
    notes: tuple[str, ...] = ()


def _period(context: Context, market: Market, opening: Ledger, crosses: tuple[Cross, ...]) -> _Lived:
    """What lies between the decision before and this one."""
    previous, book = context.previous, context.book
    terms = accrual_terms(book, [one for one in book.account_names if book.is_simulated(one)])
    if previous is None:
        return _Lived(market.period(-1, terms, None, capital=context.record.initial_capital))
    passed = cross_entries(crosses, context.session, context.as_of, terms.contracts)
    late = belated_actions(context, opening.apply(passed))
    moved = transfers_of(context.conn, book.name, context.as_of, context.as_of) if terms.account_of else ()
    funding = session_funding(context, opening)
    period = market.period(
        -1,
        terms,
        context.schedule.session_of(previous),
        crosses=crosses,
        late=late.actions,
        transfers=moved,
        notices=session_notices(context),
        funding=funding,
    )
    return _Lived(period, late.unbooked, funding.notes)


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


def _refuse_rerouted(context: Context, waiting: Sequence[StoredOrder]) -> None:
    """Refuse to go on where what is held, or ordered, lies in another account than its route says now."""
    book, previous = context.book, context.previous
    if len(book.account_names) == 1 or previous is None:
        return
    lies = {one.order.symbol: one.order.account for one in waiting}
    rows = positions_of(context.conn, book.name, previous)
    lies |= {row["symbol"]: row["account"] for row in rows if row["quantity"]}
    for symbol, account in sorted(lies.items()):
        if account != book.account_of(symbol):
            raise Refused(
                f"{book.name} {context.name}: {symbol} is held or ordered in account {account}, and the book "
                f"sends it to {book.account_of(symbol)} now: keep routes.{symbol}: {account} until the "
                "position is closed"
            )
