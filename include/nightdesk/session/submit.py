"""The one exit for orders: each planned order reaches the broker exactly once, or never.

=========================  =============================================================================
an order that is           becomes
=========================  =============================================================================
planned, session is past   suppressed, unless the broker is simulated
planned, open has passed   expired: a decision is meant for one open, late is never sent
                           (one that is to rest is sent until the next decision)
planned, dry run           suppressed
planned, kill switch on    suppressed where it adds to a position (or the switch stops everything), else sent
planned, account barred    rejected, where the broker says that the account cannot trade: nothing is sent
planned, foreign orders    suppressed, by the rules of `nightdesk.session.foreign_orders`
planned, a stop rests      suppressed where it adds to what that protects, and the broker takes one side alone
planned, no right          suppressed where it adds to a position: see `nightdesk.session.trading_right`
planned, capital limit     suppressed where it would lead beyond the limit of the account, of one with real
                           money beyond the part of it that the book's stage lets it use
planned, leg of a bundle   suppressed where it opens one of which another leg is not sent
planned, disputed position suppressed; so is then what adds to any other position
planned, too much          suppressed where it would sell more than ledger and broker hold
planned, clocks differ     planned still: the broker's and the database's must agree, whatever is sent
planned                    attempt counted and committed, then sent: submitted, or rejected by the broker
planned, another rests     sent once that has ended: see `nightdesk.session.protection`
planned, exits of another  becomes what their entry becomes: a broker is sent both as one
planned, with attempts     looked up by its client order id first; sent only where the broker does not know it
planned, not to be sent    likewise at a real broker: see `nightdesk.session.order_identity`
planned, answer unknown    planned still: the next attempt asks the broker
=========================  =============================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from nightdesk.accounting.disputes import UnbookedOrder, why_withheld
from nightdesk.brokers import (
    Account,
    Broker,
    BrokerOrder,
    DuplicateOrder,
    OrderState,
    RejectedOrder,
    Unreachable,
    Unreadable,
    capabilities,
)
from nightdesk.core.errors import Refused, Transient
from nightdesk.core.money import ZERO
from nightdesk.orders.order import Order, adds_risk, entry_id
from nightdesk.session.bare_positions import cancel_beyond_held
from nightdesk.session.broker_session import contact
from nightdesk.session.capital_limits import beyond_capital, held_by
from nightdesk.session.context import Context
from nightdesk.session.foreign_orders import foreign_reason, look_for_foreign
from nightdesk.session.order_identity import is_ours
from nightdesk.session.protection import (
    NEVER_SENT,
    Release,
    ended,
    keep,
    keep_end,
    lost_protection,
    release,
    releases,
    rests_against,
    strays,
)
from nightdesk.session.reading_ahead import sending_asks
from nightdesk.session.sequencing import agreed_clock, in_turn
from nightdesk.session.unsent_orders import tell_unsent
from nightdesk.session.writing import StepOutcome, refuse_outdated
from nightdesk.store.ahead import reading_once
from nightdesk.store.db import is_idle, transaction
from nightdesk.store.foreign_order_rows import ForeignOrder
from nightdesk.store.kill_switch_rows import kill_switch
from nightdesk.store.ledger_rows import disputed_positions
from nightdesk.store.order_rows import (
    begin_attempt,
    find_order,
    move_order,
    move_planned,
    orders_of,
    unbooked_orders,
)
from nightdesk.store.protection_rows import protections_of
from nightdesk.store.run_rows import held_run, sealed_because


@dataclass(frozen=True)
class _Found:
    """How the account stands before sending; nothing of a simulated one, or of a dry run."""

    account: Account | None = None
    foreign: tuple[ForeignOrder, ...] = ()


@dataclass(frozen=True)
class _Stopped:
    """Why an order is not sent, and the state that it ends in."""

    status: str
    cause: str


def submit(context: Context) -> StepOutcome:
    """Send what is planned.

    Raises
    ------
    Transient
        When of some order it is not known whether it arrived; the others were sent.
    """
    with in_turn(context):
        sealed = sealed_because(context.conn, context.book.name, context.as_of, by_sending=False)
        if sealed is not None:
            return StepOutcome({}, sealed)
        _send_everywhere(context)
        states = [one.status for one in orders_of(context.conn, context.book.name, context.as_of)]
    return StepOutcome({name: states.count(name) for name in sorted(set(states))})


def _send_everywhere(context: Context) -> None:
    """Send what is planned, account by account; where one cannot be reached the others go on.

    Raises
    ------
    Transient, Refused
        What the accounts raised, together.
    """
    failed: list[Transient | Refused] = []
    for account in context.book.account_names:
        try:
            with contact(context, account) as broker:
                send_planned(context, account, broker)
        except (Transient, Refused) as error:
            if context.conn.closed:
                raise
            failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        silent = all(isinstance(error, Unreachable) for error in failed)
        refused = any(isinstance(error, Refused) for error in failed)
        kind = Refused if refused else Unreachable if silent else Transient
        raise kind("; ".join(map(str, failed)))


def send_planned(context: Context, account: str, broker: Broker) -> None:
    """Bring every planned order of an account out of its planning; the caller holds the book's lock.

    Raises
    ------
    Unreachable, Transient
        When of some order it is not known whether it arrived. The others were sent, unless the broker did not
        even tell its time or how its account stands, or its clock is not the database's.
    """
    protected = protections_of(context.conn, context.book.name, context.as_of)
    planned, resting = _planned(context, account), releases(context, account, protected)
    found = _ask_account(context, account, broker) if planned or resting else _Found()
    waits = _release(context, broker, resting, found)
    if protected:
        waits |= _cancel_strays(context, account, broker)
        planned = _planned(context, account)
    unknown = [*waits.items(), *_send_each(context, broker, planned, found, waits)]
    if resting and not context.dry_run:
        unknown += _send_each(context, broker, lost_protection(context, account, broker), found, {})
    if protected:
        unknown += _cancel_beyond_held(context, account, broker)
    tell_unsent(context, account)
    if unknown:
        silent = all(isinstance(error, Unreachable) for _, error in unknown)
        told = "; ".join(f"{name}: {error}" for name, error in unknown)
        raise (Unreachable if silent else Transient)(
            f"{context.book.name} {context.name}: not known whether these orders arrived, "
            f"the broker is asked again: {told}"
        )


def _planned(context: Context, account: str) -> list[Order]:
    """The orders of the decision that are to be sent to an account."""
    stored = orders_of(context.conn, context.book.name, context.as_of)
    return [one.order for one in stored if one.status == "planned" and one.order.account == account]


def _send_each(
    context: Context,
    broker: Broker,
    orders: Sequence[Order],
    found: _Found,
    waits: Mapping[str, Transient],
) -> list[tuple[str, Transient]]:
    """Bring orders out of their planning but those that wait for another one to end, by id; those of which
    it is not known whether they arrived.
    """
    unknown: list[tuple[str, Transient]] = []
    for order in orders:
        if order.client_order_id in waits or entry_id(order.client_order_id) is not None:
            continue
        clock = _clock(context, broker)
        try:
            _send(context, broker, order, clock, found)
        except Transient as error:
            if context.conn.closed:
                raise
            unknown.append((order.client_order_id, error))
    return unknown


def _release(
    context: Context, broker: Broker, resting: Sequence[Release], found: _Found
) -> dict[str, Transient]:
    """Cancel what rests where what follows it may be sent; the orders that wait since it has not ended, each
    with why.
    """
    waits: dict[str, Transient] = {}
    for one in resting:
        if not one.is_due:
            continue
        why = _why_kept(context, broker, one, found)
        if why is not None:
            keep(context, one, why)
            continue
        try:
            release(context, broker, one)
        except Transient as error:
            if context.conn.closed:
                raise
            waits |= dict.fromkeys([one.row.resting, *one.names], error)
    return waits


def _cancel_strays(context: Context, account: str, broker: Broker) -> dict[str, Transient]:
    """Cancel what rests at a real broker though no decision keeps it; what waits since it has not ended."""
    waits: dict[str, Transient] = {}
    if broker.simulated or context.dry_run or _is_past(context, _clock(context, broker)):
        return waits
    for one in strays(context, account, broker):
        try:
            ended(broker, one.client_order_id)
        except Transient as error:
            if context.conn.closed:
                raise
            behind = [each for each in _planned(context, account) if each.symbol == one.symbol]
            waits |= dict.fromkeys([one.client_order_id, *(each.client_order_id for each in behind)], error)
    return waits


def _cancel_beyond_held(context: Context, account: str, broker: Broker) -> list[tuple[str, Transient]]:
    """Cancel what rests at a real broker for more than it holds; why that is not known."""
    if broker.simulated or context.dry_run or _is_past(context, _clock(context, broker)):
        return []
    try:
        for known in cancel_beyond_held(context, account, broker):
            with transaction(context.conn):
                keep_end(context, known.client_order_id, known, "cancelled: it rested for more than is held")
    except Transient as error:
        if context.conn.closed:
            raise
        return [("what rests", error)]
    return []


def _is_past(context: Context, clock: datetime) -> bool:
    """Whether a newer decision than the context's is over at the broker."""
    return context.as_of < context.schedule.latest_completed(clock)


