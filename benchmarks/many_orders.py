"""Books of a thousand symbols whose orders are about to be planned, or were filled and are to be settled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path

import numpy as np

from nightdesk.accounting.ledger import Ledger, capital, mark
from nightdesk.accounting.repairs import LedgerSnapshot, SentOrder
from nightdesk.core.book import Book, parse_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.panel import Floats
from nightdesk.engine import Day, Desk, State, plan, resolve
from nightdesk.orders.broker_account import BrokerOrder, BrokerSnapshot, OrderState
from nightdesk.orders.fills import FillBars, open_session
from nightdesk.orders.order import Order
from nightdesk.session.context import Context, beginning
from nightdesk.session.decide import write_orders
from nightdesk.store.book_rows import start_book
from nightdesk.store.db import Connection
from nightdesk.store.run_rows import begin_step
from nightdesk.strategies import register
from nightdesk.strategies.time_series_momentum import TimeSeriesMomentum

SIZE = 1000
FIRST = date(2024, 1, 2)


@register
class SlowMomentum(TimeSeriesMomentum):
    """A second strategy, so that orders and fills are shared."""

    name = "slow_momentum_of_benchmark"


@dataclass(frozen=True)
class Case:
    """One book in which one job does its work once, unmeasured parts done: `orders` are those it plans."""

    context: Context
    desk: Desk
    day: Day
    quantity: Floats
    state: State
    orders: tuple[Order, ...]


def thousand_symbols() -> Book:
    """A book of many symbols and two strategies, whose gate is not asked."""
    return parse_book(
        {
            "name": "thousand",
            "title": "A thousand symbols",
            "initial_capital": 100_000_000,
            "inception": FIRST,
            "broker": {"account": "thousand"},
            "universe": {f"S{n:04d}": {"max_weight": 0.01} for n in range(SIZE)},
            "strategies": {
                TimeSeriesMomentum.name: {"share": 0.6},
                SlowMomentum.name: {"share": 0.4},
            },
            "regime": [{"name": "ALL"}],
            "limits": {},
        },
        "the benchmark",
    )


def make_cases(conn: Connection) -> Iterator[Case]:
    """Books that differ in nothing but their name, each with a run of its first two sessions begun."""
    plain = resolve(thousand_symbols())
    random = np.random.default_rng(7)
    price = random.uniform(20.0, 400.0, SIZE).round(2)
    quantity = random.integers(1, 300, (2, SIZE)).astype(np.float64)
    calendar = get_calendar()
    for number in count():
        name = f"thousand_{number}"
        broker = plain.book.own_entry.model_copy(update={"account": name})
        book = plain.book.model_copy(update={"name": name, "broker": broker})
        record = start_book(conn, beginning(book, FIRST))
        context = Context(conn, book, record, calendar.close_at(FIRST), False, (), Path())
        for as_of in (context.as_of, context.schedule.after(context.as_of)):
            begin_step(conn, replace(context, as_of=as_of).new_run(), "ingest")
        ledger = Ledger().apply([capital(FIRST, book.initial_capital)])
        desk = replace(plain, book=book)
        state = State(ledger, mark(ledger, FIRST, {}))
        day = _day(price, calendar.close_at(FIRST))
        yield Case(context, desk, day, quantity, state, plan(desk, state, day, quantity))


def _day(price: Floats, as_of: datetime) -> Day:
    """A day of which orders read the prices alone."""
    nothing, flags = np.zeros((2, SIZE)), np.zeros(SIZE, dtype=bool)
    codes = nothing.astype(np.int8)
    return Day(
        session=FIRST,
        as_of=as_of,
        price=price,
        has_bar=~flags,
        age=np.zeros(SIZE, dtype=np.int64),
        quarantined=flags,
        factors={},
        returns=np.zeros((1, SIZE)),
        history=np.zeros((1, SIZE)),
        direction=codes,
        confidence=nothing,
        previous_direction=codes,
        vix=15.0,
        band=0,
    )


@dataclass(frozen=True)
class Settling:
    """A case whose orders were sent and filled: what either side knows of the next session."""

    context: Context
    desk: Desk
    broker: BrokerSnapshot
    ours: LedgerSnapshot
    opening: Ledger
    state: State
    prices: Mapping[str, float]


def sent(case: Case) -> Settling:
    """Write a case's orders, send them and let them be filled."""
    write_orders(case.context, case.orders, ())
    with case.context.conn.cursor() as cursor:
        cursor.execute(
            "UPDATE nightdesk.orders SET status = 'submitted', attempts = 1 WHERE book = %s",
            (case.context.book.name,),
        )
    session = case.context.calendar.shift(FIRST, 1)
    opens = {symbol: float(price) for symbol, price in zip(case.desk.symbols, case.day.price, strict=True)}
    bars = FillBars(session, opens, dict.fromkeys(opens, 1e9))
    fills, _ = open_session(case.orders, bars, case.desk.fill_terms)
    cash = case.state.ledger.cash + sum((fill.cash for fill in fills), Decimal(0))
    broker = BrokerSnapshot(
        cash=cash,
        positions={fill.symbol: fill.signed_quantity for fill in fills},
        orders={
            one.client_order_id: BrokerOrder(
                one.client_order_id,
                one.symbol,
                one.side,
                one.quantity,
                OrderState.FILLED,
                one.quantity,
                {"id": one.client_order_id, "status": "filled", "filled_qty": str(one.quantity)},
            )
            for one in case.orders
        },
        fills=fills,
    )
    ours = LedgerSnapshot(
        as_of=case.context.schedule.last_of(session),
        schedule=case.context.schedule,
        ledger=case.state.ledger,
        orders={one.client_order_id: SentOrder(one, "submitted", 1) for one in case.orders},
        prices={},
        units=case.desk.unit_of,
        heir=SlowMomentum.name,
    )
    context = case.context.at(session)
    return Settling(context, case.desk, broker, ours, case.state.ledger, case.state, opens)
