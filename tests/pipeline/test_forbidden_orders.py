"""A stopped book's orders are cancelled at the broker, whatever its list lacks and whatever fails."""

from collections.abc import Callable, Iterator

import pytest
from tests.conftest import open_connection
from tests.fakes.alpaca import FakeAlpaca, Fault
from tests.pipeline.alpaca_desk import AlpacaDesk, at_alpaca
from tests.pipeline.small_desk import INCEPTION, SmallDesk

from nightdesk.brokers import alpaca
from nightdesk.brokers.alpaca_http import Patience
from nightdesk.calendar import get_calendar
from nightdesk.errors import Refused, Transient
from nightdesk.pipeline import sides
from nightdesk.pipeline.switching import Turned, kill


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sides, "PAUSE_SECONDS", 0.0)
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


def stop(desk: AlpacaDesk) -> Turned:
    with open_connection(desk.url) as conn:
        return kill(conn, "small", reason="a test", who="somebody", file=desk.book, environ=desk.environ)


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
    with pytest.raises(Refused, match="has no order"):
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
