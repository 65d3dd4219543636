"""The step that settles a session: what happened since the last one is booked, reconciled and marked.

What happened is the period between two decisions, with the actions that became known after their session was
settled, the executions of the orders that waited, and what a person took over from the broker. The comparison
with the broker is in `nightdesk.session.reconcile`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from nightdesk.accounting.account_marks import account_marks
from nightdesk.accounting.booking import cross_entries
from nightdesk.accounting.conversion import IN_LIEU
from nightdesk.accounting.late_actions import LATE, BelatedAction, book_late
from nightdesk.accounting.ledger import Entry, Ledger, Mark
from nightdesk.accounting.period import Period, accrual_terms
from nightdesk.accounting.repairs import BookFill, Difference, LedgerSnapshot, Repair, booked_entries
from nightdesk.accounting.settlement import Accrued, Executed, Opening, Settlement, at_close
from nightdesk.accounting.settlement import settle as settle_period
from nightdesk.core.account_terms import MAIN
from nightdesk.core.errors import Refused
from nightdesk.core.money import exact, to_price
from nightdesk.core.panel import ActionKind
from nightdesk.engine import Market
from nightdesk.engine.inputs import since_close
from nightdesk.orders.order import Cross, Order
from nightdesk.session.context import Context
from nightdesk.session.contract_notices import session_notices, tell_notices, underlyings
from nightdesk.session.financing_costs import tell_financing
from nightdesk.session.funding_due import session_funding, tell_funding
from nightdesk.session.loading import session_market, session_stale, whole_market
from nightdesk.session.order_identity import identified
from nightdesk.session.reading_ahead import settle_asks
from nightdesk.session.reconcile import adjustments, agree, agreed, keep, ledger_side
from nightdesk.session.sequencing import in_turn
from nightdesk.session.writing import Saver, StepOutcome, saving
from nightdesk.store.ahead import reading_once
from nightdesk.store.bar_rows import LateAction, late_actions
from nightdesk.store.broker_rows import Adjustment, adjustments_of
from nightdesk.store.ledger_rows import (
    account_mark_rows,
    dated_entries,
    entry_rows,
    mark_row,
    position_rows,
    positions_of,
    read_ledger,
    read_mark,
)
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.order_rows import StoredOrder, crosses_of, fill_rows, filled_before, orders_to_settle
from nightdesk.store.run_rows import sealed_because
from nightdesk.store.transfer_rows import transfers_of


@dataclass(frozen=True)
class UnbookedAction:
    """A late action that no settling can book, and why."""

    found: LateAction
    why: str


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
                told = _tell_unbooked(context, start.unbooked)
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
                **({"stale": "; ".join(map(str, stale))} if stale else {}),
                nav=f"{settled.mark.nav:.2f}",
            )
        return save.outcome()


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
            fills=tuple(one.fill for one in repairs if isinstance(one, BookFill)),
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
    repairs = agreed(context, account) if start.is_sealed else agree(context, period, ours, mine)
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
    late = _belated(context, opening.apply(passed))
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


@dataclass(frozen=True)
class Belated:
    """What came too late for its own session: what this one books of it, and what is left for a person."""

    actions: tuple[BelatedAction, ...] = ()
    unbooked: tuple[UnbookedAction, ...] = ()


def _belated(context: Context, opening: Ledger) -> Belated:
    """Every late action in the order of its session, tried on the ledger as those before it leave it.

    Parameters
    ----------
    context : Context
        The session.
    opening : Ledger
        As the session before left it, with its crosses.
    """
    book, session = context.book.name, context.session
    on = underlyings(context)
    symbols = context.book.symbols
    found = late_actions(context.conn, book, symbols, context.as_of, context.known_by(), on)
    ledger, done = opening, Belated()
    keys = {
        (one.settled_as_of, one.settled, symbol)
        for one in found
        for symbol in (one.symbol, *_contracts_on(one.symbol, on))
    }
    for settled_as_of, settled, symbol in sorted(keys):
        of = (symbol, on.get(symbol, symbol))
        mine = [one for one in found if one.settled_as_of == settled_as_of and one.symbol in of]
        dated = dated_entries(context.conn, book, settled_as_of, context.previous or settled_as_of)
        entries = [entry for _, entry in dated]
        stands = _standing_actions(whole_market(context), symbol, settled)
        first = [entry for at, entry in dated if at == settled_as_of]
        held = _held_at_open(context, symbol, settled_as_of, first)
        for action in stands:
            booked = [one for one in entries if one.reference in (action.reference, action.reference + LATE)]
            why = _changed(action, booked)
            if not booked:
                action = replace(action, held=held)
                made = book_late(action, ledger, session, context.desk.unit_of)
                why, ledger = made.refused, ledger.apply(made.entries)
                if made.entries:
                    done = replace(done, actions=(*done.actions, action))
            if why:
                done = _left(done, _of_kind(mine, action.kind), why)
        for kind in _withdrawn(symbol, settled, entries, stands):
            done = _left(done, _of_kind(mine, kind), f"it was booked, and the {kind} is not known any more")
    return done


def _contracts_on(symbol: str, on: Mapping[str, str]) -> list[str]:
    """The options that are adjusted when a symbol splits."""
    return [contract for contract, underlying in on.items() if underlying == symbol]


def _standing_actions(market: Market, symbol: str, settled: date) -> list[BelatedAction]:
    """What a session's actions of a symbol are, as they are known now, in the order of their booking."""
    t = market.sessions.index(settled)
    prices = market.restated_prices(t)
    amounts: dict[ActionKind, dict[str, float]] = {"split": market.splits(t), "dividend": market.dividends(t)}
    found = [
        BelatedAction(symbol, kind, settled, amount=of_kind[symbol], prices=prices)
        for kind, of_kind in amounts.items()
        if symbol in of_kind
    ]
    return found + [
        BelatedAction(symbol, one.kind, settled, event=one, prices=prices)
        for one in market.events(t)
        if one.symbol == symbol
    ]


