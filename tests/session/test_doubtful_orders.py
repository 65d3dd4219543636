"""Orders that were given up while the broker had them, or that ended there before the desk knew how."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.alpaca import FakeAlpaca, Fault
from tests.session.alpaca_desk import AlpacaDesk, at_alpaca
from tests.session.small_desk import INCEPTION, SmallDesk, instant, session

from nightdesk import engine
from nightdesk.brokers import alpaca
from nightdesk.brokers.alpaca_http import Patience
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused, Transient
from nightdesk.operations.collect import collect
from nightdesk.operations.kill_switch import kill, release
from nightdesk.operations.resend import resend
from nightdesk.orders.order import Cross, Order
from nightdesk.session import reconcile
from nightdesk.store.db import transaction
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.order_rows import move_order, orders_of


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(alpaca, "PATIENCE", Patience(connect=1.0, read=1.0, tries=1, total=1.0))


@pytest.fixture
def fake() -> Iterator[FakeAlpaca]:
    with FakeAlpaca(get_calendar().open_at(INCEPTION), silence=1.2) as server:
        yield server


@pytest.fixture
def lasting_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders that are good until they are cancelled."""
    plan = engine.plan_all

    def lasting(*known: Any) -> tuple[tuple[Order, ...], tuple[Cross, ...]]:
        orders, crosses = plan(*known)
        return tuple(replace(one, time_in_force="gtc") for one in orders), crosses

    monkeypatch.setattr(engine, "plan_all", lasting)


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk], fake: FakeAlpaca) -> AlpacaDesk:
    """A desk whose first orders are planned."""
    desk = at_alpaca(make_desk(), fake)
    desk.plan_first()
    return desk


def send(desk: AlpacaDesk, endpoint: str, fault: Fault) -> None:
    """Try to send the orders while the broker answers badly."""
    desk.fake.fail(endpoint, fault, 9)
    with pytest.raises(Transient):
        desk.run_steps(0, "submit", "submit")
    desk.fake.heal()


def settle(desk: AlpacaDesk, number: int, evening: int | None = None) -> list[tuple[object, ...]]:
    """Settle a session in its evening, or in a later one; what differs from the broker then."""
    desk.evening(number if evening is None else evening)
    desk.run_steps(number - 1, "settle", "close")
    desk.run_steps(number, "ingest", "settle")
    return desk.rows("SELECT item, ledger_value, broker_value FROM nightdesk.reconciliations")


def stands(desk: AlpacaDesk, name: str) -> str:
    """Where an order stands, and how much of it is filled."""
    [(status, filled)] = desk.rows(
        "SELECT status, filled_quantity FROM nightdesk.orders WHERE client_order_id = %s", name
    )
    return f"{status} {filled}"


def give_up(desk: AlpacaDesk) -> str:
    """Let the desk suppress an order that is at the broker: its answer was lost, and the look-up is stale."""
    send(desk, "submit", Fault.GATEWAY_TIMEOUT)
    desk.fake.fail("open_orders", Fault.REFUSED, 9)
    with (
        desk.standing() as context,
        pytest.raises(Transient, match="orders at the broker were not cancelled"),
    ):
        kill(context.conn, "small", reason="drill", who="ann", file=desk.book, environ=desk.environ)
    desk.fake.heal()
    desk.fake.fail("query", Fault.STALE, 9)
    desk.run_steps(0, "submit", "submit")
    desk.fake.heal()
    name = str(desk.fake.orders[-1]["client_order_id"])
    assert stands(desk, name) == "suppressed 0"
    return name


def morning(desk: AlpacaDesk) -> None:
    """Let a session open in which nothing trades yet."""
    desk.go_to(get_calendar().open_at(session(1)))


def test_an_order_that_was_given_up_and_reached_the_broker_is_booked(desk: AlpacaDesk) -> None:
    name = give_up(desk)
    desk.live_through(1)
    assert settle(desk, 1) == []
    assert stands(desk, name) == f"suppressed {desk.fake.orders[-1]['qty']}"


