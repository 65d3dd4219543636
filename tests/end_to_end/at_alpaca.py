"""A desk whose book is at a fake Alpaca, its secrets planted: what a test lets happen, and reads of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.clock import set_clock
from tests.end_to_end.alpaca_project import (
    ACCOUNT,
    ALPACA_BOOK,
    FOREIGN,
    LOUD,
    TOKEN_VARIABLE,
    lay_out_at_alpaca,
)
from tests.end_to_end.desk import Desk, sessions, whole_desk
from tests.end_to_end.planted import Planted
from tests.fakes.alpaca import FakeAlpaca, Request
from tests.fakes.alpaca_wire import Reply, as_json
from tests.fakes.smtp import PASSWORD, FakeMail, mail_server
from tests.fakes.webhook import FakeHook, webhook

from nightdesk.alerts import sending
from nightdesk.brokers import credentials
from nightdesk.core.calendar import get_calendar
from nightdesk.machine.environment import login
from nightdesk.machine.transport import Rest

DAG = f"daily__{ALPACA_BOOK}"
ANN, BOB = "ann@example.com", "bob@example.com"

#: Each is written differently in an address, in JSON, in HTML or in Python.
SECRETS = {
    "key": "PKPLANTED7E2E000Q1",
    "secret": "planted/secret+of=the&account'9Q",
    "database": "planted pg/pass@word%41",
    "mail": PASSWORD,
    "refused mail": "planted:wr0ng/p@ss",
    "chat": "Planted0Token1Of2The3Chat",
    "vendor": 'planted-token"of<the>vendor\\77',
}


class TalkativeAlpaca(FakeAlpaca):
    """Denies new orders when told to, and quotes the key and the secret that it does not like."""

    denies = False

    def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any,
        login: tuple[str | None, str | None],
    ) -> Reply | None:
        if not (self.denies and method == "POST"):
            return super()._answer(method, path, query, body, login)
        self.requests.append(Request(method, path, query, body, "submit", 401))
        said = f"key {login[0]} with secret {login[1]} may not trade"
        return as_json(
            401, {"code": 40110000, "message": said, "headers": dict(zip("ks", login, strict=True))}
        )


@dataclass
class AtAlpaca:
    """The desk with its broker, and whom it tells."""

    desk: Desk
    fake: TalkativeAlpaca
    mail: FakeMail
    hook: FakeHook
    rest: Rest

    def go_to_evening(self, session: date) -> None:
        """Let it be the time at which a session's run begins, for the desk's database and the broker."""
        self._go_to(get_calendar().known_from(session) + timedelta(minutes=1))

    def open_market(self, session: date) -> None:
        """Let a session open a little above the prices that the orders at the broker were decided on."""
        opens = get_calendar().open_at(session)
        decided = self.rows("SELECT symbol, reference_price FROM nightdesk.orders WHERE status = 'submitted'")
        self.fake.exchange.open_market({symbol: float(price) * 1.001 for symbol, price in decided}, at=opens)
        set_clock(self.desk.addresses.nightdesk, opens)

    def trigger(self, session: date, **form: object) -> str:
        """A run by hand with a session in its form."""
        return self.desk.airflow.trigger(DAG, session, form)

    def trigger_on(self, logical_date: datetime) -> str:
        """A run by hand with a logical date and an empty form."""
        order = {"logical_date": logical_date.isoformat(), "conf": {}}
        return str(self.rest.send("POST", f"dags/{DAG}/dagRuns", order)["dag_run_id"])

    def ended(self, *runs: str, dag: str = DAG, timeout: float = 300.0) -> dict[str, str]:
        """Wait for runs; how each of them ended."""
        return {run.run_id: run.state for run in self.desk.airflow.wait(dag, runs or None, timeout=timeout)}

    def run_of(self, session: date) -> str:
        """The run that first decided a session."""
        return next(run.run_id for run in self.desk.airflow.runs(DAG) if run.session == session)

    def counts(self, run: str, task: str) -> dict[str, Any]:
        """What a task of a run says that it did."""
        path = f"dags/{DAG}/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value"
        value = self.rest.send("GET", path)["value"]
        return dict(json.loads(value) if isinstance(value, str) else value)

    def orders(self, session: date) -> dict[str, tuple[str, int, str]]:
        """The orders of a session by id: where each stands, how often it was begun to be sent, and why so."""
        found = self.rows(
            "SELECT client_order_id, o.status, attempts, cause FROM nightdesk.orders o "
            "JOIN LATERAL (SELECT cause FROM nightdesk.order_events e "
            "WHERE e.client_order_id = o.client_order_id ORDER BY number DESC LIMIT 1) last ON true "
            "WHERE book = %s AND session = %s",
            ALPACA_BOOK,
            session,
        )
        return {name: tuple(rest) for name, *rest in found}

    def sent(self) -> list[Request]:
        """The requests of any kind that create an order, as they arrived at the broker."""
        return [one for one in self.fake.requests if one.method == "POST"]

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self.desk.database() as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def _go_to(self, at: datetime) -> None:
        self.fake.exchange.now = at
        set_clock(self.desk.addresses.nightdesk, at)


@contextmanager
def desk_at_alpaca(folder: Path) -> Iterator[AtAlpaca]:
    """A desk with all of the secrets, in the evening of the book's third session; the chat is out of order.

    Key and secret of the account and the address of the chat are in connections of Airflow, the rest is in
    the environment.
    """
    evening = get_calendar().known_from(sessions(3)[-1]) + timedelta(minutes=1)
    planted = {"key": SECRETS["key"], "secret": SECRETS["secret"]}
    with (
        TalkativeAlpaca(evening, **planted) as fake,
        mail_server(folder) as mail,
        webhook() as hook,
    ):
        hook.status = 500
        settings = {
            TOKEN_VARIABLE: SECRETS["vendor"],
            sending.variable("mail"): f"{mail.url(ANN)} {mail.url(BOB, password=SECRETS['refused mail'])}",
        }
        with whole_desk(settings, prepare=lay_out_at_alpaca, password=SECRETS["database"], books=()) as desk:
            fake.exchange.now = evening
            fake.exchange.runs = True
            set_clock(desk.addresses.nightdesk, evening)
            rest = Rest(desk.airflow.address, login(desk.home))
            connections = {
                credentials.connection_id(ACCOUNT): {
                    "password": SECRETS["secret"],
                    "extra": json.dumps({"api_key": SECRETS["key"]}),
                    "host": fake.url,
                },
                sending.connection_id("chat"): {"password": hook.url(SECRETS["chat"])},
            }
            for name, fields in connections.items():
                rest.send("POST", "connections", {"connection_id": name, "conn_type": "generic", **fields})
            for dag in (DAG, f"daily__{LOUD}", "fills", "alerts", FOREIGN):
                desk.airflow.await_dag(dag)
                desk.airflow.unpause(dag)
            yield AtAlpaca(desk, fake, mail, hook, rest)


def planted() -> Planted:
    """All of the secrets, to be searched for."""
    return Planted(SECRETS)
