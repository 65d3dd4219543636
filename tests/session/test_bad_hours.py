"""Hours that are missing, partial, doubled or of another time: told, no order on doubt, right again."""

import csv
from datetime import UTC, date, datetime
from typing import Any

import pytest
from tests.conftest import open_connection
from tests.parity.checks import same_sessions
from tests.session.hourly_desk import ORIGIN, SESSION, HourlyDesk, at, gone, scaled
from tests.session.test_hour_alerts import findings, run, told

from nightdesk.core.book import load_book
from nightdesk.core.errors import NotYet, Refused
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.run import backtest

#: The benchmark beside the universe, as most books have it.
BESIDE: dict[str, Any] = {
    "universe": {one: {"max_weight": 0.3, "asset_class": "equity"} for one in ("AAPL", "BAC")},
}
#: A decision of a session that follows the change of clocks on 3 November 2019, whose hours began at 13:30.
AFTER_THE_CLOCKS = datetime(2019, 11, 4, 14, tzinfo=UTC)


def stored(desk: HourlyDesk, symbol: str) -> int:
    ((count,),) = desk.rows(
        "SELECT count(*) FROM nightdesk.bars_hourly JOIN nightdesk.symbols USING (symbol_id) "
        "WHERE symbol = %s AND superseded_at IS NULL",
        symbol,
    )
    return int(count)


def barred(desk: HourlyDesk, number: int) -> list[tuple[str, str]]:
    """What the rule said by which nothing is opened without references."""
    return desk.rows(
        "SELECT symbol, action FROM nightdesk.verdicts WHERE as_of = %s AND rule = 'references' ORDER BY 1",
        at(number),
    )


def entries(desk: HourlyDesk, number: int) -> list[str]:
    """Symbols of which a decision buys."""
    return [
        symbol
        for (symbol,) in desk.rows(
            "SELECT symbol FROM nightdesk.orders WHERE as_of = %s AND side = 'buy' ORDER BY 1", at(number)
        )
    ]


def as_a_backtest(desk: HourlyDesk) -> None:
    """What was decided of the session is what a backtest on the vendor's files makes of it."""
    book = load_book(desk.book)
    result = backtest(book, read_market(book, ORIGIN, SESSION).panel, SESSION, SESSION)
    with open_connection(desk.url) as conn:
        same_sessions(result, conn)


def moving(desk: HourlyDesk, symbol: str, moves: dict[int, float]) -> None:
    """Let the hours of some decisions, which follow each other, move a symbol by shares."""
    for number, move in moves.items():
        before = desk.hours[symbol, at(number - 1)][3]
        price = round(before * (1.0 + move), 2)
        desk.hours[symbol, at(number)] = [before, max(before, price), min(before, price), price, 100_000.0]
    desk.write()


@pytest.mark.parametrize("beside", [BESIDE, {}], ids=["beside_the_universe", "of_the_universe"])
def test_an_hour_without_the_benchmark_opens_nothing_is_told_and_the_next_one_decides_again(
    hourly_desk: HourlyDesk, beside: dict[str, Any]
) -> None:
    hourly_desk.write_book(**beside)
    moving(hourly_desk, "BAC", {0: -0.01, 1: -0.01, 2: 0.03, 3: 0.01})
    hourly_desk.change("SPY", gone, 2)
    run(hourly_desk, *range(7))
    assert ("BAC", "reject") in barred(hourly_desk, 2)
    assert entries(hourly_desk, 2) == []
    assert {action for _, action in barred(hourly_desk, 3)} == {"approve"}
    assert "BAC" in entries(hourly_desk, 3)
    ((reason,),) = hourly_desk.rows(
        "SELECT reason FROM nightdesk.session_quality WHERE as_of = %s AND NOT entries_allowed", at(2)
    )
    assert reason == "SPY, the benchmark, has no bar of this hour"
    assert findings(hourly_desk, 2) == [("h:no_bar", "SPY", "warned")]
    begun, ended = told(hourly_desk)
    assert begun[:2] == ("WARNING", "hours_of_tests 2019-12-02: without a bar: SPY")
    assert f"{reason}, so nothing is opened in this decision (2019-12-02 12:00)." in begun[2]
    assert "The book opens nothing in a decision without a bar of its hour" in begun[2]
    assert "SPY has a bar again in decision 2019-12-02 13:00" in ended[2]
    as_a_backtest(hourly_desk)