def _why_kept(context: Context, broker: Broker, one: Release, found: _Found) -> str | None:
    """Why an order is to rest on: what follows it may not be sent, or the decision may send nothing."""
    clock = _clock(context, broker)
    if context.dry_run:
        return "a dry run cancels nothing"
    if not broker.simulated and _is_past(context, clock):
        return f"{context.schedule.noun} {context.name} is past"
    for other in one.planned:
        if other.attempts:
            continue
        stopped = _reason_to_stop(context, broker, clock, other.order, found)
        if stopped is not None:
            return stopped.cause
        if other.order.symbol in _disputed(context, other.order.account):
            return f"the position in {other.order.symbol} is in dispute"
    return None


def _disputed(context: Context, account: str) -> Mapping[str, str]:
    return disputed_positions(context.conn, context.book.name, context.as_of, account)


def record_known(context: Context, known: BrokerOrder, cause: str) -> None:
    """Keep what the broker says of an order that reached it; its fills are booked by the next session."""
    move_planned(context.conn, known.client_order_id, standing_of(known), cause, known.answer)


def standing_of(known: BrokerOrder) -> str:
    """Where an order stands here once the broker has told of it.

    One that was executed in part ends where its executions are booked: in the next session.
    """
    ended = {OrderState.REJECTED: "rejected", OrderState.CANCELLED: "cancelled"}
    return "submitted" if known.filled else ended.get(known.state, "submitted")


