"""Two sides of a settling: a book of three symbols on Tuesday, 17 March 2020, and what its broker says."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from nightdesk.accounting import Entry, fold
from nightdesk.accounting.ledger import capital
from nightdesk.accounting.reconciliation import plan_repairs
from nightdesk.accounting.repairs import (
    BookFill,
    BookMovement,
    CorrectFill,
    Difference,
    LedgerSnapshot,
    MoveOrder,
    Repair,
    SentOrder,
    booked_entries,
)
from nightdesk.core.account_terms import Tolerance
from nightdesk.core.calendar import get_calendar
from nightdesk.core.schedule import daily
from nightdesk.orders import Fill, Intent, Order
from nightdesk.orders.broker_account import BrokerOrder, BrokerSnapshot, Movement, OrderState

FRIDAY, MONDAY, TUESDAY, WEDNESDAY = (date(2020, 3, day) for day in (13, 16, 17, 18))
XNYS = get_calendar("XNYS")
UNITS = {"GLD": Decimal(1), "SPY": Decimal(1), "BTC-USD": Decimal("0.0001")}
PRICES = {"GLD": Decimal(150), "SPY": Decimal(240), "BTC-USD": Decimal(5000)}
EXACT = Tolerance()
WORKING = ("submitted", "partially_filled")


def sent(
    name: str = "a",
    side: str = "buy",
    quantity: str = "10",
    symbol: str = "GLD",
    *,
    intents: Mapping[str, str] | None = None,
    decided: date = MONDAY,
    time_in_force: str = "day",
    **stands: Any,
) -> SentOrder:
    """An order of Monday's decision that the broker has confirmed; a strategy named trend wants all of it."""
    signed = quantity if side == "buy" else f"-{quantity}"
    order = Order(
        client_order_id=name,
        book="three",
        session=decided,
        as_of=datetime(2020, 3, decided.day, 20, tzinfo=UTC),
        symbol=symbol,
        side=side,  # type: ignore[arg-type]
        quantity=Decimal(quantity),
        purpose="rebalance",
        reference_price=PRICES[symbol],
        intents=tuple(
            Intent(strategy, symbol, Decimal(units))
            for strategy, units in (intents or {"trend": signed}).items()
        ),
        time_in_force=time_in_force,  # type: ignore[arg-type]
    )
    return SentOrder(**{"order": order, "status": "submitted", "attempts": 1, **stands})


def fill(words: str) -> Fill:
    """An execution as ``id order side quantity symbol price [day of March]``; ``-`` is nobody's order."""
    execution, order, side, quantity, symbol, price, *day = words.split()
    session = date(2020, 3, int(day[0])) if day else TUESDAY
    name = "" if order == "-" else order
    return Fill(execution, name, symbol, side, Decimal(quantity), Decimal(price), Decimal(0), session)  # type: ignore[arg-type]


def held(**units: str) -> tuple[Entry, ...]:
    """The entries by which a strategy named trend came to hold GLD or SPY at 100 dollars."""
    return tuple(
        Entry(FRIDAY, "fill", "trend", symbol, Decimal(n), Decimal(100), -100 * Decimal(n), Decimal(0), "old")
        for symbol, n in units.items()
    )


def ours(*orders: SentOrder, entries: Iterable[Entry] = (), **known: Any) -> LedgerSnapshot:
    """A ledger of 100,000 dollars, and the orders that were open when Tuesday began."""
    fields: dict[str, Any] = {
        "as_of": XNYS.close_at(TUESDAY),
        "schedule": daily(XNYS),
        "ledger": fold([capital(FRIDAY, Decimal(100_000)), *entries]),
        "orders": {one.order.client_order_id: one for one in orders},
        "prices": PRICES,
        "units": UNITS,
        "heir": "trend",
    }
    return LedgerSnapshot(**{**fields, **known})


def at_broker(words: str, order: Order) -> BrokerOrder | None:
    """An order as the broker tells it: ``state [filled]``; None for ``unknown``."""
    if words == "unknown":
        return None
    state, _, filled = words.partition(" ")
    return BrokerOrder(
        order.client_order_id,
        order.symbol,
        order.side,
        order.quantity,
        OrderState(state),
        Decimal(filled or 0),
    )


