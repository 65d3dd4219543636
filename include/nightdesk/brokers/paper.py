"""The embedded paper broker: orders fill at the next open, or rest, by the very function of the backtest.

Its state is in PostgreSQL, in tables that the desk never reads but through this class. Its clock is the
decision instant that it has lived up to, so a past session can be decided and fills at the open after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, get_args

from nightdesk.accounting.ledger import Ledger, Position
from nightdesk.accounting.period import Period
from nightdesk.accounting.settlement import Executed, Opening, Settlement, at_the_open, settle
from nightdesk.brokers.broker_interface import Broker, Capabilities, DuplicateOrder
from nightdesk.core.asset_classes import AssetClass
from nightdesk.core.book import Book
from nightdesk.core.contracts import PLAIN
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO
from nightdesk.core.schedule import schedule_of
from nightdesk.orders.bracket_exits import exits_of
from nightdesk.orders.broker_account import Account, BrokerOrder, OrderState
from nightdesk.orders.fills import Fill, fill_terms, reaches_both
from nightdesk.orders.order import Intent, Order, exits_id
from nightdesk.orders.resting import rest_of
from nightdesk.store import paper_rows
from nightdesk.store.ahead import reading_once, reading_transaction
from nightdesk.store.db import Connection, is_idle, transaction
from nightdesk.store.paper_rows import EndedOrder, PaperState

#: What is said of an oco where a bar tells not which of its legs came first.
_STOP_TAKEN = "its bar reached the stop and the target: the stop is taken"

#: The account holds for one owner, whatever strategies stand behind its orders.
_OWNER = ""


class PaperBroker(Broker):
    """One paper account.

    Parameters
    ----------
    book : Book
        Its account, costs and units.
    conn : Connection
        Where the state is kept; every call is a transaction of its own.
    """

    kind = "paper"
    simulated = True
    capabilities = Capabilities(
        order_types=frozenset({"market", "limit", "stop", "bracket", "oco"}),
        times_in_force={
            one: {"day": "next open", "open": "next open", "gtc": "until cancelled"}
            for one in get_args(AssetClass)
        },
        fractions=frozenset({"equity", "etf", "crypto", "perpetual"}),
        shorts=True,
    )

    def __init__(self, book: Book, conn: Connection) -> None:
        super().__init__(book)
        self._conn = conn
        self._terms = fill_terms(book)
        self._schedule = schedule_of(book)

    def clock(self) -> datetime:
        """The decision instant that the paper market has lived up to."""
        return self._state().as_of

    def account(self) -> Account:
        return Account(self._name, self._state().cash)

    def positions(self) -> Mapping[str, Decimal]:
        return self._state().positions

    def submit(self, order: Order) -> BrokerOrder:
        """Receive an order; it fills, or expires, when the market opens next. A bracket's exits are received
        with it.
        """
        self.refuse_impossible(order)
        row = self._receive(order)
        if row is None:
            self._state()
            raise DuplicateOrder(f"account {self._name} has an order {order.client_order_id} already")
        return _broker_order(row)

    def _receive(self, order: Order) -> dict[str, Any] | None:
        if order.order_type != "bracket":
            return paper_rows.receive_order(self._conn, self._name, order)
        with transaction(self._conn):
            row = paper_rows.receive_order(self._conn, self._name, order)
            if row is not None:
                paper_rows.receive_order(self._conn, self._name, exits_of(order))
        return row

    @contextmanager
    def answering(self, orders: Collection[str], since: datetime) -> Iterator[None]:
        with reading_once(self._conn, paper_rows.look_asks(self._name, orders, since)):
            yield

    def order_by_client_id(self, client_order_id: str) -> BrokerOrder | None:
        row = paper_rows.find_paper_order(self._conn, self._name, client_order_id)
        return None if row is None else _broker_order(row)

    def open_orders(self) -> Sequence[BrokerOrder]:
        return tuple(_broker_order(row) for row in paper_rows.open_paper_orders(self._conn, self._name))

    def fills_since(self, as_of: datetime) -> Sequence[Fill]:
        return paper_rows.paper_fills_since(self._conn, self._name, as_of)

    def cancel(self, client_order_id: str) -> BrokerOrder:
        with transaction(self._conn):
            ends = {client_order_id: "cancelled by its sender"}
            if not self._known(client_order_id).state.ended:
                ends[exits_id(client_order_id)] = "its entry was cancelled"
            for name, why in ends.items():
                end = EndedOrder(name, "cancelled", why)
                paper_rows.end_order(self._conn, self._name, end, self._state().as_of)
            return self._known(client_order_id)

    def fund(self, as_of: datetime, capital: Decimal) -> None:
        """Open the account at a decision instant; one that is open stays as it is."""
        with transaction(self._conn):
            if paper_rows.newest_state(self._conn, self._name) is None:
                session = self._schedule.session_of(as_of)
                paper_rows.add_period(self._conn, self._name, PaperState(as_of, session, capital, {}))

    def advance(self, period: Period) -> None:
        """Live through a period by the settlement of every driver: accruals, then the open at which waiting
        orders fill or expire.

        Until an order is received after it, the newest period may be lived through again, on newer bars.

        Raises
        ------
        Refused
            When it is not the next one.
        """
        alone = is_idle(self._conn)
        with reading_transaction(self._conn, paper_rows.account_asks(self._name)):
            with reading_once(self._conn):
                state, waiting = self._state(), self._waiting()
            if state.as_of == period.as_of:
                if paper_rows.acted_since(self._conn, self._name, period.as_of):
                    return
                paper_rows.take_back(self._conn, self._name, period.as_of)
                state, waiting = self._state(), self._waiting()
            following = self._schedule.after(state.as_of)
            if period.as_of != following:
                raise Refused(self._not_next(state, following, period))
            self._settle(state, waiting, period.of_account(_OWNER), commit=alone)

    def _not_next(self, state: PaperState, following: datetime, period: Period) -> str:
        name, noun = self._schedule.name_of, self._schedule.noun
        return (
            f"paper account {self._name} has lived through {name(state.as_of)}: its next {noun} is "
            f"{name(following)}, not {name(period.as_of)}. Replay the book from the session to be done again"
        )

    def take_back(self, as_of: datetime) -> None:
        """Forget the periods from the one that ends at `as_of` on; orders received before it wait again."""
        with transaction(self._conn):
            paper_rows.take_back(self._conn, self._name, as_of)

    def _waiting(self) -> tuple[Order, ...]:
        return tuple(map(self._order, paper_rows.open_paper_orders(self._conn, self._name)))

    def _settle(self, state: PaperState, waiting: Sequence[Order], period: Period, *, commit: bool) -> None:
        held = {
            (_OWNER, symbol): Position(_OWNER, symbol, quantity, state.costs.get(symbol, ZERO))
            for symbol, quantity in state.positions.items()
        }
        opening = Opening(Ledger(state.cash, held), as_of=state.as_of)
        settled = settle(opening, waiting, period, at_the_open(period, self._terms))
        as_of, ledger = period.as_of, settled.ledger
        costs = {
            one.symbol: one.cost
            for one in ledger.held()
            if period.terms.contracts.get(one.symbol, PLAIN).on_margin
        }
        state = PaperState(as_of, period.session, ledger.cash, ledger.net(), costs)
        ended = {one.client_order_id: one for one in _filled(settled)}
        for rest in settled.expired:  # of a partly executed one too
            ended[rest.client_order_id] = EndedOrder(rest.client_order_id, "expired", rest.reason)
        paper_rows.add_period(
            self._conn, self._name, state, tuple(ended.values()), settled.fills, commit=commit
        )

    def _state(self) -> PaperState:
        state = paper_rows.newest_state(self._conn, self._name)
        if state is None:
            raise Refused(
                f"paper account {self._name} was never funded: run its book from the first session on"
            )
        return state

    def _known(self, client_order_id: str) -> BrokerOrder:
        found = self.order_by_client_id(client_order_id)
        if found is None:
            raise Refused(f"account {self._name} has no order {client_order_id}")
        return found

    def _order(self, row: Mapping[str, Any]) -> Order:
        """What is left of a waiting order."""
        signed = row["quantity"] if row["side"] == "buy" else -row["quantity"]
        order = Order(
            client_order_id=row["client_order_id"],
            book=self._book.name,
            session=row["session"],
            as_of=row["as_of"],
            symbol=row["symbol"],
            side=row["side"],
            quantity=row["quantity"],
            purpose="",
            reference_price=row["reference_price"],
            intents=(Intent(_OWNER, row["symbol"], signed, row["bundle"] or "", row["bundle_units"] or 0),),
            order_type=row["order_type"],
            time_in_force=row["time_in_force"],
            limit_price=row["limit_price"],
            stop_price=row["stop_price"],
            target_price=row["target_price"],
        )
        return rest_of(order, row["filled"])


def _filled(settled: Settlement[Executed]) -> Iterator[EndedOrder]:
    """The waiting orders that a period has filled, in part where they do not rest."""
    by_id = {order.client_order_id: order for order in settled.executed.met}
    for fill in settled.fills:
        order = by_id[fill.client_order_id]
        if order.rests and fill.quantity < order.quantity:
            continue
        both = reaches_both(order, settled.period.bars)
        yield EndedOrder(fill.client_order_id, "filled", _STOP_TAKEN if both else "")


#: What a row holds for the market's opening, and an account does not tell of an order.
_OF_THE_MARKET = frozenset({"bundle", "bundle_units"})


def _broker_order(row: Mapping[str, Any]) -> BrokerOrder:
    state = OrderState(row["status"])
    if state is OrderState.ACCEPTED and row["filled"]:
        state = OrderState.PARTIALLY_FILLED
    return BrokerOrder(
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        side=row["side"],
        quantity=row["quantity"],
        state=state,
        filled=row["filled"],
        answer={
            name: value if value is None else str(value)
            for name, value in row.items()
            if name not in _OF_THE_MARKET
        },
    )