def _ask_account(context: Context, account: str, broker: Broker) -> _Found:
    """How a real account stands before anything is sent."""
    if broker.simulated or context.dry_run:
        return _Found()
    _clock(context, broker)
    return _Found(broker.account(), look_for_foreign(context, account, broker))


def _clock(context: Context, broker: Broker) -> datetime:
    """The broker's instant; that of a dry run decides nothing, and is not compared."""
    return broker.clock() if context.dry_run else agreed_clock(context, broker)


def _send(context: Context, broker: Broker, order: Order, clock: datetime, found: _Found) -> None:
    """Bring one planned order out of its planning."""
    name = order.client_order_id
    earlier = find_order(context.conn, name)
    if earlier is not None and earlier.attempts and _is_there(context, broker, name):
        return
    withheld = _withheld_because(context, broker, order)
    if not broker.simulated:
        given_up = withheld is not None or _reason_to_stop(context, broker, clock, order, found) is not None
        # One that no attempt is known of may be there too: the database was restored since.
        if given_up and _is_there(context, broker, name):
            return
    alone = is_idle(context.conn)
    with held_run(context.conn, context.book.name, context.as_of, ahead=sending_asks(context, name)):
        with reading_once(context.conn):
            current = find_order(context.conn, name)
            if current is None or current.status != "planned":
                return
            if current.attempts == 0 and current.order.generation == 0:
                refuse_outdated(context)
            stopped = _reason_to_stop(context, broker, clock, current.order, found)
        if stopped is None and withheld is not None:
            stopped = _Stopped("suppressed", withheld)
        if stopped is not None:
            move_planned(context.conn, name, stopped.status, stopped.cause, None)
            return
        begin_attempt(context.conn, name, commit=alone)
    try:
        answer = broker.submit(order)
    except DuplicateOrder:
        if not _is_there(context, broker, name):
            raise Unreadable("the broker calls it a duplicate and does not find it") from None
    except RejectedOrder as refusal:
        # A refusal can be the doing of an attempt before that had no answer, or the answer to another order.
        if not _is_there(context, broker, name, str(refusal)):
            move_planned(context.conn, name, "rejected", str(refusal), refusal.answer)
    except Unreadable as error:
        cause = f"not known whether it arrived: {error}"
        move_order(context.conn, name, *context.moment, "planned", cause, answer=error.answer)
        raise
    else:
        record_known(context, answer, "sent")


def _is_there(context: Context, broker: Broker, name: str, refusal: str = "") -> bool:
    """Whether the broker knows an order under the id; where that is ours, what it knows is kept, and as the
    cause of a rejected one the words of its refusal.
    """
    known = broker.order_by_client_id(name)
    if known is not None and is_ours(context, broker, known):
        refused = refusal if known.state is OrderState.REJECTED else ""
        record_known(context, known, refused or "found at the broker after an earlier attempt")
    return known is not None


