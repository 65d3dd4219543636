"""Interactive Brokers: US stocks and ETFs, long and short, over a TWS or Gateway that somebody runs.

IBKR checks no order id of ours. It is the reference (`orderRef`) of an order there, and it is looked for in
all that IBKR tells before each send: among open orders, completed ones and executions. An order is sent once;
only a word that bears its reference says that it arrived, and without one it is unknown.

Orders of the day are told until midnight in New York, and executions as well unless TWS keeps its log longer:
the DAG `fills` collects them on the day. What is older comes from a statement. Dividends, interest and fees
are in no list of the API.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nightdesk.brokers.broker_interface import (
    Broker,
    DuplicateOrder,
    RejectedOrder,
    Unreachable,
    Unreadable,
)
from nightdesk.brokers.ibkr_address import refuse_other_kind, refuse_unmanaged
from nightdesk.brokers.ibkr_answers import Riddle, ToldOrder, account_of, fill_of, positions_of
from nightdesk.brokers.ibkr_contracts import (
    ContractCache,
    ContractsInMemory,
    IbkrContract,
    IbkrNames,
    lookup,
    resolved,
)
from nightdesk.brokers.ibkr_line import IbkrLine
from nightdesk.brokers.ibkr_orders import CAPABILITIES, numbers_of, written
from nightdesk.brokers.ibkr_questions import IbkrPatience, IbkrQuestions
from nightdesk.brokers.ibkr_reading import IbkrReading, read_orders
from nightdesk.brokers.ibkr_sending import REJECTS, cancel, send
from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO
from nightdesk.core.schedule import schedule_of
from nightdesk.orders.broker_account import Account, BrokerOrder, OrderState
from nightdesk.orders.fills import Fill
from nightdesk.orders.order import Order
from nightdesk.tws_terms import TwsAddress, TwsError, TwsPatience

if TYPE_CHECKING:
    from ib_async.order import Order as IbkrOrder

#: What answers may take, and talking to TWS at all.
PATIENCE, LINE_PATIENCE = IbkrPatience(), TwsPatience()


class IbkrBroker(Broker):
    """One account at IBKR.

    Parameters
    ----------
    book : Book
        Its account, universe and calendar; `broker.live` says whether the account holds real money.
    address : TwsAddress
        Where TWS or Gateway is, and the client id, which nothing else uses.
    account_id : str
        The account's id at IBKR.
    contracts : ContractCache, optional
        Where contracts are kept that were looked up (default: for as long as the broker lives).
    patience, line_patience : optional
        How long answers may take (default: `PATIENCE`, `LINE_PATIENCE`).

    Raises
    ------
    Refused
        When id or port are of another kind of account than the book says.
    """

    kind = "ibkr"
    capabilities = CAPABILITIES

    def __init__(
        self,
        book: Book,
        address: TwsAddress,
        account_id: str,
        contracts: ContractCache | None = None,
        patience: IbkrPatience | None = None,
        line_patience: TwsPatience | None = None,
    ) -> None:
        super().__init__(book)
        refuse_other_kind(book.own_entry, account_id, address)
        self._address, self._id = address, account_id
        self._names = IbkrNames(book.universe)
        self._contracts = ContractsInMemory() if contracts is None else contracts
        self._patience = PATIENCE if patience is None else patience
        self._line = IbkrLine(self._name, address, LINE_PATIENCE if line_patience is None else line_patience)
        self._questions = IbkrQuestions(self._line, self._patience)
        self._schedule = schedule_of(book)
        self._at_once: IbkrReading | None = None
        self._answering = False
        self._refused: dict[str, Mapping[str, Any]] = {}

    def clock(self) -> datetime:
        self._connect()
        return datetime.fromtimestamp(self._questions.clock(), UTC)

    def account(self) -> Account:
        self._connect()
        rows = self._questions.figures()
        return self._read("the account", lambda: account_of(rows, self._name, self._id))

    def positions(self) -> Mapping[str, Decimal]:
        self._connect()
        rows = self._questions.positions()
        return self._read("the positions", lambda: positions_of(rows, self._id, self._names))

    def submit(self, order: Order) -> BrokerOrder:
        """Send an order, once; see `Broker.submit`.

        Before it is sent, its reference is looked for, its contract found, what it sells short is counted
        against the shares that can be borrowed, and what it does to the margin is asked.
        """
        self.refuse_impossible(order)
        self._connect()
        self._at_once = None  # what was read before may lack what was sent since
        name = order.client_order_id
        if self._find(self._orders(), name) is not None:
            raise DuplicateOrder(f"account {self._name} has an order {name} already")
        contract = self._contract(order)
        orders = written(order, contract, self._id, 0)
        self._refuse_unborrowed(order, contract)
        self._refuse_beyond_margin(order, contract, orders[0])
        return self._send(order, contract)

    @contextmanager
    def answering(self, orders: Collection[str], since: datetime) -> Iterator[None]:
        """A block in which the lists of orders and executions are read once."""
        self._answering, self._at_once = True, None
        try:
            yield
        finally:
            self._answering, self._at_once = False, None

    def order_by_client_id(self, client_order_id: str) -> BrokerOrder | None:
        self._connect()
        return self._find(self._orders(), client_order_id)

    def open_orders(self) -> Sequence[BrokerOrder]:
        """Everything that may still be executed; a person's order has IBKR's number for an id."""
        return [one for one in self._all(opened=True) if not one.state.ended]

    def orders_since(self, as_of: datetime) -> Sequence[BrokerOrder]:
        """See `Broker.orders_since`: the open ones, and what IBKR still tells of those that ended."""
        return self._all(opened=False)

    def fills_since(self, as_of: datetime) -> Sequence[Fill]:
        """See `Broker.fills_since`: of the executions that IBKR still tells of, mostly today's."""
        self._connect()

        def read() -> list[Fill]:
            fills = (
                fill_of(one, self._is_continuous(one.symbol), self._schedule.calendar)
                for one in self._orders(commissions=True).executed
            )
            return [one for one in fills if self._schedule.settling_of(one.session, one.executed_at) > as_of]

        return self._read("the executions", read)

    def cancel(self, client_order_id: str) -> BrokerOrder:
        self._connect()
        self._at_once = None
        reading = self._orders()
        known = self._find(reading, client_order_id)
        if known is None:
            raise Refused(f"account {self._name} has no order {client_order_id}")
        opened = reading.opened(client_order_id)
        if known.state.ended or not opened:
            return known
        for told in opened:
            self._refuse_of_others(client_order_id, told)
        # Of a pair both, whatever is said of the first: IBKR need not end the one with the other.
        answers = [cancel(self._line, told, self._patience.confirm) for told in opened]
        self._at_once = None
        after = self._find(self._orders(), client_order_id)
        if after is not None and not after.state.ended and not all(answers):
            raise Unreachable(
                f"account {self._name} of ibkr: no word on the cancel of {client_order_id} within "
                f"{self._patience.confirm:g} seconds, and it is open still: whether it arrived is not known"
            )
        return known if after is None else after

    def _refuse_of_others(self, client_order_id: str, told: ToldOrder) -> None:
        if told.client_id == self._address.client_id:
            return
        whose = f"client id {told.client_id}" if told.client_id else "a person in TWS"
        raise Refused(
            f"account {self._name}: order {client_order_id} was sent by {whose}, and IBKR lets client id "
            f"{self._address.client_id} not cancel it: cancel it in TWS"
        )

    def close(self) -> None:
        """Give the connection to TWS back; the next question makes one again."""
        self._line.close()

    def _connect(self) -> None:
        """Make sure of a connection that manages the account: of each anew, whatever is asked over it."""
        refuse_unmanaged(self._name, self._id, self._line.managed(), self._address)

    def _orders(self, *, commissions: bool = False) -> IbkrReading:
        if self._at_once is not None:
            return self._at_once
        wait = commissions or self._answering
        found = self._read(
            "the orders",
            lambda: read_orders(self._questions, self._id, self._names, commissions=wait),
        )
        if self._answering:
            self._at_once = found
        return found

    def _find(self, reading: IbkrReading, name: str) -> BrokerOrder | None:
        if reading.is_half(name):  # an old list may lack the other exit, and nothing is concluded from one
            self._at_once = None
            reading = self._orders()
        found = self._read(f"order {name}", lambda: reading.find(name))
        refused = self._refused.get(name)
        if (
            found is not None
            and refused is not None
            and found.state is OrderState.CANCELLED
            and not found.filled
        ):
            # IBKR keeps what it refused among the cancelled ones.
            return replace(found, state=OrderState.REJECTED, answer={**found.answer, **refused})
        return found

    def _all(self, *, opened: bool) -> list[BrokerOrder]:
        self._connect()
        reading = self._orders()
        found = (self._find(reading, name) for name in reading.names(opened=opened))
        return [one for one in found if one is not None]

    def _contract(self, order: Order) -> IbkrContract:
        try:
            return resolved(
                order.symbol,
                self._names,
                self._contracts,
                lambda name: self._questions.contracts(lookup(name)),
            )
        except Refused as error:
            raise self._rejected(order, str(error)) from None

    def _refuse_unborrowed(self, order: Order, contract: IbkrContract) -> None:
        """Reject a sale of more than is held where IBKR has not so many shares to lend.

        Where it does not say how many there are it is left to judge the order itself.
        """
        if order.side != "sell":
            return
        held = max(self.positions().get(order.symbol, ZERO), ZERO)
        short = order.quantity - held
        if short <= 0:
            return
        shares = self._questions.shortable(contract.routed())
        if shares is not None and shares < short:
            raise self._rejected(
                order, f"it sells {short} {order.symbol} short, and IBKR has {shares:g} shares to lend"
            )

    def _refuse_beyond_margin(self, order: Order, contract: IbkrContract, wanted: IbkrOrder) -> None:
        """Reject what would leave less equity than the margin that it asks for."""
        try:
            after = self._questions.margin(contract.routed(), wanted)
        except TwsError as error:
            if error.code in REJECTS:
                raise self._rejected(order, f"{error.text} ({error.code})", code=error.code) from None
            raise Unreadable(
                f"account {self._name} of ibkr: {error}", {"code": error.code, "text": error.text}
            ) from None
        asked = max(after.initial, after.maintenance)
        if after.initial_change > 0 and after.equity < asked:
            raise self._rejected(
                order,
                f"with it the margin would be {asked:,.2f} dollars, {asked - after.equity:,.2f} beyond the "
                f"equity of {after.equity:,.2f}",
            )

    def _send(self, order: Order, contract: IbkrContract) -> BrokerOrder:
        name, what = order.client_order_id, f"order {order.client_order_id}"
        numbers = [self._line.number() for _ in range(numbers_of(order))]
        orders = written(order, contract, self._id, numbers[0])
        together = [orders] if order.order_type != "oco" else [[one] for one in orders]
        try:
            for place, each in enumerate(together):
                try:
                    told = send(self._line, contract.routed(), each, self._names, self._patience.confirm)
                except RejectedOrder:
                    # The stop of a pair may be there, or the entry of a bracket: each is all of it or none.
                    if place or (len(each) > 1 and self._find(self._orders(), name) is not None):
                        self._take_back(name)
                    raise
        except RejectedOrder as refusal:
            self._refused[name] = refusal.answer
            raise RejectedOrder(f"account {self._name} of ibkr: {refusal}", refusal.answer) from None
        except Riddle as error:
            raise self._unreadable(what, error) from None
        self._at_once = None
        if told is None or len(together) > 1:
            found = self._find(self._orders(), name)
        else:
            found = self._read(what, lambda: told.known(ZERO))
        if found is None:
            raise Unreadable(
                f"account {self._name} of ibkr: an execution bears the reference {name}, and no list has "
                "such an order"
            )
        return self._same(found, order)

    def _take_back(self, name: str) -> None:
        """Cancel what is there of an order of which another part was refused: the stop of a pair without its
        target, or the entry of a bracket without its exits.

        Raises
        ------
        Unreachable
            When IBKR has not ended it in time: the next look finds it at work under the order's id.
        """
        left = self.cancel(name)
        if not left.state.ended:
            raise Unreachable(
                f"account {self._name} of ibkr: a part of {name} was refused, and the rest is cancelled and "
                "has not ended yet: it is at work alone"
            )

    def _same(self, found: BrokerOrder, order: Order) -> BrokerOrder:
        """The order that was received, when it is the one that was sent."""
        sent = (order.symbol, order.side, order.quantity)
        received = (found.symbol, found.side, found.quantity)
        if sent != received:
            words = [" ".join(map(str, one)) for one in (received, sent)]
            raise Unreadable(
                f"account {self._name} of ibkr: order {order.client_order_id} is {words[0]} there, sent was "
                f"{words[1]}",
                found.answer,
            )
        return found

    def _is_continuous(self, symbol: str) -> bool:
        instrument = self._book.universe.get(symbol)
        return instrument is not None and instrument.continuous

    def _rejected(self, order: Order, why: str, **answer: object) -> RejectedOrder:
        name = order.client_order_id
        return RejectedOrder(
            f"account {self._name} of ibkr refuses {name}: {why}",
            {"orderRef": name, "refused": why, **answer},
        )

    def _read[T](self, what: str, read: Callable[[], T]) -> T:
        """What an answer says, or that it says nothing."""
        try:
            return read()
        except Riddle as error:
            raise self._unreadable(what, error) from None
        except (ValueError, IndexError, AttributeError, TypeError) as error:
            short = Riddle(f"it has another shape than IBKR's ({error})", {"error": str(error)})
            raise self._unreadable(what, short) from None

    def _unreadable(self, what: str, error: Riddle) -> Unreadable:
        return Unreadable(f"account {self._name} of ibkr: {what} cannot be read: {error}", error.part)
