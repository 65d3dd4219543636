"""What the fake gateway says: each message as its list of fields, in the order of server version 178."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from tests.fakes.exchange_hours import NEW_YORK, next_close, next_open
from tests.fakes.ibkr_state import Execution, Order, Position, Stock
from tests.fakes.ibkr_wire import UNSET_DOUBLE, UNSET_INTEGER, UNSET_LONG, ZONE, Fields, local

OPEN_ORDER, ORDER_STATUS, ERROR, EXECUTION, COMMISSION = 5, 3, 4, 11, 59


@dataclass(frozen=True)
class Margins:
    """What a what-if order is answered with, in dollars; before, after, and the cost of the order."""

    initial: tuple[Decimal, Decimal]
    maintenance: tuple[Decimal, Decimal]
    equity: tuple[Decimal, Decimal]
    commission: Decimal
    warning: str = ""


def error(request_id: int, code: int, text: str) -> Fields:
    """An error or a notice; -1 where it belongs to no request."""
    return [ERROR, 2, request_id, code, text, ""]


def preset_notice(order_id: int) -> Fields:
    """What looks like the end of an order and is none."""
    return error(order_id, 10349, "Order TIF was set to DAY based on order preset.")


def next_valid_id(order_id: int) -> Fields:
    return [9, 1, order_id]


def managed_accounts(accounts: Iterable[str]) -> Fields:
    return [15, 1, ",".join(accounts)]


def current_time(moment: datetime) -> Fields:
    return [49, 1, int(moment.timestamp())]


def order_status(order: Order) -> Fields:
    return [
        ORDER_STATUS,
        order.order_id,
        order.status,
        order.filled,
        order.remaining,
        order.average,
        order.perm_id,
        order.parent_id,
        order.last_price,
        order.client_id,
        order.why_held,
        Decimal(0),
    ]


def open_order(order: Order, margins: Margins | None = None) -> Fields:
    """An open order; with margins the answer to a what-if order."""
    return [
        OPEN_ORDER,
        order.order_id,
        *_contract(order.stock, "?", order.exchange),
        order.action,
        order.quantity,
        order.kind,
        order.limit or Decimal("0.0"),
        order.stop or Decimal("0.0"),
        order.tif,
        order.oca_group,
        order.account,
        "",  # open or close
        0,  # origin: customer
        order.order_ref,
        order.client_id,
        order.perm_id,
        order.outside_hours,
        False,  # hidden
        0,  # discretionary amount
        *[""] * 5,  # good after time, shares allocation, adviser's group, method, percentage
        *[""] * 3,  # model code, good till date, rule 80A
        "",  # percent offset
        "",  # settling firm
        0,  # short sale slot
        "",  # designated location
        -1,  # exempt code
        0,  # auction strategy
        *[""] * 5,  # starting price, stock reference price, delta, range
        "",  # display size
        *[False] * 3,  # block order, sweep to fill, all or none
        "",  # smallest quantity
        order.oca_type,
        *[False] * 2,
        "",  # NBBO price cap
        order.parent_id,
        0,  # trigger method
        "",  # volatility
        0,  # volatility type
        "None",  # delta neutral order type: where it is not empty, eight more fields follow
        "",
        *[0, "", "", "", "?", False, 0, ""],
        False,  # continuous update
        0,  # reference price type
        *[""] * 4,  # trailing stop price and percent, basis points and their type
        "",  # legs in words
        *[0] * 3,  # number of legs, of their prices, of routing parameters
        *[""] * 3,  # scale
        "",  # hedge
        False,  # opt out of smart routing
        "",
        "IB",  # clearing intent
        False,  # not held
        False,  # no delta neutral contract
        "",  # algorithm
        False,  # solicited
        order.what_if,
        *_order_state(order, margins),
        *[False] * 2,  # randomise size, price
        0,  # number of conditions
        "None",  # adjusted order type
        *[""] * 6,  # trigger price, trailing stop, offsets, adjusted prices
        0,
        *[""] * 3,  # soft dollar tier
        0,  # cash quantity
        True,  # no automatic price for a hedge
        False,
        False,
        False,
        "",  # duration
        "",  # post to ATS
        False,  # cancel the parent too
        *[""] * 5,  # smallest trade quantity, compete sizes and offsets
    ]


def completed_order(order: Order) -> Fields:
    """An order that ended today. It bears neither orderId nor clientId; its total quantity is what was not
    executed, and one that was rejected is a cancelled one.
    """
    return [
        101,
        *_contract(order.stock, "?", order.exchange),
        order.action,
        order.remaining,
        order.kind,
        order.limit or Decimal("0.0"),
        order.stop or Decimal("0.0"),
        order.tif,
        order.oca_group,
        order.account,
        "",
        0,
        order.order_ref,
        order.perm_id,
        order.outside_hours,
        False,
        0,
        *[""] * 4,  # good after time, adviser's group, method, percentage
        *[""] * 3,  # model code, good till date, rule 80A
        "",
        "",
        0,  # short sale slot
        "",
        -1,
        *[""] * 5,
        "",  # display size
        *[False] * 2,
        "",
        order.oca_type,
        0,
        "",
        0,
        "None",  # delta neutral order type: where it is not empty, four more fields follow
        "",
        *[0, False, 0, ""],
        False,
        0,
        *[""] * 2,
        "",
        *[0] * 3,
        *[""] * 3,
        "",
        "",
        "IB",
        False,
        False,
        "",
        False,
        "Cancelled" if order.status == "Inactive" else order.status,
        *[False] * 2,
        0,  # number of conditions
        *[""] * 2,
        0,
        True,
        False,
        "",
        order.filled,
        UNSET_INTEGER,
        False,
        "Not an insider or substantial shareholder",
        *[False] * 2,
        UNSET_LONG,  # permId of the parent
        local(order.completed_at) if order.completed_at else "",
        order.completed_status,
        *[""] * 5,
    ]


def execution(report: Execution, request_id: int = -1) -> Fields:
    """An execution; the request id is -1 where nobody asked for it."""
    order = report.order
    return [
        EXECUTION,
        request_id,
        order.order_id,
        *_contract(order.stock, "", report.venue),
        report.exec_id,
        local(report.at),
        order.account,
        report.venue,
        "BOT" if order.sign > 0 else "SLD",
        report.units,
        report.price,
        order.perm_id,
        order.client_id,
        0,  # no liquidation
        report.cumulated,
        report.average,
        order.order_ref,
        "",
        "",
        "",
        2,  # liquidity removed
        False,  # no price revision pending
    ]


def commission(report: Execution) -> Fields:
    realized: object = UNSET_DOUBLE if report.realized is None else report.realized
    return [COMMISSION, 1, report.exec_id, report.commission, "USD", realized, UNSET_DOUBLE, ""]


def position(account: str, held: Position) -> Fields:
    """A position; its contract bears no exchange."""
    return [61, 3, account, *_contract(held.stock, "", ""), held.units, held.cost]


def portfolio_item(account: str, held: Position, price: Decimal) -> Fields:
    contract = _contract(held.stock, "0", held.stock.primary)
    value = held.units * price
    gain = value - held.units * held.cost
    return [7, 8, *contract, held.units, price, value, held.cost, gain, Decimal(0), account]


def account_value(account: str, tag: str, value: str, currency: str) -> Fields:
    return [6, 2, tag, value, currency, account]


def account_time(moment: datetime) -> Fields:
    return [8, 1, f"{moment.astimezone(NEW_YORK):%H:%M}"]


def account_value_multi(request_id: int, account: str, tag: str, value: str, currency: str) -> Fields:
    return [73, 1, request_id, account, "", tag, value, currency]


def summary_value(request_id: int, account: str, tag: str, value: str, currency: str) -> Fields:
    return [63, 1, request_id, account, tag, value, currency]


def end_of(what: str, request: object = None) -> Fields:
    """What closes a list."""
    number = {
        "contracts": 52,
        "open orders": 53,
        "account": 54,
        "executions": 55,
        "snapshot": 57,
        "positions": 62,
        "summary": 64,
        "account multi": 74,
        "completed orders": 102,
    }[what]
    if what == "completed orders":
        return [number]
    return [number, 1] if request is None else [number, 1, request]


def contract_details(request_id: int, stock: Stock, exchange: str, now: datetime) -> Fields:
    trading, liquid = _hours(now)
    ids: Fields = [1, "ISIN", stock.isin] if stock.isin else [0]
    return [
        10,
        request_id,
        stock.symbol,
        "STK",
        "",
        0,
        "",
        exchange,
        "USD",
        stock.symbol,
        stock.trading_class,
        stock.trading_class,
        stock.con_id,
        stock.min_tick,
        "",
        "ACTIVETIM,AD,ALGO,DAY,GTC,LMT,LOC,MKT,MOC,OCA,OPG,STP,STPLMT,TRAIL,WHATIF",
        stock.exchanges,
        1,
        0,
        stock.long_name,
        stock.primary,
        "",
        "",
        "",
        "",
        ZONE,
        trading,
        liquid,
        "",
        0,
        *ids,
        1,
        "",
        "",
        ",".join(["26"] * len(stock.exchanges.split(","))),
        "",
        stock.kind,
        stock.size_increment,
        stock.size_increment,
        100,
    ]


def historical_data(request_id: int, start: str, end: str, bars: list[Fields]) -> Fields:
    return [17, request_id, start, end, len(bars), *[field for bar in bars for field in bar]]


def tick_price(request_id: int, kind: int, price: Decimal, units: int = 0) -> Fields:
    return [1, 6, request_id, kind, price, units, 0]


def tick_size(request_id: int, kind: int, units: Decimal) -> Fields:
    return [2, 6, request_id, kind, units]


def tick_generic(request_id: int, kind: int, value: Decimal) -> Fields:
    return [45, 6, request_id, kind, value]


def market_data_type(request_id: int, kind: int) -> Fields:
    return [58, 1, request_id, kind]


def tick_parameters(request_id: int, stock: Stock) -> Fields:
    return [81, request_id, stock.min_tick, "9c0001", 3]


def values_of(figures: Mapping[str, tuple[str, str]]) -> Iterable[tuple[str, str, str]]:
    """Tag, value and currency of each figure of the account."""
    return ((tag, value, currency) for tag, (value, currency) in figures.items())


def _contract(stock: Stock, right: str, exchange: str) -> Fields:
    return [
        stock.con_id,
        stock.symbol,
        "STK",
        "",
        "0",
        right,
        "",
        exchange,
        "USD",
        stock.symbol,
        stock.trading_class,
    ]


def _order_state(order: Order, margins: Margins | None) -> Fields:
    if margins is None:
        return [order.status, *[UNSET_DOUBLE] * 9, *[UNSET_DOUBLE] * 3, "", ""]
    three = (margins.initial, margins.maintenance, margins.equity)
    return [
        order.status,
        *[before for before, _ in three],
        *[after - before for before, after in three],
        *[after for _, after in three],
        margins.commission,
        UNSET_DOUBLE,
        UNSET_DOUBLE,
        "USD",
        margins.warning,
    ]


def _hours(now: datetime) -> tuple[str, str]:
    """Hours of the next six days, all and regular ones, as the gateway writes them."""
    trading, liquid = [], []
    midnight = now.astimezone(NEW_YORK).replace(hour=0, minute=0, second=0, microsecond=0)
    for ahead in range(6):
        day = midnight + timedelta(days=ahead)
        opening, closing = next_open(day), next_close(day)
        if opening.astimezone(NEW_YORK).date() != day.date():
            trading.append(f"{day:%Y%m%d}:CLOSED")
            liquid.append(f"{day:%Y%m%d}:CLOSED")
            continue
        ends = closing.astimezone(NEW_YORK)
        late = "2000" if ends.hour >= 16 else "1700"
        trading.append(f"{day:%Y%m%d}:0400-{day:%Y%m%d}:{late}")
        liquid.append(f"{day:%Y%m%d}:0930-{day:%Y%m%d}:{ends:%H%M}")
    return ";".join(trading), ";".join(liquid)
