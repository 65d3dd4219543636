"""A book whose members change every week: steps on PostgreSQL and backtest in memory decide the same."""

from pathlib import Path

import pytest
from tests.conftest import open_connection
from tests.member_market import member_market, session
from tests.parity.checks import same_listed_decision, same_trades
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import die, in_child

from nightdesk.core.book import load_book
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.member_books import with_listed
from nightdesk.research.backtest.run import backtest
from nightdesk.session import decide
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.ledger_rows import read_entries, read_marks

SESSIONS = 20
#: It is killed here, in the midst of the gate, after M04 has left and before it comes back.
KILLED = 7

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.mark.timeout(900)
def test_twenty_sessions_of_changing_members_are_the_same_to_the_cent(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)
    market = member_market(tmp_path / "weekly")
    stated = load_book(market.book)
    assert stated.origin is not None
    last = session(SESSIONS - 1)
    book = with_listed(stated, stated.origin, session(0), last)
    result = backtest(book, read_market(book, stated.origin, last).panel, session(0), last)

    def run(number: int) -> None:
        with (
            open_connection(database) as conn,
            open_context(market.book, session(number), conn=conn, turn_seconds=0) as context,
        ):
            run_session(context)

    def killed() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(decide, "keep_risk", die)
            run(KILLED)

    for number in range(SESSIONS):
        if number == KILLED:
            assert in_child(killed) == -9
        run(number)
    with open_connection(database) as conn:
        for at, one in enumerate(result.decided):
            same_listed_decision(result, one, conn)
            same_trades(result, at, conn, result.market.closes[one.t])
        assert read_marks(conn, book.name) == tuple(one.state.mark for one in result.decided)
        assert sorted(read_entries(conn, book.name), key=repr) == sorted(result.entries, key=repr)
        assert verify(conn, book.name).differences == ()
    assert sum(len(one.fills) for one in result.decided) > 40, "a parity without trades shows nothing"
