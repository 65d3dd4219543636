"""A stop and a target that a real broker refuses: nothing rests alone, the position stays, it is told.

The decision after it protects the position, or says again that it could not.
"""

from collections.abc import Callable, Iterator

import pytest
from tests.session.brokered_desk import BrokeredDesk
from tests.session.resting_desk import HELD, resting_desk, selling
from tests.session.small_desk import SmallDesk, instant

from nightdesk.session import protection, reconcile

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(params=["alpaca", "ibkr"])
def desk(
    request: pytest.FixtureRequest, make_desk: Callable[[], SmallDesk], monkeypatch: pytest.MonkeyPatch
) -> Iterator[BrokeredDesk]:
    """A desk whose first orders were executed, in the evening after."""
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(protection, "PAUSE_SECONDS", 0.0)
    with resting_desk(request.param, make_desk, stop=0.05, target=0.2) as held:
        yield held


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
