"""The ways in which the fake gateway can answer badly, each with what becomes of the request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum

from tests.fakes import ibkr_messages as messages
from tests.fakes.ibkr_state import Execution, Order, State, Stock
from tests.fakes.ibkr_wire import Fields

#: What an order is called that nobody sent.
FOREIGN_PERM_ID = 1_999_999_999


class Fault(Enum):
    """One bad answer.

    Faults of the line come before or after a request has taken effect; faults of order change what is said of
    an order that was taken; faults of content spoil a list.
    """

    #: The request is lost, and the connection with it.
    DROP_BEFORE = "connection dropped before the request is taken"
    #: The request is taken, and the connection is dropped before a word is said.
    DROP_AFTER = "connection dropped after the request is taken"
    #: The connection is dropped after the first half of the answer's bytes.
    TRUNCATED = "answer cut off"
    #: The request is lost, and nothing is said.
    SILENT_BEFORE = "request never taken, no answer"
    #: The request is taken, and nothing is said.
    SILENT_AFTER = "request taken, no answer"
    #: Every orderStatus comes twice.
    STATUS_TWICE = "orderStatus twice"
    #: Every orderStatus comes before its openOrder.
    STATUS_FIRST = "orderStatus before openOrder"
    #: Executions come before the first word of their order.
    EXECUTION_FIRST = "execDetails before openOrder"
    #: Every execution comes twice.
    EXECUTION_TWICE = "execDetails twice"
    #: Notice 10349 that the time in force was set to DAY; the order goes on. (Any order without one gets it.)
    TIF_NOTICE = "notice 10349"
    #: The order waits for shares to borrow (404) until `release_locates`.
    LOCATE = "held for a locate"
    #: The status of orders is a word that nobody knows.
    UNKNOWN_STATUS = "unknown status"
    #: The commission report of the next execution comes with `release_commissions` only.
    COMMISSION_LATE = "late commission report"
    COMMISSION_NEVER = "missing commission report"
    #: How things stood before the newest change.
    STALE = "stale list"
    EMPTY = "empty list"
    #: Every line of the list twice.
    DUPLICATE = "every line twice"
    #: The list the wrong way round.
    OUT_OF_ORDER = "list the wrong way round"
    NEGATIVE_FILL = "negative units"
    OVERSIZED_FILL = "ten times the units"
    #: The last execution belongs to an order that nobody sent.
    UNKNOWN_ORDER = "execution of an unknown order"
    WRONG_SYMBOL = "wrong symbol"

    @property
    def accepted(self) -> bool:
        """Whether the request takes effect."""
        return self not in (Fault.DROP_BEFORE, Fault.SILENT_BEFORE)

    @property
    def of_state(self) -> bool:
        """Whether things are told as they are not."""
        return self in _OF_STATE


@dataclass(frozen=True)
class Error:
    """An error in place of an answer; the request is not taken. With `kept` a rejected order is inactive."""

    code: int
    text: str = ""
    kept: bool = False


@dataclass(frozen=True)
class Delay:
    """A good answer after some seconds."""

    seconds: float


@dataclass(frozen=True)
class Partial:
    """An order that is executed at once is so for so many units only; the rest stays open."""

    units: int


Scripted = Fault | Error | Delay | Partial

_OF_STATE = frozenset(
    {
        Fault.STALE,
        Fault.EMPTY,
        Fault.UNKNOWN_STATUS,
        Fault.OUT_OF_ORDER,
        Fault.NEGATIVE_FILL,
        Fault.OVERSIZED_FILL,
        Fault.UNKNOWN_ORDER,
        Fault.WRONG_SYMBOL,
    }
)


def retold(fault: Scripted | None, said: list[tuple[int, Fields]]) -> list[tuple[int, Fields]]:
    """What is said of an order, as a fault would have it."""
    if fault in (Fault.SILENT_AFTER, Fault.DROP_AFTER):
        return []
    if fault is Fault.STATUS_TWICE:
        return [one for one in said for _ in range(2 if one[1][0] == messages.ORDER_STATUS else 1)]
    if fault is Fault.EXECUTION_TWICE:
        return [one for one in said for _ in range(2 if one[1][0] == messages.EXECUTION else 1)]
    if fault is Fault.STATUS_FIRST:
        return sorted(said, key=lambda one: one[1][0] == messages.OPEN_ORDER)
    if fault is Fault.EXECUTION_FIRST:
        return sorted(said, key=lambda one: one[1][0] != messages.EXECUTION)
    if fault is Fault.UNKNOWN_STATUS:
        return [
            (client, [*fields[:2], UNKNOWN, *fields[3:]] if fields[0] == messages.ORDER_STATUS else fields)
            for client, fields in said
        ]
    if fault is Fault.TIF_NOTICE:
        return _with_notice(said)
    return said


#: A status that the protocol does not have.
UNKNOWN = "InLimbo"


def told_state(fault: Scripted | None, state: State, before: State) -> State:
    """The state that a list is made from, as a fault would have it."""
    if fault is Fault.STALE:
        return before
    if fault is Fault.EMPTY:
        return replace(state, orders={}, executions=(), positions={})
    if fault is Fault.OUT_OF_ORDER:
        orders = dict(reversed(state.orders.items()))
        positions = dict(reversed(state.positions.items()))
        return replace(state, orders=orders, executions=state.executions[::-1], positions=positions)
    if fault is Fault.UNKNOWN_ORDER and state.executions:
        last = state.executions[-1]
        foreign = replace(last.order, perm_id=FOREIGN_PERM_ID, order_id=0, client_id=0, order_ref="another")
        return replace(state, executions=(*state.executions[:-1], replace(last, order=foreign)))
    if isinstance(fault, Fault) and fault.of_state:
        return replace(
            state,
            orders={key: _spoiled(fault, order) for key, order in state.orders.items()},
            executions=tuple(_spoiled_execution(fault, one) for one in state.executions),
            positions={
                name: replace(
                    held,
                    units=_units(fault, held.units),
                    stock=_stock(fault, held.stock),
                )
                for name, held in state.positions.items()
            },
        )
    return state


def _with_notice(said: list[tuple[int, Fields]]) -> list[tuple[int, Fields]]:
    """Notice 10349 before the first word of each order."""
    told: list[tuple[int, Fields]] = []
    noticed = set()
    for client, fields in said:
        if fields[0] == messages.OPEN_ORDER and fields[1] not in noticed:
            noticed.add(fields[1])
            told.append((client, messages.preset_notice(int(str(fields[1])))))
        told.append((client, fields))
    return told


def _units(fault: Fault, units: Decimal) -> Decimal:
    return {Fault.NEGATIVE_FILL: -units, Fault.OVERSIZED_FILL: 10 * units}.get(fault, units)


def _stock(fault: Fault, stock: Stock) -> Stock:
    return replace(stock, symbol="WRONG", con_id=1) if fault is Fault.WRONG_SYMBOL else stock


def _spoiled(fault: Fault, order: Order) -> Order:
    status = UNKNOWN if fault is Fault.UNKNOWN_STATUS else order.status
    return replace(order, stock=_stock(fault, order.stock), status=status, filled=_units(fault, order.filled))


def _spoiled_execution(fault: Fault, one: Execution) -> Execution:
    order = _spoiled(fault, one.order)
    return replace(one, order=order, units=_units(fault, one.units), cumulated=_units(fault, one.cumulated))
