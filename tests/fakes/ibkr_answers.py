"""What the fake gateway answers to questions: each as the messages that one request is answered with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.fakes import ibkr_history
from tests.fakes import ibkr_messages as messages
from tests.fakes.exchange_hours import NEW_YORK
from tests.fakes.ibkr_account import figures, ledger, price_of
from tests.fakes.ibkr_orders import Rejection, Wanted
from tests.fakes.ibkr_state import Execution, State
from tests.fakes.ibkr_wire import Fields, Reader, moment_of

if TYPE_CHECKING:
    from tests.fakes.ibkr_exchange import IbkrExchange

#: A request's answer from the exchange, the state that is told, the id of the client, and the fields.
Answer = Callable[["IbkrExchange", State, int, list[str]], list[Fields]]


def open_orders(exchange: IbkrExchange, state: State, client_id: int, fields: list[str]) -> list[Fields]:
    """Orders of one client that may still be executed."""
    return _open(state, lambda order_client: order_client == client_id)


def all_open_orders(exchange: IbkrExchange, state: State, client_id: int, fields: list[str]) -> list[Fields]:
    """Orders of all clients, and those by hand."""
    return _open(state, lambda order_client: True)


def completed_orders(exchange: IbkrExchange, state: State, client_id: int, fields: list[str]) -> list[Fields]:
    """Orders that ended today; with `apiOnly` those that a client sent."""
    api_only = Reader(fields).flag()
    today = _day(exchange.now)
    return [
        *(
            messages.completed_order(order)
            for order in state.orders.values()
            if order.ended
            and order.completed_at is not None
            and _day(order.completed_at) == today
            and (order.order_id > 0 or not api_only)
        ),
        messages.end_of("completed orders"),
    ]


def executions(exchange: IbkrExchange, state: State, client_id: int, fields: list[str]) -> list[Fields]:
    """Executions of today (of the gateway's log, when it keeps one), as a filter asks for them."""
    reader = Reader(fields)
    reader.skip(1)
    request_id, only_client, account = reader.whole(), reader.whole(), reader.text()
    since, symbol, sec_type, venue, side = (reader.text() for _ in range(5))
    reader.end()
    earliest = _first_told(exchange)

    def asked_for(one: Execution) -> bool:
        return (
            _day(one.at) >= earliest
            and only_client in (0, one.order.client_id)
            and account in ("", exchange.account)
            and (not since or one.at >= moment_of(since))
            and symbol in ("", one.order.stock.symbol)
            and sec_type in ("", "STK")
            and venue in ("", "SMART", one.venue)
            and side in ("", "BUY" if one.order.sign > 0 else "SELL", "BOT" if one.order.sign > 0 else "SLD")
        )

    found: list[Fields] = []
    for one in filter(asked_for, state.executions):
        found.append(messages.execution(one, request_id))
        if one.reported == "told":
            found.append(messages.commission(one))
    return [*found, messages.end_of("executions", request_id)]


def positions(exchange: IbkrExchange, state: State, client_id: int, fields: list[str]) -> list[Fields]:
    held = [messages.position(exchange.account, one) for one in state.positions.values()]
    return [*held, messages.end_of("positions")]


def account_updates(exchange: IbkrExchange, state: State, client_id: int, fields: list[str]) -> list[Fields]:
    """Figures and positions of the account; nothing where the subscription is ended."""
    reader = Reader(fields)
    reader.skip(1)
    subscribes, account = reader.flag(), reader.text() or exchange.account
    if not subscribes:
        return []
    if account != exchange.account:
        raise Rejection(321, "Error validating request.-'bU' : cause - Invalid account code")
    values = [messages.account_value(account, *one) for one in _values(exchange, state)]
    items = [
        messages.portfolio_item(account, held, price_of(state, name))
        for name, held in state.positions.items()
    ]
    return [*values, *items, messages.account_time(exchange.now), messages.end_of("account", account)]


def account_multi(exchange: IbkrExchange, state: State, client_id: int, fields: list[str]) -> list[Fields]:
    reader = Reader(fields)
    reader.skip(1)
    request_id, account = reader.whole(), reader.text()
    values = _values(exchange, state) if account in ("", exchange.account) else []
    told = [messages.account_value_multi(request_id, account, *one) for one in values]
    return [*told, messages.end_of("account multi", request_id)]


def account_summary(exchange: IbkrExchange, state: State, client_id: int, fields: list[str]) -> list[Fields]:
    reader = Reader(fields)
    reader.skip(1)
    request_id, group, tags = reader.whole(), reader.text(), reader.text().split(",")
    if group != "All":
        raise Rejection(321, "Error validating request.-'bR' : cause - Invalid group name")
    known = figures(state, exchange.rates, exchange.standing)
    told = [(tag, *known[tag]) for tag in tags if tag in known]
    if any(tag.startswith("$LEDGER") for tag in tags):
        told += ledger(state, exchange.rates)
    lines = [messages.summary_value(request_id, exchange.account, *one) for one in told]
    return [*lines, messages.end_of("summary", request_id)]


def contract_details(exchange: IbkrExchange, state: State, client_id: int, fields: list[str]) -> list[Fields]:
    reader = Reader(fields)
    reader.skip(1)
    request_id, wanted = reader.whole(), Wanted.read(reader)
    found = exchange.find(wanted)
    if not found:
        raise Rejection(200, "No security definition has been found for the request")
    exchange_name = wanted.exchange or "SMART"
    told = [messages.contract_details(request_id, one, exchange_name, exchange.now) for one in found]
    return [*told, messages.end_of("contracts", request_id)]


def market_data(exchange: IbkrExchange, state: State, client_id: int, fields: list[str]) -> list[Fields]:
    """The last price, and with generic tick 236 how many units can be borrowed."""
    reader = Reader(fields)
    reader.skip(1)
    request_id, wanted = reader.whole(), Wanted.read(reader)
    reader.flag()
    generic, snapshot = reader.text().split(","), reader.flag()
    found = exchange.find(wanted)
    if len(found) != 1:
        raise Rejection(200, "No security definition has been found for the request")
    stock = found[0]
    told = [messages.tick_parameters(request_id, stock), messages.market_data_type(request_id, 1)]
    if stock.symbol in state.prices:
        told.append(messages.tick_price(request_id, 4, state.prices[stock.symbol], 100))
    if "236" in generic:
        told += exchange.shortable_ticks(request_id, stock)
    return [*told, messages.end_of("snapshot", request_id)] if snapshot else told


def historical_data(exchange: IbkrExchange, state: State, client_id: int, fields: list[str]) -> list[Fields]:
    found = exchange.find(Wanted.read(Reader(fields[1:])))
    return ibkr_history.answer(exchange.history, found, exchange.clock(), fields)


def current_time(exchange: IbkrExchange, state: State, client_id: int, fields: list[str]) -> list[Fields]:
    return [messages.current_time(exchange.clock())]


def order_ids(exchange: IbkrExchange, state: State, client_id: int, fields: list[str]) -> list[Fields]:
    return [messages.next_valid_id(exchange.next_order_id(client_id))]


def accounts(exchange: IbkrExchange, state: State, client_id: int, fields: list[str]) -> list[Fields]:
    return [messages.managed_accounts(exchange.accounts)]


def nothing(exchange: IbkrExchange, state: State, client_id: int, fields: list[str]) -> list[Fields]:
    """What ends or sets something, and is not answered."""
    return []


def changed_positions(exchange: IbkrExchange) -> list[Fields]:
    """Positions that are not as they were one step ago; of one that is gone, 0 units."""
    before, after = exchange.before.positions, exchange.state.positions
    gone = [
        replace(held, units=Decimal(0), cost=Decimal(0)) for name, held in before.items() if name not in after
    ]
    changed = [held for name, held in after.items() if before.get(name) != held]
    return [messages.position(exchange.account, held) for held in [*changed, *gone]]


def changed_account(exchange: IbkrExchange) -> list[Fields]:
    """Figures of the account, and items that changed, when a position or cash did."""
    before, after = exchange.before, exchange.state
    if (before.positions, before.cash) == (after.positions, after.cash):
        return []
    gone = [
        replace(held, units=Decimal(0))
        for name, held in before.positions.items()
        if name not in after.positions
    ]
    changed = [held for name, held in after.positions.items() if before.positions.get(name) != held]
    return [
        *(messages.account_value(exchange.account, *one) for one in _values(exchange, after)),
        *(
            messages.portfolio_item(exchange.account, held, price_of(after, held.stock.symbol))
            for held in [*changed, *gone]
        ),
        messages.account_time(exchange.now),
    ]


def newly_completed(exchange: IbkrExchange) -> list[Fields]:
    """Orders that ended in the last step: they come unasked to who asked for completed orders before."""
    return [
        messages.completed_order(order)
        for perm_id, order in exchange.state.orders.items()
        if order.ended and not (perm_id in exchange.before.orders and exchange.before.orders[perm_id].ended)
    ]


ANSWERS: dict[str, Answer] = {
    "reqOpenOrders": open_orders,
    "reqAllOpenOrders": all_open_orders,
    "reqAutoOpenOrders": nothing,
    "reqCompletedOrders": completed_orders,
    "reqExecutions": executions,
    "reqPositions": positions,
    "reqAccountUpdates": account_updates,
    "reqAccountUpdatesMulti": account_multi,
    "reqAccountSummary": account_summary,
    "reqContractDetails": contract_details,
    "reqMktData": market_data,
    "reqHistoricalData": historical_data,
    "reqCurrentTime": current_time,
    "reqIds": order_ids,
    "reqManagedAccts": accounts,
    "reqMarketDataType": nothing,
    "setServerLogLevel": nothing,
    "cancelAccountSummary": nothing,
    "cancelAccountUpdatesMulti": nothing,
    "cancelHistoricalData": nothing,
    "cancelMktData": nothing,
    "cancelPositions": nothing,
}

#: Where the id of a request stands among its fields, which begin after its number; others have none.
ID_AT = {
    "placeOrder": 0,
    "cancelOrder": 1,
    "reqHistoricalData": 0,
    **dict.fromkeys(
        (
            "reqMktData",
            "reqExecutions",
            "reqContractDetails",
            "reqAccountSummary",
            "reqAccountUpdatesMulti",
        ),
        1,
    ),
}


def id_of(name: str, fields: list[str]) -> int:
    """The id that an error to this request bears; -1 where the request has none."""
    return int(fields[ID_AT[name]]) if name in ID_AT else -1


def _open(state: State, mine: Callable[[int], bool]) -> list[Fields]:
    told: list[Fields] = []
    for order in state.orders.values():
        if order.transmit and not order.ended and mine(order.client_id):
            told += [messages.open_order(order), messages.order_status(order)]
    return [*told, messages.end_of("open orders")]


def _values(exchange: IbkrExchange, state: State) -> list[tuple[str, str, str]]:
    known = figures(state, exchange.rates, exchange.standing)
    return [(tag, value, currency) for tag, (value, currency) in known.items()] + ledger(
        state, exchange.rates
    )


def _first_told(exchange: IbkrExchange) -> date:
    """The first day whose executions are told."""
    return _day(exchange.now) - timedelta(days=exchange.log_days)


def _day(moment: datetime) -> date:
    return moment.astimezone(NEW_YORK).date()
