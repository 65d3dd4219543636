"""Days of a book at IBKR: sent in the evening, filled in the morning, settled in the evening after."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from tests.fakes.ibkr import IbkrGateway
from tests.session.ibkr_desk import IbkrDesk, at_ibkr
from tests.session.small_desk import INCEPTION, SmallDesk, session

from nightdesk.core.calendar import get_calendar
from nightdesk.operations.verify import verify
from nightdesk.session import reconcile


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def gateway() -> Iterator[IbkrGateway]:
    with IbkrGateway(get_calendar().open_at(INCEPTION)) as server:
        yield server


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk], gateway: IbkrGateway) -> IbkrDesk:
    return at_ibkr(make_desk(), gateway)


def differences(desk: IbkrDesk) -> list[tuple[object, ...]]:
    return desk.rows(
        "SELECT session, item, ledger_value, broker_value, outcome FROM nightdesk.reconciliations"
    )


def test_a_week_at_ibkr_ends_with_a_ledger_that_agrees_with_it(desk: IbkrDesk, gateway: IbkrGateway) -> None:
    desk.week(4)
    assert differences(desk) == []
    sent = desk.rows("SELECT client_order_id FROM nightdesk.orders WHERE status <> 'suppressed'")
    assert sorted(one.order_ref for one in gateway.orders) == sorted(str(name) for (name,) in sent)
    assert len(sent) >= 3
    with desk.at(4) as context:
        assert verify(context.conn, "small").differences == ()
    held = dict(
        desk.rows(
            "SELECT symbol, sum(quantity) FROM nightdesk.positions WHERE session = %s "
            "GROUP BY symbol HAVING sum(quantity) <> 0",
            session(4),
        )
    )
    assert held == {name: one.units for name, one in gateway.state.positions.items()}
    [(cash,)] = desk.rows("SELECT cash FROM nightdesk.portfolio WHERE session = %s", session(4))
    assert cash == gateway.state.cash.quantize(Decimal("0.01"))
