"""Tasks on workers of Celery: what is decided does not depend on which worker does it, or dies at it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import pytest
from tests.end_to_end.desk import wait_for
from tests.end_to_end.equity_project import BOOK as EQUITY
from tests.end_to_end.project import BOOK
from tests.end_to_end.scaled_out import SHARDS, Scaled, scaled_out, sessions_of

from nightdesk.machine.processes import lives
from nightdesk.machine.workers import names_of_workers, parts_of_celery
from nightdesk.operations.verify import verify

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(1500)]

COUNT = 3
SESSIONS = {book: sessions_of(book, COUNT) for book in (BOOK, EQUITY)}


@pytest.fixture(scope="module")
def scaled() -> Iterator[Scaled]:
    with scaled_out() as running:
        yield running


def begin(scaled: Scaled, sessions: Mapping[str, Sequence[date]]) -> dict[str, list[str]]:
    airflow = scaled.desk.airflow
    return {book: [airflow.trigger(f"daily__{book}", one) for one in days] for book, days in sessions.items()}


def end_well(scaled: Scaled, runs: Mapping[str, Sequence[str]], timeout: float) -> None:
    for book, ids in runs.items():
        ended = scaled.desk.airflow.wait(f"daily__{book}", ids, timeout=timeout)
        assert [run.state for run in ended] == ["success"] * len(ids), book


def bars_came_ahead(scaled: Scaled, whole: str, in_part: str) -> None:
    """Tasks of the workers asked for the bars of the first book; of its last run one was lost."""
    assert scaled.worker_of(in_part, "fetch") in scaled.workers
    states, lost = (scaled.desk.airflow.task_states(f"daily__{BOOK}", run) for run in (whole, in_part))
    parts = [f"fetch[{number}]" for number in range(SHARDS)]
    assert [states[one] for one in parts] == ["success"] * SHARDS
    assert sorted(str(lost[one]) for one in parts) == ["skipped", *["success"] * (SHARDS - 1)]
    every, without_one = (f"{count} of {SHARDS} parts" for count in (SHARDS, SHARDS - 1))
    assert scaled.asked_ahead(BOOK) == [*[every] * (COUNT - 1), without_one]
    assert scaled.asked_ahead(EQUITY) == [None] * COUNT
    with scaled.desk.database() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM nightdesk.bar_shards")
        assert cursor.fetchone() == (0,)


def test_both_books_are_decided_as_in_one_process_though_a_worker_is_killed_in_the_middle_of_a_task(
    scaled: Scaled,
) -> None:
    assert names_of_workers(scaled.environment()) == ["celery@one", "celery@two"]
    assert all(map(scaled.is_well, ("one", "two")))
    assert [part.state for part in parts_of_celery(scaled.environment())] == ["well", "well"]
    first = {book: days[:1] for book, days in SESSIONS.items()}
    end_well(scaled, begin(scaled, first), 600)

    with scaled.desk.held("targets"):
        runs = begin(scaled, {book: days[1:2] for book, days in SESSIONS.items()})
        for book in SESSIONS:
            wait_for(
                lambda book=book: (
                    "running" in scaled.desk.attempts(SESSIONS[book][1], "targets", book) or None
                ),
                300,
                f"{book} does not come to its targets",
            )
        name = scaled.worker_of(runs[BOOK][0], "targets")
        tasks = scaled.tasks_of(name)
        scaled.kill(name)
        killed = time.monotonic()
    wait_for(lambda: None if any(map(lives, tasks)) else True, 10, "the tasks of the dead worker live on")
    end_well(scaled, runs, 600)
    print(f"after the death of a worker both books were decided in {time.monotonic() - killed:.0f} s")
    # Airflow lost the first attempt. PostgreSQL may still have done what its process had sent before it died.
    lost, again = scaled.desk.attempts(SESSIONS[BOOK][1], "targets")
    assert lost in ("running", "done")
    assert again == "done"

    with scaled.with_a_part_lost():
        last = begin(scaled, {book: days[2:] for book, days in SESSIONS.items()})
    end_well(scaled, last, 900)
    bars_came_ahead(scaled, runs[BOOK][0], last[BOOK][0])
    expected = scaled.reference(SESSIONS)
    for book in SESSIONS:
        found = scaled.decided(book)
        assert found == expected[book], book
        assert {"signals", "targets", "verdicts", "orders", "positions", "portfolio"} <= found.keys(), book
        with scaled.desk.database() as connection:
            assert verify(connection, book).differences == ()


def test_the_log_of_a_task_is_read_in_the_web_ui_and_no_secret_stands_in_that_of_a_worker(
    scaled: Scaled,
) -> None:
    dag = f"daily__{BOOK}"
    ran = [run for run in scaled.desk.airflow.runs(dag) if run.state == "success"]
    if not ran:
        pytest.skip("no session was decided: run the test before this one with it")
    assert "step_done" in scaled.desk.airflow.task_log(dag, ran[0].run_id, "gate")
    logs = "".join(path.read_text(errors="replace") for path in scaled.desk.home.logs.glob("worker-*.log"))
    assert "Executing workload in Celery" in logs
    environment = scaled.environment()
    for name in ("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY"):
        assert environment[name] not in logs, name
    assert scaled.broker.password not in logs
    assert "eyJ" not in logs, "a token of a task"
