"""What IBKR's answers say in the desk's terms: orders, executions, positions, the account, margin.

A message of another shape, with a status that IBKR does not describe, or with a number that is none, says
nothing: it is a `Riddle`, and no part of it is believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from nightdesk.brokers.ibkr_contracts import IbkrNames
from nightdesk.brokers.ibkr_orders import desk_name
from nightdesk.core.calendar import Calendar
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO, exact, to_cents, to_price
from nightdesk.orders.broker_account import Account, BrokerOrder, OrderState
from nightdesk.orders.fills import Fill
from nightdesk.orders.order import Side

#: IBKR's statuses. What may still be executed is working: accepted, or partially filled when a part is.
#:
#: ======================  ==========  ==================================================================
#: IBKR                    here        why
#: ======================  ==========  ==================================================================
#: ApiPending,             working     received by TWS, and on its way; a bracket's entry waits for its legs
#: PendingSubmit
#: PreSubmitted            working     held at IBKR: for the open, for its entry, for a stop's price
#: Submitted               working     at the exchange
#: PendingCancel           working     the cancel is asked for, and an execution may be quicker
#: Filled                  filled
#: Cancelled,              cancelled
#: ApiCancelled
#: Inactive                rejected    once it is over; while it is open it works: a person may send it on
#: ======================  ==========  ==================================================================
STATES: Mapping[str, OrderState] = {
    **dict.fromkeys(
        ("ApiPending", "PendingSubmit", "PreSubmitted", "Submitted", "PendingCancel"), OrderState.ACCEPTED
    ),
    "Filled": OrderState.FILLED,
    **dict.fromkeys(("Cancelled", "ApiCancelled"), OrderState.CANCELLED),
    "Inactive": OrderState.REJECTED,
}

#: The closing auction is written down after the bell, and belongs to the session that it closes; the desk's
#: own orders are never executed in extended hours.
AFTER_THE_BELL = timedelta(minutes=15)

#: The figures of an account that are asked for.
FIGURES = (
    "TotalCashValue", "NetLiquidation", "ExcessLiquidity", "BuyingPower", "InitMarginReq", "MaintMarginReq",
)  # fmt: skip

_ACTIONS: Mapping[str, Side] = {"BUY": "buy", "SELL": "sell", "SSHORT": "sell"}
_EXECUTED: Mapping[str, Side] = {"BOT": "buy", "SLD": "sell"}


class Riddle(Exception):
    """A message that says nothing, or the `part` of it that does not, and why."""

    def __init__(self, why: str, part: Mapping[str, Any]) -> None:
        super().__init__(why)
        self.part = dict(part)


@dataclass(frozen=True)
class ToldOrder:
    """An order as one message told of it; `over` says that it was told among the completed ones.

    `quantity` is 0 where it was not told, as of one that is over.
    """

    order_ref: str
    perm_id: int
    order_id: int
    client_id: int
    symbol: str
    side: Side
    quantity: Decimal
    filled: Decimal
    status: str
    over: bool
    parent_id: int
    words: str

    def known(self, filled: Decimal, *, corrected: bool = False) -> BrokerOrder:
        """The order in the desk's terms, with so many units filled at least; where an execution of it was
        corrected, with so many: the order's own figure may be that of before.
        """
        filled = filled if corrected else max(filled, self.filled)
        quantity = max(self.quantity, filled)
        state = self._state(filled, quantity, corrected)
        said = {name: str(one) if isinstance(one, Decimal) else one for name, one in asdict(self).items()}
        return BrokerOrder(self.order_ref, self.symbol, self.side, quantity, state, filled, said)

    def _state(self, filled: Decimal, quantity: Decimal, corrected: bool) -> OrderState:
        state = STATES[self.status]
        if not self.over and state is OrderState.REJECTED:
            state = OrderState.ACCEPTED
        if self.quantity and filled == quantity:
            return OrderState.FILLED
        if state is OrderState.FILLED and corrected:
            return state if filled else OrderState.CANCELLED
        if state is OrderState.FILLED and filled != quantity:
            raise Riddle(f"it is filled with {filled} of {quantity} units", {"orderRef": self.order_ref})
        return OrderState.PARTIALLY_FILLED if state is OrderState.ACCEPTED and filled else state


@dataclass(frozen=True)
class ToldExecution:
    """An execution, or its correction: IBKR tells that under an id which differs after the last point.

    `first_id` is the id of what was told first of it, `commission` is None while its report has not come.
    """

    execution_id: str
    first_id: str
    order_ref: str
    perm_id: int
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    at: datetime
    commission: Decimal | None


@dataclass(frozen=True)
class MarginAfter:
    """What an order would make of the account's margin, dollars."""

    initial_change: Decimal
    initial: Decimal
    maintenance: Decimal
    equity: Decimal
    words: str


