"""Backups: whole or not there, known by their manifest, kept for some days, and told when they fail."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.conftest import open_connection
from tests.fakes import s3
from tests.session.backup_desk import BackupDesk, backup_desk, killing
from tests.session.kept_desk import DeskAfter
from tests.session.small_desk import begin_child, wait_for

from nightdesk.core.errors import Refused, Transient
from nightdesk.machine import pg_programs
from nightdesk.machine.backup_manifest import read_manifest
from nightdesk.machine.backup_place import BackupPlace, find_backups
from nightdesk.machine.cluster import Cluster
from nightdesk.machine.pg_programs import Programs, dump_programs
from nightdesk.operations.backup_concerns import tell_backups
from nightdesk.store.backup_rows import stored_backups
from nightdesk.store.db import lock_key, lone_lock
from nightdesk.store.message_rows import alerts_of
from nightdesk.version import code_version


@pytest.fixture
def desk(desk_after: DeskAfter, tmp_path: Path) -> BackupDesk:
    return backup_desk(desk_after(2), tmp_path / "own")


def told(desk: BackupDesk) -> list[tuple[str, str]]:
    """Alerts about backups, oldest first."""
    with desk.desk.connection() as conn:
        found = [one for one in alerts_of(conn) if "backup" in one["alert_key"]]
    return [(one["level"], one["subject"]) for one in reversed(found)]


def errors(desk: BackupDesk) -> list[str | None]:
    with desk.desk.connection() as conn:
        return [one.error for one in stored_backups(conn)]


def test_a_backup_is_a_dump_and_a_manifest_that_its_owner_alone_can_read(desk: BackupDesk) -> None:
    made = desk.backup()
    dump = desk.folder / made.manifest.file
    assert desk.files() == sorted([made.manifest.file, made.manifest.name])
    assert {path.stat().st_mode & 0o777 for path in desk.folder.iterdir()} == {0o600}
    assert desk.folder.stat().st_mode & 0o777 == 0o700
    assert made.manifest == read_manifest((desk.folder / made.manifest.name).read_bytes(), "")
    [(mark,)] = desk.desk.rows("SELECT mark FROM nightdesk.installation")
    assert (made.manifest.installation, made.manifest.code_version) == (mark, code_version())
    assert made.manifest.newest_migration == "061_backups.sql" or made.manifest.newest_migration > "061"
    assert made.manifest.sha256 == hashlib.sha256(dump.read_bytes()).hexdigest()
    assert made.manifest.bytes == dump.stat().st_size
    [small] = made.manifest.books.values()
    assert small.closed == 2
    assert len(small.hashes) == 2
    assert dump.read_bytes()[:5] == b"PGDMP"
    with desk.desk.connection() as conn:
        [row] = stored_backups(conn)
    assert (row.file, row.bytes, row.sha256, row.error) == (
        made.manifest.file, made.manifest.bytes, made.manifest.sha256, None,
    )  # fmt: skip
    assert told(desk) == []


def test_two_in_one_second_are_two(desk: BackupDesk) -> None:
    names = {desk.backup().manifest.file for _ in range(3)}
    assert len(names) == 3
    assert len(find_backups(BackupPlace(str(desk.folder))).backups) == 3


def test_old_ones_of_this_installation_go_and_the_newest_never(desk: BackupDesk) -> None:
    first, second = desk.backup().manifest, desk.backup().manifest
    for name in (first.name, second.name):
        age(desk, name, days=31)
    other = desk.folder / "nightdesk-zzzzzz-20200101T000000Z.json"
    document = json.loads((desk.folder / first.name).read_text())
    document |= {"installation": "zzzzzz", "file": other.name.replace(".json", ".dump")}
    other.write_text(json.dumps(document))
    shutil.copy(desk.folder / first.file, desk.folder / document["file"])
    third = desk.backup(keep_days=30)
    assert sorted(third.deleted) == sorted([first.file, second.file])
    assert set(desk.files()) == {third.manifest.file, third.manifest.name, other.name, document["file"]}
    age(desk, third.manifest.name, days=400)
    with desk.desk.connection() as conn:
        from nightdesk.machine.backup import thin

        assert thin(conn, BackupPlace(str(desk.folder)), third.manifest.installation, 30) == ()
        assert [one.deleted_at is not None for one in stored_backups(conn)] == [False, True, True]
    with pytest.raises(Refused, match="at least the last day"):
        desk.backup(keep_days=0)


def age(desk: BackupDesk, name: str, days: int) -> None:
    """Let a backup be older."""
    path = desk.folder / name
    manifest = read_manifest(path.read_bytes(), name)
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"made_at": (manifest.made_at - timedelta(days=days)).isoformat()}))


def test_what_is_no_backup_is_said_and_not_taken_for_one(desk: BackupDesk) -> None:
    cut, gone, good = (desk.backup().manifest for _ in range(3))
    with (desk.folder / cut.file).open("r+b") as file:
        file.truncate(1000)
    (desk.folder / gone.file).unlink()
    (desk.folder / "nightdesk-abcdef-20260101T000000Z.dump").write_bytes(b"PGDMP")
    (desk.folder / "nightdesk-abcdef-20260102T000000Z.json").write_text('{"format": 1, "file": ')
    (desk.folder / "notes.txt").write_text("not ours")
    found = find_backups(BackupPlace(str(desk.folder)))
    assert [one.file for one in found.backups] == [good.file]
    words = "\n".join(found.wrong)
    assert "has 1,000 bytes" in words
    assert f"its dump {gone.file} is gone" in words
    assert "a dump without its manifest" in words
    assert "is no whole manifest of a backup" in words
    assert "notes.txt" not in words


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("/proc/backups", "cannot be made"),
        ("/dev/null", "cannot be made"),
        ("s3://nobody/x", "environment name the keys"),
    ],
)
def test_a_place_that_takes_nothing_is_refused_kept_and_told_once(
    desk: BackupDesk, place: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        with pytest.raises(Refused, match=words):
            desk.backup(to=place)
    assert all(words in str(one) for one in errors(desk))
    assert told(desk) == [("WARNING", "the desk: backups fail")]
    desk.backup()
    assert told(desk) == [("WARNING", "the desk: backups fail"), ("INFO", "the desk: over: backups fail")]


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk that has room for little."""
    folder = tmp_path / "full"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_full_leaves_no_half_file(desk: BackupDesk, full: Path) -> None:
    with pytest.raises(Refused, match="there is no room for it"):
        desk.backup(to=str(full))
    assert list(full.iterdir()) == []
    assert told(desk) == [("WARNING", "the desk: backups fail")]


