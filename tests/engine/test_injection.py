"""Signal injection: what a file may say, and what it changes."""

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from tests.engine.desks import book
from tests.research.backtest.panels import LAST, seeded_panel

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.schedule import schedule_of
from nightdesk.engine import Injection, overlay, parse_injections, within
from nightdesk.research.backtest.result_columns import columns_of
from nightdesk.research.backtest.run import Result, backtest
from nightdesk.research.backtest.table_files import write_csv
from nightdesk.research.backtest.tables import TABLES
from nightdesk.strategies import Direction, Signals

BOOK = book(quality={"failed_share": 0.6})
NAME = "time_series_momentum"
HEADER = "session,strategy,symbol,direction,confidence\n"
GOOD = f"2019-06-03,{NAME},SPY,STRONG_BUY,0.9\n"


close = get_calendar().close_at


def parsed(text, of=BOOK):
    return parse_injections(text, "signals.csv", of)


def test_a_file_is_read_whatever_the_order_of_its_columns():
    one = Injection(close(date(2019, 6, 3)), NAME, "SPY", Direction.STRONG_BUY, 0.9)
    assert parsed(HEADER + GOOD) == (one,)
    assert parsed(
        f"symbol,confidence,session,direction,strategy\nSPY, 0.9,2019-06-03,STRONG_BUY,{NAME}\n\n"
    ) == (one,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "signals.csv:1: found the columns none; they are session, strategy, symbol"),
        ("session,symbol\n", "signals.csv:1: found the columns session, symbol"),
        (HEADER, "signals.csv: there is no signal in it"),
        (HEADER + GOOD + "2019-06-04,x\n", "signals.csv:3: found 2 fields; the header has 5"),
        (HEADER + GOOD + f"3 June,{NAME},SPY,BUY,1\n", "signals.csv:3: session: found '3 June'"),
        (HEADER + f"2019-06-02,{NAME},SPY,BUY,1\n", "signals.csv:2: session: 2019-06-02 is not a session"),
        (HEADER + "2019-06-03,carry,SPY,BUY,1\n", f"strategy: found 'carry'; book two has {NAME}"),
        (HEADER + f"2019-06-03,{NAME},QQQ,BUY,1\n", "symbol: found 'QQQ'; book two has GLD, SPY"),
        (HEADER + f"2019-06-03,{NAME},SPY,LONG,1\n", "direction: found 'LONG'; it is one of STRONG_SELL"),
        (HEADER + f"2019-06-03,{NAME},SPY,BUY,1.1\n", "confidence: found '1.1'; it is a number from 0 to 1"),
        (HEADER + f"2019-06-03,{NAME},SPY,BUY,nan\n", "confidence: found 'nan'"),
        (HEADER + f"2019-06-03,{NAME},SPY,BUY,sure\n", "confidence: found 'sure'"),
        (
            HEADER + GOOD + GOOD,
            "signals.csv:3: time_series_momentum has a signal of SPY in 2019-06-03 already",
        ),
        (HEADER + '2019-06-03,"x"y,SPY,BUY,1\n', "signals.csv:2: not a CSV"),
    ],
)
def test_what_cannot_be_injected_is_refused_with_its_line(text, said):
    with pytest.raises(Refused) as refused:
        parsed(text)
    assert said in str(refused.value)


HOURLY = book(quality={"failed_share": 0.6}, schedule={"rhythm": "hourly"})


def test_a_line_is_of_the_last_decision_of_its_session_unless_it_names_another():
    header = "as_of," + HEADER
    last, other = parsed(f"{header},{GOOD}2019-06-03T15:00Z,{GOOD}", HOURLY)
    assert last.as_of == close(date(2019, 6, 3)) == datetime(2019, 6, 3, 20, tzinfo=UTC)
    assert other.as_of == datetime(2019, 6, 3, 15, tzinfo=UTC)
    same = parsed(f"{header}2019-06-03T11:00-04:00,{GOOD}", HOURLY)
    assert [one.as_of for one in same] == [other.as_of]