def open_order(message: Sequence[Any], statuses: Sequence[Sequence[Any]], names: IbkrNames) -> ToldOrder:
    """An order that is open, with what the newest status of it says.

    Parameters
    ----------
    message : tuple
        openOrder: number, contract, order, state.
    statuses : sequence of tuple
        orderStatus of any orders; one belongs to it by its permanent id.
    names : IbkrNames
    """
    number, contract, order, state = message
    said = _order_words(contract, order)
    own = [one for one in statuses if len(one) == 11 and one[5] == order.permId and order.permId]
    own = own or [one for one in statuses if len(one) == 11 and (one[0], one[8]) == (number, order.clientId)]
    status, filled = (own[-1][1], own[-1][2]) if own else (state.status, 0.0)
    return _told(contract, order, names, said, status=status, filled=filled, over=False, number=number)


def completed_order(message: Sequence[Any], names: IbkrNames) -> ToldOrder:
    """An order that is over; IBKR tells what was filled of it, and not of how many.

    Parameters
    ----------
    message : tuple
        completedOrder: contract, order, state.
    names : IbkrNames
    """
    contract, order, state = message
    said = {**_order_words(contract, order), "completed": state.completedStatus}
    filled = 0.0 if order.filledQuantity > 1e300 else order.filledQuantity
    refused = state.status == "Cancelled" and "reject" in state.completedStatus.lower()
    status = "Inactive" if refused else state.status
    return _told(contract, order, names, said, status=status, filled=filled, over=True, number=0)


def executions(
    told: Iterable[Sequence[Any]], reports: Iterable[Sequence[Any]], account_id: str, names: IbkrNames
) -> list[ToldExecution]:
    """The executions of an account and their corrections, each once.

    Parameters
    ----------
    told : iterable of tuple
        execDetails: number, contract, execution.
    reports : iterable of tuple
        commissionReport, of any executions.
    account_id : str
    names : IbkrNames
    """
    commissions = {report.execId: report for (report,) in reports}
    found = {
        one.execId: _execution(contract, one, commissions.get(one.execId), names)
        for _, contract, one in told
        if one.acctNumber == account_id
    }
    return list(found.values())


def standing(executed: Iterable[ToldExecution]) -> list[ToldExecution]:
    """Of each execution its newest version."""
    newest: dict[str, ToldExecution] = {}
    for one in sorted(executed, key=lambda one: one.execution_id):
        newest[one.first_id] = one
    return list(newest.values())


def fill_of(one: ToldExecution, continuous: bool, calendar: Calendar) -> Fill:
    """An execution, with quantity and price as they came; what they are worth is judged by others."""
    at = one.at if continuous else one.at - AFTER_THE_BELL
    return Fill(
        execution_id=one.execution_id,
        client_order_id=desk_name(one.order_ref),
        symbol=one.symbol,
        side=one.side,
        quantity=one.quantity,
        price=to_price(one.price),
        commission=ZERO if one.commission is None else to_cents(one.commission),
        session=_session_of(at, calendar),
        executed_at=one.at,
        commission_pending=one.commission is None,
        corrects="" if one.execution_id == one.first_id else one.first_id,
    )


def account_of(rows: Iterable[Sequence[Any]], name: str, account_id: str) -> Account:
    """An account with its cash and margin, and what keeps it from trading.

    Parameters
    ----------
    rows : iterable of tuple
        accountSummary: number, account, figure, value, currency.
    name : str
        The book's name of it.
    account_id : str
    """
    found: dict[str, tuple[str, str]] = {}
    for row in rows:
        if len(row) != 5:
            raise Riddle("a figure of the account lacks a part", {"row": list(map(str, row))})
        if row[1] == account_id:
            found[row[2]] = (row[3], row[4])
    figures = {one: _figure(found, one) for one in FIGURES}
    currencies = sorted({found[one][1] for one in FIGURES} - {"USD"})
    every = [f"its currency is {one}, and the desk counts in USD" for one in currencies]
    beyond = figures["ExcessLiquidity"]
    notes = (
        [f"its excess liquidity is {beyond:,} dollars: IBKR may liquidate positions"] if beyond < 0 else []
    )
    return Account(
        name=name,
        cash=figures["TotalCashValue"],
        buying_power=figures["BuyingPower"],
        obstacles={"": tuple(every)},
        notes=tuple(notes),
        net_liquidation=figures["NetLiquidation"],
        excess_liquidity=figures["ExcessLiquidity"],
        initial_margin=figures["InitMarginReq"],
        maintenance_margin=figures["MaintMarginReq"],
    )


def positions_of(rows: Iterable[Sequence[Any]], account_id: str, names: IbkrNames) -> dict[str, Decimal]:
    """Signed quantities by symbol.

    Parameters
    ----------
    rows : iterable of tuple
        position: account, contract, quantity, average cost.
    account_id : str
    names : IbkrNames
    """
    held: dict[str, Decimal] = {}
    for account, contract, quantity, _ in rows:
        if account != account_id:
            continue
        symbol = names.ours(contract)
        if symbol in held:
            raise Riddle(f"the position in {symbol} was told twice", {"symbol": symbol})
        held[symbol] = number_of(quantity, f"the position in {symbol}")
    return {symbol: quantity for symbol, quantity in held.items() if quantity}


