"""Restores: looked at from all sides first, whole or not at all, and what was there before is kept."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn
from tests.conftest import Databases, open_connection
from tests.fakes import s3
from tests.session.backup_desk import BackupDesk, backup_desk, killing
from tests.session.kept_desk import DeskAfter
from tests.session.small_desk import SmallDesk, begin_child, wait_for
from tests.session.test_backups import wait_until

from nightdesk.core.errors import Refused, Transient
from nightdesk.machine import loading_dumps
from nightdesk.machine.backup_manifest import Manifest
from nightdesk.machine.backup_place import BackupPlace, find_backups
from nightdesk.machine.loading_dumps import Dump
from nightdesk.machine.pg_programs import Programs, dump_programs
from nightdesk.machine.restore import Restored, Wish, restore
from nightdesk.machine.restore_target import RestoreTarget, drop_fresh, drop_unfinished, make_beside
from nightdesk.store.migrations import check_schema
from nightdesk.store.rows import read_rows


@pytest.fixture
def desk(desk_after: DeskAfter, tmp_path: Path) -> BackupDesk:
    return backup_desk(desk_after(2), tmp_path / "own")


def restored(desk: BackupDesk, source: str = "newest", **wish: object) -> Restored:
    return restore(desk.home, desk.environ, Wish(source, "ann", **wish))  # type: ignore[arg-type]


#: What a restore adds of its own; rights are given anew where they did not come along.
OWN = {"restores", "alerts", "backups", "role_grants"}


def rows_of(url: str) -> dict[str, list[str]]:
    """All rows of a database, but those that backing up and restoring add."""
    desk = SmallDesk(url, Path(), Path())
    return {name: rows for name, rows in desk.dump().items() if name not in OWN}


def test_a_backup_fills_an_empty_database_with_all_that_was_there(
    desk: BackupDesk, databases: Databases
) -> None:
    made, empty = desk.backup().manifest, databases.bare()
    done = restored(desk, into=empty)
    assert (done.dump, done.kept_as, done.migrated, done.notes) == (made.file, None, (), ())
    assert rows_of(empty) == rows_of(desk.desk.url)
    [small] = done.verified
    assert (small.book, small.found.sessions, small.found.differences) == ("small", 2, ())
    with open_connection(empty) as conn, conn.cursor() as cursor:
        check_schema(conn)
        cursor.execute("SELECT file, sha256, restored_by, kept_as, reason FROM nightdesk.restores")
        assert cursor.fetchall() == [(made.file, made.sha256, "ann", None, None)]
        cursor.execute("SELECT level, subject FROM nightdesk.alerts WHERE alert_key LIKE 'restore%'")
        assert cursor.fetchall() == [
            ("WARNING", f"The database was restored to {made.made_at:%Y-%m-%d %H:%M} UTC")
        ]
    # The next number of a table that counts is a new one.
    after = SmallDesk(empty, desk.desk.book, desk.desk.bars)
    after.run(2)
    desk.desk.run(2)
    assert rows_of(empty) == rows_of(desk.desk.url)


def test_a_database_that_is_replaced_is_kept_as_it_was_beside_it(desk: BackupDesk) -> None:
    desk.backup()
    before = rows_of(desk.desk.url)
    desk.desk.run(2)
    later = rows_of(desk.desk.url)
    with desk.desk.connection() as conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT format('ALTER DATABASE %I SET statement_timeout TO %L', current_database(), '7min')"
        )
        cursor.execute(cursor.fetchone()[0])
    with pytest.raises(Refused, match=r"holds the desk's tables .* --replace keeps it under another name"):
        restored(desk)
    done = restored(desk, replace=True)
    assert done.kept_as is not None
    assert rows_of(desk.desk.url) == before
    assert rows_of(desk.url_of(done.kept_as)) == later
    assert desk.desk.rows("SHOW statement_timeout") == [("7min",)]
    assert not {one for one in desk.databases() if "_restoring_" in one}
    desk.desk.run(2)
    assert rows_of(desk.desk.url) == later


def test_a_database_in_use_is_refused_with_who_uses_it(desk: BackupDesk) -> None:
    desk.backup()
    with desk.desk.connection() as conn, conn.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), pg_advisory_lock(7)")
        [pid, _] = cursor.fetchone()
        with pytest.raises(
            Refused, match=rf"in use by nightdesk .*process {pid}, .*holds a lock of the desk.*End them"
        ):
            restored(desk, replace=True)
    assert restored(desk, replace=True).kept_as


def test_a_desk_that_runs_is_refused(desk: BackupDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.backup()
    monkeypatch.setattr("nightdesk.machine.supervisor.process_id", lambda home: 4711)
    with pytest.raises(Refused, match=r"in use by the desk's supervisor \(process 4711\).*nightdesk down"):
        restored(desk, replace=True)


def test_somebody_who_connects_while_it_is_loaded_keeps_the_database_as_it_is(
    desk: BackupDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.backup()
    before, load = rows_of(desk.desk.url), loading_dumps.load
    opened = []

    def loading(*arguments: object, **options: object) -> None:
        load(*arguments, **options)  # type: ignore[arg-type]
        held = open_connection(desk.desk.url)
        opened.append((held, held.__enter__()))

    monkeypatch.setattr("nightdesk.machine.restore.load", loading)
    with pytest.raises(Transient, match="was opened by somebody while the backup was loaded"):
        restored(desk, replace=True)
    for held, _ in opened:
        held.__exit__(None, None, None)
    assert rows_of(desk.desk.url) == before
    assert desk.databases() == set()


def changed(desk: BackupDesk, manifest: Manifest, **values: object) -> None:
    path = desk.folder / manifest.name
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def cut_dump(desk: BackupDesk, made: Manifest) -> None:
    with (desk.folder / made.file).open("r+b") as file:
        file.truncate(made.bytes // 2)


def cut_dump_whose_manifest_agrees(desk: BackupDesk, made: Manifest) -> None:
    cut_dump(desk, made)
    from nightdesk.machine.backup import sha256_of

    changed(desk, made, bytes=made.bytes // 2, sha256=sha256_of(desk.folder / made.file))


def flipped_bit(desk: BackupDesk, made: Manifest) -> None:
    with (desk.folder / made.file).open("r+b") as file:
        file.seek(made.bytes // 2)
        byte = file.read(1)[0]
        file.seek(made.bytes // 2)
        file.write(bytes([byte ^ 1]))


def cut_manifest(desk: BackupDesk, made: Manifest) -> None:
    path = desk.folder / made.name
    path.write_text(path.read_text()[:200])


def manifest_of_another(desk: BackupDesk, made: Manifest) -> None:
    changed(desk, made, file="nightdesk-abcdef-20260101T000000Z.dump")


def no_manifest(desk: BackupDesk, made: Manifest) -> None:
    (desk.folder / made.name).unlink()


def no_dump_at_all(desk: BackupDesk, made: Manifest) -> None:
    from nightdesk.machine.backup import sha256_of

    path = desk.folder / made.file
    path.write_bytes(b"x" * 1000)
    changed(desk, made, bytes=1000, sha256=sha256_of(path))


def newer_code(desk: BackupDesk, made: Manifest) -> None:
    changed(desk, made, newest_migration="900_later.sql")


def newer_server(desk: BackupDesk, made: Manifest) -> None:
    changed(desk, made, server=40)


def newer_programs(desk: BackupDesk, made: Manifest) -> None:
    changed(desk, made, programs=40)


def newer_manifest(desk: BackupDesk, made: Manifest) -> None:
    changed(desk, made, format=2)


def other_count(desk: BackupDesk, made: Manifest) -> None:
    changed(desk, made, books={"small": {"closed": 3, "newest": None, "hashes": {}}})


#: What can be wrong with a backup, and what is said then.
SPOILED: list[tuple[Callable[[BackupDesk, Manifest], None], str]] = [
    (cut_dump, "it was cut or changed"),
    (cut_dump_whose_manifest_agrees, "pg_restore cannot read it|was not restored"),
    (flipped_bit, "its SHA-256 is another one"),
    (cut_manifest, "is no whole manifest of a backup"),
    (manifest_of_another, "was renamed, or is another one's"),
    (no_manifest, "A backup is a dump with its manifest beside it"),
    (no_dump_at_all, "pg_restore cannot read it"),
    (newer_code, "made by newer code .* Update the code"),
    (newer_server, "the dump is of PostgreSQL 40, this server is"),
    (newer_programs, "made by pg_dump 40"),
    (newer_manifest, "a manifest of format 2"),
    (other_count, "does not hold what its manifest says: small: 2 closed decisions, the manifest says 3"),
]


def test_a_backup_that_is_not_right_is_refused_and_the_target_is_untouched(
    desk: BackupDesk, databases: Databases, tmp_path: Path
) -> None:
    made = desk.backup().manifest
    before, empty = rows_of(desk.desk.url), databases.bare()
    shutil.copytree(desk.folder, tmp_path / "right")
    for spoil, words in SPOILED:
        shutil.rmtree(desk.folder)
        shutil.copytree(tmp_path / "right", desk.folder)
        spoil(desk, made)
        wishes: list[dict[str, object]] = [{"replace": True}, {"into": empty}]
        for wish in wishes:
            with pytest.raises(Refused, match=words):
                restored(desk, str(desk.folder / made.file), **wish)
        assert desk.databases() == set(), spoil
    assert rows_of(desk.desk.url) == before
    assert rows_of(empty) == {}


def test_the_newest_good_one_is_taken_and_wrong_files_are_refused(
    desk: BackupDesk, databases: Databases
) -> None:
    with pytest.raises(Refused, match="there is no backup in"):
        restored(desk, replace=True)
    good, cut = desk.backup().manifest, desk.backup().manifest
    cut_dump(desk, cut)
    assert restored(desk, into=databases.bare()).dump == good.file
    assert restored(desk, good.name, into=databases.bare()).dump == good.file
    for wrong, words in (
        (str(desk.desk.book), "is no backup: expected"),
        ("/nowhere/x.dump", "No such file"),
    ):
        with pytest.raises(Refused, match=words):
            restored(desk, wrong, replace=True)


def test_another_installations_backup_wants_a_reason_which_is_kept(
    desk: BackupDesk, desk_after: DeskAfter, tmp_path: Path
) -> None:
    made = desk.backup().manifest
    other = desk_after(1)
    with other.connection() as conn, conn.cursor() as cursor:
        cursor.execute("UPDATE nightdesk.installation SET mark = 'other1'")
    environ = {**desk.environ, "NIGHTDESK_DATABASE_URL": other.url}
    there = BackupDesk(other, desk.home, environ)
    before = rows_of(other.url)
    with pytest.raises(
        Refused, match=rf"of installation {made.installation}, .* of other1.*--adopt-installation"
    ):
        restored(there, replace=True)
    with pytest.raises(Refused, match="wants a reason"):
        restored(there, replace=True, adopting="  ")
    assert rows_of(other.url) == before
    done = restored(there, replace=True, adopting="the old machine burnt")
    assert done.kept_as is not None
    assert other.rows("SELECT installation_before, reason, restored_by FROM nightdesk.restores") == [
        ("other1", "the old machine burnt", "ann")
    ]
    assert other.rows("SELECT mark FROM nightdesk.installation") == [(made.installation,)]


def test_an_older_schema_is_migrated_forward(
    desk: BackupDesk, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = desk.backup().manifest
    newer = tmp_path / "newer" / "sql"
    shutil.copytree(Path(desk.environ["NIGHTDESK_ROOT"]) / "sql", newer)
    (newer / "migrations" / "901_later.sql").write_text(
        "ALTER TABLE nightdesk.targets ADD COLUMN later integer;"
    )
    monkeypatch.setenv("NIGHTDESK_ROOT", str(newer.parent))
    empty = databases.bare()
    done = restored(desk, into=empty)
    assert done.migrated == ("901_later.sql",)
    assert made.newest_migration != "901_later.sql"
    with open_connection(empty) as conn:
        check_schema(conn)


@pytest.mark.parametrize("replace", [False, True])
def test_a_restore_that_is_killed_leaves_the_target_as_it_was(
    desk: BackupDesk, databases: Databases, replace: bool
) -> None:
    desk.backup()
    desk.desk.run(2)
    before, empty = rows_of(desk.desk.url), databases.bare()
    wish = {"replace": True} if replace else {"into": empty}
    with (
        killing("pg_restore", "--dbname", after=0.15) as killed,
        pytest.raises(Transient, match="killed by signal 9"),
    ):
        restored(desk, **wish)
    assert killed
    assert rows_of(desk.desk.url) == before
    assert rows_of(empty) == {}
    assert desk.databases() == set()
    assert restored(desk, **wish).verified[0].found.sessions == 2


def at_work_in(desk: BackupDesk, pattern: str) -> int:
    """How many connections to databases of such a name there are."""
    [[found]] = desk.desk.rows("SELECT count(*) FROM pg_stat_activity WHERE datname LIKE %s", pattern)
    return int(found)


def test_the_whole_process_killed_leaves_the_target_and_the_next_restore_clears_up(desk: BackupDesk) -> None:
    desk.backup()
    before = rows_of(desk.desk.url)
    child = begin_child(lambda: restored(desk, replace=True) and None)
    wait_until(lambda: any("_restoring_" in one for one in desk.databases()))
    os.kill(child, signal.SIGKILL)
    assert wait_for(child) == -signal.SIGKILL
    assert rows_of(desk.desk.url) == before
    assert any("_restoring_" in one for one in desk.databases())
    wait_until(lambda: not at_work_in(desk, parse_dsn(desk.desk.url)["dbname"] + "_restoring%"))
    assert restored(desk, replace=True).kept_as
    assert not {one for one in desk.databases() if "_restoring_" in one}


def test_a_whole_process_that_is_killed_takes_its_pg_restore_along(
    desk: BackupDesk, databases: Databases
) -> None:
    desk.backup()
    empty = databases.bare()
    name = parse_dsn(empty)["dbname"]
    child = begin_child(lambda: restored(desk, into=empty) and None)
    loads = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = 'pg_restore'"
    wait_until(lambda: desk.desk.rows(loads, name) == [(1,)])
    os.kill(child, signal.SIGKILL)
    assert wait_for(child) == -signal.SIGKILL
    wait_until(lambda: not at_work_in(desk, name))
    assert rows_of(empty) == {}


@pytest.mark.parametrize("comment", ["Nightdesk: a restore that has not ended", None])
def test_what_a_killed_restore_left_is_dropped_though_something_is_connected_to_it(
    desk: BackupDesk, databases: Databases, comment: str | None
) -> None:
    """A program of the killed one may go on for a moment; without a comment it was just made."""
    desk.backup()
    own = parse_dsn(desk.desk.url)["dbname"]
    left, of_another = f"{own}_restoring_0a1b2c3d", f"{own}_restoring_x_restoring_0a1b2c3d"
    with desk.desk.connection() as conn, conn.cursor() as cursor:
        for name in (left, of_another):
            cursor.execute(f"CREATE DATABASE {name}")
            cursor.execute(f"COMMENT ON DATABASE {name} IS %s", (comment,))
    with open_connection(desk.url_of(left)) as connected:
        assert restored(desk, replace=True).kept_as
        with pytest.raises(psycopg2.OperationalError), connected.cursor() as cursor:
            cursor.execute("SELECT 1")
    assert {one for one in desk.databases() if "_restoring_" in one} == {of_another}
    databases.drop(desk.url_of(of_another))


def test_names_beside_a_database_of_a_long_name_are_no_others(databases: Databases) -> None:
    alike = ["n" * 62 + last for last in "ab"]
    targets = []
    with open_connection(databases.bare()) as conn, conn.cursor() as cursor:
        for name in alike:
            cursor.execute(f"CREATE DATABASE {name}")
            url = make_dsn(**{**parse_dsn(conn.dsn), "dbname": name})
            targets.append(RestoreTarget(url, name, (), False, None, (), 0))
    made = [make_beside(one) for one in targets]
    try:
        drop_unfinished(targets[0])
        with open_connection(targets[1].url) as conn, conn.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database WHERE datname = ANY(%s)", ([a for a, _ in made],))
            assert cursor.fetchall() == [(made[1][0],)]
    finally:
        drop_fresh(targets[1], made[1][0])
        for one in targets:
            databases.drop(one.url)


def test_out_of_an_object_store(desk: BackupDesk, databases: Databases, tmp_path: Path) -> None:
    (tmp_path / "buckets" / "desk").mkdir(parents=True)
    with s3.served(tmp_path / "buckets") as keys:
        desk = BackupDesk(
            desk.desk, desk.home, {**desk.environ, **keys, "NIGHTDESK_BACKUP": "s3://desk/night"}
        )
        made, before = desk.backup().manifest, rows_of(desk.desk.url)
        for source in ("newest", f"s3://desk/night/{made.file}"):
            empty = databases.bare()
            assert restored(desk, source, into=empty).dump == made.file
            assert rows_of(empty) == before


def test_through_psql_for_a_server_that_is_older_than_the_programs(
    desk: BackupDesk, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server here is of the programs' version, so that the way is taken alone, and its line left out."""
    desk.backup()
    before, empty, used = rows_of(desk.desk.url), databases.bare(), []

    def as_text(dump: Dump, programs: Programs, url: str, *rest: object, **options: object) -> None:
        used.append(url)
        loading_dumps._load_as_text(dump, programs, url, ["--no-owner", "--exit-on-error"])

    monkeypatch.setattr("nightdesk.machine.restore.load", as_text)
    restored(desk, into=empty)
    assert used == [empty]
    assert rows_of(empty) == before
    with pytest.raises(Refused, match=r"psql failed with status .* already exists"):
        as_text(_dump_of(desk), dump_programs(18), empty)


