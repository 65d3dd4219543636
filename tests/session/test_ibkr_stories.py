"""What IBKR and its line do to orders on their way: one order per decision, and an account that agrees."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from tests.fakes.ibkr import Delay, Error, Fault
from tests.fakes.ibkr_account import MarginRates
from tests.matrices.checks import ended_alike, ledger_agrees, never_back, one_each, only_true_fills
from tests.matrices.scenes import WatchedIbkrDesk, ibkr_desks, look_ahead
from tests.matrices.stage import Stage
from tests.session.small_desk import session

from nightdesk.brokers import OrderState, Unreachable, Unreadable, ibkr
from nightdesk.brokers.ibkr_questions import IbkrPatience
from nightdesk.core.errors import Transient
from nightdesk.operations.collect import collect
from nightdesk.session import reconcile
from nightdesk.session.broker_session import contact
from nightdesk.tws_terms import TwsPatience

#: No step of a desk that talks to a gateway may last longer here; it ends with an error before.
BOUND_SECONDS = 20.0


@pytest.fixture(scope="module")
def planned() -> Iterator[Stage[WatchedIbkrDesk]]:
    """A desk in the evening of its first orders, which are planned."""
    with ibkr_desks() as make, pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
        patch.setattr(ibkr, "PATIENCE", IbkrPatience(confirm=1.0, commission=0.2, shortable=0.2))
        patch.setattr(ibkr, "LINE_PATIENCE", TwsPatience(connect=1.0, in_use=0.0, answer=1.5))
        desk = make()
        desk.evening(0)
        desk.run_steps(0, "ingest", "gate")
        look_ahead(desk, 1, 2)
        desk.run_steps(0, "orders", "orders")
        yield Stage(desk)


@pytest.fixture
def desk(planned: Stage[WatchedIbkrDesk]) -> WatchedIbkrDesk:
    planned.restore()
    return planned.desk


def submit(desk: WatchedIbkrDesk) -> None:
    with in_bounds():
        desk.run_steps(0, "submit", "submit")


@contextmanager
def in_bounds() -> Iterator[None]:
    """A block that must not hang."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < BOUND_SECONDS


def try_again(step: Callable[[], object], most: int = 4) -> int:
    """Run a step as Airflow does, again after an error that passes; how often it took."""
    for tried in range(1, most + 1):
        with in_bounds():
            try:
                step()
            except Transient:
                continue
            return tried
    raise AssertionError(f"failed {most} times")


def live_on(desk: WatchedIbkrDesk) -> None:
    """End the session, let the market open and close, settle, and look."""
    desk.run_steps(0, "report", "close")
    desk.live_through(1)
    desk.evening(1)
    try_again(lambda: desk.run_steps(1, "settle", "settle"))
    assert agrees(desk) == []


def agrees(desk: WatchedIbkrDesk) -> list[str]:
    """What is wrong with orders, executions, positions and cash once the orders are settled."""
    return [
        *one_each(desk, 0),
        *ledger_agrees(desk, 1),
        *only_true_fills(desk),
        *never_back(desk),
        *ended_alike(desk, 0),
    ]


@pytest.mark.parametrize(
    "fault",
    [
        None,
        Fault.TIF_NOTICE,
        Fault.STATUS_TWICE,
        Fault.STATUS_FIRST,
        Delay(0.3),
        Fault.DROP_BEFORE,
        Fault.DROP_AFTER,
        Fault.SILENT_BEFORE,
        Fault.SILENT_AFTER,
        Fault.UNKNOWN_STATUS,
    ],
)
def test_each_decision_is_one_order_whatever_happens_when_it_is_sent(
    desk: WatchedIbkrDesk, fault: Fault | Delay | None
) -> None:
    desk.gateway.script("order", fault, fault)
    try_again(lambda: submit(desk))
    live_on(desk)


@pytest.mark.parametrize("data_lost", [False, True])
def test_orders_that_wait_in_a_gateway_without_ibkr_are_found_when_it_is_back(
    desk: WatchedIbkrDesk, *, data_lost: bool
) -> None:
    desk.gateway.lose_connection()
    with pytest.raises((Unreachable, Unreadable)):
        submit(desk)
    desk.gateway.restore_connection(data_lost=data_lost)
    try_again(lambda: submit(desk))
    live_on(desk)


def test_nothing_is_sent_while_another_program_has_the_client_id(desk: WatchedIbkrDesk) -> None:
    desk.gateway.occupied.add(11)
    with pytest.raises(Unreachable, match="client id 11 is in use"):
        submit(desk)
    desk.gateway.occupied.clear()
    assert desk.account.orders() == []
    submit(desk)
    live_on(desk)