@pytest.mark.parametrize(
    ("as_of", "said"),
    [
        ("noon", "signals.csv:2: as_of: found 'noon'; write an instant with its zone"),
        ("2019-06-03T15:00", "signals.csv:2: as_of: found '2019-06-03T15:00'; write an instant with"),
        ("2019-06-03T15:30Z", "signals.csv:2: as_of: nothing is decided at 2019-06-03 15:30"),
        (
            "2019-06-04T15:00Z",
            "2019-06-04T15:00Z is of session 2019-06-04, and the line of 2019-06-03",
        ),
    ],
)
def test_an_instant_that_is_no_decision_of_the_session_is_refused(as_of, said):
    with pytest.raises(Refused) as refused:
        parsed(f"as_of,{HEADER}{as_of},{GOOD}", HOURLY)
    assert said in str(refused.value)


def test_nothing_is_injected_into_a_book_at_a_real_broker():
    real = book(broker={"kind": "alpaca", "account": "PA1"})
    with pytest.raises(Refused, match="trades at a broker of kind 'alpaca', and synthetic signals are never"):
        parsed(HEADER + GOOD, real)


def test_a_signal_of_a_session_that_is_not_decided_is_refused():
    injections = parsed(HEADER + GOOD)
    schedule = schedule_of(BOOK)
    days = [close(date(2019, 6, day)) for day in (3, 4, 5)]
    assert within(injections, schedule, days[0], days[0]) == injections
    with pytest.raises(Refused, match="SPY that is injected in 2019-06-03 is of no session that is decided"):
        within(injections, schedule, days[1], days[2])


def test_an_injection_takes_one_place_and_leaves_the_arguments_alone():
    said = Signals(
        direction=np.ones((2, 2), dtype=np.int8),
        strength=np.full((2, 2), 0.5),
        confidence=np.full((2, 2), 0.4),
        reason=np.full((2, 2), 3, dtype=np.int8),
    )
    days = (close(date(2019, 6, 3)), close(date(2019, 6, 4)))
    sell = Injection(days[1], NAME, "SPY", Direction.STRONG_SELL, 0.7)
    out = overlay(said, NAME, days, ("GLD", "SPY"), [sell])
    assert out.direction.tolist() == [[1, 1], [1, -2]]
    assert out.strength.tolist() == [[0.5, 0.5], [0.5, -1.0]]
    assert out.confidence.tolist() == [[0.4, 0.4], [0.4, 0.7]]
    assert out.reason.tolist() == [[3, 3], [3, 0]]
    assert (said.direction == 1).all()
    assert overlay(said, "other", days, ("GLD", "SPY"), [sell]) is said
    assert overlay(said, NAME, days[:1], ("GLD", "SPY"), [sell]) is said


def test_a_backtest_trades_on_what_is_injected_and_marks_it(tmp_path):
    start, day = date(2019, 1, 2), date(2019, 6, 3)
    injected = [
        Injection(close(day), NAME, symbol, direction, 1.0)
        for symbol, direction in (("SPY", Direction.STRONG_SELL), ("GLD", Direction.STRONG_BUY))
    ]
    plain = backtest(BOOK, seeded_panel(BOOK), start, LAST)
    result = backtest(BOOK, seeded_panel(BOOK), start, LAST, injected=injected)
    t = next(n for n, one in enumerate(result.decided) if one.state.mark.session == day)
    assert [one.orders for one in result.decided[:t]] == [one.orders for one in plain.decided[:t]]
    wanted = result.decided[t].targets.quantity[0]
    assert (wanted[0] > 0, wanted[1]) == (True, 0.0)
    assert plain.decided[t].targets.quantity[0].tolist() != wanted.tolist()
    why = "injected for this run: no strategy said so"
    assert _marked(result, tmp_path) == [
        (str(day), "GLD", "STRONG_BUY", why),
        (str(day), "SPY", "STRONG_SELL", why),
    ]
    assert not _marked(plain, tmp_path)


def _marked(result: Result, folder: Path) -> list[tuple[str, str, str, str]]:
    write_csv(folder / "signals.csv", columns_of("signals"), TABLES["signals"](result))
    told = list(csv.DictReader((folder / "signals.csv").open()))
    assert {row["injected"] for row in told} <= {"True", "False"}
    return [
        (row["session"], row["symbol"], row["direction"], row["reason"])
        for row in told
        if row["injected"] == "True"
    ]
