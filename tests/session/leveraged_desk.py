"""The hourly book `leveraged_five` on the sample market, its account at a fake gateway of IBKR."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from tests.clock import set_clock
from tests.conftest import open_connection
from tests.fakes.ibkr import IbkrGateway
from tests.hourly import HOURLY
from tests.leveraged import FILE
from tests.session.true_account import IbkrAccount

from nightdesk.core.calendar import as_instant
from nightdesk.operations.collect import Collected, collect
from nightdesk.session.context import Context
from nightdesk.session.entry import open_context, open_standing
from nightdesk.session.steps import run_session

BOOK, ACCOUNT, CLIENT_ID = "leveraged_five", "ibkr-five", 21
CASH = Decimal(1_000_000)
#: Its seven decisions, and those of the morning after.
SESSION = date(2024, 7, 9)


def at(number: int) -> datetime:
    """A decision by its number: the first of `SESSION` is 0."""
    return as_instant(HOURLY.ends[HOURLY.index(HOURLY.first_of(SESSION)) + number])


def lay_out_leveraged(folder: Path, **changed: Any) -> Path:
    """The book's file with its account at IBKR; keys at the top are replaced."""
    tree = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    tree |= {"broker": {"kind": "ibkr", "account": ACCOUNT}, "inception": SESSION, **changed}
    path = folder / f"{BOOK}.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return path


@dataclass
class LeveragedDesk:
    """The desk and its gateway, which go through time together.

    Parameters
    ----------
    url : str
        Of its database.
    book : Path
        Its file.
    gateway : IbkrGateway
    """

    url: str
    book: Path
    gateway: IbkrGateway

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which the account is known."""
        return dict(os.environ) | self.gateway.environ(ACCOUNT, CLIENT_ID)

    @property
    def account(self) -> IbkrAccount:
        """Its account as the broker truly has it."""
        return IbkrAccount(self.gateway)

    @contextmanager
    def at(self, number: int) -> Iterator[Context]:
        """The context of a decision."""
        with (
            open_connection(self.url) as conn,
            open_context(self.book, at(number), conn=conn, turn_seconds=0, environ=self.environ) as context,
        ):
            yield context

    def go_to(self, moment: datetime) -> None:
        """Let it be `moment` for the desk and its broker."""
        self.gateway.now = moment
        set_clock(self.url, moment)

    def plan(self, number: int) -> None:
        """Decide as far as to the orders; the market is at the close of the bar then."""
        moment = at(number)
        session = HOURLY.session_of(moment)
        opens = HOURLY.calendar.open_at(session)
        if moment == HOURLY.first_of(session) and self.gateway.now < opens:
            self.gateway.open_market(
                {name: float(price) for name, price in self.gateway.prices.items()}, at=opens
            )
        if moment == HOURLY.last_of(session) and self.gateway.now < moment:
            self.gateway.close_market({})
        # The session's own bar is known half an hour after the close; an hour's five minutes after it.
        self.go_to(moment + timedelta(minutes=31 if moment == HOURLY.last_of(session) else 6))
        with self.at(number) as context:
            run_session(context, last="ingest")
        self.gateway.prices.update(self.prices(number))
        with self.at(number) as context:
            run_session(context, first="quality", last="orders")

    def send(self, number: int) -> None:
        """Send what was planned, and close the decision."""
        with self.at(number) as context:
            run_session(context, first="submit")

    def decide(self, number: int) -> None:
        """The whole decision."""
        self.plan(number)
        self.send(number)

    def prices(self, number: int) -> dict[str, float]:
        """The closes of the hour, by symbol."""
        return dict(
            self.rows(
                "SELECT s.symbol, b.close FROM nightdesk.bars_hourly b "
                "JOIN nightdesk.symbols s USING (symbol_id) WHERE b.bar_end = %s AND b.superseded_at IS NULL",
                at(number),
            )
        )

    def collected(self) -> Collected:
        """What the DAG of fills finds."""
        with (
            open_connection(self.url) as conn,
            open_standing(self.book, conn=conn, turn_seconds=0.0, environ=self.environ) as context,
        ):
            return collect(context)

    def orders_of(self, number: int) -> list[dict[str, Any]]:
        """The orders of a decision, by symbol."""
        names = ("client_order_id", "symbol", "side", "quantity", "status", "filled_quantity", "attempts")
        rows = self.rows(
            f"SELECT {', '.join(names)} FROM nightdesk.orders WHERE as_of = %s ORDER BY symbol", at(number)
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with open_connection(self.url) as conn, conn.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())
