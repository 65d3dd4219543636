"""Corporate actions that come with hours: stored, counted from the first decision of their session, once."""

import csv
from datetime import date
from typing import Any

import numpy as np
import pytest
from tests.conftest import open_connection
from tests.parity.checks import same_sessions
from tests.session.hourly_desk import SESSION, HourlyDesk, at

from nightdesk.core.book import load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.run import backtest

STORED = (
    "SELECT symbol, session, kind, value, source, superseded_at IS NULL FROM nightdesk.corporate_actions "
    "JOIN nightdesk.symbols USING (symbol_id) ORDER BY known_at, kind"
)
#: Of the second session; the first one has seven hours.
NEXT = get_calendar().shift(SESSION, 1)


def split(desk: HourlyDesk, symbol: str = "AAPL", ratio: float = 2.0, first: int = 7) -> None:
    """Let the prices of a symbol be divided from a decision on; its volume grows."""
    for (name, end), bar in desk.hours.items():
        if name == symbol and end >= at(first):
            bar[:] = [*(round(price / ratio, 2) for price in bar[:4]), bar[4] * ratio]
    desk.write()


def rise(desk: HourlyDesk, symbol: str = "AAPL") -> None:
    """Let a symbol rise through the first session, so that it is held at its close."""
    for (name, end), bar in desk.hours.items():
        hours = sum(end >= at(number) for number in range(3, 7))
        if name == symbol and hours:
            bar[:4] = [round(price * 1.01**hours, 2) for price in bar[:4]]


