"""A desk whose leveraged book is at a fake gateway of IBKR, its market in files that grow with time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from tests.clock import set_clock
from tests.end_to_end.desk import Desk, whole_desk
from tests.end_to_end.project import lay_out
from tests.fakes.ibkr import IbkrGateway
from tests.fakes.smtp import FakeMail, mail_server
from tests.hourly import HOURLY
from tests.leveraged import FILE
from tests.session.leveraged_desk import (
    ACCOUNT,
    BOOK,
    CASH,
    CLIENT_ID,
    SESSION,
    at,
    lay_out_leveraged,
)
from tests.session.true_account import IbkrAccount

from nightdesk.alerts import sending
from nightdesk.core.book import load_book
from nightdesk.feeds.sample import SampleFeed
from nightdesk.machine.dag_runs import DagRun

DAG = f"hourly__{BOOK}"
ANN = "ann@example.com"
#: Before the origin that the book's factors have for a first decision in `SESSION`.
FIRST_DAY = date(2022, 1, 3)


class CutMarket:
    """The sample market in files of a folder, up to an instant: no process of the desk reads beyond it.

    The sample feed itself follows the clock of the machine, for which the session has long passed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._symbols = load_book(FILE).panel_symbols
        for rhythm in ("daily", "hourly"):
            (folder / rhythm).mkdir(parents=True)

    @property
    def feeds(self) -> dict[str, list[str]]:
        """The feeds of a book that reads the files."""
        return {rhythm: [f"files:{self.folder / rhythm}"] for rhythm in ("daily", "hourly")}

    def cut(self, moment: datetime) -> dict[str, float]:
        """Let the files hold what is known at `moment`; the close of each symbol's last hour, in dollars."""
        feed = SampleFeed(HOURLY.calendar, now=lambda: moment)
        daily = feed.fetch(self._symbols, FIRST_DAY, SESSION)
        hourly = feed.fetch_hours(self._symbols, FIRST_DAY, SESSION)
        hours = hourly.bars.assign(bar_start_utc=hourly.bars["end"] - np.timedelta64(1, "h"))
        days = daily.bars.assign(date=daily.bars["session"].dt.date)
        values = ["open", "high", "low", "close", "volume"]
        for rhythm, name, table in (
            ("daily", "days", days[["date", "symbol", *values]]),
            ("daily", "actions", daily.actions[["symbol", "session", "kind", "value"]]),
            ("hourly", "hours", hours[["bar_start_utc", "symbol", *values]]),
            ("hourly", "actions", hourly.actions[["symbol", "session", "kind", "value"]]),
        ):
            # A task that reads meanwhile finds the whole file, the old one or the new one.
            made = self.folder / "made"
            table.to_csv(made, index=False, date_format="%Y-%m-%d" if name == "actions" else None)
            made.replace(self.folder / rhythm / f"{name}.csv")
        return {str(name): float(rows["close"].iloc[-1]) for name, rows in hours.groupby("symbol")}


@dataclass
class AtIbkr:
    """The desk with its broker and its market, which go through a session together.

    Attributes
    ----------
    runs : dict of int to DagRun
        How the run of each decision ended, by the decision's number.
    """

    desk: Desk
    gateway: IbkrGateway
    market: CutMarket
    mail: FakeMail
    runs: dict[int, DagRun] = field(default_factory=dict)

    @property
    def account(self) -> IbkrAccount:
        """Its account as the broker truly has it."""
        return IbkrAccount(self.gateway)

    def decide(self, number: int, late: timedelta = timedelta(0)) -> None:
        """Let the time of a decision come, or be over by so much, and the scheduler run it to its end."""
        moment = at(number)
        first, last = HOURLY.first_of(SESSION), HOURLY.last_of(SESSION)
        # The session's own bar is known half an hour after the close; an hour's five minutes after it.
        known = moment + timedelta(minutes=31 if moment == last else 6) + late
        prices = self.market.cut(known)
        if moment == first:
            self.gateway.open_market(prices, at=HOURLY.calendar.open_at(SESSION))
        if moment == last:
            self.gateway.close_market(prices)
        self.gateway.prices.update(prices)
        self.go_to(known)
        run = self.desk.airflow.trigger(DAG, conf={"as_of": moment.isoformat()})
        [self.runs[number]] = self.desk.airflow.wait(DAG, [run], timeout=400)

    def go_to(self, moment: datetime) -> None:
        """Let it be `moment` for the desk and its broker."""
        self.gateway.now = moment
        set_clock(self.desk.addresses.nightdesk, moment)

    def orders(self, number: int) -> list[dict[str, Any]]:
        """The orders of a decision, by symbol, each with why it stands as it does."""
        names = ("client_order_id", "symbol", "side", "quantity", "status", "filled_quantity", "cause")
        found = self.rows(
            "SELECT o.client_order_id, symbol, side, quantity, o.status, filled_quantity, cause "
            "FROM nightdesk.orders o JOIN LATERAL (SELECT cause FROM nightdesk.order_events e "
            "WHERE e.client_order_id = o.client_order_id ORDER BY number DESC LIMIT 1) last ON true "
            "WHERE book = %s AND as_of = %s ORDER BY symbol",
            BOOK,
            at(number),
        )
        return [dict(zip(names, row, strict=True)) for row in found]

    def held(self, number: int, table: str = "positions") -> dict[str, Any]:
        """Signed units by symbol that the book held at a decision, or that the gate left to it (`gated`)."""
        return dict(
            self.rows(
                f"SELECT symbol, sum(quantity) FROM nightdesk.{table} WHERE book = %s AND as_of = %s "
                "GROUP BY symbol HAVING sum(quantity) <> 0",
                BOOK,
                at(number),
            )
        )

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self.desk.database() as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()


def lay_out_at_ibkr(feeds: Mapping[str, list[str]]) -> Callable[[Path], None]:
    """The usual project of a test with the leveraged book alone, at IBKR and with these feeds."""

    def prepare(root: Path) -> None:
        lay_out(root)
        for path in (root / "books").glob("*.yaml"):
            path.unlink()
        lay_out_leveraged(root / "books", feeds=dict(feeds))

    return prepare


@contextmanager
def desk_at_ibkr(folder: Path) -> Iterator[AtIbkr]:
    """A desk before its book's first session opens."""
    opens = HOURLY.calendar.open_at(SESSION)
    market = CutMarket(folder / "market")
    market.cut(opens - timedelta(hours=1))
    with IbkrGateway(opens - timedelta(hours=1), CASH) as gateway, mail_server(folder) as mail:
        gateway.runs = True
        settings = gateway.environ(ACCOUNT, CLIENT_ID) | {sending.variable("mail"): mail.url(ANN)}
        prepare = lay_out_at_ibkr(market.feeds)
        with whole_desk(settings, books=(BOOK,), rhythm="hourly", prepare=prepare) as desk:
            set_clock(desk.addresses.nightdesk, gateway.now)
            desk.airflow.await_dag("alerts")
            desk.airflow.unpause("alerts")
            yield AtIbkr(desk, gateway, market, mail)
