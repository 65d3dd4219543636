"""The embedded server's users: a desk's own roles, for a new desk and for one of before."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from nightdesk.core.errors import Refused
from nightdesk.machine import postgres
from nightdesk.machine.cluster import Cluster
from nightdesk.machine.environment import airflow_environment
from nightdesk.machine.home import Home, read_json
from nightdesk.machine.logins import ensure_logins
from nightdesk.store.connection import connect, connect_reader
from nightdesk.store.db import cursor, one
from nightdesk.store.migrations import migrate


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A desk of before: its server runs, and its superuser has made the tables."""
    folder = tmp_path_factory.mktemp("desk")
    made = Home(root=folder / "root", state=folder / "state")
    cluster = Cluster(made.postgres, durable=False)
    cluster.start(postgres.DATABASES)
    with closing(connect(cluster.url("nightdesk"))) as conn:
        migrate(conn)
    yield made
    cluster.destroy()


def test_a_desk_of_before_gets_users_and_its_tables_an_owner(home: Home) -> None:
    assert "postgres@" in postgres.addresses(home, {}).nightdesk, "nobody else is known yet"
    found = postgres.start(home, {})
    assert "desk_writer:" in found.nightdesk
    assert "desk_owner:" in found.owner
    assert "desk_reader:" in found.reader
    assert found == postgres.addresses(home, {})
    assert postgres.owner_url(home, {}) == found.owner
    assert postgres.known_url(home, {}) == postgres.database_url(home, {}) == found.nightdesk
    with closing(connect(found.owner)) as conn, cursor(conn) as cur:
        assert migrate(conn) == ()
        cur.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner)::text FROM pg_class "
            "WHERE relnamespace = 'nightdesk'::regnamespace AND relkind IN ('r', 'v', 'p', 'S')"
        )
        assert cur.fetchall() == [("nightdesk_owner",)]
    with closing(connect(environ={"NIGHTDESK_DATABASE_URL": found.nightdesk})) as conn, cursor(conn) as cur:
        cur.execute("INSERT INTO nightdesk.symbols (symbol) VALUES ('SPY')")
        with pytest.raises(Refused, match="does not allow its user"), cursor(conn) as inner:
            inner.execute("DROP TABLE nightdesk.symbols")
    with (
        closing(connect_reader({"NIGHTDESK_READER_DATABASE_URL": found.reader})) as conn,
        cursor(conn) as cur,
    ):
        cur.execute("SELECT symbol FROM nightdesk.symbols")
        assert one(cur) == ("SPY",)
        cur.execute("SET default_transaction_read_only = off")
        with pytest.raises(Refused, match="does not allow its user"), cursor(conn) as inner:
            inner.execute("INSERT INTO nightdesk.symbols (symbol) VALUES ('QQQ')")


def test_users_log_in_by_passwords_that_nobody_else_can_read_and_again_changes_nothing(home: Home) -> None:
    postgres.start(home, {})
    passwords = read_json(home.database_logins)
    assert len(set(passwords.values())) == 3
    assert stat.S_IMODE(home.database_logins.stat().st_mode) == 0o600
    assert not ensure_logins(home)
    url = postgres.addresses(home, {}).nightdesk
    for wrong in (
        url.replace(passwords["writer"], passwords["reader"]),
        url.replace(f":{passwords['writer']}", ""),
    ):
        with pytest.raises(psycopg2.OperationalError, match="password"):
            psycopg2.connect(wrong)
    assert passwords["writer"] not in (home.postgres / "server.log").read_text()


def test_lost_passwords_are_made_anew_and_an_owner_of_a_restored_dump_is_set_right(home: Home) -> None:
    before = postgres.start(home, {})
    home.database_logins.unlink()
    after = postgres.start(home, {})
    assert before != after
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(before.nightdesk)
    psycopg2.connect(after.nightdesk).close()
    with (
        closing(psycopg2.connect(Cluster(home.postgres).url("nightdesk"))) as conn,
        conn,
        conn.cursor() as cur,
    ):
        cur.execute("CREATE TABLE nightdesk.restored (n integer)")
    assert ensure_logins(home, anew=True)
    with closing(connect(after.owner)) as conn, cursor(conn) as cur:
        cur.execute("DROP TABLE nightdesk.restored")


def test_tasks_are_given_the_writers_and_the_readers_address_and_never_the_owners(home: Home) -> None:
    found = postgres.start(home, {})
    environ = {"NIGHTDESK_OWNER_DATABASE_URL": "postgresql://o:secret@db/nightdesk"}
    given = airflow_environment(home, found, "127.0.0.1", 8080, environ)
    assert given["NIGHTDESK_DATABASE_URL"] == found.nightdesk
    assert given["NIGHTDESK_READER_DATABASE_URL"] == found.reader
    assert "NIGHTDESK_OWNER_DATABASE_URL" not in given
    assert not [name for name, value in given.items() if "desk_owner" in value or "o:secret" in value]


def test_on_a_server_of_their_own_users_name_the_owner_and_the_reader_or_one_does_all(home: Home) -> None:
    own = Cluster(home.postgres).url("nightdesk")
    alone = {"NIGHTDESK_DATABASE_URL": own}
    assert postgres.addresses(home, alone).owner == ""
    assert postgres.addresses(home, alone).reader == ""
    assert postgres.owner_url(home, alone) == own
    named = alone | {"NIGHTDESK_OWNER_DATABASE_URL": f"{own}&application_name=o"}
    assert postgres.owner_url(home, named) == f"{own}&application_name=o"
    with pytest.raises(Refused, match=r"NIGHTDESK_READER_DATABASE_URL.*postgresql://"):
        postgres.start(home, alone | {"NIGHTDESK_READER_DATABASE_URL": "mysql://h/d"})
    assert Path(home.database_logins).exists()
