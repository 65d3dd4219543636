"""Many sessions at once: what depends on positions runs in session order, whatever the scheduler does."""

from __future__ import annotations

import time
from datetime import date, datetime
from itertools import pairwise

import pytest
from tests.end_to_end.desk import DAG, Desk, sessions, wait_for
from tests.end_to_end.project import BOOK

from nightdesk.store.message_rows import alerts_of

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(900)]

SESSIONS = sessions(20)
IN_TURN = ("settle", "targets", "gate", "orders", "submit", "report", "close")


def spans(desk: Desk) -> dict[date, tuple[datetime, datetime]]:
    """From when to when the path-dependent steps of each session worked."""
    with desk.database() as connection, connection.cursor() as cursor:
        # A step begins when it asks for its turn and works from then on only where the turn has come: what
        # tells is when the steps that changed something ended, and when the first of them could begin.
        cursor.execute(
            "SELECT r.session, min(s.ended_at) FILTER (WHERE s.step = 'settle' AND s.status = 'done'), "
            "max(r.closed_at) FROM nightdesk.runs r JOIN nightdesk.run_steps s USING (book, session) "
            "WHERE r.book = %s AND s.step = ANY(%s) GROUP BY r.session ORDER BY r.session",
            (BOOK, list(IN_TURN)),
        )
        return {session: (settled, closed) for session, settled, closed in cursor.fetchall()}


def test_twenty_sessions_are_decided_side_by_side_and_settled_one_after_another(desk: Desk) -> None:
    began = time.monotonic()
    desk.airflow.backfill(DAG, SESSIONS[0], SESSIONS[-1], max_active_runs=8)
    runs = [run for run in desk.airflow.wait(DAG, timeout=600) if run.session in SESSIONS]
    minutes = (time.monotonic() - began) / 60
    assert [run.state for run in runs] == ["success"] * len(SESSIONS)
    found = spans(desk)
    assert list(found) == SESSIONS
    closings = [closed for _, closed in found.values()]
    assert closings == sorted(closings)
    for before, after in pairwise(SESSIONS):
        assert found[before][1] <= found[after][0], f"{after} was settled before {before} was closed"
    assert desk.stored() == desk.reference(SESSIONS)
    print(f"{len(SESSIONS) / minutes:.0f} sessions a minute")
    assert len(SESSIONS) / minutes > 2


def test_a_failed_session_stops_those_after_it_until_it_is_cleared(desk: Desk) -> None:
    desk.has_decided(*SESSIONS)
    broken, waiting = sessions(2, after=len(SESSIONS))
    with desk.held("targets"):
        run = desk.airflow.trigger(DAG, broken)
        for _ in range(5):
            (task,) = desk.await_blocked(broken, "targets", timeout=300)
            task.kill()
            wait_for(lambda task=task: None if task.is_running() else True, 30, "the task lives on")
        (ended,) = desk.airflow.wait(DAG, [run], timeout=120)
    assert ended.state == "failed"
    with desk.database() as connection:
        told = {alert["subject"] for alert in alerts_of(connection, BOOK)}
    assert f"{BOOK} {broken}: targets failed" in told
    # That the session could not be closed follows from it.
    assert f"{BOOK} {broken}: close failed" not in told
    later = desk.airflow.trigger(DAG, waiting)
    wait_for(lambda: "waiting" in desk.attempts(waiting, "settle") or None, 120, "no wait for the turn")
    desk.airflow.clear(DAG, run, ["targets"])
    assert [one.state for one in desk.airflow.wait(DAG, [run, later], timeout=240)] == ["success", "success"]
