"""Bitcoin gathered from hours in a daily book: the steps on PostgreSQL and the backtest decide the same."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import open_connection
from tests.parity.checks import same_sessions
from tests.parity.taking_turns import EvenDays, TenUnits
from tests.session.coin_desk import COIN, coin_book, write_hours
from tests.session.quick_checks import check_quickly

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.panel import FILL_FIELDS
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session

BAR = ("open", "high", "low", "close", "volume")

#: Ten units of everything on one day, nothing on the next.
BY_TURNS = {
    "strategies": {EvenDays.name: {"share": 0.5, "sizing": TenUnits.name}},
    "universe": {
        "GLD": {"max_weight": 0.3},
        COIN: {"max_weight": 0.9, "asset_class": "crypto", "unit": 0.0001, "close_from": "hours"},
    },
    "limits": {"max_weight": {}},
    "levels": None,
    "quality": {"failed_share": 0.6},
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("first", "count", "lost"),
    [
        # the clocks go back on the third; of the fourth the last two hours are lost, of the fifth five
        (
            date(2019, 10, 30),
            7,
            ("2019-11-04T21", "2019-11-04T20", *(f"2019-11-05T{h}" for h in range(17, 22))),
        ),
        # Thanksgiving, then a close at 18:00 UTC
        (date(2019, 11, 26), 5, ()),
    ],
    ids=["clocks_go_back", "early_close"],
)
def test_a_coin_of_hours_is_decided_the_same_in_both(
    first: date,
    count: int,
    lost: tuple[str, ...],
    database: str,
    market: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)
    hours = write_hours(tmp_path, market, "2019-12-10T00", without=lost)
    path = coin_book(tmp_path, market, hours, **BY_TURNS)
    book = load_book(path)
    sessions = [as_date(one) for one in get_calendar().between(first, date(2020, 1, 31))[:count]]
    read = read_market(book, origin_of(book, first), sessions[-1])
    result = backtest(book, read.panel, sessions[0], sessions[-1])
    with open_connection(database) as conn:
        for session in sessions:
            with open_context(path, session, conn=conn, turn_seconds=0) as context:
                run_session(context)
        same_sessions(result, conn)
        assert verify(conn, book.name).differences == ()
        with open_context(path, sessions[-1], conn=conn) as context:
            stored = context.panel()
    for name in (*BAR, *(f"fill_{one}" for one in FILL_FIELDS)):
        assert np.array_equal(getattr(stored, name), getattr(read.panel, name), equal_nan=True), name
    assert sum(count for source, count in read.sources.items() if source.endswith(" hours")) > 800
    filled = [fill for one in result.decided for fill in one.fills if fill.symbol == COIN]
    assert filled, "a parity without trades shows nothing"
    close = read.panel.close[-count:, read.panel.column(COIN)]
    assert np.flatnonzero(np.isnan(close)).tolist() == ([4] if lost else [])