def broker(
    side: LedgerSnapshot,
    states: Mapping[str, str] | None = None,
    told: Sequence[Fill] = (),
    *,
    happened: Iterable[Fill] | None = None,
    movements: Sequence[Movement] = (),
) -> BrokerSnapshot:
    """What a broker says whose account began as ours, and in which so much happened.

    Parameters
    ----------
    side : LedgerSnapshot
    states : mapping of client order id to str
        See `at_broker`; an order that is not named is filled with what happened to it, else has expired.
    told : sequence of Fill
        The executions that it tells of.
    happened : iterable of Fill, optional
        Those that there were (default: what is told, each once).
    movements : sequence of Movement
        All are told, and happened.
    """
    real = {one.execution_id: one for one in told}.values() if happened is None else tuple(happened)
    positions, cash = side.ledger.net(), side.ledger.cash
    for one in real:
        positions[one.symbol] = positions.get(one.symbol, Decimal(0)) + one.signed_quantity
        cash += one.cash
    for moved in {one.movement_id: one for one in movements}.values():
        cash += moved.cash
        if moved.quantity:
            positions[moved.symbol] = positions.get(moved.symbol, Decimal(0)) + moved.quantity
    orders: dict[str, BrokerOrder | None] = {}
    for name, known in side.orders.items():
        filled = known.booked + sum((one.quantity for one in real if one.client_order_id == name), Decimal(0))
        usual = f"filled {filled}" if filled == known.order.quantity else f"expired {filled}"
        orders[name] = at_broker((states or {}).get(name, usual), known.order)
    positions = {symbol: quantity for symbol, quantity in positions.items() if quantity}
    return BrokerSnapshot(cash, positions, orders, tuple(told), tuple(movements))


def movement(
    kind: str,
    cash: str = "0",
    quantity: str = "0",
    symbol: str = "",
    name: str = "m",
    session: date = TUESDAY,
) -> Movement:
    return Movement(name, kind, symbol, Decimal(quantity), Decimal(cash), session)  # type: ignore[arg-type]


def plan(said: BrokerSnapshot, side: LedgerSnapshot, tolerance: Tolerance = EXACT) -> tuple[Repair, ...]:
    return plan_repairs(said, side, tolerance)


def in_session(side: LedgerSnapshot, session: date) -> LedgerSnapshot:
    """The same side when a session is settled."""
    return replace(side, as_of=XNYS.close_at(session))


def after(side: LedgerSnapshot, repairs: Sequence[Repair], session: date | None = None) -> LedgerSnapshot:
    """Our side when repairs are made: of the same session settled again, or as `session` finds it."""
    orders = dict(side.orders)
    for one in repairs:
        if isinstance(one, BookFill):
            name = one.fill.client_order_id
            orders[name] = replace(orders[name], booked=orders[name].booked + one.fill.quantity)
    for one in repairs:
        if isinstance(one, MoveOrder):
            name = one.client_order_id
            orders[name] = replace(orders[name], status=one.status, filled=one.filled)
    fills = {one.fill.execution_id: one.fill for one in repairs if isinstance(one, BookFill | CorrectFill)}
    moved = {one.movement.movement_id for one in repairs if isinstance(one, BookMovement)}
    if session is not None:
        orders = {name: one for name, one in orders.items() if one.status in WORKING}
    return replace(
        side,
        as_of=side.as_of if session is None else XNYS.close_at(session),
        ledger=side.ledger.apply(booked_entries(repairs, side)),
        orders=orders,
        booked={**side.booked, **fills},
        moved=side.moved | moved,
    )


def differing(repairs: Sequence[Repair]) -> dict[str, str]:
    """By item what the broker has more, with a ``~`` where it is tolerated."""
    return {
        one.item: f"{'~' if one.tolerated else ''}{one.amount.normalize():+f}"
        for one in repairs
        if isinstance(one, Difference)
    }