def test_a_second_backup_at_the_same_time_is_refused(desk: BackupDesk) -> None:
    refused = pytest.raises(Refused, match="another backup of this database is being made")
    with desk.desk.connection() as conn, lone_lock(conn, lock_key("backup")), refused:
        desk.backup()
    assert desk.files() == []


def test_a_dump_program_that_is_killed_leaves_nothing_and_is_told(desk: BackupDesk) -> None:
    with desk.desk.connection() as conn, conn.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE nightdesk.bars IN ACCESS EXCLUSIVE MODE")
        with killing("pg_dump", "--format", after=0.5), pytest.raises(Transient, match="killed by signal 9"):
            desk.backup()
    assert desk.files() == []
    assert told(desk) == [("WARNING", "the desk: backups fail")]
    assert desk.backup().deleted == ()


def test_a_process_that_is_killed_leaves_no_backup_and_the_next_one_takes_its_remains_away(
    desk: BackupDesk,
) -> None:
    with desk.desk.connection() as conn, conn.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE nightdesk.bars IN ACCESS EXCLUSIVE MODE")
        child = begin_child(lambda: desk.backup() and None)
        wait_until(lambda: any(".part" in one for one in desk.files()))
        os.kill(child, signal.SIGKILL)
        assert wait_for(child) == -signal.SIGKILL
    assert find_backups(BackupPlace(str(desk.folder))).backups == ()
    with desk.desk.connection() as conn:  # the dead one's lock goes when the server sees that it is gone
        wait_until(lambda: tell_backups(conn) == 1)
    assert errors(desk) == ["its process ended in the middle, without a word"]
    made = desk.backup().manifest
    wait_until(lambda: desk.files() == sorted([made.file, made.name]))
    assert errors(desk) == [None, "its process ended in the middle, without a word"]


