"""Whatever state an order is in here, and whatever the broker has under its id, there is a way out."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.alpaca_orders import receive
from tests.matrices.checks import ledger_agrees, never_back, only_true_fills, untold
from tests.matrices.scenes import WatchedDesk, alpaca_desks, look_ahead
from tests.matrices.stage import Stage
from tests.session.small_desk import session

from nightdesk.brokers import Unreadable
from nightdesk.operations.adopt import adopt
from nightdesk.operations.collect import collect
from nightdesk.operations.recover import recover
from nightdesk.operations.resolve import resolve
from nightdesk.operations.verify import verify
from nightdesk.session import reconcile

OPEN = ("planned", "submitted", "partially_filled")

#: Where an order stands here, and how often sending it was begun.
STATES = (
    ("planned", 0),
    ("planned", 1),
    ("submitted", 1),
    ("suppressed", 0),
    ("suppressed", 1),
    ("rejected", 1),
    ("cancelled", 1),
    ("expired", 0),
    ("expired", 1),
)

#: What the broker has under its id.
THERE = ("nothing", "the order", "fewer units", "more units", "the other side", "another symbol")


@dataclass(frozen=True)
class Scene:
    """A desk in the evening of its first session, one of whose purchases can be in any state."""

    stage: Stage
    name: str
    symbol: str
    quantity: Decimal

    @property
    def desk(self) -> WatchedDesk:
        return self.stage.desk

    def status(self) -> str:
        [(status,)] = self.desk.rows(
            "SELECT status FROM nightdesk.orders WHERE client_order_id = %s", self.name
        )
        return str(status)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with alpaca_desks() as make_desk, pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
        desk = make_desk()
        desk.evening(0)
        desk.price_coins(0)
        desk.run_steps(0, "ingest", "orders")
        bought = desk.rows(
            "SELECT client_order_id, symbol, quantity FROM nightdesk.orders "
            "WHERE side = 'buy' AND symbol <> 'BTC-USD' ORDER BY symbol LIMIT 1"
        )
        [(name, symbol, quantity)] = bought
        look_ahead(desk, 1, 2)
        yield Scene(Stage(desk), str(name), str(symbol), Decimal(str(quantity)))


def put(scene: Scene, there: str) -> None:
    """Let the account have something under the order's id."""
    units = {"fewer units": scene.quantity - 2, "more units": scene.quantity + 2, "the other side": 3}
    body: dict[str, Any] = {
        "client_order_id": scene.name,
        "symbol": "KO" if there == "another symbol" else scene.symbol,
        "qty": str(units.get(there, scene.quantity)),
        "side": "sell" if there == "the other side" else "buy",
        "type": "market",
        "time_in_force": "day",
    }
    exchange = scene.desk.fake.exchange
    if there == "the other side":
        exchange.hold(scene.symbol, 3, scene.desk.prices(0, 5)[scene.symbol])
    if there == "another symbol":
        body["qty"] = "2"
    receive(exchange, body)


def settle(desk: WatchedDesk, number: int) -> list[tuple[object, ...]]:
    """Live through a session and settle it; what differs from the broker then."""
    prices = desk.prices(number) | {"KO": 60.0}
    desk.open_market(number)
    desk.fake.exchange.trade("KO", prices["KO"])
    desk.fake.exchange.close_market(desk.prices(number, 5))
    desk.evening(number)
    desk.run_steps(number, "settle", "settle")
    return desk.rows(
        "SELECT item FROM nightdesk.reconciliations WHERE session = %s AND outcome = 'asked'", session(number)
    )


@pytest.mark.timeout(120)
@pytest.mark.parametrize("there", THERE)
@pytest.mark.parametrize(
    "state",
    [
        pytest.param(one, id=" ".join(map(str, one)), marks=() if one[0] == "planned" else pytest.mark.slow)
        for one in STATES
    ],
)
def test_every_state_of_an_order_has_a_way_out(scene: Scene, state: tuple[str, int], there: str) -> None:
    desk = scene.desk
    scene.stage.restore()
    desk.rows(
        "UPDATE nightdesk.orders SET status = %s, attempts = %s WHERE client_order_id = %s RETURNING 1",
        *state,
        scene.name,
    )
    if there != "nothing":
        put(scene, there)
    with desk.at(0) as context:
        if state[0] == "submitted" and there in THERE[-2:]:  # the broker has confirmed it, as another one
            with pytest.raises(Unreadable):
                collect(context)
            resolve(context, scene.name, reason="it is looked up", who="ann", disowned=True)
        collect(context)
        recover(context)
    desk.run_steps(0, "submit", "submit")
    assert scene.status() != "planned"
    desk.run_steps(0, "report", "close")
    differing = settle(desk, 1)
    if scene.status() in OPEN:
        with desk.at(1) as context:
            resolve(context, scene.name, reason="it is looked up", who="ann", disowned=True)
    assert scene.status() not in OPEN
    assert only_true_fills(desk) + never_back(desk) + untold(desk) == []
    if not differing:
        assert ledger_agrees(desk, 1) == []
        return
    with desk.at(1) as context:
        if ("KO",) in differing:
            desk.fake.exchange.hold("KO", 0, 60)  # what the book does not name is sold at the broker
            differing = settle_again(desk)
        adopt(context, reason="explained", who="ann")
        assert verify(context.conn, "small").differences == ()


def settle_again(desk: WatchedDesk) -> list[tuple[object, ...]]:
    desk.run_steps(1, "settle", "settle")
    return desk.rows("SELECT item FROM nightdesk.reconciliations WHERE session = %s", session(1))
