"""A stopped book's orders are cancelled at the broker, whatever its list lacks and whatever fails."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.conftest import open_connection
from tests.fakes.alpaca import FakeAlpaca, Fault
from tests.session.alpaca_desk import AlpacaDesk, at_alpaca
from tests.session.small_desk import INCEPTION, SmallDesk

from nightdesk.brokers import alpaca
from nightdesk.brokers.alpaca_http import Patience
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused, Transient
from nightdesk.operations import kill_switch
from nightdesk.operations.kill_switch import Turned, kill
from nightdesk.session import reconcile
from nightdesk.store.db import book_lock, transaction


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(alpaca, "PATIENCE", Patience(connect=1.0, read=1.0, tries=1, total=1.0))


@pytest.fixture
def fake() -> Iterator[FakeAlpaca]:
    with FakeAlpaca(get_calendar().open_at(INCEPTION), silence=1.2) as server:
        yield server


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk], fake: FakeAlpaca) -> AlpacaDesk:
    """A desk with three purchases at the broker, none of them executed."""
    desk = at_alpaca(make_desk(), fake)
    desk.evening(0)
    desk.run_steps(0, "ingest", "submit")
    assert [one["status"] for one in fake.orders] == ["pending_new", "accepted", "accepted"]
    return desk


def stop(desk: AlpacaDesk, **more: Any) -> Turned:
    said: dict[str, Any] = {"reason": "a test", "who": "somebody", "file": desk.book} | more
    with open_connection(desk.url) as conn:
        return kill(conn, "small", environ=desk.environ, **said)


def open_at_broker(fake: FakeAlpaca) -> list[str]:
    return [one["status"] for one in fake.orders if one["status"] != "canceled"]


def test_a_book_whose_file_is_gone_or_wrong_is_stopped_and_its_orders_are_cancelled(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.book.write_text("name: [small")
    fake.fail("cancel", Fault.SERVER_ERROR)
    with pytest.raises(Transient, match="orders at the broker were not cancelled"):
        stop(desk)
    desk.book.unlink()
    assert len(stop(desk).cancelled) == 1
    assert open_at_broker(fake) == []
    with pytest.raises(Refused, match="is stopped since"):
        stop(desk)


FULL = """
CREATE FUNCTION nightdesk.full_disk() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON nightdesk.risk_events
    FOR EACH ROW EXECUTE FUNCTION nightdesk.full_disk();
"""


def test_a_full_disk_keeps_no_order_from_being_cancelled(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    with open_connection(desk.url) as conn, conn.cursor() as cursor:
        cursor.execute(FULL)
    with pytest.raises(Transient) as raised:
        stop(desk)
    said = str(raised.value)
    assert said.startswith("NOT STORED that book small is stopped, so its next decision does not know of it")
    assert "No space left on device" in said
    assert all(one["client_order_id"] in said for one in fake.orders)
    assert open_at_broker(fake) == []
    with open_connection(desk.url) as conn, conn.cursor() as cursor:
        cursor.execute("DROP TRIGGER full_disk ON nightdesk.risk_events")
    assert stop(desk).cancelled == ()
    assert desk.rows("SELECT kind FROM nightdesk.risk_events") == [("kill",)]


def test_no_lock_of_the_database_keeps_an_order_from_being_cancelled(
    desk: AlpacaDesk, fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_switch, "STORE_SECONDS", 0.3)
    with open_connection(desk.url) as other, transaction(other):
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE nightdesk.risk_events, nightdesk.orders IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Transient, match="NOT STORED that book small is stopped"):
            stop(desk)
    assert open_at_broker(fake) == []


def test_a_run_that_does_not_end_keeps_no_order_from_being_cancelled(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    with open_connection(desk.url) as other, book_lock(other, "small"):
        turned = stop(desk, wait_seconds=0.2)
    assert (len(turned.cancelled), turned.interrupted) == (3, True)
    assert open_at_broker(fake) == []


def test_a_database_that_cannot_be_reached_keeps_no_order_from_being_cancelled(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    with pytest.raises(Transient, match=r"NOT STORED .* nobody answers"):
        kill(
            None,
            "small",
            reason="a test",
            who="ann",
            file=desk.book,
            environ=desk.environ,
            lacking="nobody answers",
        )
    assert open_at_broker(fake) == []


def test_a_broker_that_is_slow_is_not_waited_for_without_end(
    desk: AlpacaDesk, fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_switch, "CANCEL_SECONDS", 0.5)
    fake.fail("cancel", Fault.TIMEOUT_BEFORE)
    with pytest.raises(Transient, match=r"and those after it: the broker took 0\.5 s"):
        stop(desk)
    assert len(fake.asked("cancel")) == 1


def test_an_order_that_the_brokers_list_lacks_is_cancelled_too(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    everything, orders = fake.exchange.state, fake.exchange.state.orders
    fake.exchange._set(orders={})
    fake.exchange.before, fake.exchange.state = fake.exchange.state, everything
    fake.fail("open_orders", Fault.STALE)
    assert len(stop(desk).cancelled) == 3
    assert {one["status"] for one in fake.orders} == {"canceled"}
    assert len(fake.asked("cancel")) == len(orders)


@pytest.mark.parametrize("fault", [Fault.TIMEOUT_BEFORE, Fault.SERVER_ERROR, Fault.NOT_FOUND])
def test_an_order_that_cannot_be_cancelled_keeps_no_other_from_it(
    desk: AlpacaDesk, fake: FakeAlpaca, fault: Fault
) -> None:
    fake.fail("cancel", fault)
    with pytest.raises(Transient, match="book small is stopped; orders at the broker were not cancelled"):
        stop(desk)
    assert [one["status"] for one in fake.orders] == ["pending_new", "canceled", "canceled"]
    assert len(stop(desk).cancelled) == 1
    assert {one["status"] for one in fake.orders} == {"canceled"}


def test_an_order_that_the_broker_does_not_find_again_keeps_no_other_from_being_cancelled(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    fake.fail("query", Fault.STALE)
    none = fake.exchange.state
    fake.exchange._set(orders={})
    fake.exchange.before, fake.exchange.state = fake.exchange.state, none
    with pytest.raises(Refused, match=r"book small is stopped; orders .* has no order"):
        stop(desk)
    assert [one["status"] for one in fake.orders] == ["pending_new", "canceled", "canceled"]


def test_an_order_that_is_told_as_another_one_is_not_settled_by_that(
    desk: AlpacaDesk, fake: FakeAlpaca
) -> None:
    desk.run_steps(0, "report", "close")
    desk.live_through(1)
    desk.evening(1)
    desk.run_steps(1, "ingest", "signals")
    fake.fail("query", Fault.WRONG_SYMBOL)
    with pytest.raises(Transient, match="and the broker tells of one to buy WRONG"):
        desk.run_steps(1, "settle", "settle")
    assert desk.rows("SELECT FROM nightdesk.fills") == []
    desk.run_steps(1, "settle", "settle")
    assert desk.rows("SELECT DISTINCT status FROM nightdesk.orders") == [("filled",)]
    assert desk.rows("SELECT FROM nightdesk.reconciliations") == []