def test_half_a_dump_is_not_committed_by_psql_when_the_process_is_killed(
    desk: BackupDesk, databases: Databases, tmp_path: Path
) -> None:
    """Its pg_restore says half of the dump, then kills who started it: psql reads the end of its input."""
    desk.backup()
    dump, empty, real = _dump_of(desk), databases.bare(), dump_programs(18)
    name = parse_dsn(empty)["dbname"]
    whole = subprocess.run(
        [str(real.folder / "pg_restore"), "--no-owner", "--file=-", str(dump.path)],
        capture_output=True,
        check=True,
    ).stdout
    (tmp_path / "half.sql").write_bytes(whole[: len(whole) // 2].rpartition(b"\n")[0] + b"\n")
    fake = tmp_path / "pg_restore"
    fake.write_text(f"#!/bin/sh\ncat {tmp_path}/half.sql\nsleep 1\nkill -9 $PPID\n")
    fake.chmod(0o755)
    (tmp_path / "psql").symlink_to(real.folder / "psql")
    half = Programs(tmp_path, real.major)
    child = begin_child(lambda: loading_dumps._load_as_text(dump, half, empty, ["--no-owner"]))
    assert wait_for(child) == -signal.SIGKILL
    wait_until(lambda: not at_work_in(desk, name))
    assert rows_of(empty) == {}


def _dump_of(desk: BackupDesk) -> Dump:
    [manifest] = find_backups(BackupPlace(str(desk.folder))).backups
    return Dump(desk.folder / manifest.file, manifest, str(desk.folder))


def test_rights_of_roles_come_along_where_the_roles_are_there(desk: BackupDesk, databases: Databases) -> None:
    empty = databases.bare()
    with desk.desk.connection() as conn, conn.cursor() as cursor:
        cursor.execute("CREATE ROLE backup_reader; GRANT USAGE ON SCHEMA nightdesk TO backup_reader")
        cursor.execute("GRANT SELECT ON nightdesk.orders TO backup_reader")
        try:
            made = desk.backup().manifest
            assert "backup_reader" in made.roles
            assert restored(desk, into=empty).notes == ()
            with open_connection(empty) as there, there.cursor() as asked:
                asked.execute("SELECT has_table_privilege('backup_reader', 'nightdesk.orders', 'SELECT')")
                assert asked.fetchone() == (True,)
                asked.execute("DROP OWNED BY backup_reader")
        finally:
            cursor.execute("DROP OWNED BY backup_reader; DROP ROLE backup_reader")
    [note] = restored(desk, into=databases.bare()).notes
    assert "this server has no backup_reader" in note


def test_a_user_who_may_not_make_databases_is_told_so_and_can_fill_an_empty_one(
    desk: BackupDesk, databases: Databases
) -> None:
    desk.backup()
    before, empty = rows_of(desk.desk.url), databases.bare()
    with desk.desk.connection() as conn, conn.cursor() as cursor:
        cursor.execute("CREATE ROLE backup_owner LOGIN")
        cursor.execute("GRANT USAGE ON SCHEMA nightdesk TO backup_owner")
        cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA nightdesk TO backup_owner")
    with open_connection(empty) as conn, conn.cursor() as cursor:
        cursor.execute(f"GRANT CREATE ON DATABASE {parse_dsn(empty)['dbname']} TO backup_owner")
    limited = {**desk.environ, "NIGHTDESK_DATABASE_URL": make_dsn(desk.desk.url, user="backup_owner")}
    with pytest.raises(
        Refused, match=r"does not allow its user to do that.*permission denied to create database"
    ):
        restore(desk.home, limited, Wish("newest", "ann", replace=True))
    into = make_dsn(empty, user="backup_owner")
    done = restore(desk.home, limited, Wish("newest", "ann", into=into))
    assert done.verified[0].found.differences == ()
    assert "may not give any in the name of" in done.notes[0]
    with open_connection(empty) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('nightdesk_writer', 'nightdesk.orders', 'INSERT')")
        assert cursor.fetchone() == (True,)
    assert (rows_of(empty), desk.databases()) == (before, set())
    databases.drop(empty)
    with desk.desk.connection() as conn, conn.cursor() as cursor:
        cursor.execute("DROP OWNED BY backup_owner; DROP ROLE backup_owner")


def test_a_foreign_schema_and_two_wishes_at_once_are_refused(desk: BackupDesk, databases: Databases) -> None:
    desk.backup()
    foreign = databases.bare()
    with open_connection(foreign) as conn, conn.cursor() as cursor:
        cursor.execute("CREATE SCHEMA nightdesk; CREATE TABLE nightdesk.mine (n integer)")
    with pytest.raises(Refused, match="has a schema nightdesk that the desk did not make"):
        restored(desk, into=foreign)
    with pytest.raises(Refused, match="--into takes an empty database"):
        restored(desk, into=foreign, replace=True)


def test_what_the_books_say_after_a_restore_is_what_they_said(desk: BackupDesk, databases: Databases) -> None:
    desk.backup()
    empty = databases.bare()
    restored(desk, into=empty)
    with desk.desk.connection() as ours, open_connection(empty) as theirs:
        for name in ("started_books", "closed_of_books"):
            assert read_rows(ours, name) == read_rows(theirs, name)
