import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg2
import pytest

from nightdesk.machine import postgres
from nightdesk.machine.cluster import SOCKET_PATH_LIMIT, Cluster

DATABASES = ("nightdesk",)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with postgres.ephemeral() as addresses:
        folder = Path(psycopg2.extensions.parse_dsn(addresses.nightdesk)["host"])
        yield Cluster(folder)


def query(cluster: Cluster, statement: str) -> object:
    connection = psycopg2.connect(cluster.url("nightdesk"))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0] if cursor.description else None
    finally:
        connection.close()


def server_pid(cluster: Cluster) -> int:
    return int((cluster.data / "postmaster.pid").read_text().split()[0])


def test_it_is_postgresql_18_with_contrib_and_the_desks_settings(cluster: Cluster) -> None:
    assert str(query(cluster, "SHOW server_version")).startswith("18.")
    assert query(cluster, "SHOW timezone") == "UTC"
    query(cluster, "CREATE EXTENSION pg_trgm")
    assert query(cluster, "SELECT similarity('momentum', 'momentum')") == 1.0


def test_a_durable_cluster_syncs_to_disk_and_committed_rows_survive_a_kill(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "postgres")
    try:
        cluster.start(DATABASES)
        assert query(cluster, "SHOW fsync") == "on"
        query(cluster, "CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(server_pid(cluster), signal.SIGKILL)
        assert not postgres.is_alive(cluster.url("nightdesk"))
        cluster.start(DATABASES)
        assert query(cluster, "SELECT answer FROM kept") == 42
    finally:
        cluster.destroy()
    assert not cluster.folder.exists()


def test_a_second_start_changes_nothing(cluster: Cluster) -> None:
    before = server_pid(cluster)
    cluster.start(DATABASES)
    assert server_pid(cluster) == before


def test_the_number_of_a_dead_server_that_another_process_has_now_does_not_stop_the_start(
    cluster: Cluster,
) -> None:
    cluster.stop()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        lines = [
            str(stranger.pid),
            str(cluster.data),
            "1700000000",
            "5432",
            str(cluster.folder),
            "",
            "0 0",
            "ready",
        ]
        (cluster.data / "postmaster.pid").write_text("\n".join(lines) + "\n")
        assert not cluster.stop(), "a process that is no server of this folder is left alone"
        cluster.start(DATABASES)
        assert postgres.is_alive(cluster.url("nightdesk"))
        assert psutil.Process(stranger.pid).is_running()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_two_that_start_it_at_once_share_one_server(cluster: Cluster) -> None:
    cluster.stop()
    script = (
        "import sys; from pathlib import Path; from nightdesk.machine.cluster import Cluster\n"
        "c = Cluster(Path(sys.argv[1]), durable=False); c.start(('nightdesk', 'second'))\n"
        "print((c.data / 'postmaster.pid').read_text().split()[0])"
    )

    def start(_: int) -> str:
        command = [sys.executable, "-c", script, str(cluster.folder)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with ThreadPoolExecutor(2) as pool:
        pids = set(pool.map(start, range(2)))
    assert pids == {str(server_pid(cluster))}


def test_the_server_outlives_the_process_that_started_it(cluster: Cluster) -> None:
    cluster.stop()
    script = (
        "import sys, os; from pathlib import Path; from nightdesk.machine.cluster import Cluster\n"
        "Cluster(Path(sys.argv[1]), durable=False).start(('nightdesk',)); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(cluster.folder)], check=True)
    assert postgres.is_alive(cluster.url("nightdesk"))
    assert cluster.stop()
    assert not postgres.is_alive(cluster.url("nightdesk"))


def test_a_path_too_long_for_a_socket_gets_a_short_private_folder(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / ("long" * 30) / "postgres", durable=False)
    assert len(str(cluster.socket_folder / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT
    try:
        cluster.start(DATABASES)
        assert postgres.is_alive(cluster.url("nightdesk"))
        assert cluster.socket_folder.stat().st_mode & 0o077 == 0
    finally:
        cluster.destroy()
    assert not cluster.socket_folder.exists()


def test_an_initialisation_that_was_killed_half_way_is_done_again(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "postgres", durable=False)
    (cluster.folder / "data.new" / "base").mkdir(parents=True)
    try:
        cluster.start(DATABASES)
        assert postgres.is_alive(cluster.url("nightdesk"))
    finally:
        cluster.destroy()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
def test_a_folder_above_the_data_is_not_opened_without_a_word_and_another_place_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = tmp_path / "closed"
    cluster = Cluster(closed / "state" / "postgres")
    cluster.folder.mkdir(parents=True)
    closed.chmod(0o700)
    cluster.folder.parent.chmod(0o700)
    cluster._prepare_folders()
    said = [line for line in capsys.readouterr().err.splitlines() if f"· {closed}" in line]
    [line] = said
    assert f"{closed}: mode changed from 0700 to 0701" in line
    assert "NIGHTDESK_HOME" in line
    assert f"chmod 0700 {closed}" in line
    cluster._prepare_folders()
    assert capsys.readouterr().err == ""
