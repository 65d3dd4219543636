"""What is asked of IBKR: each question with the messages that answer it, as they came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nightdesk.brokers.broker_interface import Unreadable
from nightdesk.brokers.ibkr_answers import FIGURES, MarginAfter, margin_of
from nightdesk.brokers.ibkr_contracts import UNKNOWN_CONTRACT
from nightdesk.brokers.ibkr_line import IbkrLine
from nightdesk.tws_client import Heard
from nightdesk.tws_terms import TwsError, is_news

if TYPE_CHECKING:
    from ib_async.client import Client
    from ib_async.contract import Contract, ContractDetails
    from ib_async.order import Order as IbkrOrder

#: IBKR's kinds of figures: "shortable shares", and the list that asks for them.
_SHORTABLE, _ASK_SHORTABLE = 89, "236"

#: Messages, each by what it says.
Messages = list[tuple[Any, ...]]


@dataclass(frozen=True)
class IbkrPatience:
    """Seconds that answers may take, beside those of the line.

    Attributes
    ----------
    confirm : float
        For the first word on an order that was sent, on its cancel, on a what-if.
    commission : float
        For the commissions of executions, which come after them.
    shortable : float
        For the number of shares that may be sold short.
    """

    confirm: float = 10.0
    commission: float = 2.0
    shortable: float = 3.0


@dataclass(frozen=True)
class IbkrQuestions:
    """The questions, over a line; each raises `Unreachable` and `Unreadable` when it has no answer."""

    line: IbkrLine
    patience: IbkrPatience

    def clock(self) -> int:
        """TWS's clock, seconds since 1970."""
        (found, *_) = self._plain(
            "the clock", lambda client: client.reqCurrentTime(), {"currentTime"}, "currentTime"
        )
        return int(found[0])

    def open_orders(self) -> tuple[Messages, Messages]:
        """Messages `openOrder` of all open orders, whoever sent them, and `orderStatus`."""
        found: dict[str, Messages] = {"openOrder": [], "orderStatus": []}

        def hear(one: Heard) -> bool:
            if one.name == "openOrder" and not one.args[2].whatIf:
                found["openOrder"].append(one.args)
            elif one.name == "orderStatus":
                found["orderStatus"].append(one.args)
            return one.name == "openOrderEnd"

        self.line.listen("the open orders", lambda client: client.reqAllOpenOrders(), hear)
        newest = {(one[0], one[2].clientId, one[2].permId): one for one in found["openOrder"]}
        return list(newest.values()), found["orderStatus"]

    def completed_orders(self) -> Messages:
        """Messages `completedOrder` of the orders that ended today, a person's too."""
        return self._plain(
            "the completed orders",
            lambda client: client.reqCompletedOrders(False),
            {"completedOrder"},
            "completedOrdersEnd",
        )

    def executions(self, account_id: str, *, commissions: bool) -> tuple[Messages, Messages]:
        """Messages `execDetails` of the executions of an account that IBKR tells of, and `commissionReport`.

        With `commissions` those are waited for that have not come, as long as the patience allows.
        """
        from ib_async.objects import ExecutionFilter

        number = self.line.number()
        told: Messages = []
        reports: Messages = []
        ended = False

        def hear(one: Heard) -> bool:
            nonlocal ended
            self._refuse_error(one, number, "the executions")
            if one.name == "execDetails" and one.args[0] == number:
                told.append(one.args)
            elif one.name == "commissionReport":
                reports.append(one.args)
            ended = ended or (one.name == "execDetailsEnd" and one.args[0] == number)
            return ended and (one.name == "execDetailsEnd" or all_reported())

        def all_reported() -> bool:
            return {one[2].execId for one in told} <= {report.execId for (report,) in reports}

        self.line.listen(
            "the executions",
            lambda client: client.reqExecutions(number, ExecutionFilter(acctCode=account_id)),
            hear,
        )
        if commissions and not all_reported():
            self.line.wait("the commissions", lambda client: None, hear, self.patience.commission)
        return told, reports

    def positions(self) -> Messages:
        """Messages `position` of all accounts that the connection manages."""
        found = self._plain(
            "the positions", lambda client: client.reqPositions(), {"position"}, "positionEnd"
        )
        self.line.tell("the positions", lambda client: client.cancelPositions())
        return found

    def figures(self) -> Messages:
        """Messages `accountSummary` of all accounts that the connection manages."""
        asked: list[int] = []

        def send(client: Client, number: int) -> None:
            asked.append(number)
            client.reqAccountSummary(number, "All", ",".join(FIGURES))

        found = self._numbered("the account", send, {"accountSummary"}, "accountSummaryEnd")
        self.line.tell("the account", lambda client: client.cancelAccountSummary(asked[0]))
        return found

    def contracts(self, contract: Contract) -> list[ContractDetails]:
        """All contracts that fit; none where IBKR knows none."""
        what = f"the contract {contract.symbol}"
        try:
            found = self.line.ask(
                what,
                lambda client, number: client.reqContractDetails(number, contract),
                takes={"contractDetails"},
                ends="contractDetailsEnd",
            )
        except TwsError as error:
            if error.code == UNKNOWN_CONTRACT:
                return []
            raise _unreadable(self.line.account, error) from None
        return [one[1] for one in found]

    def shortable(self, contract: Contract) -> float | None:
        """Shares of a stock that may be sold short now; None where IBKR does not say it, as to an account
        without its market data.
        """
        number, found = self.line.number(), list[float]()

        def hear(one: Heard) -> bool:
            if one.name == "tickSize" and one.args[:2] == (number, _SHORTABLE):
                found.append(one.args[2])
            said = one.name == "error" and one.args[0] == number and not is_news(one.args[1])
            return bool(found) or said

        self.line.wait(
            "the shortable shares",
            lambda client: client.reqMktData(number, contract, _ASK_SHORTABLE, False, False, []),
            hear,
            self.patience.shortable,
        )
        self.line.tell("the shortable shares", lambda client: client.cancelMktData(number))
        return found[0] if found else None

    def margin(self, contract: Contract, order: IbkrOrder) -> MarginAfter:
        """What an order would make of the margin; it is not sent.

        Raises
        ------
        TwsError
            When IBKR would not have the order.
        """
        from copy import copy

        asked = copy(order)
        asked.whatIf, asked.transmit = True, True
        number, found = self.line.number(), list[MarginAfter]()
        asked.orderId = number

        def hear(one: Heard) -> bool:
            if one.name == "error" and one.args[0] == number and not is_news(one.args[1]):
                raise TwsError("the margin of an order", one.args[1], one.args[2])
            if one.name == "openOrder" and one.args[0] == number and one.args[2].whatIf:
                margin = margin_of(one.args[3])
                found.extend([] if margin is None else [margin])
            return bool(found)

        self.line.listen(
            "the margin of an order",
            lambda client: client.placeOrder(number, contract, asked),
            hear,
            self.patience.confirm,
        )
        return found[0]

    def _plain(self, what: str, send: Any, takes: set[str], ends: str) -> Messages:
        """The answer to a question that bears no number."""
        try:
            return self.line.ask(
                what, lambda client, number: send(client), takes=takes, ends=ends, numbered=False
            )
        except TwsError as error:
            raise _unreadable(self.line.account, error) from None

    def _numbered(self, what: str, send: Any, takes: set[str], ends: str) -> Messages:
        try:
            return self.line.ask(what, send, takes=takes, ends=ends)
        except TwsError as error:
            raise _unreadable(self.line.account, error) from None

    def _refuse_error(self, one: Heard, number: int, what: str) -> None:
        if one.name == "error" and one.args[0] == number and not is_news(one.args[1]):
            raise _unreadable(self.line.account, TwsError(what, one.args[1], one.args[2]))


def _unreadable(account: str, error: TwsError) -> Unreadable:
    return Unreadable(f"account {account} of ibkr: {error}", {"code": error.code, "text": error.text})
