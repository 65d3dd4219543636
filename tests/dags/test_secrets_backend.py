"""Secrets out of a secrets backend of Airflow, in a task that Airflow runs: found, used and shown nowhere."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from nightdesk.machine import postgres
from nightdesk.machine.postgres import Addresses
from nightdesk.store.connection import connect
from nightdesk.store.migrations import migrate

ROOT = Path(__file__).parents[2]

DAG = """
import hashlib
import logging

from airflow.sdk import dag, task


@dag(schedule=None)
def reads():
    @task
    def read():
        from contextlib import closing

        from desk_connections import desk_environment, without_secrets
        from nightdesk.alerts import sending
        from nightdesk.brokers import credentials
        from nightdesk.store.connection import connect, connect_reader
        from nightdesk.store.db import cursor, one

        environ = desk_environment()
        found = {
            "key": environ[credentials.variable("swing", "key")],
            "secret": environ[credentials.variable("swing", "secret")],
            "vendor": environ[credentials.variable("polygon", "key")],
            "route": environ[sending.variable("mail")],
        }
        logging.getLogger("airflow.task").info("found %s", found)
        for name, opened in (("writer", connect), ("reader", connect_reader)):
            with closing(opened(environ=environ)) as conn, cursor(conn) as cur:
                cur.execute("SELECT current_user, current_setting('default_transaction_read_only')")
                print("as", name, *one(cur))
        for name, value in sorted(found.items()):
            print("digest", name, hashlib.sha256(value.encode()).hexdigest())
        with without_secrets():
            raise RuntimeError(f"and it fails with {found}")

    read()


made = reads()
if __name__ == "__main__":
    made.test()
"""

SECRETS = {
    "key": "planted-key-1", "secret": "planted-secret-2", "vendor": "planted-vendor-3",
    "route": "mailtos://desk:planted-mail-4@mail.example.com/ops@example.com",
}  # fmt: skip


@pytest.fixture(scope="module")
def addresses() -> Iterator[Addresses]:
    with postgres.ephemeral() as found:
        yield found


def environment(folder: Path, addresses: Addresses, connections: Path) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("NIGHTDESK_", "AIRFLOW_"))
    }
    return kept | {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": addresses.airflow_sqlalchemy,
        "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": str(connections)}),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(ROOT / "plugins"), str(ROOT / "config")]),
        "NIGHTDESK_ROOT": str(ROOT),
    }


@pytest.mark.timeout(300)
def test_a_task_finds_its_secrets_in_a_backend_and_nobody_sees_them(
    addresses: Addresses, tmp_path: Path
) -> None:
    with closing(connect(addresses.nightdesk)) as conn:
        migrate(conn)
    with closing(psycopg2.connect(addresses.nightdesk)) as conn, conn, conn.cursor() as cur:
        cur.execute("CREATE ROLE runs LOGIN IN ROLE nightdesk_writer PASSWORD 'planted-runs-5'")
        cur.execute("CREATE ROLE looks LOGIN IN ROLE nightdesk_reader PASSWORD 'planted-looks-6'")
    host = psycopg2.extensions.parse_dsn(addresses.nightdesk)["host"]

    def database(login: str, password: str) -> dict[str, object]:
        return {
            "conn_type": "postgres", "login": login, "password": password, "schema": "nightdesk",
            "extra": {"host": host},
        }  # fmt: skip

    connections = tmp_path / "connections.json"
    connections.write_text(
        json.dumps(
            {
                "nightdesk_account_swing": {
                    "conn_type": "generic",
                    "password": SECRETS["secret"],
                    "extra": {"api_key": SECRETS["key"]},
                },
                "nightdesk_account_polygon": {
                    "conn_type": "generic",
                    "extra": {"api_key": SECRETS["vendor"]},
                },
                "nightdesk_alert_mail": {"conn_type": "generic", "password": SECRETS["route"]},
                "nightdesk_database": database("runs", "planted-runs-5"),
                "nightdesk_database_reader": database("looks", "planted-looks-6"),
            }
        )
    )  # fmt: skip
    (tmp_path / "dags").mkdir()
    file = tmp_path / "dags" / "reads.py"
    file.write_text(DAG)
    environ = environment(tmp_path, addresses, connections)
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], env=environ, check=True, capture_output=True
    )
    done = subprocess.run(
        [sys.executable, str(file)], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    for name, value in SECRETS.items():
        assert f"digest {name} {hashlib.sha256(value.encode()).hexdigest()}" in said, said[-4000:]
    assert "as writer runs off" in said
    assert "as reader looks on" in said
    assert "and it fails with" in said
    logs = "".join(path.read_text() for path in tmp_path.rglob("*.log"))
    stored = _everything(addresses.airflow)
    for where, text in (("output", said), ("logs", logs), ("Airflow's tables", stored)):
        assert "planted-" not in text, f"{where}: ...{text[max(0, text.find('planted-') - 200) :][:400]}"


def _everything(url: str) -> str:
    with closing(psycopg2.connect(url)) as conn, conn.cursor() as cur:
        cur.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        )
        names = [name for (name,) in cur.fetchall()]
        found = []
        for name in names:
            cur.execute(f'SELECT string_agg(t::text, chr(10)) FROM public."{name}" t')
            found.append(str((cur.fetchone() or ("",))[0]))
        assert any("reads" in one for one in found)
        return "\n".join(found)
