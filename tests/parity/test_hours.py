"""An hourly book: the steps on PostgreSQL and the backtest in memory decide the same, hour by hour."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import open_connection
from tests.hourly_book import EARLY_CLOSE, LastTwoHours, hourly_tree
from tests.parity.checks import same_sessions

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.schedule import schedule_of
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session

#: Clocks went back on the Sunday after.
CLOCKS_WENT_BACK = date(2019, 11, 1)


#: Rules that count what the session has brought before, of which the book's own hourly turns break some.
OF_THE_DAY = {
    "limits": {
        "max_weight": {},
        "trades_per_day": {"limit": 4},
        "turnover_per_day": {"limit": 0.9},
        "pattern_day_trader": {},
        "wash_sale": {"purchases": "refuse"},
        "daily_loss": {"limit": -0.002},
        "stop_loss": {"halve": 0.004, "leave": 0.006},
    }
}


#: A book that borrows by conviction, of which liquidity and leverage cut some.
LEVERAGED = {
    "strategies": {LastTwoHours.name: {"share": 1.0, "sizing": "leverage"}},
    "margin": {"kind": "portfolio"},
    "financing": {"debit_rate": 0.06, "borrow_rate": 0.005},
    "limits": {
        "max_weight": {},
        "liquidity": {"limit": 0.000005},
        "gross_leverage": {"limit": 0.8},
        "leverage_reduction": {},
    },
}


#: The same by five signals, whose scores look back two years of sessions and of hours.
FIVE = LEVERAGED | {"strategies": {"five_signals": {"share": 1.0, "sizing": "leverage"}}}

#: Conditions on hours, on sessions and on the hour's own bar.
CONDITIONS = {
    "portfolio": {
        "volatility_target": None,
        "entry_condition": ["h:rsi_14 < 65 and h:momentum_2 < 0.004", "momentum_5 > -0.2 and close >= open"],
    },
}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("first", "count", "changed"),
    [
        (EARLY_CLOSE, 2, {}),
        (EARLY_CLOSE, 2, OF_THE_DAY),
        (EARLY_CLOSE, 2, CONDITIONS),
        (EARLY_CLOSE, 2, LEVERAGED),
        (EARLY_CLOSE, 1, FIVE),
        pytest.param(CLOCKS_WENT_BACK, 10, {}, marks=pytest.mark.slow),
    ],
    ids=["early_close", "of_the_day", "conditions", "leveraged", "five", "ten_sessions"],
)
def test_the_steps_and_the_backtest_of_an_hourly_book_decide_the_same_to_the_cent(
    first: date,
    count: int,
    changed: dict[str, Any],
    database: str,
    market: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    path = tmp_path / "hours_of_tests.yaml"
    feeds = {"daily": [f"files:{market}"], "hourly": [f"files:{market}"]}
    path.write_text(yaml.safe_dump(hourly_tree(feeds=feeds, **changed), sort_keys=False))
    book = load_book(path)
    sessions = [as_date(one) for one in get_calendar().between(first, date(2020, 1, 31))[:count]]
    panel = read_market(book, origin_of(book, first), sessions[-1]).panel
    result = backtest(book, panel, sessions[0], sessions[-1])
    schedule = schedule_of(book)
    instants = [result.market.closes[one.t] for one in result.decided]
    assert instants[0] == schedule.first_of(sessions[0])
    assert instants[-1] == schedule.last_of(sessions[-1])
    with open_connection(database) as conn:
        for as_of in instants:
            with open_context(path, as_of, conn=conn, turn_seconds=0) as context:
                run_session(context)
        same_sessions(result, conn)
        assert verify(conn, book.name).differences == ()
    spoken = {verdict.rule for one in result.decided for verdict in one.gated.verdicts(result.desk.symbols)}
    assert ({"trades_per_day", "turnover_per_day"} <= spoken) == (changed is OF_THE_DAY), spoken
    assert ({"liquidity", "gross_leverage"} <= spoken) == (changed in (LEVERAGED, FIVE)), spoken
    barred = {one.other for each in result.decided for one in each.targets.dropped}
    assert barred == ({0, 1} if changed is CONDITIONS else set())
    assert sum(len(one.fills) for one in result.decided) >= count, "a parity without trades shows nothing"
