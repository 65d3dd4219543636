"""The checks of the matrices see what they are there to see, and the desk is taken back to its stage."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext

import pytest
from tests.conftest import open_connection
from tests.fakes import alpaca_orders
from tests.fakes.alpaca import Fault
from tests.matrices import checks
from tests.matrices.broker_faults import READ_SECONDS
from tests.matrices.faulting import hurried, try_cell
from tests.matrices.killing import Killing
from tests.matrices.operations import Operation, operations
from tests.matrices.race import Racing
from tests.matrices.scenes import WatchedDesk, alpaca_desks
from tests.matrices.stage import Stage
from tests.session.small_desk import session

from nightdesk.session import sequencing, settle, submit

#: The parent's threads (of its numerical libraries, and of the fake) idle while it forks.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

MakeDesk = Callable[[], WatchedDesk]


@pytest.fixture(scope="module")
def make_desk() -> Iterator[MakeDesk]:
    with alpaca_desks(silence=1.5 * READ_SECONDS) as make:
        yield make


@pytest.fixture(scope="module")
def settled(make_desk: MakeDesk) -> Stage:
    """A desk whose three orders were sent, filled and settled."""
    desk = make_desk()
    desk.decide(0)
    desk.live_through(1)
    desk.decide(1)
    return Stage(desk)


@pytest.fixture
def desk(settled: Stage) -> WatchedDesk:
    settled.restore()
    return settled.desk


def run(desk: WatchedDesk, statement: str) -> None:
    with open_connection(desk.url) as conn, conn.cursor() as cursor:
        cursor.execute(statement)


def test_a_stage_takes_rows_clock_and_broker_back(settled: Stage, desk: WatchedDesk) -> None:
    rows, orders, now = desk.dump(), desk.fake.orders, desk.fake.exchange.now
    run(desk, "DELETE FROM nightdesk.fills")
    run(desk, "UPDATE nightdesk.orders SET attempts = 7")
    desk.live_through(2)
    desk.decide(2)
    desk.fake.fail_always("clock", Fault.SERVER_ERROR)
    assert desk.dump() != rows
    settled.restore()
    assert (desk.dump(), desk.fake.orders, desk.fake.exchange.now) == (rows, orders, now)
    assert desk.fake.requests == []
    [(day,)] = desk.rows("SELECT clock_timestamp()::date")
    assert day == now.date()
    desk.live_through(2)
    assert desk.decide(2)["close"]["closed"] == 1


def test_a_settled_desk_passes_every_check(desk: WatchedDesk) -> None:
    assert checks.ledger_agrees(desk, 1) == []
    assert checks.only_true_fills(desk) == []
    assert checks.never_back(desk) == []
    assert checks.one_each(desk, 0, 1) == []
    assert checks.ended_alike(desk, 0) == []
    assert checks.untold(desk) == []
    assert checks.unseen_differences(desk, 1) == []


def send_besides(desk: WatchedDesk, name: str) -> None:
    body = {"symbol": "SPY", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}
    alpaca_orders.receive(desk.fake.exchange, body | {"client_order_id": name})


def test_an_order_besides_a_lost_one_and_a_changed_one_are_seen(desk: WatchedDesk) -> None:
    wanted = checks.decided(desk, 0)
    run(desk, "UPDATE nightdesk.orders SET status = 'submitted'")
    assert checks.exactly_once(desk, 0, wanted) == []
    send_besides(desk, "nobody-decided-this")
    assert "nobody-decided-this" in checks.exactly_once(desk, 0, wanted)[0]
    assert "nobody-decided-this" in checks.one_each(desk, 0)[0]
    run(desk, "UPDATE nightdesk.orders SET quantity = quantity + 1 WHERE symbol = 'GLD'")
    words = " ".join(checks.exactly_once(desk, 0, wanted))
    assert "is lost here" in words
    assert "was decided besides" in words
    run(desk, "UPDATE nightdesk.orders SET status = 'planned' WHERE symbol = 'QQQ'")
    assert "is planned after 1 attempts" in " ".join(checks.exactly_once(desk, 0, wanted))
    orders = desk.fake.exchange.state.orders
    desk.fake.exchange._set(orders=dict(list(orders.items())[1:]))
    assert "is not at the broker" in " ".join(checks.exactly_once(desk, 0, wanted))


def agrees(desk: WatchedDesk) -> list[str]:
    return checks.ledger_agrees(desk, 1)


def alike(desk: WatchedDesk) -> list[str]:
    return checks.ended_alike(desk, 0)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ("UPDATE nightdesk.positions SET quantity = quantity + 1", agrees),
        ("UPDATE nightdesk.positions SET market_value = market_value + 1", agrees),
        ("UPDATE nightdesk.fills SET quantity = quantity + 1", checks.only_true_fills),
        ("UPDATE nightdesk.fills SET execution_id = 'made up' WHERE symbol = 'GLD'", checks.only_true_fills),
        ("UPDATE nightdesk.order_events SET status = 'planned' WHERE number = 2", checks.never_back),
        ("UPDATE nightdesk.orders SET status = 'expired'", alike),
        ("UPDATE nightdesk.orders SET filled_quantity = 0", alike),
        ("UPDATE nightdesk.executions SET refused = 'no reason'", checks.untold),
        (
            "INSERT INTO nightdesk.reconciliations (book, as_of, session, item, ledger_value, broker_value) "
            "SELECT book, as_of, session, 'GLD', 1, 2 FROM nightdesk.portfolio",
            checks.untold,
        ),
    ],
)
def test_what_is_not_as_it_must_be_is_seen(
    desk: WatchedDesk, change: str, check: Callable[[WatchedDesk], list[str]]
) -> None:
    assert check(desk) == []
    run(desk, change)
    assert check(desk) != []


def test_an_account_that_the_ledger_does_not_follow_is_seen(desk: WatchedDesk) -> None:
    desk.fake.exchange.post("CSD", 5)
    assert checks.unseen_differences(desk, 1) == [
        f"cash of {session(1)}: ledger {desk.fake.exchange.state.cash - 5}, "
        f"broker {desk.fake.exchange.state.cash}, and nobody was told"
    ]
    desk.fake.exchange.hold("TLT", 3, 100)
    assert len(checks.unseen_differences(desk, 1)) == 2
    run(
        desk,
        "INSERT INTO nightdesk.reconciliations (book, as_of, session, item, ledger_value, broker_value) "
        f"SELECT book, as_of, session, 'TLT', 0, 3 FROM nightdesk.runs WHERE session = '{session(1)}'",
    )
    assert len(checks.unseen_differences(desk, 1)) == 1


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A desk that never asks whether an order is there, nor what is held; its broker takes an id twice."""
    monkeypatch.setattr(submit, "_is_there", lambda *_: False)
    monkeypatch.setattr(submit, "why_withheld", lambda *_: None)
    monkeypatch.setattr(alpaca_orders, "_client_order_id", lambda exchange, body: body["client_order_id"])