def test_an_order_that_was_given_up_and_works_is_not_tried_again(desk: AlpacaDesk) -> None:
    name, orders = give_up(desk), len(desk.fake.orders)
    with desk.at(0) as context:
        release(context.conn, "small", reason="looked at", who="ann")
        with pytest.raises(Refused, match="at the broker accepted with 0: the next settling books"):
            resend(context, name, reason="drill", who="ann")
    assert len(desk.fake.orders) == orders


def test_a_refusal_that_belongs_to_another_order_is_not_believed(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    refusal = {"code": 40310000, "message": "insufficient qty available for order"}
    fake.told["submit"] = (403, refusal)
    fake.fail("submit", Fault.DUPLICATE)
    desk.run_steps(0, "submit", "submit")
    name = str(fake.orders[0]["client_order_id"])
    assert stands(desk, name) == "submitted 0"
    desk.live_through(1)
    assert settle(desk, 1) == []
    assert len(fake.orders) == len(fake.asked("submit"))


def test_an_order_cancelled_in_part_before_its_answer_came_is_settled_by_its_executions(
    desk: AlpacaDesk,
) -> None:
    send(desk, "submit", Fault.GATEWAY_TIMEOUT)
    one = desk.fake.orders[-1]
    morning(desk)
    desk.fake.exchange.execute(one["client_order_id"], 2, 100)
    desk.fake.exchange.cancel(one["id"])
    desk.run_steps(0, "submit", "submit")
    assert stands(desk, one["client_order_id"]) == "submitted 0"
    desk.fake.exchange.close_market(desk.prices(1, 5))
    assert settle(desk, 1) == []
    assert stands(desk, one["client_order_id"]) == "cancelled 2"


def test_an_order_is_not_over_while_its_executions_are_not_told(desk: AlpacaDesk) -> None:
    desk.run_steps(0, "submit", "submit")
    name = str(desk.fake.orders[-1]["client_order_id"])
    morning(desk)
    desk.fake.exchange.execute(name, Decimal(desk.fake.orders[-1]["qty"]), 100)
    desk.fake.fail("fills", Fault.STALE, 9)
    with desk.standing() as context:
        collect(context)
        assert stands(desk, name) == "submitted 0"
        desk.fake.heal()
        collect(context)
        assert stands(desk, name) == f"filled {desk.fake.orders[-1]['qty']}"


@pytest.mark.usefixtures("lasting_orders")
def test_what_is_executed_after_a_session_waits_for_the_next_when_the_settling_is_late(
    desk: AlpacaDesk,
) -> None:
    desk.run_steps(0, "submit", "close")
    name = str(desk.fake.orders[-1]["client_order_id"])
    desk.go_to(get_calendar().open_at(session(2)))
    desk.fake.exchange.execute(name, Decimal(desk.fake.orders[-1]["qty"]), 100)
    with desk.standing() as context:
        assert collect(context).moved[name] == "filled"
    desk.fake.exchange.close_market({})
    assert settle(desk, 1, evening=2) == []
    assert settle(desk, 2) == []
    assert stands(desk, name) == f"filled {desk.fake.orders[-1]['qty']}"


def test_what_is_stored_of_an_answer_and_of_an_alert_is_bounded(desk: AlpacaDesk) -> None:
    many = {f"field{n}": "x" * 900 for n in range(1000)}
    with desk.at(0) as context, transaction(context.conn):
        name = orders_of(context.conn, "small", instant(0))[0].order.client_order_id
        move_order(context.conn, name, instant(0), session(0), "rejected", "a test", answer=many)
        raise_alert(context.conn, "long", "WARNING", "s" * 8_000_000, "b" * 8_000_000)
    [lengths] = desk.rows(
        "SELECT length(answer::text) < 30000, length(subject) < 350, length(body) < 20100 "
        "FROM nightdesk.order_events, nightdesk.alerts WHERE cause = 'a test' AND alert_key = 'long'"
    )
    assert lengths == (True, True, True)
