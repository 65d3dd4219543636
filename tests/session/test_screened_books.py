"""A screened book: its screens, the check before the open, and what daily runs and backtests make of it."""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import open_connection
from tests.screened_market import ORIGIN, SYMBOLS, ScreenedMarket, screened_market, session
from tests.session.quick_checks import check_quickly
from tests.session.small_desk import die, in_child

from nightdesk.core.book import load_book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.members import Membership
from nightdesk.core.pool_book import book_of_pool
from nightdesk.core.screen_weeks import screened_before, screens_of
from nightdesk.operations.member_standing import list_standing
from nightdesk.research.backtest.decided_span import begin_span
from nightdesk.research.backtest.run import backtest
from nightdesk.research.backtest.screened_universe import screen_span
from nightdesk.session.entry import open_context
from nightdesk.session.report import session_report
from nightdesk.session.screening_step import Screener, make_screen, screen_as_known
from nightdesk.session.steps import ingest, run_session
from nightdesk.store import screen_rows
from nightdesk.store.db import Connection
from nightdesk.store.ledger_rows import read_mark
from nightdesk.store.screen_rows import (
    StoredScreen,
    newest_good,
    newest_screens,
    open_check_of,
    pairs_of,
    results_of,
)
from nightdesk.strategies.strategy import Direction

DECIDED = 12


@pytest.fixture
def weekly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScreenedMarket:
    check_quickly(monkeypatch)
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    return screened_market(tmp_path / "weekly")


@pytest.fixture
def run(weekly: ScreenedMarket, database: str) -> Callable[[int], dict[str, Any]]:
    def decide(number: int) -> dict[str, Any]:
        with (
            open_connection(database) as conn,
            open_context(weekly.book, session(number), conn=conn, turn_seconds=0) as context,
        ):
            return run_session(context)

    return decide


def membership_at(conn: Connection, market: ScreenedMarket, number: int) -> Membership:
    with open_context(market.book, session(number), conn=conn) as context:
        found = context.as_listed().book.membership
        assert found is not None
        return found


@pytest.mark.timeout(600)
def test_daily_runs_of_weeks_and_a_backtest_come_to_the_same_cent(
    weekly: ScreenedMarket, database: str, run: Callable[[int], dict[str, Any]]
) -> None:
    told = [run(number) for number in range(DECIDED)]
    assert all(one["close"]["closed"] == 1 for one in told)
    start = begin_span(load_book(weekly.book), session(0), session(DECIDED - 1))
    result = backtest(start.book, start.read(None).panel, start.inception, start.last)
    whole = start.book.membership
    assert whole is not None
    with open_connection(database) as conn:
        for number, decided in enumerate(result.decided):
            day = session(number)
            stored = membership_at(conn, weekly, number)
            assert stored.at(day) == whole.at(day), day
            assert stored.pairs_at(day) == whole.pairs_at(day) or _same_pairs(stored, whole, day), day
            assert stored.off_at(day) == whole.off_at(day), day
            with open_context(weekly.book, day, conn=conn) as context:
                mark = read_mark(conn, "screened", context.as_of)
            assert mark is not None
            assert mark.nav == decided.state.mark.nav, day
    assert len({whole.at(session(number)) for number in range(DECIDED)}) > 2, "nobody came or went"
    assert whole.off, "nobody was off"
    assert whole.pairs, "no pair was found"
    assert sum(len(one.fills) for one in result.decided) > 5


def _same_pairs(one: Membership, other: Membership, day: date) -> bool:
    """The pairs of a day, whatever is known by later screens of their end."""
    return {(pair.a, pair.b, pair.first, pair.sector) for pair in one.pairs_at(day)} == {
        (pair.a, pair.b, pair.first, pair.sector) for pair in other.pairs_at(day)
    }