def _reason_to_stop(
    context: Context, broker: Broker, clock: datetime, order: Order, found: _Found
) -> _Stopped | None:
    """Why the order must not be sent, asked in the transaction that counts the attempt; None when it may."""
    own = _own_reason(context, broker, clock, order, found)
    if own is not None or not order.fills_together or order.generation:
        return own
    return _leg_that_is_missing(context, broker, clock, order, found)


def _leg_that_is_missing(
    context: Context, broker: Broker, clock: datetime, order: Order, found: _Found
) -> _Stopped | None:
    """Why an order that opens a bundle is not sent: another leg of it was not, or will not be.

    An order that a person sends once more is sent: that is theirs to judge.
    """
    for other in orders_of(context.conn, order.book, context.as_of):
        if other.order.client_order_id == order.client_order_id or not (
            set(other.order.bundles) & set(order.bundles)
        ):
            continue
        if other.status in NEVER_SENT and not other.filled_quantity:
            why = f"it is {other.status}"
        elif other.status == "planned" and not other.attempts:
            stopped = _own_reason(context, broker, clock, other.order, found)
            why = "" if stopped is None else stopped.cause
        else:
            why = ""
        if why:
            return _Stopped(
                "suppressed", f"leg {other.order.symbol} of its bundle is not in the market ({why}): none is"
            )
    return None


def _own_reason(
    context: Context, broker: Broker, clock: datetime, order: Order, found: _Found
) -> _Stopped | None:
    """The same by the order alone."""
    schedule = context.schedule
    if not broker.simulated and context.as_of < (newest := schedule.latest_completed(clock)):
        named = schedule.name_of(newest)
        return _Stopped(
            "suppressed", f"{schedule.noun} {context.name} is past (the newest is {named}): never for real"
        )
    _, until = schedule.window(context.as_of)
    if clock >= until and not order.rests:
        what = "open" if schedule.is_last(context.as_of) else "bar"
        return _Stopped("expired", f"its {what} at {until:%Y-%m-%d %H:%M} UTC has passed at the broker")
    if context.dry_run:
        return _Stopped("suppressed", "a dry run sends nothing")
    # A past session on paper reads what was said by then; what leaves for real obeys what is said now.
    read_at = (context.session, context.as_of) if broker.simulated else ()
    switch = kill_switch(context.conn, order.book, *read_at)
    adds = adds_risk(held_by(context, order.symbol), order.signed_quantity)
    if switch.on and (adds or switch.everything):
        return _Stopped("suppressed", f"kill switch set by {switch.who}: {switch.reason}")
    if found.account is not None:
        instrument = context.book.universe.get(order.symbol)
        obstacle = found.account.obstacle("" if instrument is None else instrument.asset_class)
        if obstacle:
            return _Stopped("rejected", f"account {found.account.name} cannot trade: {obstacle}")
    foreign = foreign_reason(found.foreign, order.symbol, adds=adds)
    if foreign:
        return _Stopped("suppressed", foreign)
    kind = context.book.entry_of(order.account).kind
    against = rests_against(context, order) if capabilities(kind).one_side else ""
    if against:
        return _Stopped("suppressed", f"{kind} takes it not while {against}")
    beyond = beyond_capital(context, order) if adds else ""
    return _Stopped("suppressed", beyond) if beyond else None


def _withheld_because(context: Context, broker: Broker, order: Order) -> str | None:
    """Why an order must not be sent as positions stand now; None when it may, or goes to no real broker.

    Raises
    ------
    Unreachable, Unreadable
        When the broker does not say what it holds.
    """
    if broker.simulated or context.dry_run:
        return None
    symbol = order.symbol
    return why_withheld(
        order,
        _disputed(context, order.account),
        held_by(context, symbol),
        broker.positions().get(symbol, ZERO),
        _other_orders(context, broker, order),
        context.book.entry_of(order.account).tolerance.quantity,
    )


def _other_orders(context: Context, broker: Broker, order: Order) -> list[UnbookedOrder]:
    """The other orders of ours in the symbol of which the ledger may not hold everything."""
    found = []
    for one, booked in unbooked_orders(context.conn, order.book, order.symbol):
        name, side = one.order.client_order_id, one.order.side
        if name == order.client_order_id:
            continue
        known = broker.order_by_client_id(name)
        if known is None:
            found.append(UnbookedOrder(side, ZERO, one.order.quantity - booked))
        else:
            rest = ZERO if known.state.ended else known.quantity - known.filled
            found.append(UnbookedOrder(side, known.filled - booked, rest))
    return found
