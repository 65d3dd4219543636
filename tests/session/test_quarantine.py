"""A price in quarantine through the daily run: fills, marks, words, a person's word on it, the backtest."""

import csv
from datetime import date, timedelta

import numpy as np
import pytest
from tests.conftest import open_connection
from tests.session.small_desk import ORIGIN, SmallDesk, session

from nightdesk.core.book import load_book
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Action
from nightdesk.operations.accept import accept
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.run import Result, backtest


def spoil(
    desk: SmallDesk, symbol: str, first: date, last: date, factor: float, *, opens: bool = True
) -> None:
    """Multiply prices of a symbol's bars in the vendor's file; the open of the first one only if `opens`."""
    rows = list(csv.reader(desk.bars.open()))
    for row in rows[1:]:
        if row[1] == symbol and str(first) <= row[0] <= str(last):
            kept = row[2] if row[0] == str(first) and not opens else None
            row[2:6] = [f"{float(price) * factor:.2f}" for price in row[2:6]]
            if kept is not None:
                row[2] = kept
                row[4] = min(row[2], row[4], key=float)  # low
    with desk.bars.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def ordered(desk: SmallDesk) -> str:
    """A symbol other than the benchmark that the first session buys."""
    [(symbol, *_), *_] = desk.rows(
        "SELECT symbol FROM nightdesk.orders WHERE session = %s AND side = 'buy' AND symbol NOT IN "
        "('SPY', 'BTC-USD') ORDER BY symbol",
        session(0),
    )
    return str(symbol)


def close_of(desk: SmallDesk, symbol: str, day: date) -> float:
    [(close,)] = desk.rows(
        "SELECT close FROM nightdesk.bars JOIN nightdesk.symbols USING (symbol_id) "
        "WHERE symbol = %s AND session = %s AND superseded_at IS NULL",
        symbol, day,
    )  # fmt: skip
    return float(str(close))


def given(desk: SmallDesk, symbol: str, day: date, reason: str = "it is right") -> bool:
    """A person accepts a price; whether it had been accepted before."""
    with open_connection(desk.url) as conn:
        return accept(conn, desk.book, symbol, day, reason=reason, who="ann", environ={}).again


def simulated(desk: SmallDesk, last: int, *stated: Action) -> Result:
    book = load_book(desk.book)
    panel = read_market(book, ORIGIN, session(last), [desk.feed], stated).panel
    return backtest(book, panel, session(0), session(last))


def navs(desk: SmallDesk) -> list[float]:
    return [float(str(nav)) for (nav,) in desk.rows("SELECT nav FROM nightdesk.portfolio ORDER BY session")]


def test_an_order_fills_at_the_open_of_a_session_whose_close_goes_into_quarantine(desk: SmallDesk) -> None:
    desk.run(0)
    symbol = ordered(desk)
    spoil(desk, symbol, session(1), session(1), 1.6, opens=False)
    assert desk.run(1)["quality"]["quarantined"] == 1
    [(status, price)] = desk.rows(
        "SELECT o.status, f.price FROM nightdesk.orders o JOIN nightdesk.fills f "
        "USING (client_order_id) WHERE o.session = %s AND o.symbol = %s",
        session(0), symbol,
    )  # fmt: skip
    assert status == "filled"
    # the position is marked at the last accepted price, so the jump is no profit
    [(mark,)] = desk.rows(
        "SELECT DISTINCT price FROM nightdesk.positions WHERE session = %s AND symbol = %s AND quantity <> 0",
        session(1), symbol,
    )  # fmt: skip
    accepted = close_of(desk, symbol, session(0))
    assert float(str(mark)) == pytest.approx(accepted)
    assert float(str(price)) == pytest.approx(accepted, rel=0.05)
    desk.run(2)
    told = simulated(desk, 2)
    assert navs(desk) == told.nav.tolist()
    assert [fill.symbol for fill in told.decided[1].fills].count(symbol) == 1


def test_an_order_that_meets_an_open_beyond_the_limit_expires_and_says_so(desk: SmallDesk) -> None:
    desk.run(0)
    symbol = ordered(desk)
    before = close_of(desk, symbol, session(0))
    spoil(desk, symbol, session(1), session(1), 1.6)
    desk.run(1)
    [(status, reason)] = desk.rows(
        "SELECT status, reason FROM nightdesk.paper_orders WHERE symbol = %s AND session = %s",
        symbol, session(0),
    )  # fmt: skip
    assert status == "expired"
    assert f"away from the last accepted price {before:g} of {session(0)}, beyond the limit of" in str(reason)
    told = simulated(desk, 1)
    assert navs(desk) == told.nav.tolist()
    [expired] = [one for one in told.decided[1].expired if one.symbol == symbol]
    assert expired.reason == reason


