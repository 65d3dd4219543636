"""What rests at Alpaca for the positions of a book: released before they are left, never filled beside."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tests.fakes.alpaca import FakeAlpaca
from tests.session.alpaca_desk import AlpacaDesk, at_alpaca
from tests.session.small_desk import STRATEGY, SmallDesk, die, in_child, instant

from nightdesk.operations.verify import verify
from nightdesk.session import protection, reconcile, submit


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(protection, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def desk(make_desk: Callable[[], SmallDesk], fake: FakeAlpaca) -> AlpacaDesk:
    """A desk of funds alone, since nothing rests for crypto at Alpaca."""
    made = make_desk()
    tree = yaml.safe_load(Path(made.book).read_text())
    tree["universe"].pop("BTC-USD")
    tree["levels"]["first_out"] = []
    tree["protective"] = {"stop": 0.2}
    tree["strategies"][STRATEGY]["exits"] = {"sessions": 2}
    Path(made.book).write_text(yaml.safe_dump(tree, sort_keys=False))
    return at_alpaca(made, fake)


pytestmark = [
    pytest.mark.timeout(300),
    # The parent's threads (of its numerical libraries, and the fake's) idle while it forks.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@dataclass(frozen=True)
class Leaving:
    """A session that is planned: its number, the order that leaves or reduces a position, what rests before
    it, and what is to rest after it (empty for nothing).
    """

    number: int
    sale: str
    units: Decimal
    resting: str
    held: Decimal
    placed: str


def planned_exit(desk: AlpacaDesk, *, whole: bool) -> Leaving:
    """Bring a desk to the evening in which a position is to be left, whole or in part; nothing is sent."""
    for number in range(4):
        if number:
            desk.live_through(number)
        desk.evening(number)
        desk.run_steps(number, "ingest", "orders")
        for sale, units, resting, held, placed in desk.rows(
            "SELECT o.client_order_id, o.quantity, p.resting, p.held, coalesce(p.placed, '') "
            "FROM nightdesk.protections p JOIN nightdesk.orders o USING (book, as_of, symbol) "
            "WHERE p.as_of = %s AND p.action IN ('replace', 'cancel') AND o.purpose = 'rebalance' "
            "AND o.side = 'sell' AND o.quantity >= 3",
            instant(number),
        ):
            if whole == (units == held):
                values = (sale, units, resting, held, placed)
                return Leaving(number, *values)  # type: ignore[arg-type]
        desk.run_steps(number, "submit", "close")
    raise AssertionError("no position was left")


def stands(desk: AlpacaDesk, name: str) -> tuple[object, object]:
    """State and quantity of an order."""
    [found] = desk.rows("SELECT status, quantity FROM nightdesk.orders WHERE client_order_id = %s", name)
    return found[0], found[1]


def at_fake(fake: FakeAlpaca, name: str) -> str:
    order = fake.exchange.by_client_id(name)
    return "none" if order is None else str(order["status"])


def agrees_after(desk: AlpacaDesk, number: int) -> None:
    """Live through the next session and settle it: ledger and account agree, and the book may go on."""
    desk.run_steps(number, "report", "close")
    desk.live_through(number + 1)
    desk.decide(number + 1)
    assert desk.rows("SELECT item FROM nightdesk.reconciliations") == []
    assert desk.rows("SELECT symbol FROM nightdesk.disputed_positions") == []
    with desk.at(number + 1) as context:
        assert verify(context.conn, "small").differences == ()


def test_what_rests_is_cancelled_before_its_position_is_left(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    left = planned_exit(desk, whole=True)
    assert at_fake(fake, left.resting) in ("accepted", "new")
    desk.run_steps(left.number, "submit", "submit")
    assert at_fake(fake, left.resting) == "canceled"
    assert stands(desk, left.resting)[0] == "cancelled"
    assert stands(desk, left.sale) == ("submitted", left.units)
    agrees_after(desk, left.number)


def test_what_a_stop_has_sold_meanwhile_is_left_out_of_the_sale(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    left = planned_exit(desk, whole=True)
    fake.exchange.execute(left.resting, 1, 50.0)
    desk.run_steps(left.number, "submit", "submit")
    assert stands(desk, left.sale) == ("submitted", left.units - 1)
    [(cause,)] = desk.rows(
        "SELECT cause FROM nightdesk.order_events WHERE client_order_id = %s AND number = 1", left.sale
    )
    assert str(cause).endswith(f"were executed meanwhile: {left.units - 1} of {left.units} are left to sell")
    agrees_after(desk, left.number)


def test_where_a_stop_has_sold_all_nothing_is_sent(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    left = planned_exit(desk, whole=True)
    fake.exchange.execute(left.resting, left.held, 50.0)
    desk.run_steps(left.number, "submit", "submit")
    assert stands(desk, left.sale)[0] == "suppressed"
    assert at_fake(fake, left.sale) == "none"
    agrees_after(desk, left.number)


def test_a_position_that_is_left_too_late_is_protected_again(desk: AlpacaDesk, fake: FakeAlpaca) -> None:
    left = planned_exit(desk, whole=True)

    def killed_once_released() -> None:
        submit._send = die
        desk.run_steps(left.number, "submit", "submit")

    assert in_child(killed_once_released) == -signal.SIGKILL
    assert at_fake(fake, left.resting) == "canceled"
    desk.open_market(left.number + 1)
    desk.run_steps(left.number, "submit", "submit")
    assert stands(desk, left.sale)[0] == "expired"
    again = desk.rows(
        "SELECT client_order_id, quantity, status FROM nightdesk.orders "
        "WHERE generation = 1 AND purpose LIKE 'protect%%' ORDER BY quantity"
    )
    held = desk.rows(
        "SELECT held FROM nightdesk.protections WHERE as_of = %s AND action = 'cancel' ORDER BY held",
        instant(left.number),
    )
    assert [row[1:] for row in again] == [(units, "submitted") for (units,) in held]
    assert {at_fake(fake, str(row[0])) for row in again} <= {"accepted", "new"}
    desk.run_steps(left.number, "submit", "submit")
    assert len(desk.rows("SELECT FROM nightdesk.orders WHERE generation > 0")) == len(held)