def test_the_dag_and_a_decision_make_the_same_screen_and_it_is_made_once(
    weekly: ScreenedMarket, database: str, run: Callable[[int], dict[str, Any]]
) -> None:
    book = load_book(weekly.book)
    with open_connection(database) as conn:
        with open_context(weekly.book, session(0), conn=conn) as context:
            at = screened_before(context.as_of)
        screener = Screener.of_book(conn, book, at, {})
        made = make_screen(screener, at)
        assert made.good
        assert make_screen(screener, at) == made
        told = run(0)["ingest"]
        assert (told["members"], told["screened"]) == (made.members, f"{at:%Y-%m-%d}")
        assert newest_screens(conn, "screened") == (made,)
        results = results_of(conn, "screened", made)
        pool = book_of_pool(book, [row["symbol"] for row in results])
        facts, again = screen_as_known(screener, pool, at, made.known_by)
        assert sorted({*again.members, *again.legs}) == sorted(
            row["symbol"] for row in results if row["member"] or row["leg"]
        )
        assert [(one.a, one.b, one.p) for one in again.pairs] == [
            (row["a"], row["b"], row["p"]) for row in pairs_of(conn, "screened", made)
        ]
        reasons = {
            row["symbol"]: [
                made.criteria[n] for n, outcome in enumerate(row["outcomes"]) if outcome == "failed"
            ]
            for row in results
        }
        assert reasons["S05"] == ["exchanges"]
        assert reasons["S06"] == ["market_cap"]
        assert reasons["S07"] == ["exchanges", "securities", "market_cap"]
        assert reasons["S04"] == ["dollar_volume"]
        assert facts.symbols == tuple(row["symbol"] for row in results)


def test_two_processes_at_once_make_one_screen(weekly: ScreenedMarket, database: str) -> None:
    book = load_book(weekly.book)
    at = screened_before(get_calendar().close_at(session(0)))

    def make(_: int) -> StoredScreen:
        with open_connection(database) as conn:
            return make_screen(Screener.of_book(conn, book, at, {}), at)

    with ThreadPoolExecutor(3) as pool:
        made = set(pool.map(lambda n: make(n).known_by, range(3)))
    assert len(made) == 1
    with open_connection(database) as conn:
        assert [one.known_by for one in newest_screens(conn, "screened")] == list(made)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_screen_whose_process_is_killed_leaves_nothing_and_is_made_by_the_next(
    weekly: ScreenedMarket, database: str
) -> None:
    book = load_book(weekly.book)
    at = screened_before(get_calendar().close_at(session(0)))

    def make() -> StoredScreen:
        with open_connection(database) as conn:
            return make_screen(Screener.of_book(conn, book, at, {}), at)

    def killed_within_the_transaction() -> None:
        screen_rows.write_members = die
        make()

    assert in_child(killed_within_the_transaction) == -signal.SIGKILL
    with open_connection(database) as conn:
        assert newest_screens(conn, "screened") == ()
    made = make()
    assert made.good
    with open_connection(database) as conn:
        assert newest_screens(conn, "screened") == (made,)
        assert len(results_of(conn, "screened", made)) == made.pool


@pytest.mark.timeout(600)
def test_what_is_held_and_in_no_screen_any_more_is_leaving_and_only_reduced(
    weekly: ScreenedMarket, database: str, run: Callable[[int], dict[str, Any]]
) -> None:
    for number in range(3):
        run(number)
    with (
        open_connection(database) as conn,
        open_context(weekly.book, session(2), conn=conn, begun=True) as context,
    ):
        held = {one.symbol for one in list_standing(context).lines if one.quantity} - {"GLD"}
    assert held, "nothing was bought"
    pool = [one for one in SYMBOLS if one not in held]
    (weekly.folder / "pool.csv").write_text("symbol\n" + "\n".join(pool) + "\n")
    told = run(3)  # the next Monday: its screen knows nothing of what is held
    assert told["close"]["closed"] == 1
    with (
        open_connection(database) as conn,
        open_context(weekly.book, session(3), conn=conn, begun=True) as context,
    ):
        lines = list_standing(context).lines
        assert {one.symbol for one in lines if one.state == "leaving"} == held
        assert all(one.quantity > 0 for one in lines if one.state == "leaving")
        notes = {one.symbol: one.note for one in session_report(context).positions}
        assert {symbol for symbol, note in notes.items() if note == "leaving"} == held
        with conn.cursor() as cursor:
            cursor.execute(
                "SELECT symbol FROM nightdesk.orders "
                "WHERE side = 'buy' AND session = %s AND symbol = ANY(%s)",
                (session(3), sorted(held)),
            )
            assert cursor.fetchall() == []


def test_a_screen_that_fails_leaves_the_last_good_one_for_two_weeks_and_is_told(
    weekly: ScreenedMarket, database: str, run: Callable[[int], dict[str, Any]]
) -> None:
    run(0)
    run(1)
    run(2)
    weekly.write_book(
        criteria={"price": [5000, 6000], "exchanges": None, "securities": None, "market_cap": None}
    )
    told = run(3)["ingest"]  # the next Monday
    assert "screen_failed" in told
    run(4)
    with open_connection(database) as conn:
        attempts = newest_screens(conn, "screened")
        assert [one.good for one in attempts] == [False, False, True]
        assert attempts[0].reason.startswith(
            "none of 12 stocks passes: price (5,000 to 6,000 $) keeps out 12"
        )
        with conn.cursor() as cursor:
            cursor.execute("SELECT level, body FROM nightdesk.alerts WHERE alert_key LIKE 'screen %'")
            assert cursor.fetchall() == [], "of past sessions nobody is told"
    for number in range(5, 8):
        run(number)
    with (
        open_connection(database) as conn,
        open_context(weekly.book, session(8), conn=conn, turn_seconds=0) as context,
        pytest.raises(Refused, match="older than 14 days and not in force any more"),
    ):
        ingest(context)


