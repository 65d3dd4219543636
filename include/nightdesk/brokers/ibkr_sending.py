"""Sending an order to IBKR, and cancelling one: once, and believed only by what bears its reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nightdesk.brokers.broker_interface import RejectedOrder, Unreachable, Unreadable
from nightdesk.brokers.ibkr_address import refuse_unmanaged
from nightdesk.brokers.ibkr_answers import STATES, ToldOrder, open_order
from nightdesk.brokers.ibkr_contracts import IbkrNames
from nightdesk.brokers.ibkr_line import IbkrLine
from nightdesk.tws_client import Heard
from nightdesk.tws_terms import is_news

if TYPE_CHECKING:
    from ib_async.client import Client
    from ib_async.contract import Contract
    from ib_async.order import Order as IbkrOrder

#: Errors by which an order is refused: no such contract, a price off the steps, the rules or the margin, its
#: cancel by IBKR, what this account may not trade, what the API may not ask.
REJECTS = frozenset({110, 200, 201, 202, 203, 321})

#: Errors by which a cancel comes too late, or is known already: the lists say what became of the order.
_CANCEL_ANSWERED = frozenset({161, 202, 10147, 10148})

#: Statuses after which there is more to come: its way to IBKR, or the error that says why it is none.
_ON_ITS_WAY = frozenset({"ApiPending", "PendingSubmit", "Inactive"})


@dataclass
class Confirmation:
    """What was heard of an order that was sent.

    Attributes
    ----------
    number : int
        That it was sent under.
    reference : str
        Ours.
    opened : tuple or None
        The newest openOrder that bears the reference.
    statuses : list of tuple
        orderStatus under the number.
    executed : bool
        Whether an execution that bears the reference came.
    legs : dict of int to str
        The references of what is sent along with it and was not heard of yet, by number: it has arrived when
        all of them have.
    said : list of str
        What IBKR said of it beside.
    """

    number: int
    reference: str
    legs: dict[int, str] = field(default_factory=dict)
    opened: tuple[Any, ...] | None = None
    statuses: list[tuple[Any, ...]] = field(default_factory=list)
    executed: bool = False
    said: list[str] = field(default_factory=list)

    def hear(self, one: Heard) -> bool:
        """Take a message; whether it was the last that is waited for.

        Raises
        ------
        RejectedOrder
            When IBKR refuses the order.
        """
        if one.name == "openOrder" and one.args[2].orderRef == self.reference and not one.args[2].whatIf:
            self.opened = one.args
        elif one.name == "openOrder" and self.legs.get(one.args[0]) == one.args[2].orderRef:
            del self.legs[one.args[0]]
        elif one.name == "orderStatus" and one.args[0] == self.number:
            self.statuses.append(one.args)
        elif one.name == "execDetails" and one.args[2].orderRef == self.reference:
            self.executed = True
        elif one.name == "error" and (one.args[0] == self.number or one.args[0] in self.legs):
            self._hear_error(one.args[1], one.args[2])
        return self.opened is not None and not self.legs and self._status() not in _ON_ITS_WAY

    def _hear_error(self, code: int, text: str) -> None:
        self.said.append(f"{text} ({code})")
        if code in REJECTS:
            raise RejectedOrder(
                f"IBKR refuses {self.reference}: {text} ({code})",
                {"orderRef": self.reference, "code": code, "text": text},
            )

    def _status(self) -> str:
        assert self.opened is not None
        return str(self.statuses[-1][1] if self.statuses else self.opened[3].status)


def send(
    line: IbkrLine, contract: Contract, orders: Sequence[IbkrOrder], names: IbkrNames, within: float
) -> ToldOrder | None:
    """Send an order, its legs with it, and wait for the first word of it.

    Parameters
    ----------
    line : IbkrLine
    contract : Contract
    orders : sequence of IbkrOrder
        The order first, then the legs of a bracket.
    names : IbkrNames
    within : float
        Seconds for the word.

    Returns
    -------
    ToldOrder or None
        None where only an execution says that it arrived: the lists know more.

    Raises
    ------
    Refused
        When the connection does not manage the account: nothing was sent.
    RejectedOrder
        When IBKR refuses it.
    Unreachable, Unreadable
        When nothing that bears its reference came: it is not known whether it arrived.
    """
    first = orders[0]
    heard = Confirmation(first.orderId, first.orderRef, {one.orderId: one.orderRef for one in orders[1:]})

    def place(client: Client) -> None:
        # Of the connection that carries it: a line that broke is made anew, and somebody may have logged in.
        refuse_unmanaged(line.account, first.account, client.getAccounts(), line.address)
        for one in orders:
            client.placeOrder(one.orderId, contract, one)

    try:
        line.listen(f"order {first.orderRef}", place, heard.hear, within)
    except (Unreachable, Unreadable) as error:
        if heard.legs or (heard.opened is None and not heard.executed):
            if heard.said:
                said = "; ".join(heard.said)
                raise Unreadable(f"{error}; IBKR said of it: {said}", {"said": heard.said}) from None
            raise
    return None if heard.opened is None else open_order(heard.opened, heard.statuses, names)


def cancel(line: IbkrLine, told: ToldOrder, within: float) -> bool:
    """Ask that an open order of this client id be cancelled; whether there was a word on it.

    Raises
    ------
    Unreachable, Unreadable
        When the connection broke.
    """

    def hear(one: Heard) -> bool:
        if one.name == "error" and one.args[0] == told.order_id and not is_news(one.args[1]):
            return one.args[1] in _CANCEL_ANSWERED
        status = one.args[1] if one.name == "orderStatus" and one.args[0] == told.order_id else ""
        return status == "PendingCancel" or (status in STATES and STATES[status].ended)

    what = f"the cancel of {told.order_ref}"
    return line.wait(what, lambda client: client.cancelOrder(told.order_id), hear, within)
