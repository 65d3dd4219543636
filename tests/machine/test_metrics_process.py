"""The exporter as a process of the desk: started where a port is named, and started again."""

import socket
from pathlib import Path

import httpx
import psutil
import pytest
from tests.metrics.prometheus_server import wait_for

from nightdesk.core.errors import Refused
from nightdesk.machine import metrics_process, whole_desk
from nightdesk.machine.heartbeat import Heartbeat
from nightdesk.machine.home import Home
from nightdesk.machine.mending import FIRST_PAUSE_SECONDS, Mender, Restarts

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "books").mkdir()
    (tmp_path / "sql").symlink_to(PROJECT / "sql")
    made = Home(root=tmp_path, state=tmp_path / "state")
    made.make_private()
    return made


def answers(port: int) -> bool:
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=20, trust_env=False).text
    except httpx.TransportError:
        return False
    return "\nnightdesk_up 1.0\n" in text


@pytest.mark.parametrize("text", ["0", "65536", "-1", "9464 ", "a", "9 4", "９４６４"])
def test_what_is_no_port_is_refused_in_words(text: str) -> None:
    environ = {"NIGHTDESK_METRICS_PORT": text}
    if text == "9464 ":
        assert metrics_process.metrics_port(environ) == 9464
        return
    with pytest.raises(Refused, match=r"NIGHTDESK_METRICS_PORT is .*expected a port from 1 to 65535"):
        metrics_process.metrics_port(environ)


def test_without_a_port_there_is_no_process_and_no_part(home: Home) -> None:
    assert not metrics_process.start(home, {})
    assert metrics_process.metrics_part(home, {}) is None
    assert not metrics_process.stop(home)


def test_the_supervisor_keeps_it_running_and_down_ends_it(home: Home, database: str, port: int) -> None:
    looks = f"{database}{'&' if '?' in database else '?'}connect_timeout=7"
    environ = {
        "NIGHTDESK_METRICS_PORT": str(port),
        "NIGHTDESK_DATABASE_URL": database,
        "NIGHTDESK_READER_DATABASE_URL": looks,
        "NIGHTDESK_OWNER_DATABASE_URL": database,
        "NIGHTDESK_AIRFLOW_DATABASE_URL": database,
        "PYTHONPATH": str(PROJECT / "include"),
    }
    lines: list[str] = []
    mender = Mender(home, environ, Heartbeat(None, lines.append), lines.append, crashed=False)
    now = [0.0]
    mender._restarts = Restarts(lambda: now[0])
    try:
        mender._keep_metrics()
        assert lines == ["the exporter of figures is started"]
        wait_for(lambda: answers(port), "it answers")
        part = metrics_process.metrics_part(home, environ)
        assert part is not None
        assert part.state == "well"
        first = int(part.words.split()[1].rstrip(","))
        given = psutil.Process(first).environ()
        assert {given["NIGHTDESK_DATABASE_URL"], given["NIGHTDESK_READER_DATABASE_URL"]} == {looks}
        assert "NIGHTDESK_OWNER_DATABASE_URL" not in given
        mender._keep_metrics()
        assert len(lines) == 1
        psutil.Process(first).kill()
        wait_for(lambda: metrics_process.metrics_part(home, environ).state == "dead", "it is seen dead")
        mender._keep_metrics()  # it waits: what dies at once is not started each three seconds
        assert len(lines) == 1
        now[0] += FIRST_PAUSE_SECONDS + 1
        mender._keep_metrics()
        assert len(lines) == 2
        wait_for(lambda: answers(port), "it answers")
        assert "metrics" in whole_desk.down(home=home)
        assert not answers(port)
    finally:
        metrics_process.stop(home)
