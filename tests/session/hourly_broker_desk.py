"""An hourly desk whose account is at a fake broker: its database, its broker and the market go through time
together.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.clock import set_clock
from tests.conftest import open_connection
from tests.fakes.alpaca import FakeAlpaca
from tests.hourly import HOURLY
from tests.hourly_book import SYMBOLS
from tests.session.hourly_desk import HourlyDesk, at

from nightdesk.operations.collect import Collected, collect
from nightdesk.session.context import Context
from nightdesk.session.entry import open_context, open_standing
from nightdesk.session.steps import run_session

ACCOUNT = "alpaca-hours"


@dataclass
class HourlyAlpacaDesk(HourlyDesk):
    """The desk and its broker.

    Parameters
    ----------
    fake : FakeAlpaca
        Where the book's account is.
    """

    fake: FakeAlpaca = field(kw_only=True)

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which the account is known."""
        return dict(os.environ) | self.fake.environ(ACCOUNT)

    @contextmanager
    def at(self, number: int, inject: Path | None = None) -> Iterator[Context]:
        with (
            open_connection(self.url) as conn,
            open_context(
                self.book, at(number), conn=conn, turn_seconds=0, environ=self.environ, inject=inject
            ) as context,
        ):
            yield context

    @contextmanager
    def standing(self) -> Iterator[Context]:
        """The context in which a person, or the DAG of fills, looks after the book's broker."""
        with (
            open_connection(self.url) as conn,
            open_standing(self.book, conn=conn, turn_seconds=0.0, environ=self.environ) as context,
        ):
            yield context

    def go_to(self, moment: datetime) -> None:
        """Let it be `moment` for the desk and its broker."""
        self.fake.exchange.now = moment
        set_clock(self.url, moment)

    def come_to(self, number: int, minutes: float = 6) -> None:
        """Let it be so long after a decision's instant: the vendor has the bar, and trades go at its close.

        The first decision of a session finds that the market has opened, at the open of its first bar.
        """
        moment = at(number)
        session = HOURLY.session_of(moment)
        if moment == HOURLY.first_of(session) and self.fake.exchange.now < HOURLY.calendar.open_at(session):
            opens = {symbol: self.hours[symbol, moment][0] for symbol in SYMBOLS}
            self.fake.exchange.open_market(opens, at=HOURLY.calendar.open_at(session))
        self.until = moment
        self.write()
        if moment == HOURLY.last_of(session) and self.fake.exchange.now < moment:
            self.fake.exchange.close_market()
        self.go_to(moment + timedelta(minutes=minutes))
        for symbol in SYMBOLS:
            self.fake.exchange.price(symbol, self.hours[symbol, moment][3])

    def decide(self, number: int, last: str = "close") -> dict[str, dict[str, int | str]]:
        """Run a decision a minute after its bars are known."""
        self.come_to(number)
        with self.at(number) as context:
            return run_session(context, last=last)

    def collected(self) -> Collected:
        """What the DAG of fills finds."""
        with self.standing() as context:
            return collect(context)

    def orders_of(self, number: int) -> list[dict[str, Any]]:
        """The orders of a decision as the table holds them, by symbol."""
        rows = self.rows(
            "SELECT client_order_id, symbol, side, quantity, status, filled_quantity, attempts "
            "FROM nightdesk.orders WHERE as_of = %s ORDER BY symbol",
            at(number),
        )
        names = ("client_order_id", "symbol", "side", "quantity", "status", "filled", "attempts")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def fills_of(self, number: int) -> list[tuple[Any, ...]]:
        """What the settling of a decision booked: order, units, and when they were executed."""
        return self.rows(
            "SELECT client_order_id, quantity, executed_at FROM nightdesk.fills WHERE as_of = %s "
            "ORDER BY executed_at",
            at(number),
        )

    def differences(self) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT as_of, item, ledger_value, broker_value, outcome FROM nightdesk.reconciliations"
        )

    def alerts(self, level: str = "CRITICAL") -> list[str]:
        return [
            str(one) for (one,) in self.rows("SELECT subject FROM nightdesk.alerts WHERE level = %s", level)
        ]

    def agrees(self, number: int) -> bool:
        """Whether ledger and account say the same after a decision, to the cent."""
        held = dict(
            self.rows(
                "SELECT symbol, sum(quantity) FROM nightdesk.positions WHERE as_of = %s "
                "GROUP BY symbol HAVING sum(quantity) <> 0",
                at(number),
            )
        )
        [(cash,)] = self.rows("SELECT cash FROM nightdesk.portfolio WHERE as_of = %s", at(number))
        state = self.fake.exchange.state
        theirs = {name: one.quantity for name, one in state.holdings.items() if one.quantity}
        return (held, cash) == (theirs, state.cash.quantize(Decimal("0.01")))


def hourly_at_alpaca(url: str, folder: Path, fake: FakeAlpaca, **changed: Any) -> HourlyAlpacaDesk:
    """The desk with its account at `fake`; `changed` are more of the book's keys."""
    fake.exchange.runs = True  # as the database's clock does
    desk = HourlyAlpacaDesk(
        url, folder, {"broker": {"kind": "alpaca", "account": ACCOUNT}, **changed}, fake=fake
    )
    desk.go_to(HOURLY.calendar.open_at(HOURLY.session_of(at(0))) - timedelta(minutes=30))
    return desk