def test_a_jump_waits_until_a_person_accepts_it_and_later_sessions_count_from_there(desk: SmallDesk) -> None:
    desk.run(0)
    symbol = ordered(desk)
    desk.run(1)
    spoil(desk, symbol, session(2), session(9), 1.6)
    for number in (2, 3):
        assert desk.run(number)["quality"]["quarantined"] == 1
    [(page,)] = desk.rows("SELECT html FROM nightdesk.reports WHERE session = %s", session(3))
    assert f"{symbol} since {session(2)}" in str(page)
    before = close_of(desk, symbol, session(1))
    [(first, last, ongoing, sessions, detail)] = desk.rows(
        "SELECT first_session, last_session, ongoing, sessions, detail FROM nightdesk.quarantine"
    )
    assert (first, last, ongoing, sessions) == (session(2), session(3), True, 2)
    assert f"the last accepted price {before:g} of {session(1)}" in str(detail)
    assert f"nightdesk accept small {symbol} --session {session(2)}" in str(detail)
    marks = desk.rows(
        "SELECT DISTINCT price FROM nightdesk.positions WHERE symbol = %s AND session IN (%s, %s) "
        "AND quantity <> 0",
        symbol, session(2), session(3),
    )  # fmt: skip
    assert [float(str(one)) for (one,) in marks] == pytest.approx([before])
    assert navs(desk) == simulated(desk, 3).nav.tolist()
    seen = desk.rows("SELECT known_by, status FROM nightdesk.runs ORDER BY session")

    assert not given(desk, symbol, session(2))
    assert given(desk, symbol, session(2), "once more")  # twice does no harm
    facts = desk.rows("SELECT source, note FROM nightdesk.corporate_actions WHERE kind = 'accept'")
    assert facts == [("person", "ann: it is right")]
    assert desk.run(4)["quality"]["quarantined"] == 0
    assert desk.rows("SELECT ongoing FROM nightdesk.quarantine") == [(False,)]
    [(mark,)] = desk.rows(
        "SELECT DISTINCT price FROM nightdesk.positions WHERE symbol = %s AND session = %s AND quantity <> 0",
        symbol, session(4),
    )  # fmt: skip
    assert float(str(mark)) == pytest.approx(close_of(desk, symbol, session(4)))
    # what was decided keeps what it saw, and no action came too late
    assert desk.rows("SELECT known_by, status FROM nightdesk.runs ORDER BY session")[:4] == seen
    late = "SELECT count(*) FROM nightdesk.alerts WHERE position('too late' IN subject) > 0"
    assert desk.rows(late) == [(0,)]


def test_a_price_that_was_accepted_before_its_session_was_decided_gives_what_the_backtest_gives(
    desk: SmallDesk,
) -> None:
    desk.run(0)
    symbol = ordered(desk)
    spoil(desk, symbol, session(2), session(9), 1.6)
    desk.run(1)
    desk.run_steps(2, "ingest", "ingest")
    given(desk, symbol, session(2))
    for number in (2, 3, 4):
        assert desk.run(number)["quality"]["quarantined"] == 0
    word = Action(symbol, np.datetime64(session(2)), "accept", 1.0)
    told = simulated(desk, 4, word)
    assert told.accepted == ((symbol, session(2)),)
    assert navs(desk) == told.nav.tolist()


def test_there_must_be_something_to_accept(desk: SmallDesk) -> None:
    desk.run(0)
    symbol = ordered(desk)
    desk.run(1)
    spoil(desk, symbol, session(2), session(9), 1.6)
    desk.run(2)
    monday = session(0) + timedelta(days=(7 - session(0).weekday()) % 7)
    for named, day, said in (
        ("XYZ", session(2), r"XYZ is no symbol of book small: its symbols are SPY, QQQ"),
        (symbol, monday - timedelta(days=1), "is not a session of XNYS"),
        (symbol, date(2199, 12, 31), "outside the XNYS calendar|is not over"),
        (
            symbol,
            session(1),
            rf"nothing of {symbol} waits for an answer at {session(1)}: what waits of it is {session(2)}",
        ),
        ("SPY", session(2), "no price of SPY waits at any session"),
    ):
        with pytest.raises(Refused, match=said):
            given(desk, named, day)
    with pytest.raises(Refused, match="who says so, and why"):
        given(desk, symbol, session(2), " ")
    assert desk.rows("SELECT count(*) FROM nightdesk.corporate_actions WHERE kind = 'accept'") == [(0,)]


def test_nobody_makes_a_price_of_a_faulty_bar(desk: SmallDesk) -> None:
    desk.run(0)
    symbol = ordered(desk)
    rows = list(csv.reader(desk.bars.open()))
    for row in rows[1:]:
        if row[1] == symbol and row[0] == str(session(1)):
            row[3] = "1.00"  # a high below everything
    with desk.bars.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    desk.run(1)
    with pytest.raises(Refused, match=rf"the bar of {symbol} of {session(1)} failed out_of_range"):
        given(desk, symbol, session(1))


def test_a_benchmark_that_jumps_stops_the_run_and_the_refusal_names_the_answer(desk: SmallDesk) -> None:
    desk.change_bar("SPY", session(2), 0.75)
    for number in range(2):
        desk.run(number)
    with pytest.raises(Refused, match=r"SPY: the close of .* nightdesk accept small SPY --session"):
        desk.run(2)
