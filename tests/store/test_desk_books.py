"""Started books, their runs, and the seal."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg2
import pytest

from nightdesk.core.errors import Refused
from nightdesk.store.book_rows import BookRecord, book_record, start_book, started_books
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, book_lock_key, transaction
from nightdesk.store.decision_rows import directions_before
from nightdesk.store.kill_switch_rows import kill_switch, set_kill_switch
from nightdesk.store.message_rows import alerts_of, raise_alert
from nightdesk.store.rows import Write, replace_rows, write_all
from nightdesk.store.run_rows import (
    StoredRun,
    begin_step,
    close_run,
    end_step,
    ending_of,
    find_run,
    latest_closed,
    newest_attempts,
    open_attempt,
    sealed_because,
    set_known_by,
)

BOOK = BookRecord("macro", date(2022, 3, 1), date(2020, 3, 2), Decimal("100000.00"), "paper", "paper-macro")
RUN = StoredRun("macro", date(2022, 3, 1), datetime(2022, 3, 1, 21, tzinfo=UTC), None, "open", "0.1.0", "abc")


def test_a_book_begins_once(conn: Connection) -> None:
    assert book_record(conn, "macro") is None
    assert start_book(conn, BOOK) == BOOK
    assert start_book(conn, replace(BOOK, inception=date(2022, 4, 1))) == BOOK
    assert started_books(conn) == (BOOK,)


def test_two_books_cannot_share_an_account(conn: Connection) -> None:
    start_book(conn, BOOK)
    with pytest.raises(
        Refused, match="account paper-macro of paper serves book macro already: give book other"
    ):
        start_book(conn, replace(BOOK, book="other"))


@pytest.mark.parametrize(
    ("field", "value"), [("account", "elsewhere"), ("initial_capital", Decimal(5)), ("broker", "alpaca")]
)
def test_a_started_book_keeps_its_account_and_capital(conn: Connection, field: str, value: object) -> None:
    start_book(conn, BOOK)
    with pytest.raises(Refused, match=f"was started with {field}"):
        start_book(conn, replace(BOOK, **{field: value}))


def test_a_run_is_failed_by_a_failed_step_and_opened_by_its_next_attempt(conn: Connection) -> None:
    start_book(conn, BOOK)
    first = begin_step(conn, RUN, "ingest")
    end_step(conn, first, "failed", error="Transient: a time-out")
    assert find_run(conn, "macro", RUN.as_of).status == "failed"  # type: ignore[union-attr]
    second = begin_step(conn, RUN, "ingest")
    assert find_run(conn, "macro", RUN.as_of).status == "open"  # type: ignore[union-attr]
    end_step(conn, second, "done", counts={"bars": 3})
    newest = newest_attempts(conn, "macro", RUN.as_of)["ingest"]
    assert (newest.status, newest.counts, newest.error) == ("done", {"bars": 3}, None)


def test_the_books_lock_comes_with_an_attempt_whose_turn_it_is(conn: Connection, database: str) -> None:
    start_book(conn, BOOK)
    begin_step(conn, RUN, "ingest")
    following = replace(RUN, session=date(2022, 3, 2), as_of=RUN.as_of + timedelta(days=1))
    assert open_attempt(conn, following, "settle", turn_after=RUN.as_of).locks == [], "not closed"
    close_run(conn, "macro", RUN.as_of)
    attempt = open_attempt(conn, following, "settle", turn_after=RUN.as_of)
    assert attempt.locks == [book_lock_key("macro")]
    assert (attempt.run, attempt.number) == (following, attempt.number)
    other = connect(database)
    try:
        assert open_attempt(other, following, "settle", turn_after=RUN.as_of).locks == [], "held by another"
        end_step(conn, attempt.number, "done", unlock=attempt.locks)
        assert open_attempt(other, following, "settle", turn_after=RUN.as_of).locks == attempt.locks
    finally:
        other.close()


def test_an_attempt_ends_with_its_rows_or_not_at_all(conn: Connection) -> None:
    start_book(conn, BOOK)
    attempt = open_attempt(conn, RUN, "regime")
    key = {"book": "macro", "as_of": RUN.as_of, "session": RUN.session}
    row = {"band": 0, "regime": "calm", "vix": 14.0, "vix_age": 0}

    def write(regime: dict[str, object]) -> None:
        with transaction(conn):
            write_all(
                conn, [Write("regimes", key, [regime])], ending_of(attempt, {"regime": "calm"}, written=2)
            )

    with pytest.raises(psycopg2.Error):
        write(row | {"regime": None})
    newest = newest_attempts(conn, "macro", RUN.as_of)["regime"]
    assert (newest.status, newest.ended_at) == ("running", None)
    write(row)
    newest = newest_attempts(conn, "macro", RUN.as_of)["regime"]
    assert (newest.status, newest.counts) == ("done", {"regime": "calm", "written": 3})
    assert newest.ended_at is not None


def test_a_closed_run_stays_closed_and_seals_its_session(conn: Connection) -> None:
    start_book(conn, BOOK)
    number = begin_step(conn, RUN, "close")
    assert sealed_because(conn, "macro", RUN.as_of) is None
    assert close_run(conn, "macro", RUN.as_of)
    assert not close_run(conn, "macro", RUN.as_of)
    end_step(conn, number, "failed", error="too late")
    begin_step(conn, RUN, "ingest")
    assert find_run(conn, "macro", RUN.as_of).status == "closed"  # type: ignore[union-attr]
    assert sealed_because(conn, "macro", RUN.as_of) == "it was closed"
    assert latest_closed(conn, "macro") == RUN.as_of


def test_what_a_decision_knew_moves_forward_only(conn: Connection) -> None:
    start_book(conn, BOOK)
    begin_step(conn, RUN, "ingest")
    later = datetime(2022, 3, 2, tzinfo=UTC)
    for moment in (later, later - timedelta(hours=1)):
        set_known_by(conn, "macro", RUN.as_of, moment, "0.2.0", "def")
    found = find_run(conn, "macro", RUN.as_of)
    assert found == replace(RUN, known_by=later, code_version="0.2.0", config_hash="def")


def test_the_newest_fact_that_counts_by_a_session_turns_the_kill_switch(conn: Connection) -> None:
    start_book(conn, BOOK)
    days = [date(2022, 3, day) for day in range(1, 8)]
    set_kill_switch(conn, "macro", on=True, reason="drill", who="ann", session=days[2])
    set_kill_switch(conn, "macro", on=False, reason="over", who="bob", session=days[4])
    assert [kill_switch(conn, "macro", day).on for day in days] == [
        False,
        False,
        True,
        True,
        False,
        False,
        False,
    ]
    assert kill_switch(conn, "macro", days[3]).who == "ann"


def test_the_kill_switch_wants_a_reason_and_a_person(conn: Connection) -> None:
    start_book(conn, BOOK)
    for reason, who in ((" ", "ann"), ("drill", "")):
        with pytest.raises(Refused, match="wants a reason and a person"):
            set_kill_switch(conn, "macro", on=True, reason=reason, who=who, session=BOOK.inception)


def test_an_alert_is_raised_once_under_its_key(conn: Connection) -> None:
    assert raise_alert(conn, "event", "WARNING", "first", "body", book="macro")
    assert not raise_alert(conn, "event", "CRITICAL", "second", "body", book="macro")
    assert [one["subject"] for one in alerts_of(conn, "macro")] == ["first"]
    assert alerts_of(conn, "another") == []


def test_a_strategy_that_was_silent_has_not_changed_its_mind(conn: Connection) -> None:
    start_book(conn, BOOK)
    decisions = [RUN.as_of + timedelta(days=day) for day in range(3)]
    said = {decisions[0]: {"a": 2, "b": -1}, decisions[1]: {"a": 1}}
    for as_of in decisions:
        run = replace(RUN, as_of=as_of, session=as_of.date())
        begin_step(conn, run, "signals")
        for strategy, direction in said.get(as_of, {}).items():
            key = {"book": "macro", "as_of": as_of, "session": run.session, "strategy": strategy}
            row = {"symbol": "SPY", "direction": direction, "strength": 0.5, "confidence": 0.5, "reason": 0}
            row["side"] = "short" if strategy == "b" else "long"
            replace_rows(conn, "signals", key, [row])
    found = [directions_before(conn, "macro", as_of, ("a", "b"), ("GLD", "SPY")) for as_of in decisions]
    assert [direction.tolist() for direction, _ in found] == [
        *([[0, 0], [0, 0]], [[0, 2], [0, -1]], [[0, 1], [0, -1]]),
    ]
    assert [side.tolist() for _, side in found] == [
        *([[0, 0], [0, 0]], [[0, 1], [0, -1]], [[0, 1], [0, -1]]),
    ]