def state(desk: HourlyDesk, *rows: tuple[Any, ...], folder: str = "hours") -> None:
    with (desk.folder / folder / "actions.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["symbol", "session", "kind", "value"], *rows])


def run(desk: HourlyDesk, *numbers: int) -> dict[str, dict[str, int | str]]:
    """Decisions, each on its own hour's clock."""
    done: dict[str, dict[str, int | str]] = {}
    for number in numbers:
        desk.watch(number)
        done = desk.run(number)
    return done


def held(desk: HourlyDesk, number: int) -> dict[str, float]:
    rows = desk.rows(
        "SELECT symbol, sum(quantity) FROM nightdesk.positions WHERE as_of = %s GROUP BY symbol", at(number)
    )
    return {symbol: float(units) for symbol, units in rows}


def test_a_split_that_hours_alone_show_is_stored_and_restates_positions_at_the_first_decision(
    hourly_desk: HourlyDesk,
) -> None:
    rise(hourly_desk)
    split(hourly_desk)
    run(hourly_desk, *range(8))
    assert hourly_desk.rows(STORED) == [("AAPL", NEXT, "split", 2.0, "nightdesk", True)]
    before, after = held(hourly_desk, 6)["AAPL"], held(hourly_desk, 7)["AAPL"]
    assert before, "a split of what is not held shows nothing"
    booked = hourly_desk.rows("SELECT as_of FROM nightdesk.ledger_entries WHERE kind = 'split'")
    assert booked == [(at(7),)]
    filled = hourly_desk.rows(
        "SELECT coalesce(sum(CASE side WHEN 'buy' THEN quantity ELSE -quantity END), 0) FROM nightdesk.fills "
        "WHERE as_of = %s AND symbol = 'AAPL'",
        at(7),
    )
    assert after == pytest.approx(before * 2 + float(filled[0][0]))
    assert not hourly_desk.rows("SELECT FROM nightdesk.quality_runs WHERE outcome = 'quarantined'")
    # the close of the day shows it too, and the next ingest again: it is one fact
    run(hourly_desk, *range(8, 15))
    assert len(hourly_desk.rows(STORED)) == 1
    with open_connection(hourly_desk.url) as conn:
        assert verify(conn, "hours_of_tests").differences == ()


def test_a_dividend_stated_beside_the_hours_is_booked_at_the_first_decision_of_its_ex_date(
    hourly_desk: HourlyDesk,
) -> None:
    state(hourly_desk, ("SPY", NEXT, "dividend", 0.5), ("BAC", NEXT, "dividend", 0.25))
    state(hourly_desk, ("BAC", NEXT, "dividend", 0.3), folder="days")
    run(hourly_desk, *range(9))
    assert sorted(hourly_desk.rows(STORED)) == [
        ("BAC", NEXT, "dividend", 0.3, "files", True),
        ("SPY", NEXT, "dividend", 0.5, "files hours", True),
    ]
    booked = hourly_desk.rows("SELECT DISTINCT as_of FROM nightdesk.ledger_entries WHERE kind = 'dividend'")
    assert booked == [(at(7),)]


def test_an_action_that_the_hours_no_longer_state_is_withdrawn_and_one_that_stands_is_not_written_again(
    hourly_desk: HourlyDesk,
) -> None:
    state(hourly_desk, ("SPY", SESSION, "dividend", 0.5), ("AAPL", SESSION, "dividend", 0.2))
    run(hourly_desk, 0, 1, 2)
    assert len(hourly_desk.rows(STORED)) == 2
    state(hourly_desk, ("AAPL", SESSION, "dividend", 0.2))
    run(hourly_desk, 3)
    assert [row[0] for row in hourly_desk.rows(STORED) if row[-1]] == ["AAPL"]
    assert len(hourly_desk.rows(STORED)) == 2


@pytest.mark.slow
def test_the_steps_and_the_backtest_take_the_actions_of_hours_alike(hourly_desk: HourlyDesk) -> None:
    rise(hourly_desk)
    split(hourly_desk)
    state(hourly_desk, ("SPY", NEXT, "dividend", 0.5))
    book = load_book(hourly_desk.book)
    assert book.origin is not None
    panel = read_market(book, book.origin, NEXT).panel
    result = backtest(book, panel, SESSION, NEXT)
    assert (panel.split != 1.0).sum() == 1
    assert {entry.kind for entry in result.entries} >= {"split", "dividend"}
    hourly_desk.run(*range(14))
    with open_connection(hourly_desk.url) as conn:
        same_sessions(result, conn)


def test_what_hours_show_of_a_split_is_known_with_the_first_hour(hourly_desk: HourlyDesk) -> None:
    """The rest of its session shows another ratio, or none; a fall within a session is no split."""
    split(hourly_desk, first=7)
    split(hourly_desk, "BAC", first=10)
    for number in range(8, 14):
        bar = hourly_desk.hours["AAPL", at(number)]
        bar[:4] = [price * 1.6 for price in bar[:4]]
    for newest in (7, 9, 13):
        hourly_desk.until = at(newest)
        hourly_desk.write()
        with hourly_desk.at(newest) as context:
            from nightdesk.session.ingest import store_hours

            fetched = store_hours(context).hours
        assert fetched is not None
        rows = fetched.actions[["symbol", "session", "kind", "value"]].itertuples(index=False)
        assert [(a, b.date(), c, d) for a, b, c, d in rows] == [("AAPL", NEXT, "split", 2.0)]


def test_a_verdict_on_a_stated_split_rests_on_the_first_hour_alone() -> None:
    from tests.hourly import instants_of, panel_of_hours

    from nightdesk.core.panel import Action, Column

    first, last = date(2019, 12, 2), date(2019, 12, 3)
    ends = instants_of(first, last)
    stated = Action("SPY", np.datetime64("2019-12-03"), "split", 2.0)
    for prices, counts in (
        ([100.0] * 7 + [50.0] + [95.0] * 6, True),
        ([100.0] * 7 + [98.0] + [50.0] * 6, False),
    ):
        rows = [(0, str(end), one) for end, one in zip(ends, prices, strict=True)]
        whole = panel_of_hours(rows, [Column("SPY")], first, last, [stated])
        cut = panel_of_hours(rows[:8], [Column("SPY")], first, last, [stated])
        assert (whole.split[7, 0], cut.split[7, 0]) == ((2.0, 2.0) if counts else (1.0, 1.0))
        assert np.array_equal(whole.adjustment, cut.adjustment)