def _held_at_open(
    context: Context, symbol: str, settled: datetime, first: Iterable[Entry]
) -> dict[str, Decimal]:
    """Units by strategy before a decision is settled, after what changed hands and split by its entries."""
    before = context.schedule.before(settled)
    ledger = read_ledger(context.conn, context.book.name, before) or Ledger()
    then = ledger.apply(
        one
        for one in first
        if one.kind in ("cross", "split")
        or (one.reference.startswith(IN_LIEU) and not one.reference.endswith(LATE))
    )
    return {one.strategy: one.quantity for one in then.held() if one.symbol == symbol}


def _changed(action: BelatedAction, booked: Sequence[Entry]) -> str:
    """How an action that was booked is another one now; empty where it is the same to a millionth."""
    shown = [one.price for one in booked if one.kind not in ("exchange", "adjustment")]
    now = to_price(exact(action.per_unit))
    if not shown or to_price(shown[0]) == now:
        return ""
    return f"it was booked at {to_price(shown[0]).normalize():f}, and is {now.normalize():f} now"


def _withdrawn(
    symbol: str, settled: date, entries: Iterable[Entry], stands: Iterable[BelatedAction]
) -> list[str]:
    """Kinds of which something was booked that is not known any more."""
    known = {action.reference for action in stands}
    booked = {one.reference.removesuffix(LATE): one.kind for one in entries if one.symbol == symbol}
    tail = f"-{symbol}-{settled}"
    return sorted(
        reference.removesuffix(tail)
        for reference, kind in booked.items()
        if reference.endswith(tail)
        and not reference.startswith((IN_LIEU, "cross-"))
        and reference not in known
        and kind not in ("fill", "adjustment")
    )


def _of_kind(found: Sequence[LateAction], kind: str) -> LateAction:
    """The late row behind a kind; an implied action stands behind another kind of row."""
    return next((one for one in found if one.kind == kind), found[0])


def _left(done: Belated, found: LateAction, why: str) -> Belated:
    return replace(done, unbooked=(*done.unbooked, UnbookedAction(found, why)))


def _tell_unbooked(context: Context, unbooked: Iterable[UnbookedAction]) -> int:
    """Raise an alert for each late action that cannot be booked; how many are told for the first time."""
    book, told = context.book.name, 0
    for left in unbooked:
        one = left.found
        told += raise_alert(
            context.conn,
            f"late action {book} {one.symbol} {one.kind} {one.session} {one.known_at.isoformat()}",
            "CRITICAL",
            f"{book}: a {one.kind} of {one.symbol} came too late to be booked",
            f"{one.symbol} was held when session {one.settled} was settled, and its {one.kind} of "
            f"{one.session} was given, changed or withdrawn after that. It cannot be booked now: {left.why}. "
            f"On the paper broker `nightdesk replay {book} --from {one.settled} --rebuild` books it; "
            "elsewhere the comparison with the broker shows what it moved.",
            book=book,
            session=context.session,
        )
    return told