def margin_of(state: Any) -> MarginAfter | None:
    """What a what-if order says of the margin; None while it says nothing yet."""
    figures = [
        state.initMarginChange,
        state.initMarginAfter,
        state.maintMarginAfter,
        state.equityWithLoanAfter,
    ]
    numbers = [_dollars(one) for one in figures]
    if any(one is None for one in numbers):
        return None
    change, initial, maintenance, equity = (ZERO if one is None else one for one in numbers)
    return MarginAfter(change, initial, maintenance, equity, str(state.warningText or ""))


def name_of(reference: str, perm_id: int) -> str:
    """What an order is called here: its reference; of a person's, which has none, by IBKR's number."""
    return reference or f"ibkr:{perm_id}"


def number_of(value: object, what: str) -> Decimal:
    """A number as it came, when it is finite."""
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and abs(value) < 1e15
    ):
        return Decimal(int(value)) if float(value).is_integer() else exact(value)
    raise Riddle(f"{what} is {value!r}, no number", {"value": str(value)})


def _told(
    contract: Any, order: Any, names: IbkrNames, said: Mapping[str, Any], *, status: str, filled: float,
    over: bool, number: int,
) -> ToldOrder:  # fmt: skip
    if status not in STATES:
        raise Riddle(f"its status {status!r} is none that IBKR describes", said)
    if order.action not in _ACTIONS:
        raise Riddle(f"its action is {order.action!r}, neither BUY nor SELL", said)
    quantity, done = number_of(order.totalQuantity, "its quantity"), number_of(filled, "what is filled of it")
    if over and done:
        quantity = ZERO  # of what was filled in part it tells the rest
    if done < 0 or quantity < 0 or (quantity and done > quantity):
        raise Riddle(f"{done} of {quantity} units cannot be filled", said)
    return ToldOrder(
        order_ref=name_of(order.orderRef, order.permId),
        perm_id=order.permId,
        order_id=number,
        client_id=order.clientId,
        symbol=names.ours(contract),
        side=_ACTIONS[order.action],
        quantity=quantity,
        filled=done,
        status=status,
        over=over,
        parent_id=order.parentId,
        words=f"{order.orderType} {order.tif}" + (f", {said['completed']}" if said.get("completed") else ""),
    )


def _order_words(contract: Any, order: Any) -> dict[str, Any]:
    names = ("orderRef", "permId", "action", "totalQuantity", "orderType", "tif")
    return {"symbol": contract.symbol, **{name: str(getattr(order, name)) for name in names}}


def _execution(contract: Any, one: Any, report: Any, names: IbkrNames) -> ToldExecution:
    stem, dot, last = str(one.execId).rpartition(".")
    said = {name: str(getattr(one, name)) for name in ("execId", "side", "shares", "price", "orderRef")}
    if not stem or not last.isdigit():
        raise Riddle(f"its id {one.execId!r} is none of an execution", said)
    if one.side not in _EXECUTED:
        raise Riddle(f"its side is {one.side!r}, neither BOT nor SLD", said)
    if not isinstance(one.time, datetime) or one.time.tzinfo is None:
        raise Riddle(f"its time is {one.time!r}, no instant", said)
    return ToldExecution(
        execution_id=one.execId,
        first_id=f"{stem}{dot}{1:0{len(last)}d}",
        order_ref=name_of(one.orderRef, one.permId),
        perm_id=one.permId,
        symbol=names.ours(contract),
        side=_EXECUTED[one.side],
        quantity=number_of(one.shares, "its quantity"),
        price=number_of(one.price, "its price"),
        at=one.time.astimezone(UTC),
        commission=_commission(report, said),
    )


def _commission(report: Any, said: Mapping[str, Any]) -> Decimal | None:
    """What a report says of a commission, in dollars; None without a report, or while it has no number."""
    if report is None or not abs(report.commission) < 1e300:
        return None
    if report.currency != "USD":
        raise Riddle(f"its commission is in {report.currency!r}, and the desk counts in USD", said)
    return number_of(report.commission, "its commission")


def _figure(found: Mapping[str, tuple[str, str]], name: str) -> Decimal:
    value = _dollars(found[name][0]) if name in found else None
    if value is None:
        raise Riddle(f"its {name} is {found.get(name, ('missing',))[0]!r}, no number", {"figure": name})
    return to_cents(value)


def _dollars(value: object) -> Decimal | None:
    """An amount in dollars that was written as text or a number; None for one that is not set or none."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and number.adjusted() < 15 else None


def _session_of(at: datetime, calendar: Calendar) -> date:
    """The session that an instant counts in; one that the calendar does not reach is a riddle."""
    try:
        return calendar.session_of(at)
    except Refused as error:
        raise Riddle(f"it happened {at.isoformat()}: {error}", {"at": at.isoformat()}) from None
