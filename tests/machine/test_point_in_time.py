"""What docs/backup.md says of going back to an instant: a base backup and archived WAL, on a real server."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg2
import pytest

from nightdesk.machine.cluster import SYSTEM_USER, Cluster, programs_folder
from nightdesk.store.connection import connect
from nightdesk.store.db import cursor, one
from nightdesk.store.migrations import check_schema, migrate


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="nightdesk-test-") as made:
        yield Path(made)


def give_to_server(path: Path) -> None:
    """Let the server's user own what the test, as root, has written."""
    if os.geteuid() == 0:
        user = pwd.getpwnam(SYSTEM_USER)
        for one_path in (path, *path.rglob("*")):
            os.chown(one_path, user.pw_uid, user.pw_gid)


def test_the_state_of_an_instant_comes_back_out_of_a_base_backup_and_the_archive(folder: Path) -> None:
    primary = Cluster(folder / "primary" / "postgres")
    primary.start(("nightdesk",))
    archive = folder / "archive"
    archive.mkdir()
    archive.chmod(0o700)
    give_to_server(archive)
    folder.chmod(0o711)
    try:
        conn = connect(primary.url("nightdesk"), checked=False)
        migrate(conn)
        with cursor(conn) as cur:
            cur.execute("ALTER SYSTEM SET archive_mode = 'on'")
            cur.execute(f"ALTER SYSTEM SET archive_command = 'test ! -f {archive}/%f && cp %p {archive}/%f'")
        conn.close()
        primary.stop()
        primary.start(("nightdesk",))
        base = folder / "second" / "postgres" / "data"
        base.parent.mkdir(parents=True)
        subprocess.run(
            [str(programs_folder() / "pg_basebackup"), f"--dbname={primary.url('postgres')}",
             "--pgdata", str(base), "--checkpoint=fast", "--wal-method=none"],
            check=True, capture_output=True,
        )  # fmt: skip
        conn = connect(primary.url("nightdesk"))
        with cursor(conn) as cur:
            cur.execute("CREATE TABLE nightdesk.drilled AS SELECT 'good' AS what")
            time.sleep(0.2)
            cur.execute("SELECT clock_timestamp()")
            instant = one(cur)[0]
            time.sleep(0.2)
            cur.execute("INSERT INTO nightdesk.drilled VALUES ('a mistake')")
            cur.execute("SELECT pg_walfile_name(pg_switch_wal())")
            last = archive / str(one(cur)[0])
        conn.close()
        ends = time.monotonic() + 60
        while not last.exists():
            assert time.monotonic() < ends
            time.sleep(0.1)
    finally:
        primary.stop(mode="immediate")

    settings = base / "postgresql.auto.conf"
    settings.write_text(
        f"restore_command = 'cp {archive}/%f %p'\n"
        f"recovery_target_time = '{instant.isoformat()}'\n"
        "recovery_target_action = 'promote'\n"
    )
    (base / "recovery.signal").touch()
    give_to_server(base.parent)
    second = Cluster(base.parent)
    second.start(("nightdesk",))
    try:
        ends = time.monotonic() + 60
        while True:
            conn = connect(second.url("nightdesk"), checked=False)
            with cursor(conn) as cur:
                cur.execute("SELECT pg_is_in_recovery()")
                if not one(cur)[0]:
                    break
            conn.close()
            assert time.monotonic() < ends
            time.sleep(0.1)
        check_schema(conn)
        with cursor(conn) as cur:
            cur.execute("SELECT what FROM nightdesk.drilled")
            assert cur.fetchall() == [("good",)]
            cur.execute("INSERT INTO nightdesk.drilled VALUES ('it writes again')")
        conn.close()
    finally:
        second.destroy()
        shutil.rmtree(primary.folder, ignore_errors=True)
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(second.url("nightdesk"), connect_timeout=2)
