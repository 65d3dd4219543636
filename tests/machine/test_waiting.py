"""The wait for the runs of a book, at an API server on loopback that answers what the test says."""

import json
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.core.schedule import daily
from nightdesk.machine import waiting
from nightdesk.machine.environment import Login
from nightdesk.machine.rest import AirflowClient
from nightdesk.machine.waiting import DueDecisions, Wait

MONDAY, TUESDAY = date(2025, 1, 6), date(2025, 1, 7)
SCHEDULE = daily(get_calendar())
SPAN = DueDecisions("daily__one", SCHEDULE, tuple(map(SCHEDULE.last_of, (MONDAY, TUESDAY))))


class Server(ThreadingHTTPServer):
    """Holds the states of runs by session, and of the tasks of all of them; with `ill` it answers 503."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.runs: dict[date, str] = {}
        self.tasks: dict[str, str | None] = {}
        self.ill = False

    def records(self, path: str) -> dict[str, Any]:
        if path.endswith("/taskInstances"):
            tasks = [{"task_id": name, "map_index": -1, "state": one} for name, one in self.tasks.items()]
            return {"task_instances": tasks, "total_entries": len(tasks)}
        runs = [
            {
                "dag_run_id": f"run of {session}",
                "run_type": "backfill",
                "state": state,
                "logical_date": f"{session}T00:00:00Z",
                "conf": {},
            }
            for session, state in self.runs.items()
        ]
        return {"dag_runs": runs, "total_entries": len(runs)}


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer({"access_token": "one"})

    def do_GET(self) -> None:
        self._answer(self.server.records(self.path.partition("?")[0]))

    def _answer(self, document: dict[str, Any]) -> None:
        self.send_response(503 if self.server.ill else 200)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def wait(server: Server) -> Wait:
    return Wait(AirflowClient(f"http://127.0.0.1:{server.server_port}", Login("admin", "x")), SPAN)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "QUIET_SECONDS", -1.0)


def test_it_has_ended_when_every_run_has_well_or_badly(server: Server, wait: Wait) -> None:
    server.runs = {MONDAY: "success", TUESDAY: "running"}
    assert not wait.look()
    server.runs[TUESDAY] = "failed"
    assert wait.look()


def test_progress_is_noted_when_it_changes(
    server: Server, wait: Wait, capsys: pytest.CaptureFixture[str]
) -> None:
    server.runs = {MONDAY: "running", TUESDAY: "queued"}
    for _ in range(3):
        wait.look()
    server.runs[MONDAY] = "success"
    wait.look()
    assert capsys.readouterr().err.splitlines() == [
        "· daily__one: 1 queued, 1 running",
        "· daily__one: 1 queued, 1 success",
    ]


@pytest.mark.usefixtures("impatient")
def test_a_book_that_does_not_come_on_is_named_with_the_task_that_it_waits_with(
    server: Server, wait: Wait
) -> None:
    server.runs = {MONDAY: "running", TUESDAY: "running"}
    server.tasks = {"ingest": "success", "settle": "up_for_retry", "gate": None}
    assert not wait.look()
    assert wait.is_stuck
    assert wait.words.startswith("not decided yet: the run of 2025-01-06 is running (settle up_for_retry)")
    assert "/dags/daily__one" in wait.words


def test_a_task_that_comes_on_is_waited_for(server: Server, wait: Wait) -> None:
    server.runs = {MONDAY: "running", TUESDAY: "running"}
    server.tasks = {"ingest": "running"}
    wait.look()
    before = wait._moved_at
    wait.look()
    assert wait._moved_at == before
    server.tasks = {"ingest": "success", "settle": "running"}
    wait.look()
    assert wait._moved_at > before


def test_a_server_that_is_away_for_a_while_ends_no_wait(server: Server, wait: Wait) -> None:
    server.runs = {MONDAY: "success", TUESDAY: "success"}
    server.ill = True
    assert not wait.look()
    assert "not known whether it is decided: Airflow at" in wait.words or "answered 503" in wait.words
    server.ill = False
    assert wait.look()
