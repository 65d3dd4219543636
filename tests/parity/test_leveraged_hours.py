"""The book of five leveraged stocks: steps on PostgreSQL and the backtest decide the same, by the hour."""

from datetime import date
from pathlib import Path

import pytest
from tests.conftest import open_connection
from tests.leveraged import FILE
from tests.parity.checks import same_sessions

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.decision_rows import targets_of

#: It closes at 13:00, and the weekend behind it bears interest of three nights.
EARLY_CLOSE = date(2019, 11, 29)


@pytest.mark.timeout(1200)
def test_an_early_close_and_the_session_after_it_are_decided_alike_and_explained(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    book = load_book(FILE)
    sessions = [as_date(one) for one in get_calendar().between(EARLY_CLOSE, date(2019, 12, 31))[:2]]
    panel = read_market(book, origin_of(book, sessions[0]), sessions[-1]).panel
    result = backtest(book, panel, sessions[0], sessions[-1])
    instants = [result.market.closes[one.t] for one in result.decided]
    assert len(instants) == 4 + 7
    with open_connection(database) as conn:
        for as_of in instants:
            with open_context(FILE, as_of, conn=conn, turn_seconds=0) as context:
                run_session(context)
        same_sessions(result, conn)
        assert verify(conn, book.name).differences == ()
        rows = targets_of(conn, book.name, instants[-1])
    assert {one.kind for one in result.entries} >= {"capital", "fill"}
    assert all(
        set(row["figures"])
        == {"conviction", "leverage", "wanted_units", "equity_cap", "in_dead_band", "adv", "volume_cap"}
        for row in rows
    )