@pytest.mark.slow
def test_the_kill_matrix_sees_a_desk_that_sends_twice(
    make_desk: MakeDesk, request: pytest.FixtureRequest
) -> None:
    killing = Killing(make_desk())
    request.getfixturevalue("careless")
    sent = next(found for one, found in killing.points.items() if one.function == "record_known")
    seen = killing.kill(sent[0], None)
    assert seen.killed
    assert "at the broker 2 times" in " ".join(seen.violations)
    early = next(found for one, found in killing.points.items() if one.function == "begin_attempt")
    assert killing.kill(early[0], None).violations == ()


@pytest.fixture(scope="module")
def columns(make_desk: MakeDesk) -> dict[str, Operation]:
    with hurried():
        return {one.name: one for one in operations(make_desk)}


@pytest.mark.slow
def test_the_fault_matrix_sees_a_desk_that_sends_twice(columns: dict[str, Operation], careless: None) -> None:
    with hurried():
        cell = try_cell(columns["submit"], Fault.TIMEOUT_AFTER, lasting=False)
        untouched = try_cell(columns["submit"], Fault.SERVER_ERROR, lasting=False)
    assert "at the broker 2 times" in " ".join(cell.violations)
    assert untouched.violations == ()


@pytest.mark.slow
def test_the_fault_matrix_sees_a_settling_that_books_what_it_was_told(
    columns: dict[str, Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = settle.keep
    monkeypatch.setattr(settle, "keep", lambda context, save, repairs: keep(context, save, {}))
    with hurried():
        cell = try_cell(columns["fills"], Fault.OVERSIZED_FILL, lasting=True)
    assert "nobody was told" in " ".join(cell.violations)


def test_a_race_without_the_lock_is_seen(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(make_desk())
    monkeypatch.setattr(sequencing, "book_lock", lambda *_: nullcontext())
    assert any(racing.run(turn_seconds=5.0).violations for _ in range(8))
