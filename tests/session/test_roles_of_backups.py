"""Backups of a desk whose database has roles: who makes, rehearses and restores them, and what comes back."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn
from tests.conftest import PROJECT
from typer.testing import CliRunner

from nightdesk.cli import app
from nightdesk.core.errors import Refused
from nightdesk.machine import postgres, upkeep
from nightdesk.machine.backup import BackupMade, make_backup
from nightdesk.machine.cluster import Cluster
from nightdesk.machine.drill import drill
from nightdesk.machine.home import Home
from nightdesk.machine.restore import Restored, Wish, restore
from nightdesk.store.backup_rows import stored_backups, stored_drills
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, cursor
from nightdesk.store.migrations import check_schema, migrate
from nightdesk.store.roles import as_owner

#: One symbol's hours of two months: a part of a table for each.
HOURS = "SELECT nightdesk.make_months_of_hours('2024-01-15Z', '2024-02-15Z')"


@pytest.fixture
def home(open_folder: Path) -> Iterator[Home]:
    """A new desk as `nightdesk up` makes it: its owner has made the tables, its writer works."""
    root = open_folder / "project"
    (root / "books").mkdir(parents=True)
    (root / "sql").symlink_to(PROJECT / "sql")
    made = Home(root=root, state=open_folder / "state")
    begin(made)
    with writer(made) as conn, cursor(conn) as cur:
        cur.execute("INSERT INTO nightdesk.symbols (symbol) VALUES ('SPY')")
        cur.execute(HOURS)
    yield made
    Cluster(made.postgres).destroy()


def begin(home: Home) -> None:
    Cluster(home.postgres, durable=False).start(postgres.DATABASES)
    with closing(connect(postgres.owner_url(home, {}))) as conn:
        migrate(conn)


def writer(home: Home, environ: dict[str, str] | None = None) -> closing[Connection]:
    return closing(connect(postgres.database_url(home, environ or {})))


def of_tasks(home: Home) -> dict[str, str]:
    """What a task of Airflow knows: the writer's address and the reader's."""
    found = postgres.addresses(home, {})
    return {"NIGHTDESK_DATABASE_URL": found.nightdesk, "NIGHTDESK_READER_DATABASE_URL": found.reader}


def back_up(home: Home, environ: dict[str, str]) -> BackupMade:
    return make_backup(home, environ)


def restored(home: Home, **wish: object) -> Restored:
    return restore(home, {}, Wish("newest", "ann", **wish))  # type: ignore[arg-type]


def must_be_as_before(home: Home) -> None:
    """Owner, rights of writer and reader, rules that guard the past, and migrating are as they were."""
    found = postgres.addresses(home, {})
    with writer(home) as conn, cursor(conn) as cur:
        check_schema(conn)
        cur.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner)::text FROM pg_class "
            "WHERE relnamespace = 'nightdesk'::regnamespace UNION "
            "SELECT DISTINCT pg_get_userbyid(proowner)::text FROM pg_proc "
            "WHERE pronamespace = 'nightdesk'::regnamespace"
        )
        assert cur.fetchall() == [("nightdesk_owner",)]
        cur.execute("INSERT INTO nightdesk.symbols (symbol) VALUES ('QQQ')")
        cur.execute("SELECT nightdesk.make_months_of_hours('2024-03-15Z', '2024-03-15Z')")
        for forbidden in (
            "DELETE FROM nightdesk.symbols",
            "DROP TABLE nightdesk.symbols",
            "DELETE FROM nightdesk.bars_hourly_2024_01",
            "CREATE TABLE nightdesk.mine (n integer)",
        ):
            with pytest.raises(Refused, match="does not allow its user"), cursor(conn) as inner:
                inner.execute(forbidden)
    with closing(connect(found.reader)) as conn, cursor(conn) as cur:
        cur.execute("SELECT symbol FROM nightdesk.symbols ORDER BY 1")
        assert cur.fetchall() == [("QQQ",), ("SPY",)]
        cur.execute("SELECT count(*) FROM nightdesk.bars_hourly_2024_03")
    with closing(connect(found.owner)) as conn, cursor(conn) as cur:
        assert migrate(conn) == ()
        with as_owner(conn):
            cur.execute("CREATE TABLE nightdesk.of_later (n integer)")
    with writer(home) as conn, cursor(conn) as cur:
        cur.execute("INSERT INTO nightdesk.of_later VALUES (1)")


def test_a_task_makes_a_backup_as_the_writer_and_the_drill_rehearses_it(home: Home) -> None:
    environ = of_tasks(home)
    made = back_up(home, environ)
    assert {"nightdesk_owner", "nightdesk_reader", "nightdesk_writer"} <= set(made.manifest.roles)
    found = drill(home, environ)
    assert found.faults == []
    with writer(home) as conn:
        assert stored_backups(conn)[0].file == made.manifest.file
        assert stored_drills(conn)[0].outcome == "ok"
        with cursor(conn) as cur:
            cur.execute("SELECT current_user::text")
            assert cur.fetchall() == [("desk_writer",)]


def test_upkeep_by_hand_makes_one_too(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_ROOT", str(home.root))
    monkeypatch.setenv("NIGHTDESK_HOME", str(home.state))
    monkeypatch.delenv("NIGHTDESK_DATABASE_URL", raising=False)
    whole = upkeep.parts
    monkeypatch.setattr(upkeep, "parts", lambda *given: {"backup": whole(*given)["backup"]})
    result = CliRunner().invoke(app, ["upkeep", "--json"])
    assert result.exit_code == 0, result.stderr
    with writer(home) as conn:
        assert str(stored_backups(conn)[0].file) in result.stdout


def test_a_writer_that_may_not_read_all_is_told_whom_to_name(home: Home) -> None:
    environ = of_tasks(home)
    del environ["NIGHTDESK_READER_DATABASE_URL"]
    home.database_logins.rename(home.database_logins.with_suffix(".away"))
    with pytest.raises(Refused, match=r"may not read .*bars_hourly_2024.*NIGHTDESK_READER_DATABASE_URL"):
        back_up(home, environ)
    with closing(connect(environ["NIGHTDESK_DATABASE_URL"])) as conn:
        assert "NIGHTDESK_READER_DATABASE_URL" in str(stored_backups(conn)[0].error)


def test_roles_and_rights_are_back_after_the_whole_home_was_lost(home: Home) -> None:
    back_up(home, {})
    before = parse_dsn(postgres.addresses(home, {}).nightdesk)["password"]
    Cluster(home.postgres).stop(mode="immediate")
    shutil.rmtree(home.postgres)
    home.database_logins.unlink()
    done = restored(home)
    assert (done.kept_as, done.notes) == (None, ())
    assert parse_dsn(postgres.addresses(home, {}).nightdesk)["password"] != before
    must_be_as_before(home)


def test_roles_and_rights_are_back_after_a_database_was_replaced(home: Home) -> None:
    back_up(home, {})
    with writer(home) as conn, cursor(conn) as cur:
        cur.execute("INSERT INTO nightdesk.symbols (symbol) VALUES ('IWM')")
    done = restored(home, replace=True)
    assert done.kept_as is not None
    must_be_as_before(home)
    back_up(home, of_tasks(home))


def test_a_backup_of_before_there_were_roles_gets_them_with_its_migrations(
    home: Home, tmp_path: Path
) -> None:
    """The superuser made its tables, and nobody was given rights."""
    Cluster(home.postgres).destroy()
    home.database_logins.unlink()
    cluster = Cluster(home.postgres, durable=False)
    cluster.start(postgres.DATABASES)
    own = {"NIGHTDESK_DATABASE_URL": cluster.url("nightdesk")}
    older = tmp_path / "older"
    older.mkdir()
    for path in sorted((PROJECT / "sql" / "migrations").glob("*.sql")):
        if path.name < "064":
            shutil.copy(path, older)
    with closing(connect(own["NIGHTDESK_DATABASE_URL"], checked=False)) as conn, cursor(conn) as cur:
        migrate(conn, older)
        cur.execute("INSERT INTO nightdesk.symbols (symbol) VALUES ('SPY')")
        cur.execute(HOURS)
    with pytest.raises(Refused, match="lacks"):
        back_up(home, own)
    must_be_made_by_older_code(home, own, older)
    cluster.destroy()
    done = restored(home)
    assert done.migrated[0] > "064"
    must_be_as_before(home)


def must_be_made_by_older_code(home: Home, own: dict[str, str], older: Path) -> None:
    """Make a backup as the code did whose migrations are in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        root = older.parent / "root"
        (root / "sql").mkdir(parents=True)
        for part in ("queries", "roles"):
            (root / "sql" / part).symlink_to(PROJECT / "sql" / part)
        (root / "sql" / "migrations").symlink_to(older)
        patch.setattr("nightdesk.store.migrations.sql_folder", lambda: root / "sql")
        back_up(home, own)
