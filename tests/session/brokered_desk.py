"""A small desk at a fake broker: its database, its broker and the market live through time."""

import csv
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import pytest
from tests.clock import set_clock
from tests.session.small_desk import SmallDesk, session
from tests.session.true_account import TrueAccount

from nightdesk.core.calendar import get_calendar
from nightdesk.session.context import Context
from nightdesk.session.entry import open_standing
from nightdesk.store.db import DATABASE_VARIABLE


class FakeMarket(Protocol):
    """The market of a fake broker, at its own instant; no order is taken in what is `halted`."""

    now: datetime
    halted: set[str]

    def open_market(self, prices: Mapping[str, float], *, at: datetime) -> None:
        """Let a session open."""

    def close_market(self, prices: Mapping[str, float]) -> None:
        """Let it close."""


@dataclass
class BrokeredDesk(SmallDesk, ABC):
    """The desk and its broker, whichever fake that is."""

    @property
    @abstractmethod
    def known_account(self) -> dict[str, str]:
        """The variables by which its account is known."""

    @property
    @abstractmethod
    def account(self) -> TrueAccount:
        """Its account as the broker truly has it."""

    @property
    @abstractmethod
    def market(self) -> FakeMarket:
        """The broker's market."""

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which the account is known."""
        return dict(os.environ) | self.known_account

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
        for name, value in {**self.known_account, DATABASE_VARIABLE: self.url}.items():
            monkeypatch.setenv(name, value)

    def go_to(self, at: datetime) -> None:
        """Let it be `at` for the desk and its broker."""
        self.market.now = at
        set_clock(self.url, at)

    def evening(self, number: int) -> None:
        """Let it be the time at which a session's run begins."""
        self.go_to(get_calendar().known_from(session(number)) + timedelta(minutes=1))

    def open_market(self, number: int) -> None:
        """Let a session open at the prices of its bars."""
        opens = get_calendar().open_at(session(number))
        self.market.open_market(self.prices(number), at=opens)
        set_clock(self.url, opens)

    def prices(self, number: int, column: int = 2) -> dict[str, float]:
        """What the bars of a session say (2: open, 5: close), by symbol."""
        day = str(session(number))
        with self.bars.open() as file:
            return {row[1]: float(row[column]) for row in csv.reader(file) if row[0] == day}

    def price_coins(self, number: int) -> None:
        """Let crypto, which trades all week, have the last price of a session, where it is traded."""

    def decide(self, number: int) -> dict[str, dict[str, int | str]]:
        """Run a session in its evening."""
        self.evening(number)
        self.price_coins(number)
        return self.run(number)

    def live_through(self, number: int) -> None:
        """Let a session open and close."""
        self.open_market(number)
        self.market.close_market(self.prices(number, 5))
