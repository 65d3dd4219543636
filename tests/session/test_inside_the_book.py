"""What two strategies of a book want against each other changes hands inside it, and is kept like a fill."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from tests.conftest import Databases, open_connection
from tests.parity import taking_turns
from tests.session.kept_desk import KeptDesk
from tests.session.new_desk import new_desk
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import SmallDesk, session

from nightdesk.operations.replay import rewind
from nightdesk.operations.trace import trace
from nightdesk.operations.verify import verify
from nightdesk.session import steps
from nightdesk.session.steps import run_session

LAST = 4
UNIVERSE = {symbol: {"max_weight": 0.3} for symbol in ("SPY", "QQQ", "GLD", "TLT")}


@pytest.fixture(scope="module")
def kept(walks: list[list[str]], databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> KeptDesk:
    """A desk whose two strategies hold the same units by turns, after some sessions."""
    folder = tmp_path_factory.mktemp("turns")
    made = new_desk(folder / "made", databases.new(), walks)
    tree = yaml.safe_load(made.book.read_text()) | taking_turns.BOOK | {"universe": UNIVERSE}
    made.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTDESK_HOME", str(folder / "home"))
        check_quickly(patch)
        for number in range(LAST + 1):
            made.run(number)
    return KeptDesk(made, folder / "home", folder / "kept", databases)


@pytest.fixture
def desk(
    kept: KeptDesk, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SmallDesk]:
    """One that stands where that was kept."""
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)
    copied = kept.copy(tmp_path)
    yield copied
    databases.drop(copied.url)


def test_the_units_move_between_the_strategies_without_an_order(desk: SmallDesk) -> None:
    orders = desk.rows("SELECT session, count(*) FROM nightdesk.orders GROUP BY 1")
    assert orders == [(session(0), len(UNIVERSE))]
    moved = desk.rows(
        "SELECT session, symbol, count(*), sum(quantity), sum(cash), sum(commission) "
        "FROM nightdesk.ledger_entries WHERE kind = 'cross' GROUP BY 1, 2 ORDER BY 1, 2"
    )
    sessions, symbols = range(2, LAST + 1), sorted(UNIVERSE)
    assert moved == [(session(number), symbol, 2, 0, 0, 0) for number in sessions for symbol in symbols]
    holders = desk.rows(
        "SELECT session, array_agg(DISTINCT strategy) FROM nightdesk.positions WHERE quantity > 0 "
        "AND session > %s GROUP BY 1 ORDER BY 1",
        session(0),
    )
    assert [len(names) for _, names in holders] == [1] * LAST  # type: ignore[arg-type]
    assert all(one != other for (_, one), (_, other) in pairwise(holders))


def test_they_change_hands_at_the_close_of_the_decision(desk: SmallDesk) -> None:
    prices = desk.rows(
        "SELECT e.price, p.price FROM nightdesk.ledger_entries e JOIN nightdesk.positions p "
        "ON (p.book, p.strategy, p.symbol) = (e.book, e.strategy, e.symbol) "
        "AND p.session = (SELECT max(session) FROM nightdesk.runs r WHERE r.session < e.session) "
        "WHERE e.kind = 'cross'"
    )
    assert prices
    assert all(booked == marked for booked, marked in prices)


def test_steps_that_are_run_twice_and_sessions_that_are_decided_anew_leave_the_same_rows(
    desk: SmallDesk,
) -> None:
    desk.run_steps(LAST + 1, "ingest", "settle")
    desk.run_steps(LAST + 1, "settle", "orders")
    once = desk.dump()
    desk.run_steps(LAST + 1, "settle", "orders")
    assert desk.dump() == once
    with desk.at(2) as context:
        rewind(context)
        assert desk.rows("SELECT max(session) FROM nightdesk.crosses") == [(session(1),)]
        for number in range(2, LAST + 1):
            run_session(context.at(session(number)))
    desk.run_steps(LAST + 1, "ingest", "orders")
    assert desk.dump() == once


def test_a_symbol_that_is_to_change_hands_stays_in_the_universe(desk: SmallDesk) -> None:
    path = Path(desk.book)
    tree = yaml.safe_load(path.read_text())
    del tree["universe"]["GLD"]
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    with pytest.raises(Exception, match="GLD is held or ordered, and the book no longer names it"):
        desk.run(LAST + 1)


@pytest.mark.parametrize(
    ("damage", "item"),
    [
        ("UPDATE nightdesk.crosses SET quantity = quantity * 2", "quantity of cross-"),
        ("UPDATE nightdesk.crosses SET price = price + 1", "cash of cross-"),
        ("DELETE FROM nightdesk.crosses", "quantity of cross-"),
        ("UPDATE nightdesk.ledger_entries SET cash = cash + 1 WHERE kind = 'cross'", "cash of cross-"),
        ("DELETE FROM nightdesk.ledger_entries WHERE kind = 'cross'", "quantity of cross-"),
    ],
)
def test_what_changed_hands_otherwise_than_it_was_decided_to_does_not_verify(
    desk: SmallDesk, damage: str, item: str
) -> None:
    with open_connection(desk.url) as conn:
        assert verify(conn, "small").differences == ()
        desk.rows(f"{damage} RETURNING 1")
        found = [one for one in verify(conn, "small").differences if one.item.startswith(item)]
    # what the newest session decided is booked by the next one
    assert len(found) == 2 * len(UNIVERSE) * (LAST - 1)


def test_a_trace_tells_what_changed_hands(desk: SmallDesk) -> None:
    with desk.at(2) as context:
        story = trace(context, "GLD")
    assert story["orders"] == []
    assert sorted((row["strategy"], int(row["quantity"])) for row in story["crosses"]) in (
        [("even_days_of_parity", 10), ("odd_days_of_parity", -10)],
        [("even_days_of_parity", -10), ("odd_days_of_parity", 10)],
    )


def test_the_orders_step_counts_it(desk: SmallDesk) -> None:
    desk.run_steps(LAST + 1, "ingest", "gate")
    with desk.at(LAST + 1) as context:
        assert steps.orders(context)["crosses"] == len(UNIVERSE)