def wait_until(holds) -> None:  # type: ignore[no-untyped-def]
    ends = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_a_server_that_goes_away_in_the_middle_is_a_passing_fault(
    desk: BackupDesk, open_folder: Path
) -> None:
    from threading import Timer

    from nightdesk.store.migrations import migrate

    cluster = Cluster(open_folder / "postgres", durable=False)
    cluster.start(("nightdesk",))
    try:
        url = cluster.url("nightdesk")
        with open_connection(url) as conn, conn.cursor() as cursor:
            migrate(conn)
            cursor.execute("BEGIN; LOCK TABLE nightdesk.bars IN ACCESS EXCLUSIVE MODE")
            Timer(1.5, lambda: cluster.stop(mode="immediate")).start()
            with pytest.raises(Transient, match="pg_dump lost the server"):
                BackupDesk(desk.desk, desk.home, {**desk.environ, "NIGHTDESK_DATABASE_URL": url}).backup()
        assert desk.files() == []
        wait_until(lambda: cluster.server() is None)
        cluster.start(("nightdesk",))
        with open_connection(url) as conn:
            tell_backups(conn)
            assert [one.error for one in stored_backups(conn)] == [
                "its process ended in the middle, without a word"
            ]
            assert [one["level"] for one in alerts_of(conn)] == ["WARNING"]
    finally:
        cluster.destroy()


def test_an_older_dump_program_is_refused_and_that_of_the_servers_version_is_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = [Programs(Path("/wheel"), 18), Programs(Path("/path"), 16), Programs(Path("/other"), 17)]
    monkeypatch.setattr(pg_programs, "_here", lambda: here)
    assert dump_programs(16).major == 16
    assert dump_programs(15).major == 16
    assert dump_programs(18).folder == Path("/wheel")
    with pytest.raises(Refused, match=r"the server is PostgreSQL 19.*18 in /wheel.*Install the client"):
        dump_programs(19)


def test_none_for_two_days_is_critical_once_and_its_end_is_told(desk: BackupDesk) -> None:
    with desk.desk.connection() as conn, conn.cursor() as cursor:
        assert tell_backups(conn) == 0
        cursor.execute("UPDATE nightdesk.books SET created_at = created_at - interval '49 hours'")
        assert [tell_backups(conn), tell_backups(conn)] == [1, 0]
        assert told(desk) == [("CRITICAL", "the desk: backups fail")]
        desk.backup()
        assert told(desk)[1:] == [("INFO", "the desk: over: backups fail")]
        cursor.execute("UPDATE nightdesk.backups SET began_at = began_at - interval '49 hours'")
        assert tell_backups(conn) == 1
    assert [level for level, _ in told(desk)] == ["CRITICAL", "INFO", "CRITICAL"]


def test_a_backup_goes_to_an_object_store_and_old_ones_go_there(desk: BackupDesk, tmp_path: Path) -> None:
    (tmp_path / "buckets" / "desk").mkdir(parents=True)
    with s3.served(tmp_path / "buckets") as keys:
        desk = BackupDesk(
            desk.desk, desk.home, {**desk.environ, **keys, "NIGHTDESK_BACKUP": "s3://desk/night"}
        )
        made = desk.backup()
        assert made.place == "s3://desk/night"
        place = BackupPlace.find(desk.home, desk.environ)
        assert find_backups(place).backups == (made.manifest,)
        folder = tmp_path / "buckets" / "desk" / "night"
        path = folder / made.manifest.name
        path.write_text(path.read_text().replace('"made_at": "20', '"made_at": "19'))
        assert desk.backup().deleted == (made.manifest.file,)
        assert len(list(folder.iterdir())) == 2
        with pytest.raises(Refused, match="no bucket other"):
            desk.backup(to="s3://other/night")
    assert list(desk.home.run.glob("backup-*")) == []


def test_a_relative_place_is_below_the_project_whoever_reads_it_from_wherever(
    desk: BackupDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = {**desk.environ, "NIGHTDESK_BACKUP": "kept"}
    assert BackupPlace.find(desk.home, own).folder == desk.home.root / "kept"
    assert BackupPlace.find(desk.home, own, "named").folder == tmp_path / "named"


def test_the_password_of_the_database_is_in_no_argument() -> None:
    conninfo, environ = pg_programs.libpq(
        "postgresql://desk:a-secret-word@db.example.com:5432/desk?sslmode=require"
    )
    assert "a-secret-word" not in conninfo
    assert "sslmode=require" in conninfo
    assert environ["PGPASSWORD"] == "a-secret-word"