def test_the_hours_of_the_benchmark_are_fetched_and_waited_for(hourly_desk: HourlyDesk) -> None:
    hourly_desk.write_book(**BESIDE)
    run(hourly_desk, 0)
    assert stored(hourly_desk, "SPY") == stored(hourly_desk, "AAPL") > 400
    hourly_desk.change("SPY", gone, 1)
    hourly_desk.watch(1)
    from tests.clock import set_clock

    set_clock(hourly_desk.url, at(1).replace(minute=6))
    with pytest.raises(NotYet, match=r"the hour's bar of SPY has not come; it is waited for until 16:15 UTC"):
        hourly_desk.run(1)


def test_a_benchmark_whose_vendor_has_no_hours_stops_nothing_and_is_no_note(hourly_desk: HourlyDesk) -> None:
    hourly_desk.write_book(**BESIDE)
    hourly_desk.hours = {key: bar for key, bar in hourly_desk.hours.items() if key[0] != "SPY"}
    hourly_desk.days_follow = False
    moving(hourly_desk, "AAPL", {0: -0.02, 1: 0.04})
    run(hourly_desk, 0, 1, 2)
    assert entries(hourly_desk, 1) == ["AAPL"]
    assert told(hourly_desk) == []
    assert hourly_desk.rows("SELECT kind, subject FROM nightdesk.ingest_notes") == []


def test_a_book_that_began_without_hours_of_its_benchmark_gets_their_history(hourly_desk: HourlyDesk) -> None:
    hourly_desk.write_book(**BESIDE)
    run(hourly_desk, 0)
    before = stored(hourly_desk, "SPY")
    hourly_desk.rows(
        "DELETE FROM nightdesk.bars_hourly WHERE symbol_id = "
        "(SELECT symbol_id FROM nightdesk.symbols WHERE symbol = 'SPY') RETURNING 1"
    )
    run(hourly_desk, 1)
    assert stored(hourly_desk, "SPY") == before + 1
    assert findings(hourly_desk, 1) == []


def test_an_hour_that_was_partial_when_it_was_decided_by_counts_whole_in_the_next_decision(
    hourly_desk: HourlyDesk,
) -> None:
    """A vendor gave the bar before all of its trades: what was decided stays, what follows is right."""
    whole = hourly_desk.hours["AAPL", at(1)]
    hourly_desk.change("AAPL", lambda bar: [*scaled(1.004)(bar)[:4], 400.0], 1)
    run(hourly_desk, 0, 1)
    partial = hourly_desk.rows("SELECT signals::text FROM nightdesk.signals WHERE as_of = %s", at(1))
    hourly_desk.hours["AAPL", at(1)] = whole
    hourly_desk.write()
    run(hourly_desk, 2)
    hourly_desk.run(1)
    assert hourly_desk.rows("SELECT signals::text FROM nightdesk.signals WHERE as_of = %s", at(1)) == partial
    with hourly_desk.at(2) as context:
        assert context.panel().close[-2, 1] == whole[3]
    with hourly_desk.at(1) as context:
        assert context.panel().close[-1, 1] == scaled(1.004)(whole)[3]


