"""TLS to the database: asked for in the address, and checked against a real server with its certificate."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from nightdesk.core.errors import Refused
from nightdesk.machine import cluster, postgres
from nightdesk.machine.cluster import Cluster
from nightdesk.machine.environment import airflow_environment
from nightdesk.machine.home import Home
from nightdesk.machine.postgres import Addresses, sqlalchemy_address
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, cursor, one
from nightdesk.store.migrations import migrate
from nightdesk.store.roles import lacking_roles
from nightdesk.store.tls import asynchronous, check_tls


@dataclass(frozen=True)
class Encrypted:
    """A server whose certificate is for `localhost`, and the authorities that have and have not signed it."""

    cluster: Cluster
    port: int
    ca: Path
    other_ca: Path

    def url(self, host: str = "localhost", user: str = "over_tls", **parts: object) -> str:
        query = "&".join(f"{name}={value}" for name, value in parts.items())
        return f"postgresql://{user}:hunter22@{host}:{self.port}/nightdesk?{query}"


@dataclass(frozen=True)
class OnPort(Cluster):
    """A server that listens on a port of this machine too."""

    port: int = 0

    def url(self, database: str, user: str = "postgres", password: str = "") -> str:
        return f"{super().url(database, user, password)}&port={self.port}"


def authority(folder: Path, name: str) -> Path:
    folder.mkdir()
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", f"/CN={name}", "-keyout", folder / "ca.key", "-out", folder / "ca.pem",
    )  # fmt: skip
    return folder / "ca.pem"


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def programs() -> Path:
    """A PostgreSQL of the machine: the embedded one is built without TLS."""
    found = [Path(named).resolve().parent for named in [shutil.which("postgres")] if named]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = [folder for folder in found if (folder / "postgres").exists()]
    if not found or shutil.which("openssl") is None:
        pytest.skip("no PostgreSQL with TLS here, or no openssl to make certificates with")
    return found[-1]


def certificates(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for `localhost`, signed by the authority in `folder`."""
    key, wish, names, made = (folder / name for name in ("server.key", "server.csr", "names", "server.pem"))
    names.write_text("subjectAltName=DNS:localhost")
    openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-subj", "/CN=localhost", "-keyout", key, "-out", wish,
    )  # fmt: skip
    openssl(
        "x509", "-req", "-in", wish, "-days", "2", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
        "-CAcreateserial", "-extfile", names, "-out", made,
    )  # fmt: skip
    return key, made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    found, folder = programs(), tmp_path_factory.mktemp("tls")
    ca, other = authority(folder / "ours", "Desk CA"), authority(folder / "theirs", "Other CA")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = {
        **cluster.SETTINGS, "listen_addresses": "127.0.0.1", "port": str(port), "ssl": "on",
        "ssl_cert_file": "server.pem", "ssl_key_file": "server.key",
    }  # fmt: skip
    made = OnPort(folder / "postgres", durable=False, port=port)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "programs_folder", lambda: found)
        patch.setattr(cluster, "SETTINGS", settings)
        made.folder.mkdir()
        owner = made._prepare_folders()
        arguments = ("--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--locale", "C")
        done = cluster._program("initdb", "--pgdata", str(made.data), *arguments, owner=owner)
        assert done.returncode == 0, done.stdout
        for one_of in certificates(ca.parent):
            placed = made.data / one_of.name
            placed.write_bytes(one_of.read_bytes())
            placed.chmod(0o600)
            if owner is not None:
                os.chown(placed, owner.pw_uid, owner.pw_gid)
        (made.data / "pg_hba.conf").write_text(
            "local all all trust\n"
            "hostssl all over_tls 127.0.0.1/32 scram-sha-256\nhostnossl all plainly 127.0.0.1/32 trust\n"
        )
        try:
            made.start(("nightdesk",))
            with closing(psycopg2.connect(made.url("nightdesk"))) as conn, conn, conn.cursor() as cur:
                cur.execute("CREATE ROLE over_tls LOGIN SUPERUSER PASSWORD 'hunter22'")
                cur.execute("CREATE ROLE plainly LOGIN")
            yield Encrypted(made, port, ca, other)
        finally:
            made.destroy()


def is_encrypted(conn: Connection) -> bool:
    with cursor(conn) as cur:
        cur.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        return bool(one(cur)[0])


def test_an_address_that_asks_for_it_is_served_encrypted_by_a_server_that_is_trusted(
    server: Encrypted,
) -> None:
    for parts in ({"sslmode": "require"}, {"sslmode": "verify-full", "sslrootcert": server.ca}):
        url = server.url(**parts)
        conn = connect(url, {"NIGHTDESK_DATABASE_TLS": parts["sslmode"]})
        assert is_encrypted(conn)
        conn.close()


