import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nightdesk.core.errors import Refused, Transient
from nightdesk.machine.home import Home, exclusive, read_json, write_json

PROJECT = Path(__file__).resolve().parents[2]


def test_state_lives_in_the_project_unless_the_environment_names_another_folder(tmp_path: Path) -> None:
    assert Home.find({}) == Home(root=PROJECT, state=PROJECT / ".nightdesk")
    assert Home.find({"NIGHTDESK_HOME": str(tmp_path)}) == Home(root=PROJECT, state=tmp_path)
    assert Home.find({"NIGHTDESK_ROOT": str(tmp_path)}) == Home(root=tmp_path, state=tmp_path / ".nightdesk")


def test_a_named_project_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"NIGHTDESK_ROOT names .*nowhere, which is not a folder"):
        Home.find({"NIGHTDESK_ROOT": str(tmp_path / "nowhere")})


def test_a_lock_held_by_another_process_is_waited_for_and_then_given_up_with_its_path(tmp_path: Path) -> None:
    lock = tmp_path / "run" / "x.lock"
    told: list[str] = []
    with exclusive(lock, tell=lambda: told.append("the first")):
        started = time.monotonic()
        with (
            pytest.raises(Transient, match=r"x\.lock"),
            exclusive(lock, timeout=0.2, tell=lambda: told.append("the second")),
        ):
            pytest.fail("two hold one lock")
        assert time.monotonic() - started >= 0.2
    with exclusive(lock, timeout=0):
        pass
    assert told == ["the second"]


def test_a_lock_whose_holder_was_killed_is_free(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    script = (
        "import sys, time; from pathlib import Path; from nightdesk.machine.home import exclusive\n"
        "with exclusive(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, str(lock)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with exclusive(lock, timeout=1):
        pass


def test_a_document_is_replaced_whole_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "secrets.json"
    write_json(path, {"a": 1})
    write_json(path, {"b": 2})
    assert json.loads(path.read_text()) == {"b": 2}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", [None, "", '{"pid": 1'])
def test_a_missing_or_torn_document_reads_as_none(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "x.json"
    if text is not None:
        path.write_text(text)
    assert read_json(path) is None


def test_folders_that_were_open_are_closed_to_other_users_and_the_state_keeps_its_mode(
    tmp_path: Path,
) -> None:
    home = Home(root=tmp_path, state=tmp_path / "state")
    home.reports.mkdir(parents=True)
    home.reports.chmod(0o755)
    home.state.chmod(0o711)
    home.make_private()
    for folder in (home.reports, home.logs, home.run, home.airflow):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.state.stat().st_mode) == 0o711


def test_what_a_command_writes_is_its_users_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nightdesk", "db", "stop"]
    environ = {**os.environ, "NIGHTDESK_HOME": str(tmp_path / "state")}
    before = os.umask(0o022)
    try:
        subprocess.run(command, env=environ, check=True, capture_output=True, timeout=60)
    finally:
        os.umask(before)
    written = list((tmp_path / "state").rglob("*"))
    assert [path for path in written if path.is_file()]
    assert [path for path in written if path.stat().st_mode & 0o077] == []
