"""How long an answer of Airflow is waited for."""

import json
import time
from collections.abc import Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from nightdesk.core.errors import Transient
from nightdesk.machine.environment import Login
from nightdesk.machine.rest import AirflowClient

MONDAY = date(2026, 11, 23)
USUAL_SECONDS, MAKING_SECONDS = 0.1, 0.5


class _MakesRuns(BaseHTTPRequestHandler):
    """Takes the login at once, and its time for a backfill."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        made = self.path.endswith("/backfills")
        if made:
            time.sleep(MAKING_SECONDS)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"id": 7} if made else {"access_token": "one"}).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def client() -> Iterator[AirflowClient]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _MakesRuns)
    Thread(target=server.serve_forever, daemon=True).start()
    login = Login("admin", "x")
    yield AirflowClient(f"http://127.0.0.1:{server.server_port}", login, timeout=USUAL_SECONDS)
    server.shutdown()
    server.server_close()


def test_a_backfill_is_waited_for_as_long_as_its_runs_take_to_be_made(client: AirflowClient) -> None:
    assert client.backfill("daily__one", MONDAY, MONDAY + timedelta(days=365)) == 7


def test_a_server_that_hangs_is_told_after_the_usual_wait(
    client: AirflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightdesk.machine.rest.RUN_SECONDS", 0.0)
    with pytest.raises(Transient, match="does not answer: timed out"):
        client.backfill("daily__one", MONDAY, MONDAY)
