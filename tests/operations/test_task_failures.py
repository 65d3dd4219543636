"""However many speak of a failed task, in whatever order, people hear of it once, with all that is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest

from nightdesk.operations.task_failures import (
    KILLED,
    Failure,
    failed_tasks,
    is_of_backfill,
    is_told,
    record_failure,
    told_since_closing,
)
from nightdesk.store.book_rows import BookRecord, start_book
from nightdesk.store.db import Connection, cursor
from nightdesk.store.failure_rows import Attempt, Told
from nightdesk.store.kill_switch_rows import kill_switch
from nightdesk.store.message_rows import alerts_of
from nightdesk.store.run_rows import StoredRun, begin_step, end_step

SESSION = date(2022, 3, 1)
BOOK = BookRecord("swing", SESSION, date(2020, 3, 2), Decimal("100000.00"), "paper", "paper-swing")
RUN = StoredRun("swing", SESSION, datetime(2022, 3, 1, 21, tzinfo=UTC), None, "open", "0.1.0", "abc")
TASK = "daily__swing/manual__1/targets/"

INFERRED = Failure("swing", SESSION, "daily__swing", "manual__1", "targets", link="http://desk/log")
#: What the callback of the task's own process says, and that of the DAG processor.
SPOKEN = replace(INFERRED, attempt=5, reason="no signals", foreseen=True)
UNSPOKEN = replace(INFERRED, attempt=5)


@pytest.fixture
def started(conn: Connection) -> Connection:
    start_book(conn, BOOK)
    return conn


def begun(conn: Connection, attempt: int, task: str = "targets") -> int:
    return begin_step(conn, RUN, task, f"daily__swing/manual__1/{task}/{attempt}")


def told(conn: Connection) -> list[tuple[str, str]]:
    return [(row["level"], row["alert_key"]) for row in reversed(alerts_of(conn))]


@pytest.mark.parametrize("order", [*permutations([UNSPOKEN, UNSPOKEN, INFERRED, INFERRED])], ids=str)
@pytest.mark.parametrize("recorded", [(), (4,), (5,), (4, 5)], ids=str)
def test_one_failure_is_told_once_whoever_speaks_first_and_whatever_was_recorded(
    started: Connection, order: tuple[Failure, ...], recorded: tuple[int, ...]
) -> None:
    for attempt in recorded:
        begun(started, attempt)
    assert [record_failure(started, one) for one in order] == [True, False, False, False]
    assert len(alerts_of(started)) == 1


def test_a_task_that_is_cleared_and_fails_again_is_told_again_by_whoever_knows(started: Connection) -> None:
    begun(started, 5)
    assert record_failure(started, SPOKEN)
    begun(started, 6)
    assert record_failure(started, INFERRED)
    assert not record_failure(started, replace(UNSPOKEN, attempt=6))
    begun(started, 7)
    assert record_failure(started, replace(SPOKEN, attempt=7))
    assert not record_failure(started, INFERRED)
    assert told(started) == [("CRITICAL", f"task:{TASK}{end}") for end in ("5", "6+", "7")]


def test_tasks_that_are_cleared_and_fail_again_for_one_reason_are_told_again_once(
    started: Connection,
) -> None:
    other = replace(SPOKEN, task_id="factors")
    assert record_failure(started, SPOKEN)
    assert not record_failure(started, other)
    assert record_failure(started, replace(other, attempt=6))
    assert not record_failure(started, replace(SPOKEN, attempt=6))
    # Only one of them was cleared.
    assert record_failure(started, replace(other, attempt=7))
    # Whoever looks later means what was told of another.
    for one in (INFERRED, replace(INFERRED, task_id="factors")):
        assert not record_failure(started, one)
    assert [key for _, key in told(started)] == [
        f"task:{TASK}5", "task:daily__swing/manual__1/factors/6", "task:daily__swing/manual__1/factors/7",
    ]  # fmt: skip


def test_the_same_reason_in_another_run_or_long_ago_is_another_event(started: Connection) -> None:
    assert record_failure(started, SPOKEN)
    assert record_failure(started, replace(SPOKEN, run_id="manual__2"))
    with cursor(started) as cur:
        cur.execute("UPDATE nightdesk.task_failures SET created_at = created_at - interval '61 minutes'")
    assert record_failure(started, replace(SPOKEN, task_id="factors"))


HOUR = replace(
    SPOKEN, dag_id="hourly__swing", run_id="backfill__10", decision=f"{SESSION} 10:00", of_backfill=True
)


def hour(number: int, value: float, task: str = "quality") -> Failure:
    """An hour of a backfill that meets the fault of the others, with numbers of its own."""
    name = f"{SESSION} {number}:00"
    reason = f"{name}: the data is too bad to decide on: SPY moved by {value:.2f} %, limit 15.0 %"
    return replace(HOUR, run_id=f"backfill__{number}", task_id=task, decision=name, reason=reason)


def test_one_fault_in_all_hours_of_a_backfill_is_one_mail_however_long_it_takes(started: Connection) -> None:
    assert record_failure(started, hour(10, 20.5))
    assert "Other runs of the backfill that fail for the same reason" in alerts_of(started)[0]["body"]
    for number in (11, 12, 13):
        assert not record_failure(started, hour(number, 20.5 + number))
        with cursor(started) as cur:
            cur.execute("UPDATE nightdesk.task_failures SET created_at = created_at - interval '40 minutes'")
    assert record_failure(started, replace(hour(14, 1.0), reason="no volume of SPY"))
    assert record_failure(started, replace(hour(14, 21.0), run_id="manual__1", of_backfill=False))
    with cursor(started) as cur:
        cur.execute("UPDATE nightdesk.task_failures SET created_at = created_at - interval '61 minutes'")
    assert record_failure(started, hour(15, 22.0)), "a later backfill is another event"


def test_a_run_is_known_as_one_of_a_backfill_by_its_name() -> None:
    assert is_of_backfill("backfill__2026-11-19T15:00Z")
    assert not is_of_backfill("scheduled__2026-11-19T15:00Z")


def test_a_reason_that_stops_the_book_is_told_whatever_was_told_before(started: Connection) -> None:
    assert record_failure(started, replace(INFERRED, attempt=1))
    assert record_failure(started, replace(INFERRED, task_id="submit", attempt=1))
    assert [level for level, _ in told(started)] == ["CRITICAL", "EMERGENCY"]


def test_a_try_that_could_record_nothing_and_still_speaks_is_news(started: Connection) -> None:
    begun(started, 5)
    assert record_failure(started, INFERRED)
    assert record_failure(started, replace(SPOKEN, attempt=6, reason="the book's file is wrong"))


def test_an_attempt_that_lived_on_after_it_was_called_failed_is_no_news(started: Connection) -> None:
    begun(started, 5)
    assert record_failure(started, INFERRED)
    assert not record_failure(started, SPOKEN)


def test_the_rule_of_what_was_told_in_a_table() -> None:
    noon = datetime(2026, 11, 19, 12, tzinfo=UTC)
    before, after = noon - timedelta(minutes=1), noon + timedelta(minutes=1)

    def tries(*begun: tuple[int, datetime]) -> list[Attempt]:
        return [Attempt(number, "running", at, None) for number, at in begun]

    exact, inferred, unknown = Told(5, True, noon), Told(4, False, noon), Told(0, False, noon)
    for attempt, known, recorded, spoke, expected in [
        (5, exact, (), True, True),
        (6, exact, (), True, False),
        (4, exact, (), False, False),
        (None, exact, (), False, True),
        (None, exact, ((5, before),), False, True),
        (None, exact, ((4, before),), False, True),
        (None, exact, ((6, after),), False, False),
        (5, inferred, ((5, before),), True, True),
        (5, inferred, ((5, after),), True, False),
        (5, inferred, (), False, True),
        (5, inferred, (), True, False),
        (None, inferred, ((4, before),), False, True),
        (None, inferred, ((4, before), (5, after)), False, False),
        (None, unknown, (), False, True),
    ]:
        said = is_told(attempt, [known], tries(*recorded), spoke=spoke)
        assert said is expected, (attempt, known, recorded, spoke)
    assert not is_told(5, [], [], spoke=False)


def test_the_alert_names_book_session_task_try_error_and_log(started: Connection) -> None:
    record_failure(started, SPOKEN)
    [alert] = alerts_of(started)
    assert alert["subject"] == "swing 2022-03-01: targets failed"
    assert (alert["book"], alert["session"], alert["level"]) == ("swing", SESSION, "CRITICAL")
    assert alert["body"].splitlines()[:6] == [
        "Book: swing",
        "Session: 2022-03-01",
        "Task: targets of daily__swing, run manual__1",
        "Try: 5",
        "Error: no signals",
        "Log: http://desk/log",
    ]


def test_of_a_strategy_it_says_that_the_session_goes_on_without_it_and_is_degraded(
    started: Connection,
) -> None:
    record_failure(started, replace(SPOKEN, task_id="signals.rotation"))
    record_failure(started, SPOKEN)
    said = {alert["subject"]: "is degraded" in alert["body"] for alert in alerts_of(started)}
    assert said == {
        "swing 2022-03-01: signals.rotation failed": True,
        "swing 2022-03-01: targets failed": False,
    }


def test_who_only_knows_that_it_failed_tells_what_the_try_itself_recorded(started: Connection) -> None:
    end_step(started, begun(started, 4), "failed", error="Transient: a time-out")
    end_step(started, begun(started, 5), "failed", error="KeyError: 'GLD'")
    record_failure(started, INFERRED)
    [alert] = alerts_of(started)
    assert "Try: 5, the newest that is recorded\nError: KeyError: 'GLD'" in alert["body"]


def test_of_a_try_that_was_cut_off_it_says_so(started: Connection) -> None:
    end_step(started, begun(started, 4), "failed", error="Transient: a time-out")
    begun(started, 5)
    record_failure(started, UNSPOKEN)
    [alert] = alerts_of(started)
    assert f"Try: 5\nError: {KILLED}" in alert["body"]


def test_of_a_task_that_recorded_nothing_it_says_that_the_try_is_not_known(started: Connection) -> None:
    record_failure(started, INFERRED)
    [alert] = alerts_of(started)
    assert f"Try: not known\nError: {KILLED}" in alert["body"]


def test_a_run_whose_form_named_no_session_is_told_without_one(conn: Connection) -> None:
    assert record_failure(conn, replace(SPOKEN, session=None))
    [alert] = alerts_of(conn)
    assert (alert["subject"], alert["session"]) == ("swing: targets failed", None)


@pytest.mark.parametrize("step", ["settle", "gate", "submit"])
@pytest.mark.parametrize(
    ("change", "stops"),
    [
        ({"attempt": 5, "reason": "KeyError: 'GLD'"}, True),
        ({"attempt": 5}, True),
        ({}, True),
        ({"attempt": 5, "reason": "the broker is down", "foreseen": True}, False),
        ({"attempt": 5, "reason": "KeyError: 'GLD'", "dry_run": True}, False),
    ],
    ids=["unexpected error", "killed", "only known to have failed", "foreseen", "dry run"],
)
def test_a_trading_step_that_fails_in_a_way_nobody_foresaw_stops_its_book_in_the_same_alert(
    started: Connection, step: str, change: dict[str, object], stops: bool
) -> None:
    failure = replace(INFERRED, task_id=step, **change)  # type: ignore[arg-type]
    assert record_failure(started, failure)
    assert not record_failure(started, failure)
    assert kill_switch(started, "swing", date.max).on is stops
    [alert] = alerts_of(started)
    assert alert["level"] == ("EMERGENCY" if stops else "CRITICAL")
    for said in ("swing", "2022-03-01", step, "daily__swing", "manual__1", "http://desk/log"):
        assert said in alert["body"]


@pytest.mark.parametrize(
    ("error", "stops"),
    [("Transient: a time-out", False), ("KeyError: 'GLD'", True), ("NotYet: not closed", False)],
)
def test_what_the_try_recorded_says_whether_it_was_foreseen(
    started: Connection, error: str, stops: bool
) -> None:
    end_step(started, begun(started, 5, "submit"), "failed", error=error)
    record_failure(started, replace(INFERRED, task_id="submit"))
    assert kill_switch(started, "swing", date.max).on is stops


def test_other_steps_and_books_that_never_began_are_not_stopped(conn: Connection) -> None:
    record_failure(conn, replace(INFERRED, task_id="submit"))
    start_book(conn, BOOK)
    record_failure(conn, replace(INFERRED, task_id="report", reason="no page"))
    assert not kill_switch(conn, "swing", date.max).on
    assert [level for level, _ in told(conn)] == ["CRITICAL", "CRITICAL"]


def test_a_book_that_was_released_is_not_stopped_again_by_the_same_failure(started: Connection) -> None:
    from nightdesk.operations.kill_switch import release

    failure = replace(INFERRED, task_id="submit", attempt=5)
    record_failure(started, failure)
    release(started, "swing", reason="looked at", who="kim")
    assert not record_failure(started, failure)
    assert not record_failure(started, replace(INFERRED, task_id="submit"))
    assert not kill_switch(started, "swing", date.max).on


@pytest.mark.parametrize(
    ("states", "failed"),
    [
        ({"gate": "failed", "orders": "upstream_failed", "close": "failed"}, ("gate",)),
        ({"gate": "success", "close": "failed"}, ("close",)),
        ({"gate": "success", "signals.a": "failed", "close": "success"}, ("signals.a",)),
        ({"gate": "success", "signals.a": "failed", "close": "failed"}, ("close", "signals.a")),
        ({"gate": "success", "ask": "failed", "close": "failed"}, ("ask", "close")),
        ({"book": "failed"}, ("book",)),
        ({"gate": None, "close": None, "ingest": "up_for_retry"}, ()),
    ],
)
def test_a_run_tells_of_causes_and_not_of_what_follows_from_them(
    states: dict[str, str | None], failed: tuple[str, ...]
) -> None:
    assert failed_tasks(states) == failed


def test_the_last_task_knows_whether_people_heard_of_the_run_since_it_last_ended(started: Connection) -> None:
    key = ("swing", "daily__swing", "manual__1")
    assert not told_since_closing(started, *key)
    record_failure(started, SPOKEN)
    assert told_since_closing(started, *key)
    end_step(started, begun(started, 1, "close"), "failed", error="not closed")
    assert not told_since_closing(started, *key)
    begun(started, 6)
    record_failure(started, replace(SPOKEN, attempt=6))
    assert told_since_closing(started, *key)
