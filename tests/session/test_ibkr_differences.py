"""What IBKR does otherwise than other brokers, lived through by a desk: its ledger agrees in the end."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from tests.fakes.ibkr import Error, IbkrGateway
from tests.session.ibkr_desk import CLIENT_ID, IbkrDesk, at_ibkr
from tests.session.small_desk import INCEPTION, SmallDesk, die, in_child, session

from nightdesk.brokers import Unreadable, ibkr
from nightdesk.brokers.ibkr_questions import IbkrPatience
from nightdesk.core.calendar import get_calendar
from nightdesk.operations.collect import collect
from nightdesk.operations.recover import recover
from nightdesk.operations.verify import verify
from nightdesk.session import reconcile, submit
from nightdesk.session.broker_session import contact
from nightdesk.tws_terms import TwsPatience


@pytest.fixture
def gateway() -> Iterator[IbkrGateway]:
    with IbkrGateway(get_calendar().open_at(INCEPTION)) as server:
        yield server


@pytest.fixture
def desk(
    make_desk: Callable[[], SmallDesk], gateway: IbkrGateway, monkeypatch: pytest.MonkeyPatch
) -> IbkrDesk:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(ibkr, "PATIENCE", IbkrPatience(confirm=3.0, commission=0.5))
    monkeypatch.setattr(ibkr, "LINE_PATIENCE", TwsPatience(in_use=0.5))
    return at_ibkr(make_desk(), gateway)


def agrees(desk: IbkrDesk, gateway: IbkrGateway, number: int) -> bool:
    """Whether the ledger after a session is the account, to the cent, and follows from its entries."""
    with desk.at(number) as context:
        assert verify(context.conn, "small").differences == ()
    [(cash,)] = desk.rows("SELECT cash FROM nightdesk.portfolio WHERE session = %s", session(number))
    held = dict(
        desk.rows(
            "SELECT symbol, sum(quantity) FROM nightdesk.positions WHERE session = %s "
            "GROUP BY symbol HAVING sum(quantity) <> 0",
            session(number),
        )
    )
    assert held == {name: one.units for name, one in gateway.state.positions.items()}
    assert cash == gateway.state.cash.quantize(Decimal("0.01"))
    return True


def test_a_commission_that_comes_a_day_late_is_completed_by_the_settling_after_it(
    desk: IbkrDesk, gateway: IbkrGateway
) -> None:
    gateway.log_days = 7
    gateway.commission_reports += ["late"]
    desk.decide(0)
    desk.live_through(1)
    desk.decide(1)
    pending = desk.rows("SELECT count(*) FROM nightdesk.executions WHERE commission_pending")
    assert pending == [(1,)]
    gateway.release_commissions()
    desk.live_through(2)
    desk.decide(2)
    assert desk.rows("SELECT count(*) FROM nightdesk.executions WHERE commission_pending") == [(0,)]
    assert agrees(desk, gateway, 2)


def test_a_correction_of_the_same_day_is_booked_in_place_of_what_it_corrects(
    desk: IbkrDesk, gateway: IbkrGateway
) -> None:
    desk.decide(0)
    desk.open_market(1)
    with desk.standing() as context:
        collect(context)
    first = gateway.executions[0]
    gateway.correct(first.exec_id, price=first.price + Decimal("0.25"))
    gateway.close_market(desk.prices(1, 5))
    desk.decide(1)
    assert desk.rows("SELECT * FROM nightdesk.reconciliations") == []
    assert agrees(desk, gateway, 1)


@pytest.mark.parametrize(
    ("left", "known", "status"),
    [
        (1, True, "filled"),
        (1, False, "filled"),
        (0, True, "filled"),  # as it was found at first: nothing of it is left
        (0, False, "cancelled"),
    ],
)
def test_an_order_of_which_an_execution_is_taken_back_on_its_day_ends_with_what_is_left(
    desk: IbkrDesk, gateway: IbkrGateway, left: int, known: bool, status: str
) -> None:
    desk.decide(0)
    desk.open_market(1)
    if known:
        with desk.standing() as context:
            collect(context)
    first = gateway.executions[0]
    gateway.correct(first.exec_id, units=left, commission=left)
    gateway.close_market(desk.prices(1, 5))
    desk.decide(1)
    name = first.order.order_ref
    stands = "SELECT status, filled_quantity FROM nightdesk.orders WHERE client_order_id = %s"
    assert desk.rows(stands, name) == [(status, left)]
    assert desk.rows("SELECT * FROM nightdesk.reconciliations") == []
    assert agrees(desk, gateway, 1)


@pytest.mark.parametrize("left", [1, 0])
def test_units_that_are_taken_back_after_the_settling_leave_the_ledger(
    desk: IbkrDesk, gateway: IbkrGateway, left: int
) -> None:
    gateway.log_days = 7
    desk.decide(0)
    desk.live_through(1)
    desk.decide(1)
    gateway.correct(gateway.executions[0].exec_id, units=left, commission=left)
    desk.live_through(2)
    desk.decide(2)
    assert desk.rows("SELECT * FROM nightdesk.reconciliations") == []
    assert agrees(desk, gateway, 2)


def test_an_order_of_which_most_was_filled_when_it_was_cancelled_is_read_and_booked(
    desk: IbkrDesk, gateway: IbkrGateway
) -> None:
    desk.decide(0)
    order = gateway.orders[0]
    most = int(order.quantity * 2 / 3)
    opens = get_calendar().open_at(session(1))
    gateway.open_market(desk.prices(1), at=opens, volume={order.stock.symbol: most})
    gateway.cancel(order.client_id, order.order_id)
    gateway.close_market(desk.prices(1, 5))
    desk.decide(1)
    stands = "SELECT status, filled_quantity FROM nightdesk.orders WHERE client_order_id = %s"
    assert desk.rows(stands, order.order_ref) == [("cancelled", most)]
    assert agrees(desk, gateway, 1)


def test_a_correction_after_the_settling_books_the_difference(desk: IbkrDesk, gateway: IbkrGateway) -> None:
    gateway.log_days = 7
    desk.decide(0)
    desk.live_through(1)
    desk.decide(1)
    assert agrees(desk, gateway, 1)
    first = gateway.executions[0]
    gateway.correct(first.exec_id, price=first.price - Decimal("0.10"))
    desk.live_through(2)
    desk.decide(2)
    assert desk.rows("SELECT * FROM nightdesk.reconciliations") == []
    assert agrees(desk, gateway, 2)


def test_a_session_that_booked_a_correction_of_a_late_commission_is_compared_by_what_was_booked(
    desk: IbkrDesk, gateway: IbkrGateway
) -> None:
    gateway.log_days = 7
    gateway.commission_reports += ["late"]
    desk.decide(0)
    desk.live_through(1)
    desk.decide(1)
    gateway.release_commissions()
    desk.live_through(2)
    desk.decide(2)
    [(late,)] = desk.rows("SELECT execution_id FROM nightdesk.fills WHERE commission_pending")
    first = next(one for one in gateway.executions if one.exec_id == late)
    gateway.correct(first.exec_id, price=first.price - Decimal("0.10"))
    desk.live_through(3)
    desk.decide(3)
    assert desk.rows("SELECT count(*) FROM nightdesk.fills WHERE corrects <> ''") == [(1,)]
    assert agrees(desk, gateway, 3)
    again = desk.run(3)["settle"]
    assert (bool(again["sealed"]), again["differs"]) == (True, 0)


def test_of_two_orders_under_one_reference_the_other_counts_once_one_is_cancelled(
    desk: IbkrDesk, gateway: IbkrGateway
) -> None:
    desk.decide(0)
    copy = gateway.copy_of(gateway.orders[0].order_ref)
    with desk.standing() as context, pytest.raises(Unreadable, match=f"several orders .*{copy.perm_id}"):
        collect(context)
    gateway.cancel(copy.client_id, copy.order_id)
    desk.live_through(1)
    desk.decide(1)
    assert agrees(desk, gateway, 1)


def test_the_words_of_a_refusal_are_the_cause_though_ibkr_keeps_the_order_among_the_cancelled(
    desk: IbkrDesk, gateway: IbkrGateway
) -> None:
    gateway.script("order", Error(201, "no permission for this product", kept=True))
    desk.decide(0)
    [(cause,)] = desk.rows("SELECT cause FROM nightdesk.order_events WHERE status = 'rejected'")
    assert "no permission for this product (201)" in str(cause)


def test_a_process_that_is_killed_with_an_order_out_frees_its_client_id_and_the_order_is_found(
    desk: IbkrDesk, gateway: IbkrGateway
) -> None:
    desk.evening(0)

    def crash() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(submit, "record_known", die)
            desk.run(0)

    assert in_child(crash) == -9
    assert len(gateway.orders) == 1
    with desk.standing() as context:
        assert [step for _, step in recover(context).cut_off] == ["submit"]
    desk.run(0)
    assert len({one.order_ref for one in gateway.orders}) == len(gateway.orders) == gateway.created > 1
    desk.live_through(1)
    desk.decide(1)
    assert agrees(desk, gateway, 1)


def test_a_child_process_makes_a_connection_of_its_own(desk: IbkrDesk, gateway: IbkrGateway) -> None:
    desk.decide(0)
    with desk.standing() as context, contact(context, "main") as broker:
        broker.clock()
        mine = gateway.clients

        def other() -> None:
            with desk.standing() as own, contact(own, "main") as again:
                again.clock()

        assert in_child(other) == 1  # the client id is taken, and its parent's line is not used
        assert gateway.clients == mine == [CLIENT_ID]
        assert broker.clock()
    assert in_child(other) == 0
