"""The book of mean reversion and pairs: its steps on PostgreSQL and its backtest come to the same cent."""

from datetime import date
from pathlib import Path

import pytest
import yaml
from tests.conftest import PROJECT, open_connection
from tests.parity.checks import same_trades
from tests.session.quick_checks import check_quickly

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.decided_span import begin_span
from nightdesk.research.backtest.run import backtest
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.ledger_rows import read_entries, read_marks

#: A Thursday: the third session is the first after a Sunday with a screen.
FIRST = date(2022, 2, 24)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("count", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_sessions_in_the_store_and_in_memory_are_the_same_to_the_cent(
    count: int, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)
    sessions = [as_date(one) for one in get_calendar().between(FIRST, date(2022, 12, 30))[:count]]
    start = begin_span(load_book(PROJECT / "books" / "reversion_pairs.yaml"), FIRST, sessions[-1])
    result = backtest(start.book, start.read(None).panel, start.inception, start.last)
    assert any(one.orders for one in result.decided)
    tree = yaml.safe_load((PROJECT / "books" / "reversion_pairs.yaml").read_text())
    path = tmp_path / "reversion_pairs.yaml"
    path.write_text(yaml.safe_dump(tree | {"inception": FIRST}, sort_keys=False))
    with open_connection(database) as conn:
        for session in sessions:
            with open_context(path, session, conn=conn, turn_seconds=0) as context:
                run_session(context)
        for at, one in enumerate(result.decided):
            same_trades(result, at, conn, result.market.closes[one.t])
        assert read_marks(conn, "reversion_pairs") == tuple(one.state.mark for one in result.decided)
        entries = read_entries(conn, "reversion_pairs")
        assert sorted(entries, key=repr) == sorted(result.entries, key=repr)
        assert verify(conn, "reversion_pairs").differences == ()
