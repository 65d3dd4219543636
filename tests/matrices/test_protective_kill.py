"""The kill matrix of what rests: whenever the process that sends, or settles, is killed, the next one brings
the book to where it would have come: never two orders for one position, never none, never both filled.
"""

import signal
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from tests.matrices.boundaries import Boundary, code_of, watching
from tests.matrices.kept_rows import KeptRows
from tests.session.new_desk import new_desk, random_walks
from tests.session.quick_checks import check_quickly
from tests.session.resting_terms import COIN
from tests.session.small_desk import STRATEGY, SmallDesk, begin_child, die, session, wait_for

from nightdesk.brokers.paper import PaperBroker
from nightdesk.core.book import load_book
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.session import protection, submit

#: The parent's threads (of its numerical libraries) idle while it forks.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

#: What is watched: the sending of a decision with what it releases, and the market that fills it.
WATCHED = code_of(
    submit.send_planned,
    submit._release,
    submit._send,
    protection,
    PaperBroker.submit,
    PaperBroker.cancel,
    PaperBroker.advance,
    PaperBroker._settle,
)

#: What must come to be in the sessions that are killed.
_WANTED = {"place", "replace", "cancel", "keep"}


@pytest.fixture(
    params=[{}, pytest.param({"bracket": True}, marks=pytest.mark.slow)], ids=["later", "brackets"]
)
def desk(
    request: pytest.FixtureRequest, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SmallDesk:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)
    made = new_desk(tmp_path / "desk", database, random_walks())
    tree = yaml.safe_load(made.book.read_text())
    stop, target = (0.03, 0.05) if request.param else (0.012, 0.03)
    protective = {"stop": stop, "target": target, **request.param}
    tree |= {"protective": protective, "feeds": {"daily": [made.feed]}}
    if request.param:  # of whole units; positions are also left by their signal, before a stop is met
        params = {"window": 3, "sell_below": -0.001, "strong_sell_below": -0.002}
        tree["strategies"][STRATEGY]["params"] |= params
        del tree["universe"][COIN]
        tree["levels"]["first_out"] = [one for one in tree["levels"]["first_out"] if one != COIN]
    made.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    return made


def _numbers(desk: SmallDesk) -> list[int]:
    """Sessions whose sending, and whose settling after it, show everything that can come of what rests."""
    book = load_book(desk.book)
    panel = read_market(book, origin_of(book, session(0)), session(25)).panel
    decided = backtest(book, panel, session(0), session(25)).decided
    protective = {
        order.client_order_id for one in decided for order in one.orders if order.purpose != "rebalance"
    }
    filled = [any(fill.client_order_id in protective for fill in one.fills) for one in decided]
    found: list[int] = []
    missing = {*_WANTED, "fill"}
    for number in range(1, 25):
        actions = {said.action for said in decided[number].protected}
        shown = missing & (actions | ({"fill"} if filled[number + 1] else set()))
        if shown:
            found.append(number)
            missing -= shown
        if not missing:
            return found
    raise AssertionError(f"these bars never show {missing}")


@pytest.mark.timeout(900)
def test_a_process_killed_anywhere_leaves_each_position_protected_once_and_left_once(desk: SmallDesk) -> None:
    numbers, killed = _numbers(desk), set[Boundary]()
    for number in range(max(numbers) + 2):
        if number not in numbers:
            desk.run(number)
            continue
        desk.run_steps(number, "ingest", "gate")
        _kill_everywhere(desk, number, "orders", "submit", killed)
        desk.run_steps(number, "report", "close")
        desk.run_steps(number + 1, "ingest", "signals")
        _kill_everywhere(desk, number + 1, "settle", "settle", killed)
    assert len(killed) >= 40, f"only {len(killed)} moments were found"
    functions = {one.function for one in killed}
    assert {"release", "ended", "_send", "PaperBroker.cancel", "PaperBroker.advance"} <= functions


def _kill_everywhere(desk: SmallDesk, number: int, first: str, last: str, killed: set[Boundary]) -> None:
    """Kill a process that runs some steps at each boundary that it passes and that none was killed at yet."""
    with desk.connection() as conn:
        start = KeptRows(conn)
    passed: list[Boundary] = []
    with watching(WATCHED, (), passed.append):
        desk.run_steps(number, first, last)
    wanted = _stand(desk)
    assert _wrong(desk) == []
    places = sorted({one: at for at, one in reversed(list(enumerate(passed))) if one not in killed}.values())
    killed |= set(passed)
    for place in places:
        with desk.connection() as conn:
            start.restore(conn)
        assert _run_and_kill(desk, number, (first, last), place) == -signal.SIGKILL, passed[place].name
        desk.run_steps(number, first, last, turn_seconds=20.0)
        assert _stand(desk) == wanted, passed[place].name
        assert _wrong(desk) == [], passed[place].name


def _run_and_kill(desk: SmallDesk, number: int, steps: tuple[str, str], place: int) -> int:
    def work() -> None:
        count = iter(range(1_000_000))

        def reached(boundary: Boundary) -> None:
            if next(count) == place:
                die()

        with watching(WATCHED, (), reached):
            desk.run_steps(number, *steps, turn_seconds=20.0)

    return wait_for(begin_child(work))


def _stand(desk: SmallDesk) -> list[object]:
    """Where orders, their parts, the account and the ledger stand."""
    return [
        desk.rows(
            "SELECT client_order_id, quantity, status, filled_quantity FROM nightdesk.orders ORDER BY 1"
        ),
        desk.rows("SELECT client_order_id, strategy, quantity FROM nightdesk.order_intents ORDER BY 1, 2"),
        desk.rows(
            "SELECT client_order_id, quantity, status, ended_as_of FROM nightdesk.paper_orders ORDER BY 1"
        ),
        desk.rows("SELECT execution_id, quantity, price FROM nightdesk.paper_fills ORDER BY 1"),
        desk.rows("SELECT execution_id, quantity, price FROM nightdesk.fills ORDER BY 1"),
        desk.rows("SELECT as_of, strategy, symbol, quantity, cost FROM nightdesk.positions ORDER BY 1, 2, 3"),
        desk.rows("SELECT as_of, cash FROM nightdesk.portfolio ORDER BY 1"),
    ]


def _wrong(desk: SmallDesk) -> list[str]:
    """What must not be between the account and what waits in it."""
    out = []
    held = {
        str(symbol): Decimal(str(quantity))
        for symbol, quantity in desk.rows(
            "SELECT p.symbol, p.quantity FROM nightdesk.paper_positions p "
            "WHERE as_of = (SELECT max(as_of) FROM nightdesk.paper_accounts)"
        )
    }
    waiting = desk.rows(
        "SELECT o.client_order_id, o.symbol, o.side, o.quantity - coalesce((SELECT sum(f.quantity) "
        "FROM nightdesk.paper_fills f WHERE f.client_order_id = o.client_order_id), 0), o.time_in_force "
        "FROM nightdesk.paper_orders o WHERE status = 'accepted'"
    )
    resting = Counter(symbol for _, symbol, _, _, time in waiting if time == "gtc")
    out += [f"{count} orders rest for {symbol}" for symbol, count in resting.items() if count > 1]
    for symbol, quantity in held.items():
        sales = sum(
            Decimal(str(units)) for _, of, side, units, _ in waiting if (of, side) == (symbol, "sell")
        )
        if sales > quantity:
            out.append(f"{sales} {symbol} are to be sold, {quantity} are held")
    known = {name for (name,) in desk.rows("SELECT client_order_id FROM nightdesk.orders")}
    out += [f"{one[0]} is at the broker alone" for one in waiting if one[0] not in known]
    return out
