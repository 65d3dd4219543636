"""The book of five leveraged stocks on the sample market: the steps and the backtest decide the same."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests.conftest import open_connection
from tests.leveraged import FILE
from tests.parity.checks import same_sessions
from tests.session.quick_checks import check_quickly

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.schedule import schedule_of
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session

XNYS = get_calendar()
#: Clocks went back on the Sunday after; 28 November 2025 closed at 13:00.
CLOCKS_WENT_BACK, EARLY_CLOSE = date(2025, 10, 31), date(2025, 11, 28)
#: Sixty sessions in which clocks go back and two close early. No daily bar of the book comes late in them:
#: the steps decide without such a bar, and a backtest, which fetches later, with it.
SIXTY_FROM = date(2024, 10, 1)


def book_file(folder: Path, **changed: Any) -> Path:
    """The book's file, with keys at its top replaced."""
    path = folder / FILE.name
    path.write_text(yaml.safe_dump(yaml.safe_load(FILE.read_text()) | changed, sort_keys=False))
    return path


def decided_both_ways(path: Path, first: date, count: int, database: str) -> Result:
    """The backtest of so many sessions, which the steps have decided alike, to the cent."""
    book = load_book(path)
    sessions = [as_date(one) for one in XNYS.between(first, XNYS.shift(first, count - 1))]
    panel = read_market(book, origin_of(book, first), sessions[-1]).panel
    result = backtest(book, panel, first, sessions[-1])
    instants: list[datetime] = [result.market.closes[one.t] for one in result.decided]
    assert len(instants) == len(schedule_of(book).instants(first, sessions[-1]))
    with open_connection(database) as conn:
        for as_of in instants:
            with open_context(path, as_of, conn=conn, turn_seconds=0) as context:
                run_session(context)
        same_sessions(result, conn)
        assert verify(conn, book.name).differences == ()
    return result


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    check_quickly(monkeypatch)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("first", "count"),
    [
        (EARLY_CLOSE, 1),
        (CLOCKS_WENT_BACK, 2),
        pytest.param(SIXTY_FROM, 60, marks=pytest.mark.slow),
    ],
    ids=["early_close", "clock_change", "sixty_sessions"],
)
def test_hour_by_hour_the_steps_and_the_backtest_decide_the_same_to_the_cent(
    first: date, count: int, database: str, tmp_path: Path
) -> None:
    result = decided_both_ways(book_file(tmp_path), first, count, database)
    said = result.market.signals["five_signals"]
    rows = [one.t for one in result.decided]
    assert np.isfinite(said.strength[rows]).all()
    assert (said.direction[rows] != 0).any(axis=1).all(), "an hour without any opinion compares little"
    assert sum(len(one.fills) for one in result.decided) >= count, "a parity without trades shows nothing"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("count", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_by_sessions_the_steps_and_the_backtest_decide_the_same_to_the_cent(
    count: int, database: str, tmp_path: Path
) -> None:
    strategies = yaml.safe_load(FILE.read_text())["strategies"]
    strategies["five_signals"]["params"]["hourly"] = 0
    path = book_file(tmp_path, schedule="daily", strategies=strategies)
    result = decided_both_ways(path, SIXTY_FROM, count, database)
    assert sum(len(one.fills) for one in result.decided) >= count


def test_a_backtest_decides_seven_times_a_session_and_four_before_an_early_close_over_a_clock_change(
    tmp_path: Path,
) -> None:
    book = load_book(book_file(tmp_path))
    panel = read_market(book, origin_of(book, CLOCKS_WENT_BACK), EARLY_CLOSE).panel
    result = backtest(book, panel, CLOCKS_WENT_BACK, EARLY_CLOSE)
    closes = [result.market.closes[one.t] for one in result.decided]
    by_day: dict[date, list[str]] = {}
    schedule = schedule_of(book)
    for as_of in closes:
        day, _, hour = schedule.name_of(as_of).partition(" ")
        by_day.setdefault(date.fromisoformat(day), []).append(hour)
    full = [f"{hour}:00" for hour in range(10, 17)]
    assert by_day.pop(EARLY_CLOSE) == full[:4]
    assert set(map(tuple, by_day.values())) == {tuple(full)}
    assert [as_date(one) for one in XNYS.between(CLOCKS_WENT_BACK, EARLY_CLOSE)][:-1] == list(by_day)
    in_utc = {as_of.hour for as_of in closes if as_of.date() == date(2025, 10, 31)}
    assert in_utc == set(range(14, 21))
    assert {as_of.hour for as_of in closes if as_of.date() == date(2025, 11, 3)} == set(range(15, 22))
    entries = {(one.session, one.kind) for one in result.entries}
    assert {kind for _, kind in entries} >= {"fill", "borrow", "dividend"}