def test_a_restart_in_the_night_keeps_the_orders(desk: WatchedIbkrDesk) -> None:
    submit(desk)
    with desk.gateway.away(), pytest.raises(Unreachable):
        submit_again(desk)
    live_on(desk)


def submit_again(desk: WatchedIbkrDesk) -> None:
    """Ask the broker something, as a person does."""
    with desk.standing() as context, in_bounds():
        collect(context)


@pytest.mark.parametrize("login", ["hangs", "closes", "no account"])
def test_a_login_that_has_expired_is_an_error_in_bounded_time_until_somebody_logs_in(
    desk: WatchedIbkrDesk, login: str
) -> None:
    submit(desk)
    desk.run_steps(0, "report", "close")
    desk.gateway.login = login
    desk.live_through(1)
    desk.evening(1)
    for _ in range(2):
        with in_bounds(), pytest.raises((Unreachable, Unreadable)):
            desk.run_steps(1, "settle", "settle")
    assert desk.rows("SELECT FROM nightdesk.fills") == []
    desk.gateway.login = "good"
    desk.run_steps(1, "settle", "settle")
    assert agrees(desk) == []


def test_two_orders_under_one_reference_are_told_and_nothing_is_concluded(desk: WatchedIbkrDesk) -> None:
    submit(desk)
    name = desk.gateway.orders[0].order_ref
    desk.gateway.copy_of(name)
    desk.run_steps(0, "report", "close")
    desk.live_through(1)
    desk.evening(1)
    with in_bounds(), pytest.raises(Unreadable, match=f"several orders under the reference {name}"):
        desk.run_steps(1, "settle", "settle")
    assert desk.rows("SELECT FROM nightdesk.fills") == []
    assert desk.rows("SELECT FROM nightdesk.portfolio WHERE session = %s", session(1)) == []


@pytest.mark.parametrize("code", [201, 203, 110])
def test_an_order_that_ibkr_refuses_is_told_and_the_others_go_on(desk: WatchedIbkrDesk, code: int) -> None:
    desk.gateway.script("order", Error(code, "Order rejected - reason:no", kept=code == 201))
    submit(desk)
    stands = [status for (status,) in desk.rows("SELECT status FROM nightdesk.orders ORDER BY status")]
    assert stands == ["rejected", *["submitted"] * (len(stands) - 1)]
    assert told_unsent(desk)
    desk.run_steps(0, "report", "close")
    desk.live_through(1)
    desk.evening(1)
    desk.run_steps(1, "settle", "settle")
    assert ledger_agrees(desk, 1) + only_true_fills(desk) + never_back(desk) == []


def told_unsent(desk: WatchedIbkrDesk) -> bool:
    """Whether people were told that an order did not reach the market."""
    return bool(desk.rows("SELECT FROM nightdesk.alerts WHERE alert_key LIKE 'unsent small %%'"))


def test_orders_beyond_the_margin_are_told_and_the_next_decision_is_right(desk: WatchedIbkrDesk) -> None:
    usual = desk.gateway.rates
    desk.gateway.prices.update(desk.prices(0, 5))
    desk.gateway.rates = MarginRates(Decimal(20), Decimal(20))
    submit(desk)
    desk.gateway.rates = usual
    assert told_unsent(desk)
    assert desk.account.orders() == []
    desk.run_steps(0, "report", "close")
    desk.live_through(1)
    desk.evening(1)
    desk.run_steps(1, "settle", "submit")
    assert ledger_agrees(desk, 1) + one_each(desk, 0, 1) + never_back(desk) == []
    assert desk.account.orders() != []


def test_a_cancel_that_is_lost_is_said_to_be_unknown_and_comes_again(desk: WatchedIbkrDesk) -> None:
    submit(desk)
    name = desk.gateway.orders[0].order_ref
    desk.gateway.script("cancelOrder", Fault.SILENT_BEFORE)
    with desk.standing() as context, contact(context, "main") as broker:
        with in_bounds(), pytest.raises(Unreachable, match=f"no word on the cancel of {name}"):
            broker.cancel(name)
        assert broker.cancel(name).state is OrderState.CANCELLED


def test_an_execution_that_was_corrected_before_it_is_settled_is_booked_as_it_is(
    desk: WatchedIbkrDesk,
) -> None:
    submit(desk)
    desk.run_steps(0, "report", "close")
    desk.open_market(1)
    first = desk.gateway.executions[0]
    desk.gateway.correct(first.exec_id, price=first.price - 1)
    desk.gateway.close_market(desk.prices(1, 5))
    desk.evening(1)
    desk.run_steps(1, "settle", "settle")
    assert agrees(desk) == []
    [(price,)] = desk.rows(
        "SELECT price FROM nightdesk.fills WHERE client_order_id = %s", first.order.order_ref
    )
    assert price == first.price - 1