@pytest.mark.parametrize(
    ("host", "authority_of", "words"),
    [
        ("localhost", "other_ca", "is not trusted.*certificate verify failed"),
        ("127.0.0.1", "ca", "is not trusted.*does not match host name"),
        ("localhost", None, "is not trusted.*root certificate file"),
    ],
)
def test_a_wrong_authority_a_wrong_name_or_none_is_refused_in_words(
    server: Encrypted, host: str, authority_of: str | None, words: str, tmp_path: Path
) -> None:
    root = tmp_path / "none.pem" if authority_of is None else getattr(server, authority_of)
    url = server.url(host, sslmode="verify-full", sslrootcert=root)
    with pytest.raises(Refused, match=words) as caught:
        connect(url)
    assert "hunter22" not in str(caught.value)
    assert "sslrootcert" in str(caught.value)
    with pytest.raises(Refused, match=rf"{words}.*NIGHTDESK_DATABASE_URL"):
        postgres.start(Home(tmp_path, tmp_path), {"NIGHTDESK_DATABASE_URL": url})


def test_a_server_that_does_not_encrypt_is_refused_where_it_must(server: Encrypted) -> None:
    url = server.url(user="plainly", sslmode="disable")
    conn = connect(url)
    assert not is_encrypted(conn)
    conn.close()
    with pytest.raises(
        Refused, match=r"NIGHTDESK_DATABASE_TLS is require.*sslmode=disable.*add sslmode=require"
    ):
        connect(url, {"NIGHTDESK_DATABASE_TLS": "require"})


@pytest.mark.parametrize(
    ("wanted", "url", "words"),
    [
        ("require", "postgresql://d@db.example/n", "asks for sslmode=prefer"),
        ("require", "postgresql://d@db.example/n?sslmode=allow", "asks for sslmode=allow"),
        (
            "verify-full",
            "postgresql://d@db.example/n?sslmode=require",
            "add sslmode=verify-full&sslrootcert=",
        ),
        ("verify-full", "postgresql://d@/n?hostaddr=10.0.0.1", "asks for sslmode=prefer"),
        ("verify-full", "postgresql://d@/n?host=/run/pg,db.example", "asks for sslmode=prefer"),
        ("yes", "postgresql://d@db.example/n", "expected require or verify-full"),
        ("require", "postgresql://d@db.example/n?sslmode=verify-ca", None),
        ("require", "postgresql://d@/n?host=/run/postgresql", None),
        ("", "postgresql://d@db.example/n", None),
    ],
)
def test_what_an_address_must_ask_for(wanted: str, url: str, words: str | None) -> None:
    environ = {"NIGHTDESK_DATABASE_TLS": wanted}
    if words is None:
        check_tls(url, "NIGHTDESK_DATABASE_URL", environ)
        return
    with pytest.raises(Refused, match=words):
        check_tls(url, "NIGHTDESK_DATABASE_URL", environ)


def test_libpqs_own_variable_counts() -> None:
    environ = {"NIGHTDESK_DATABASE_TLS": "require", "PGSSLMODE": "verify-full"}
    check_tls("postgresql://d@db.example/n", "NIGHTDESK_DATABASE_URL", environ)


def test_airflows_own_connections_are_encrypted_too(
    server: Encrypted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url(sslmode="verify-full", sslrootcert=server.ca)
    home = Home(tmp_path / "root", tmp_path / "state")
    environ = airflow_environment(home, Addresses("postgresql:///n", url), "127.0.0.1", 8080, {})
    asked = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    with create_engine(environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]).connect() as conn:
        assert conn.execute(asked).scalar() is True
    monkeypatch.setenv("PGSSLROOTCERT", environ["PGSSLROOTCERT"])

    async def ask() -> object:
        engine = create_async_engine(environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"])
        async with engine.connect() as conn:
            found = (await conn.execute(asked)).scalar()
        await engine.dispose()
        return found

    assert asyncio.run(ask()) is True
    monkeypatch.setenv("PGSSLROOTCERT", str(server.other_ca))
    with pytest.raises(Exception, match="certificate verify failed"):
        asyncio.run(ask())


def test_an_address_without_tls_is_handed_to_the_other_driver_without_libpqs_words() -> None:
    url = sqlalchemy_address(
        "postgresql://a:p%2Fw@db:5433/airflow?sslmode=require&connect_timeout=9&sslcert=/c"
    )
    assert asynchronous(url) == (
        "postgresql+asyncpg://a:p%2Fw@db:5433/airflow?ssl=require&timeout=9",
        {"PGSSLCERT": "/c"},
    )


def test_a_server_of_before_takes_the_schema_and_the_roles_over_tls(server: Encrypted) -> None:
    conn = connect(server.url(sslmode="verify-full", sslrootcert=server.ca))
    assert migrate(conn)
    assert lacking_roles(conn) == ()
    assert migrate(conn) == ()
    conn.close()
