"""Backup and restore at a server that is older than the wheel's programs, where the machine has one."""

import os
import pwd
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.conftest import PROJECT, open_connection

from nightdesk.machine import pg_programs
from nightdesk.machine.backup import make_backup
from nightdesk.machine.cluster import SYSTEM_USER, programs_folder
from nightdesk.machine.home import Home
from nightdesk.machine.restore import Wish, restore
from nightdesk.store.migrations import check_schema, migrate


def older_servers() -> list[Path]:
    """Programs of servers before 17 where Debian puts them, the newest first."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    return [one.parent for one in found if re.fullmatch(r"1[4-6]", one.parent.parent.name)]


@pytest.fixture
def server() -> Iterator[str]:
    """The address of an empty database at an older server."""
    programs = older_servers()
    if not programs:
        pytest.skip("no PostgreSQL 14 to 16 in /usr/lib/postgresql")
    user = SYSTEM_USER if os.geteuid() == 0 else None
    if user is not None:
        try:
            pwd.getpwnam(user)
        except KeyError:
            pytest.skip(f"no user {user}, as whom a server could run")

    def run(name: str, *arguments: str) -> None:
        subprocess.run(
            [str(programs[0] / name), *arguments],
            check=True, user=user, extra_groups=[] if user else None, cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip

    with TemporaryDirectory(prefix="nightdesk-test-") as made:
        folder = Path(made)
        folder.chmod(0o777)
        data = str(folder / "data")
        run(
            "initdb",
            "--pgdata",
            data,
            "--username",
            "postgres",
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--no-sync",
        )
        run("pg_ctl", "-D", data, "-w", "-o", f"-k {folder} -c listen_addresses= -c fsync=off", "start")
        try:
            run("createdb", "-h", made, "-U", "postgres", "nightdesk")
            yield f"postgresql://postgres@/nightdesk?host={made}"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


@pytest.mark.parametrize("only_newer", [False, True])
def test_a_desk_at_an_older_server_is_copied_and_comes_back(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only_newer: bool
) -> None:
    with open_connection(server) as conn:
        migrate(conn)
        major = conn.server_version // 10000
    if only_newer:  # as on a machine that has the wheel alone
        newer = pg_programs.Programs(programs_folder(), 18)
        monkeypatch.setattr(pg_programs, "_here", lambda: [newer])
    home = Home(PROJECT, tmp_path / "state")
    environ = {"NIGHTDESK_DATABASE_URL": server, "NIGHTDESK_BACKUP": str(tmp_path / "backups")}
    made = make_backup(home, environ).manifest
    assert (made.server, made.programs >= major) == (major, True)
    assert made.programs == 18 or not only_newer
    done = restore(home, environ, Wish("newest", "ann", replace=True))
    assert done.kept_as is not None
    with open_connection(server) as conn:
        check_schema(conn)
