"""A TWS that is away: its daily restart, a login that has run out; and what the account shows."""

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
from tests.fakes.ibkr import Fault, IbkrGateway
from tests.session.ibkr_desk import IbkrDesk, at_ibkr
from tests.session.small_desk import INCEPTION, SmallDesk, session
from typer.testing import CliRunner

from nightdesk.brokers import Unreachable
from nightdesk.cli import app
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Transient
from nightdesk.operations.collect import collect
from nightdesk.session import reconcile
from nightdesk.session.broker_session import contact
from nightdesk.store.kill_switch_rows import kill_switch

OPEN = get_calendar().open_at(session(1))


@pytest.fixture
def gateway() -> Iterator[IbkrGateway]:
    with IbkrGateway(get_calendar().open_at(INCEPTION)) as server:
        yield server


@pytest.fixture
def desk(
    make_desk: Callable[[], SmallDesk], gateway: IbkrGateway, monkeypatch: pytest.MonkeyPatch
) -> IbkrDesk:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    return at_ibkr(make_desk(), gateway)


def stopped_by(desk: IbkrDesk) -> str:
    """Which rule has stopped the book; empty while it goes on."""
    with desk.standing() as context:
        switch = kill_switch(context.conn, "small", date.max)
    return switch.who if switch.on else ""


def statuses(desk: IbkrDesk) -> set[object]:
    return {one for (one,) in desk.rows("SELECT DISTINCT status FROM nightdesk.orders WHERE attempts > 0")}


def ask(desk: IbkrDesk) -> None:
    with desk.standing() as context:
        collect(context)


def test_a_login_that_has_run_out_stops_the_book_when_its_orders_are_due_and_is_named(
    desk: IbkrDesk, gateway: IbkrGateway
) -> None:
    desk.decide(0)
    desk.open_market(1)
    gateway.login = "closes"
    with pytest.raises(Unreachable, match="hung up before the handshake was over"):
        ask(desk)
    assert stopped_by(desk) == ""
    desk.go_to(OPEN + timedelta(minutes=6))
    with pytest.raises(Unreachable):
        ask(desk)
    assert stopped_by(desk) == "rule broker unreachable"
    [(words,)] = desk.rows("SELECT body FROM nightdesk.alerts WHERE level = 'EMERGENCY'")
    assert "while orders are due" in str(words)
    assert "hung up before the handshake was over" in str(words)
    gateway.login = "good"
    ask(desk)
    assert statuses(desk) == {"filled"}


def test_a_restart_in_the_night_stops_nothing_while_nobody_waits_for_an_order(
    desk: IbkrDesk, gateway: IbkrGateway
) -> None:
    desk.decide(0)
    desk.live_through(1)
    ask(desk)
    assert statuses(desk) == {"filled"}
    for minutes in (0, 10):
        desk.go_to(get_calendar().close_at(session(1)) + timedelta(minutes=minutes))
        with (
            gateway.away(),
            desk.standing() as context,
            pytest.raises(Unreachable, match="nothing answers"),
            contact(context, "main") as broker,
        ):
            broker.clock()
    assert stopped_by(desk) == ""


def test_a_connection_that_is_lost_with_an_order_under_way_sends_nothing_twice(
    desk: IbkrDesk, gateway: IbkrGateway
) -> None:
    gateway.script("order", Fault.DROP_AFTER)
    with pytest.raises(Transient):
        desk.decide(0)
    sent = [one.order_ref for one in gateway.orders]
    desk.decide(0)
    sent_at_last = [one.order_ref for one in gateway.orders]
    assert sent_at_last[: len(sent)] == sent
    assert len(set(sent_at_last)) == len(sent_at_last) == gateway.created
    desk.live_through(1)
    desk.decide(1)
    assert desk.rows("SELECT * FROM nightdesk.reconciliations") == []


def test_no_step_of_a_session_leaves_a_connection_behind(desk: IbkrDesk, gateway: IbkrGateway) -> None:
    desk.decide(0)
    assert gateway.clients == []
    desk.live_through(1)
    ask(desk)
    assert gateway.clients == []


def test_the_command_broker_shows_the_margin(
    desk: IbkrDesk, gateway: IbkrGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.decide(0)
    desk.live_through(1)
    desk.decide(1)
    desk.be_the_desk_of_commands(monkeypatch)
    said = CliRunner().invoke(app, ["broker", str(desk.book), "--json"])
    assert said.exit_code == 0, said.stderr
    shown = json.loads(said.stdout)
    assert float(shown["maintenance_margin"]) > 0
    assert float(shown["excess_liquidity"]) == pytest.approx(
        float(shown["net_liquidation"]) - float(shown["maintenance_margin"])
    )
    text = CliRunner().invoke(app, ["broker", str(desk.book)]).stdout
    assert "beyond the maintenance margin of $" in text
    assert "nothing bars it from trading" in text


def test_an_account_is_asked_before_the_first_run_of_its_book(
    desk: IbkrDesk, gateway: IbkrGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.be_the_desk_of_commands(monkeypatch)
    desk.evening(0)

    def said(*more: str, status: int = 0) -> str:
        result = CliRunner().invoke(app, ["broker", str(desk.book), *more], prog_name="nightdesk")
        assert result.exit_code == status, result.stderr
        return result.stderr if status else result.stdout

    found = json.loads(said("--json"))
    assert (Decimal(found["cash"]), found["foreign_orders"]) == (desk.account.cash, [])
    assert "nothing bars it from trading" in said()
    gateway.by_hand("SPY", "BUY", 7)
    assert "buy 7 SPY" in said()
    assert "was never started" in said("--claim", "--reason", "mine", status=1)
    assert desk.rows("SELECT * FROM nightdesk.book_accounts") == []
    gateway.login = "closes"
    assert "hung up before the handshake" in said(status=1)