def test_a_first_screen_that_fails_refuses_the_ingest_and_says_what_keeps_all_out(
    weekly: ScreenedMarket, database: str
) -> None:
    weekly.write_listings(exchange="XETRA")
    with (
        open_connection(database) as conn,
        open_context(weekly.book, session(0), conn=conn, turn_seconds=0) as context,
    ):
        with pytest.raises(Refused, match="exchanges \\(NYSE or NASDAQ\\) keeps out 12") as caught:
            ingest(context)
        assert "There is no earlier one" in str(caught.value)
        assert newest_good(conn, "screened") is None


def test_the_check_before_an_open_stands_and_what_is_off_opens_nothing(
    weekly: ScreenedMarket, database: str, run: Callable[[int], dict[str, Any]]
) -> None:
    told = [run(number)["ingest"] for number in range(12)]
    assert [one["off"] for one in told[:8]] == [0] * 8
    assert any(one["off"] for one in told[8:])
    with open_connection(database) as conn:
        found = next(number for number in range(12) if told[number]["off"])
        check = open_check_of(conn, "screened", session(found))
        assert check is not None
        assert check.off == 1
        listed = membership_at(conn, weekly, found)
        assert listed.off_at(session(found)) == {"S08": "spread 0.00995025, asked is below 0.001"}
        assert "S08" in listed.at(session(found))
        with conn.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM nightdesk.orders "
                "WHERE side = 'buy' AND symbol = 'S08' AND session = %s",
                (session(found),),
            )
            assert cursor.fetchone() == (0,)


def test_a_backtest_says_how_many_of_the_pool_were_delisted(weekly: ScreenedMarket) -> None:
    book = load_book(weekly.book)
    found = screen_span(book, ORIGIN, session(0), session(DECIDED))
    assert found.words[1].startswith("survivors: 1 of the 12 stocks of the pool were delisted by the end")
    early = screen_span(book, ORIGIN, session(0), session(2))
    assert (early.pool, early.delisted, early.screens) == (12, 0, 1)
    assert "WARNING: none of the 12 stocks" in early.words[1]


def test_a_leg_of_a_pair_that_fails_what_is_asked_of_members_is_opened_by_no_other_strategy(
    weekly: ScreenedMarket,
) -> None:
    start = begin_span(load_book(weekly.book), session(0), session(DECIDED - 1))
    result = backtest(start.book, start.read(None).panel, start.inception, start.last)
    book, market = start.book, result.market
    legs = book.leg_mask(np.array(market.sessions, dtype="datetime64[D]"))
    assert legs is not None
    wanted = 0
    for one in result.decided:
        held = {at.symbol for at in one.state.ledger.held()}
        bought = {order.symbol for order in one.orders if order.side == "buy"}
        for n in np.flatnonzero(legs[one.t] & (market.direction[one.t] >= Direction.BUY).any(axis=0)):
            wanted += book.symbols[n] not in held
            assert book.symbols[n] in held or book.symbols[n] not in bought, market.sessions[one.t]
    assert wanted, "no strategy wanted a leg"


def test_a_later_week_changes_no_earlier_one(weekly: ScreenedMarket) -> None:
    book = load_book(weekly.book)
    short = screen_span(book, ORIGIN, session(0), session(7)).membership
    whole = screen_span(book, ORIGIN, session(0), session(DECIDED)).membership
    days = np.array([session(number) for number in range(8)], dtype="datetime64[D]")
    symbols = sorted({one.symbol for one in whole.spans})
    np.testing.assert_array_equal(short.mask(days, symbols), whole.mask(days, symbols))
    assert [one for one in whole.off if one.session <= session(7)] == list(short.off)


def test_every_week_of_a_span_has_its_screen() -> None:
    found = screens_of(get_calendar(), session(0), session(9))
    assert found[0] == datetime(2022, 2, 27, 23, tzinfo=UTC)
    assert all(later - earlier >= timedelta(days=6, hours=23) for earlier, later in pairwise(found))