def test_an_hour_before_the_open_is_left_out_counted_and_decides_nothing(hourly_desk: HourlyDesk) -> None:
    """The hour from 8 to 9 New York, as vendors of all trades give it."""
    path = hourly_desk.folder / "hours" / "hours.csv"
    with path.open("a", newline="") as file:
        csv.writer(file).writerow(["2019-12-02 13:00:00", "AAPL", 5.0, 6.0, 4.0, 5.0, 10.0])
    hourly_desk.run(0)
    notes = hourly_desk.rows("SELECT kind, subject, rows FROM nightdesk.ingest_notes")
    assert notes == [("dropped", "outside the hours of a session", 1)]
    with hourly_desk.at(0) as context:
        assert context.panel().low[-1, 1] == hourly_desk.hours["AAPL", at(0)][2]
    as_of_first(hourly_desk)


def as_of_first(desk: HourlyDesk) -> None:
    """The first decision of the session is that of a backtest on the files without the row."""
    signals = desk.rows("SELECT symbol, direction FROM nightdesk.signals WHERE as_of = %s", at(0))
    desk.write()
    book = load_book(desk.book)
    panel = read_market(book, ORIGIN, SESSION).panel
    result = backtest(book, panel, SESSION, SESSION)
    said = next(iter(result.market.signals.values())).direction[result.decided[0].t]
    assert dict(signals) == dict(zip(book.symbols, said.tolist(), strict=True))


def test_an_hour_that_a_vendor_gives_twice_after_the_clocks_changed_is_refused_and_nothing_is_stored(
    hourly_desk: HourlyDesk,
) -> None:
    path = hourly_desk.folder / "hours" / "hours.csv"
    with path.open("a", newline="") as file:
        csv.writer(file).writerow(["2019-11-04 14:30:00", "AAPL", 5.0, 6.0, 4.0, 5.0, 10.0])
    with pytest.raises(Refused, match=r"hours\.csv.*AAPL has two bars of the hour to 2019-11-04 15:00"):
        hourly_desk.run(0)
    assert stored(hourly_desk, "AAPL") == 0
    hourly_desk.write()
    hourly_desk.run(*range(7))
    as_a_backtest(hourly_desk)


def test_a_session_told_by_the_clock_before_the_change_is_stale_in_its_last_hour_alone(
    hourly_desk: HourlyDesk,
) -> None:
    """Its hours stand an hour too early: the first lies before the open, and the close has none."""
    day = AFTER_THE_CLOCKS.date()
    moved = {}
    for key, bar in list(hourly_desk.hours.items()):
        if key[0] == "AAPL" and key[1].date() == day:
            moved[key[1]] = bar
            del hourly_desk.hours[key]
    ends = sorted(moved)
    for end, bar in zip(ends[:-1], [moved[one] for one in ends[1:]], strict=True):
        hourly_desk.hours["AAPL", end] = bar
    hourly_desk.days_follow = False
    hourly_desk.write_book(inception=day)
    hourly_desk.write()
    from nightdesk.session.entry import open_context
    from nightdesk.session.steps import run_session

    with open_connection(hourly_desk.url) as conn:
        for end in ends:
            with open_context(hourly_desk.book, end, conn=conn, turn_seconds=0) as context:
                run_session(context)
    stale = hourly_desk.rows(
        "SELECT as_of FROM nightdesk.quality_runs WHERE check_name = 'h:no_bar' AND symbol = 'AAPL'"
    )
    assert stale == [(ends[-1],)]
    bought = hourly_desk.rows(
        "SELECT 1 FROM nightdesk.orders WHERE as_of = %s AND symbol = 'AAPL' AND side = 'buy'", ends[-1]
    )
    assert bought == []


def test_every_hour_of_a_market_that_is_closed_all_day_is_left_out(hourly_desk: HourlyDesk) -> None:
    path = hourly_desk.folder / "hours" / "hours.csv"
    thanksgiving = date(2019, 11, 28)
    with path.open("a", newline="") as file:
        for hour in range(15, 21):
            csv.writer(file).writerow([f"{thanksgiving} {hour}:00:00", "AAPL", 5.0, 6.0, 4.0, 5.0, 10.0])
    hourly_desk.run(0)
    assert hourly_desk.rows("SELECT subject, rows FROM nightdesk.ingest_notes") == [
        ("outside the hours of a session", 6)
    ]
