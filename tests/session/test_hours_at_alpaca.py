"""Hours of a book at Alpaca: sent within the session, filled at once, settled by the next hour."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.fakes.alpaca import FakeAlpaca, Fault
from tests.fakes.alpaca_orders import receive
from tests.hourly import HOURLY
from tests.session.alpaca_desk import trade_by_hand
from tests.session.hourly_broker_desk import HourlyAlpacaDesk, hourly_at_alpaca
from tests.session.hourly_desk import SESSION, at
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import die, in_child

from nightdesk.brokers import Unreachable
from nightdesk.operations.adopt import adopt
from nightdesk.operations.kill_switch import release
from nightdesk.operations.verify import verify
from nightdesk.session import reconcile, submit
from nightdesk.session.steps import run_session

#: The parent's threads (of its numerical libraries) idle while it forks.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

OPEN = HOURLY.calendar.open_at(SESSION)
Make = Callable[..., HourlyAlpacaDesk]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def fake() -> Iterator[FakeAlpaca]:
    with FakeAlpaca(OPEN - timedelta(hours=1)) as server:
        yield server


@pytest.fixture
def make(
    new_database: Callable[[], str], tmp_path: Path, fake: FakeAlpaca, monkeypatch: pytest.MonkeyPatch
) -> Make:
    check_quickly(monkeypatch)
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    return lambda **changed: hourly_at_alpaca(new_database(), tmp_path / "hourly", fake, **changed)


def test_each_hour_of_a_session_sends_its_own_orders_and_settles_those_of_the_hour_before(
    make: Make, fake: FakeAlpaca
) -> None:
    desk = make()
    for number in range(9):  # seven of a Monday, two of the Tuesday after it
        desk.decide(number)
        assert desk.differences() == []
        if number:
            ended = {one["status"] for one in desk.orders_of(number - 1)}
            assert ended <= {"filled"}
    ids = [one["client_order_id"] for number in range(9) for one in desk.orders_of(number)]
    assert len(ids) == len(set(ids)) == len(fake.orders) == fake.created
    assert sum(bool(desk.orders_of(number)) for number in range(7)) >= 3, "hours of one day that trade"
    for number in range(1, 7):
        told = [executed for _, _, executed in desk.fills_of(number)]
        assert all(at(number - 1) < one <= at(number) for one in told)
    assert desk.agrees(7) or desk.orders_of(7), "nothing was sent since"
    with desk.at(8) as context:
        assert verify(context.conn, desk.book.stem).differences == ()
    assert desk.alerts() == []


@pytest.mark.parametrize("step", ["record_known", "begin_attempt"])
def test_a_kill_in_the_middle_of_an_hour_loses_nothing(make: Make, fake: FakeAlpaca, step: str) -> None:
    desk = make()
    traded = first_traded(desk)

    def crash() -> None:
        with pytest.MonkeyPatch.context() as patch, desk.at(traded) as context:
            patch.setattr(submit, step, die)
            run_session(context)

    desk.come_to(traded)
    assert in_child(crash) == -9
    desk.decide(traded)
    following = traded + 1
    desk.decide(following)
    assert len(fake.orders) == len({one["client_order_id"] for one in fake.orders}) == fake.created
    assert {one["status"] for one in desk.orders_of(traded)} == {"filled"}
    assert {one for one, *_ in desk.fills_of(following)} == {
        one["client_order_id"] for one in desk.orders_of(traded)
    }
    assert desk.differences() == []


def first_traded(desk: HourlyAlpacaDesk) -> int:
    """The first decision that orders something, decided as far as to its orders."""
    for number in range(6):
        desk.decide(number, last="orders")
        if desk.orders_of(number):
            return number
        desk.decide(number)
    raise AssertionError("a session that trades nothing shows nothing")


def limits(desk: HourlyAlpacaDesk) -> tuple[int, str, Decimal]:
    """The first decision whose limit orders wait; one of them, and its quantity."""
    traded = first_traded(desk)
    desk.decide(traded)
    one = desk.orders_of(traded)[0]
    assert one["status"] == "submitted"
    return traded, one["client_order_id"], one["quantity"]


#: Limits so far away that the market reaches none by itself.
FAR = {"orders": {"type": "limit", "limit_offset_bps": -900}}


def test_an_order_that_fills_over_two_hours_is_booked_by_each_and_its_rest_is_cancelled(
    make: Make, fake: FakeAlpaca
) -> None:
    desk = make(**FAR)
    traded, name, quantity = limits(desk)
    price = float(fake.exchange.by_client_id(name)["limit_price"])  # type: ignore[index]
    desk.go_to(at(traded) + timedelta(minutes=30))
    fake.exchange.execute(name, 3, price)
    desk.come_to(traded + 1, minutes=2)  # after the hour has ended, before it is decided
    fake.exchange.execute(name, 4, price)
    desk.decide(traded + 1)
    assert [(one, units) for one, units, _ in desk.fills_of(traded + 1)] == [(name, 3)]
    assert fake.exchange.by_client_id(name)["status"] == "canceled"  # type: ignore[index]
    assert desk.differences() == []
    desk.decide(traded + 2)
    assert [(one, units) for one, units, _ in desk.fills_of(traded + 2)] == [(name, 4)]
    [ended] = [one for one in desk.orders_of(traded) if one["client_order_id"] == name]
    assert (ended["status"], ended["filled"], ended["quantity"]) == ("cancelled", 7, quantity)
    assert desk.differences() == []
    assert desk.alerts() == []


def test_what_still_works_at_the_full_hour_is_cancelled_also_where_the_next_hour_is_missed(
    make: Make, fake: FakeAlpaca
) -> None:
    desk = make(**FAR)
    traded, name, _ = limits(desk)
    desk.go_to(at(traded) + timedelta(minutes=35))
    assert desk.collected().overdue == ()
    desk.go_to(at(traded + 1))
    assert name in desk.collected().overdue
    assert fake.exchange.by_client_id(name)["status"] == "canceled"  # type: ignore[index]
    desk.come_to(traded + 2)
    desk.run(traded + 1, traded + 2)
    missed = desk.orders_of(traded + 1)
    assert {one["status"] for one in missed} <= {"suppressed", "expired"}
    assert {one["attempts"] for one in missed} <= {0}
    assert desk.differences() == []


def test_an_order_that_is_refused_after_it_was_accepted_is_told_with_the_command_that_shows_its_hour(
    make: Make, fake: FakeAlpaca
) -> None:
    desk = make(**FAR)
    traded, name, _ = limits(desk)
    fake.exchange.reject(name)
    desk.decide(traded + 1)
    [(body,)] = desk.rows("SELECT body FROM nightdesk.alerts WHERE alert_key = %s", f"rejected {name}")
    assert f"Order {name} of decision {HOURLY.name_of(at(traded))} was accepted" in str(body)
    assert f" --as-of {at(traded):%Y-%m-%dT%H:%M}Z` shows the broker's answer" in str(body)


def test_what_is_told_an_hour_late_is_booked_then_and_counted(make: Make, fake: FakeAlpaca) -> None:
    desk = make()
    before = fake.exchange.state
    traded = first_traded(desk)
    desk.decide(traded)
    fake.lag("fills", state=before)
    desk.decide(traded + 1)
    assert desk.fills_of(traded + 1) == []
    fake.heal()
    counts = desk.decide(traded + 2)["settle"]
    names = {one["client_order_id"] for one in desk.orders_of(traded)}
    assert {one for one, *_ in desk.fills_of(traded + 2)} >= names
    assert counts["fills_told_late"] == len(names)
    assert {one["status"] for one in desk.orders_of(traded)} == {"filled"}
    with desk.at(traded + 2) as context:
        assert verify(context.conn, desk.book.stem).differences == ()


def test_a_person_s_order_between_two_hours_stops_what_adds_risk_and_what_it_did_is_asked_once(
    make: Make, fake: FakeAlpaca
) -> None:
    desk = make()
    desk.decide(0)
    body = {
        "symbol": "SPY",
        "qty": "3",
        "side": "buy",
        "type": "limit",
        "limit_price": "1",
        "time_in_force": "day",
    }
    waiting = receive(fake.exchange, body)
    traded = first_traded_from(desk, 1)
    assert {one["status"] for one in desk.orders_of(traded) if one["side"] == "buy"} == {"suppressed"}
    fake.exchange.cancel(str(waiting["id"]))
    desk.go_to(at(traded) + timedelta(minutes=30))
    trade_by_hand(fake, "buy", "SPY", 2, float(desk.hours["SPY", at(traded)][3]))
    desk.decide(traded + 1)
    assert {item for _, item, *_ in desk.differences()} == {"SPY", "cash"}
    desk.decide(traded + 2)
    with desk.standing() as context:
        adopt(context, reason="a person bought two", who="ann")
    desk.decide(traded + 3)
    with desk.standing() as context:
        release(context.conn, desk.book.stem, reason="it is known", who="ann")
    assert desk.rows("SELECT count(*) FROM nightdesk.reconciliations WHERE as_of = %s", at(traded + 3)) == [
        (0,)
    ]
    told = [one for one in desk.alerts() if "cannot be ours" in one]
    assert len(told) == 1


def first_traded_from(desk: HourlyAlpacaDesk, first: int) -> int:
    for number in range(first, 6):
        desk.decide(number)
        if any(one["side"] == "buy" for one in desk.orders_of(number)):
            return number
    raise AssertionError("no purchase was decided")


def test_an_answer_that_does_not_come_is_asked_for_in_the_same_hour(make: Make, fake: FakeAlpaca) -> None:
    desk = make()
    traded = first_traded(desk)
    fake.fail("submit", Fault.TIMEOUT_AFTER)
    with pytest.raises(Unreachable):
        desk.decide(traded)
    desk.decide(traded)
    assert fake.created == len(desk.orders_of(traded))
    desk.decide(traded + 1)
    assert {one["status"] for one in desk.orders_of(traded)} == {"filled"}
    assert desk.differences() == []
