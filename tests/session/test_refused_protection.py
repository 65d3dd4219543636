"""A stop and a target that a real broker refuses: nothing rests alone, the position stays, it is told.

The decision after it protects the position, or says again that it could not.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal

import pytest
from tests.fakes.alpaca import FakeAlpaca
from tests.fakes.ibkr import IbkrGateway
from tests.session.alpaca_desk import at_alpaca
from tests.session.brokered_desk import BrokeredDesk
from tests.session.ibkr_desk import at_ibkr
from tests.session.resting_terms import let_rest
from tests.session.small_desk import SmallDesk, instant, session

from nightdesk.core.account_terms import MAIN
from nightdesk.core.calendar import get_calendar
from nightdesk.session import protection, reconcile
from nightdesk.session.broker_session import contact

BEFORE_THE_FIRST = get_calendar().known_from(session(-1))
#: Held from the first session on; what rests for it is refused.
HELD = "GLD"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(params=["alpaca", "ibkr"])
def desk(
    request: pytest.FixtureRequest, make_desk: Callable[[], SmallDesk], monkeypatch: pytest.MonkeyPatch
) -> Iterator[BrokeredDesk]:
    """A desk whose first orders were executed, in the evening after."""
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(protection, "PAUSE_SECONDS", 0.0)
    made = make_desk()
    with ExitStack() as stack:
        let_rest(made, stop=0.05, target=0.2)
        if request.param == "alpaca":
            desk: BrokeredDesk = at_alpaca(made, stack.enter_context(FakeAlpaca(BEFORE_THE_FIRST)))
        else:
            desk = at_ibkr(made, stack.enter_context(IbkrGateway(BEFORE_THE_FIRST)))
        desk.decide(0)
        desk.live_through(1)
        desk.evening(1)
        yield desk


def selling(desk: BrokeredDesk) -> dict[str, Decimal]:
    """Units that orders at the broker would sell, by symbol: those that rest and those that leave."""
    units: dict[str, Decimal] = {}
    with desk.standing() as context, contact(context, MAIN) as broker:
        for one in broker.open_orders():
            if one.side == "sell":
                units[one.symbol] = units.get(one.symbol, Decimal(0)) + one.quantity - one.filled
    return units


def protective(desk: BrokeredDesk, number: int) -> dict[str, tuple[object, ...]]:
    """State, generation and last cause of the protective order of a decision, by symbol."""
    rows = desk.rows(
        "SELECT o.symbol, o.status, o.generation, (SELECT cause FROM nightdesk.order_events e "
        "WHERE e.client_order_id = o.client_order_id ORDER BY number DESC LIMIT 1) "
        "FROM nightdesk.orders o WHERE o.as_of = %s AND o.purpose LIKE 'protect%%' ORDER BY o.generation",
        instant(number),
    )
    return {str(symbol): tuple(rest) for symbol, *rest in rows}


def told(desk: BrokeredDesk) -> list[tuple[object, ...]]:
    return desk.rows("SELECT level, body FROM nightdesk.alerts WHERE alert_key LIKE 'unsent%%'")


def test_a_pair_that_the_broker_refuses_leaves_nothing_alone_and_is_told_and_rests_the_day_after(
    desk: BrokeredDesk,
) -> None:
    desk.market.halted.add(HELD)
    desk.run(1)
    held = desk.account.holdings()
    assert held[HELD] > 0
    assert HELD not in selling(desk)
    status, _, cause = protective(desk, 1)[HELD]
    assert status == "rejected"
    assert "not active" in str(cause) or "No trading permissions" in str(cause)
    [(level, body)] = told(desk)
    assert level == "CRITICAL"
    assert f"{HELD} is rejected" in str(body)
    assert {name for name, units in held.items() if units} - {HELD} == set(selling(desk))
    desk.market.halted.clear()
    desk.live_through(2)
    desk.decide(2)
    assert selling(desk)[HELD] == desk.account.holdings()[HELD]
    assert desk.rows("SELECT item FROM nightdesk.reconciliations") == []


def test_a_pair_refused_in_place_of_another_is_tried_with_the_terms_of_that_and_told_where_it_is_refused_too(
    desk: BrokeredDesk,
) -> None:
    desk.run(1)
    desk.live_through(2)
    before = desk.account.holdings()[HELD]
    desk.evening(2)
    desk.run_steps(2, "ingest", "orders")
    [(action,)] = desk.rows(
        "SELECT action FROM nightdesk.protections WHERE as_of = %s AND symbol = %s", instant(2), HELD
    )
    assert action == "replace"
    desk.market.halted.add(HELD)
    desk.run_steps(2, "submit", "close")
    assert HELD not in selling(desk)
    assert desk.account.holdings()[HELD] == before
    assert protective(desk, 2)[HELD][:2] == ("rejected", 1), "tried once more under the next id"
    assert any(f"{HELD} is rejected" in str(body) for _, body in told(desk))
    desk.market.halted.clear()
    desk.live_through(3)
    desk.decide(3)
    assert selling(desk)[HELD] == desk.account.holdings()[HELD]
    assert desk.rows("SELECT item FROM nightdesk.reconciliations") == []
