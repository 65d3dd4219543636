"""The desks of the matrices: small ones, each with its account at a fake broker, on a server of their own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from tests.clock import set_clock
from tests.conftest import Databases, open_connection
from tests.fakes.alpaca import FakeAlpaca
from tests.fakes.ibkr import IbkrGateway
from tests.matrices.broker_faults import AlpacaFaults, IbkrFaults
from tests.session.alpaca_desk import AlpacaDesk, at_alpaca
from tests.session.ibkr_desk import CLIENT_ID, IbkrDesk, at_ibkr
from tests.session.new_desk import new_desk, random_walks
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import INCEPTION, SmallDesk, session
from tests.session.two_accounts import IN_OTHER, with_two_accounts

from nightdesk.core.calendar import get_calendar
from nightdesk.machine import postgres
from nightdesk.session import context
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection

#: Where a book has two accounts: what goes to the one on paper.
ON_PAPER = "QQQ"


@dataclass
class OneConnection(SmallDesk):
    """A desk that works and is looked at over one connection, since PostgreSQL begins a process for each."""

    _kept: Connection | None = field(default=None, init=False, repr=False, compare=False)
    _owner: int = field(default_factory=os.getpid, init=False, repr=False, compare=False)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """The kept connection; in a forked process, which must not touch that, one of its own."""
        if os.getpid() != self._owner:
            with open_connection(self.url) as own:
                yield own
            return
        yield self.kept_connection()

    def kept_connection(self) -> Connection:
        """The kept connection, opened when it is first needed."""
        if self._kept is None:
            self._kept = connect(self.url)
        return self._kept

    def leave(self) -> None:
        """Close the kept connection."""
        if self._kept is not None:
            self._kept.close()


@dataclass
class WatchedDesk(OneConnection, AlpacaDesk):
    """Such a desk with its account at a fake Alpaca."""

    @property
    def faults(self) -> AlpacaFaults:
        """The bad answers of its broker."""
        return AlpacaFaults(self.fake)

    @classmethod
    def of(cls, desk: AlpacaDesk) -> WatchedDesk:
        """The same desk."""
        return cls(desk.url, desk.book, desk.bars, fake=desk.fake)


@dataclass
class WatchedIbkrDesk(OneConnection, IbkrDesk):
    """Such a desk with its account at a fake gateway of IBKR."""

    @property
    def faults(self) -> IbkrFaults:
        """The bad answers of its broker."""
        return IbkrFaults(self.gateway, CLIENT_ID)

    @classmethod
    def of(cls, desk: IbkrDesk) -> WatchedIbkrDesk:
        """The same desk."""
        return cls(desk.url, desk.book, desk.bars, gateway=desk.gateway)


@contextmanager
def alpaca_desks(silence: float = 2.0, *, two_accounts: bool = False) -> Iterator[Callable[[], WatchedDesk]]:
    """Makes one more desk; all of them are gone at the end.

    Parameters
    ----------
    silence : float
        See `FakeAlpaca`.
    two_accounts : bool
        Whether its book has a paper account besides, to which `ON_PAPER` goes.
    """
    with ExitStack() as stack, _new_desks() as new:

        def make() -> WatchedDesk:
            fake = stack.enter_context(FakeAlpaca(get_calendar().open_at(INCEPTION), silence=silence))
            made = WatchedDesk.of(at_alpaca(new(), fake))
            if two_accounts:
                with_two_accounts(made, ON_PAPER)
                fake.exchange.post("CSW", f"-{IN_OTHER}")  # what lies in the other account
            stack.callback(made.leave)
            return made

        yield make


@contextmanager
def ibkr_desks() -> Iterator[Callable[[], WatchedIbkrDesk]]:
    """Makes one more desk with its account at IBKR; all of them are gone at the end."""
    with ExitStack() as stack, _new_desks() as new:

        def make() -> WatchedIbkrDesk:
            gateway = stack.enter_context(IbkrGateway(get_calendar().open_at(INCEPTION)))
            made = WatchedIbkrDesk.of(at_ibkr(new(), gateway))
            stack.callback(made.leave)
            return made

        yield make


@contextmanager
def _new_desks() -> Iterator[Callable[[], SmallDesk]]:
    """Makes one more desk, on an empty database of one server."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nightdesk-matrix-")))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("NIGHTDESK_HOME", str(folder / "home"))
        # A book's file does not change here, and reading it takes as long as sending an order.
        patch.setattr(context, "load_book", cache(context.load_book))
        check_quickly(patch)
        databases = Databases(stack.enter_context(postgres.ephemeral()))
        stack.callback(databases.close)
        walks = random_walks()
        made: list[SmallDesk] = []

        def make() -> SmallDesk:
            made.append(new_desk(folder / f"desk{len(made)}", databases.new(), walks))
            return made[-1]

        yield make


def look_ahead(desk: AlpacaDesk | IbkrDesk, *numbers: int) -> None:
    """Run what depends on no position for sessions to come, where it was not, so that they can be settled."""
    now = desk.account.now
    known = {day for (day,) in desk.rows("SELECT DISTINCT session FROM nightdesk.signals")}
    for number in numbers:
        if session(number) in known:
            continue
        set_clock(desk.url, get_calendar().known_from(session(number)) + timedelta(minutes=1))
        desk.run_steps(number, "ingest", "signals")
        set_clock(desk.url, now)
