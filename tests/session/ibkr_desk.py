"""A small desk at a fake gateway of IBKR: its database, its broker and the market live through time."""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from tests.clock import set_clock
from tests.fakes.ibkr import IbkrGateway
from tests.session.small_desk import SmallDesk, session
from tests.session.true_account import IbkrAccount

from nightdesk.core.calendar import get_calendar
from nightdesk.session.context import Context
from nightdesk.session.entry import open_standing
from nightdesk.store.db import DATABASE_VARIABLE

ACCOUNT = "ibkr-small"
CLIENT_ID = 11


@dataclass
class IbkrDesk(SmallDesk):
    """The desk and its broker.

    Parameters
    ----------
    gateway : IbkrGateway
        Where the book's account is.
    """

    gateway: IbkrGateway = field(kw_only=True)

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which the account is known."""
        return dict(os.environ) | self.gateway.environ(ACCOUNT, CLIENT_ID)

    @property
    def account(self) -> IbkrAccount:
        """Its account as the broker truly has it."""
        return IbkrAccount(self.gateway)

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
        known = self.gateway.environ(ACCOUNT, CLIENT_ID) | {DATABASE_VARIABLE: self.url}
        for name, value in known.items():
            monkeypatch.setenv(name, value)

    def go_to(self, at: datetime) -> None:
        """Let it be `at` for the desk and its broker."""
        self.gateway.now = at
        set_clock(self.url, at)

    def evening(self, number: int) -> None:
        """Let it be the time at which a session's run begins."""
        self.go_to(get_calendar().known_from(session(number)) + timedelta(minutes=1))

    def open_market(self, number: int) -> None:
        """Let a session open at the prices of its bars."""
        opens = get_calendar().open_at(session(number))
        self.gateway.open_market(self.prices(number), at=opens)
        set_clock(self.url, opens)

    def prices(self, number: int, column: int = 2) -> dict[str, float]:
        """What the bars of a session say (2: open, 5: close), by symbol."""
        day = str(session(number))
        with self.bars.open() as file:
            rows = [row for row in csv.reader(file) if row[0] == day and row[1] in self.traded]
        return {row[1]: float(row[column]) for row in rows}

    @property
    def traded(self) -> set[str]:
        """The symbols of its book."""
        return set(yaml.safe_load(Path(self.book).read_text())["universe"])

    def price_coins(self, number: int) -> None:
        """Nothing: no coins are traded here."""

    def decide(self, number: int) -> dict[str, dict[str, int | str]]:
        """Run a session in its evening."""
        self.evening(number)
        return self.run(number)

    def live_through(self, number: int) -> None:
        """Let a session open and close."""
        self.open_market(number)
        self.gateway.close_market(self.prices(number, 5))

    def week(self, last: int) -> None:
        """Decide the sessions up to `last`, each in its evening."""
        for number in range(last + 1):
            if number:
                self.live_through(number)
            self.decide(number)


def at_ibkr(desk: SmallDesk, gateway: IbkrGateway, **broker: object) -> IbkrDesk:
    """The same desk with its account at a gateway, and without crypto, which IBKR's broker does not trade;
    `broker` are more of the book's keys for it.
    """
    tree = yaml.safe_load(Path(desk.book).read_text())
    tree["broker"] = {"kind": "ibkr", "account": ACCOUNT, **broker}
    del tree["universe"]["BTC-USD"]
    tree["levels"]["first_out"].remove("BTC-USD")
    Path(desk.book).write_text(yaml.safe_dump(tree, sort_keys=False))
    gateway.runs = True  # as the database's clock does
    return IbkrDesk(desk.url, desk.book, desk.bars, gateway=gateway)
