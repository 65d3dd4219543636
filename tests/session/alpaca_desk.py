"""A small desk at a fake Alpaca: its database, its broker and the market go through time together."""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tests.clock import set_clock
from tests.fakes.alpaca import FakeAlpaca
from tests.fakes.alpaca_orders import receive
from tests.session.small_desk import SmallDesk, session
from tests.session.true_account import AlpacaAccount

from nightdesk.core.calendar import get_calendar
from nightdesk.session.context import Context
from nightdesk.session.entry import open_standing
from nightdesk.store.db import DATABASE_VARIABLE

ACCOUNT = "alpaca-small"


@dataclass
class AlpacaDesk(SmallDesk):
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

    @property
    def account(self) -> AlpacaAccount:
        """Its account as the broker truly has it."""
        return AlpacaAccount(self.fake)

    @contextmanager
    def at(self, number: int, **options: object) -> Iterator[Context]:
        with super().at(number, **{"environ": self.environ, **options}) as context:
            yield context

    @contextmanager
    def standing(self) -> Iterator[Context]:
        """The context in which a person looks after the book's broker."""
        with (
            self.connection() as conn,
            open_standing(self.book, conn=conn, turn_seconds=0.0, environ=self.environ) as context,
        ):
            yield context

    def be_the_desk_of_commands(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let commands find its database and its account in the environment."""
        for name, value in {**self.fake.environ(ACCOUNT), DATABASE_VARIABLE: self.url}.items():
            monkeypatch.setenv(name, value)

    def plan_first(self) -> None:
        """Plan the orders of the first session, in its evening."""
        self.evening(0)
        self.price_coins(0)
        self.run_steps(0, "ingest", "orders")

    def go_to(self, at: datetime) -> None:
        """Let it be `at` for the desk and its broker."""
        self.fake.exchange.now = at
        set_clock(self.url, at)

    def evening(self, number: int) -> None:
        """Let it be the time at which a session's run begins."""
        self.go_to(get_calendar().known_from(session(number)) + timedelta(minutes=1))

    def open_market(self, number: int) -> None:
        """Let a session open at the prices of its bars."""
        opens = get_calendar().open_at(session(number))
        self.fake.exchange.open_market(self.prices(number), at=opens)
        set_clock(self.url, opens)

    def prices(self, number: int, column: int = 2) -> dict[str, float]:
        """What the bars of a session say (2: open, 5: close), by symbol."""
        day: date = session(number)
        with self.bars.open() as file:
            return {row[1]: float(row[column]) for row in csv.reader(file) if row[0] == str(day)}

    def price_coins(self, number: int) -> None:
        """Let crypto, which trades all week, have the last price of a session."""
        self.fake.exchange.price("BTC-USD", self.prices(number, 5)["BTC-USD"])

    def decide(self, number: int) -> dict[str, dict[str, int | str]]:
        """Run a session in its evening."""
        self.evening(number)
        self.price_coins(number)
        return self.run(number)

    def live_through(self, number: int) -> None:
        """Let a session open and close."""
        self.open_market(number)
        self.fake.exchange.close_market(self.prices(number, 5))


def trade_by_hand(fake: FakeAlpaca, side: str, symbol: str, quantity: Decimal | int, price: float) -> str:
    """Let a person trade in the account past the desk; the client order id that the order is given."""
    body = {"symbol": symbol, "qty": str(quantity), "side": side, "type": "market", "time_in_force": "day"}
    order = receive(fake.exchange, body)
    name = str(order["client_order_id"])
    if order["status"] != "filled":
        fake.exchange.execute(name, quantity, price)
    return name


def at_alpaca(desk: SmallDesk, fake: FakeAlpaca, **broker: object) -> AlpacaDesk:
    """The same desk with its account at `fake`; `broker` are more of the book's keys for it."""
    tree = yaml.safe_load(Path(desk.book).read_text())
    tree["broker"] = {"kind": "alpaca", "account": ACCOUNT, **broker}
    Path(desk.book).write_text(yaml.safe_dump(tree, sort_keys=False))
    fake.exchange.runs = True  # as the database's does
    return AlpacaDesk(desk.url, desk.book, desk.bars, fake=fake)
