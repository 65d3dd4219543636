import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from nightdesk.machine import processes
from nightdesk.machine.home import read_json, write_json
from nightdesk.machine.processes import Daemon, lives

SLEEP = [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"]
WITH_CHILD = [
    sys.executable,
    "-c",
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print(child.pid, flush=True); child.wait()",
]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('begun', flush=True); time.sleep(60)",
]


def daemon(folder: Path, name: str = "one") -> Daemon:
    return Daemon(name, folder / f"{name}.json", folder / f"{name}.log")


def started(one: Daemon, command: list[str]) -> psutil.Process:
    one.start(command, os.environ, one.log.parent)
    deadline = time.monotonic() + 10
    while not one.log.read_text().strip():
        assert time.monotonic() < deadline, "it did not begin"
        time.sleep(0.02)
    process = one.process()
    assert process is not None
    return process


def test_it_is_known_again_and_a_second_start_leaves_it_running(tmp_path: Path) -> None:
    process = started(daemon(tmp_path), SLEEP)
    again = daemon(tmp_path)
    again.start(SLEEP, os.environ, tmp_path)
    assert again.process() == process
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    assert processes.stop([again]) == ["one"]
    assert not lives(process)


def test_a_number_that_the_system_gave_to_another_process_is_never_touched(tmp_path: Path) -> None:
    stranger = subprocess.Popen(SLEEP, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        one = daemon(tmp_path)
        found = processes.identity(psutil.Process(stranger.pid))
        write_json(one.record, found | {"began": found["began"] - 5})
        assert one.process() is None
        assert one.remains() == []
        assert processes.stop([one]) == []
        assert stranger.poll() is None
        assert read_json(one.record) is None
    finally:
        stranger.kill()
        stranger.wait()


def test_it_is_known_again_after_the_clock_was_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = daemon(tmp_path)
    process = started(one, SLEEP)
    # The kernel tells when it began by the time of day that it would have been by the clock of now.
    boot = psutil.boot_time()
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: boot + 3 * 86400)
    again = daemon(tmp_path)
    assert again.process() is not None
    assert again.remains() == []
    assert processes.stop([again]) == ["one"]
    assert not lives(process)


def test_a_record_of_before_the_machine_was_started_anew_is_of_nobody(tmp_path: Path) -> None:
    one = daemon(tmp_path)
    process = started(one, SLEEP)
    known = read_json(one.record)
    write_json(one.record, known | {"machine": "an earlier start"})
    assert one.process() is None
    assert one.remains() == []
    write_json(one.record, known)
    processes.stop([one])
    assert not lives(process)


def test_what_an_earlier_version_has_started_is_known_and_ended(tmp_path: Path) -> None:
    one = daemon(tmp_path)
    process = started(one, SLEEP)
    write_json(one.record, {"pid": process.pid, "created": process.create_time()})
    assert one.process() == process
    assert processes.stop([one]) == ["one"]
    write_json(one.record, {"pid": process.pid, "created": process.create_time()})
    assert one.remains() == []


def test_stopping_ends_its_children_too(tmp_path: Path) -> None:
    one = daemon(tmp_path)
    started(one, WITH_CHILD)
    child = psutil.Process(int(one.log.read_text()))
    processes.stop([one])
    assert not lives(child)


def test_what_a_killed_one_left_behind_is_found_and_ended_by_the_next_start(tmp_path: Path) -> None:
    one = daemon(tmp_path)
    process = started(one, WITH_CHILD)
    child = psutil.Process(int(one.log.read_text()))
    os.kill(process.pid, signal.SIGKILL)
    os.waitpid(process.pid, 0)
    assert lives(child)
    assert one.remains() == [child]
    assert started(one, SLEEP) != process
    assert not lives(child)
    assert one.remains() == []
    processes.stop([one])


def test_one_that_will_not_end_is_killed(tmp_path: Path) -> None:
    one = daemon(tmp_path)
    process = started(one, STUBBORN)
    assert processes.stop([one], timeout=0.5) == ["one"]
    assert not lives(process)


def test_the_log_of_the_start_before_is_kept(tmp_path: Path) -> None:
    one = daemon(tmp_path)
    command = [sys.executable, "-c", "print('last words')"]
    one.start(command, os.environ, tmp_path)
    deadline = time.monotonic() + 10
    while one.process() is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert one.tail() == "last words"
    started(one, SLEEP)
    assert one.log.with_name("one.log.1").read_text() == "last words\n"
    processes.stop([one])


def test_its_log_and_what_it_writes_are_its_users_alone(tmp_path: Path) -> None:
    one, made = daemon(tmp_path), tmp_path / "made"
    writing = f"open({str(made)!r}, 'w').close(); print('begun', flush=True)"
    before = os.umask(0o022)
    try:
        started_once(one, [sys.executable, "-c", writing])
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (one.log, made)] == [0o600, 0o600]


def started_once(one: Daemon, command: list[str]) -> None:
    """Start one that ends by itself, and wait for its word."""
    one.start(command, os.environ, one.log.parent)
    deadline = time.monotonic() + 10
    while not one.log.read_text().strip():
        assert time.monotonic() < deadline, "it did not begin"
        time.sleep(0.02)
