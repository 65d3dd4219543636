"""Migrations: once, in order, whole, and never changed afterwards."""

import threading
from pathlib import Path
from shutil import copytree

import psycopg2
import pytest

from nightdesk.core.errors import Refused
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection, cursor, sql_folder
from nightdesk.store.migrations import check_schema, migrate


def test_migrations_apply_once_in_the_order_of_their_names(conn: Connection, tmp_path: Path) -> None:
    folder = copied_migrations(tmp_path)
    (folder / "902_second.sql").write_text("INSERT INTO nightdesk.late VALUES (2);")
    (folder / "901_first.sql").write_text("CREATE TABLE nightdesk.late (n integer);")
    assert migrate(conn, folder) == ("901_first.sql", "902_second.sql")
    assert migrate(conn, folder) == ()


def test_a_migration_that_fails_leaves_nothing_and_keeps_those_before_it(
    conn: Connection, tmp_path: Path
) -> None:
    folder = copied_migrations(tmp_path)
    (folder / "901_good.sql").write_text("CREATE TABLE nightdesk.good (n integer);")
    (folder / "902_bad.sql").write_text("CREATE TABLE nightdesk.bad (n integer); SELECT 1 / 0;")
    with pytest.raises(psycopg2.errors.DivisionByZero):
        migrate(conn, folder)
    with cursor(conn) as cur:
        cur.execute("SELECT to_regclass('nightdesk.good') IS NOT NULL, to_regclass('nightdesk.bad') IS NULL")
        assert cur.fetchone() == (True, True)
    (folder / "902_bad.sql").write_text("CREATE TABLE nightdesk.bad (n integer);")
    assert migrate(conn, folder) == ("902_bad.sql",)


def test_an_applied_migration_must_not_change_vanish_or_be_preceded(conn: Connection, tmp_path: Path) -> None:
    folder = copied_migrations(tmp_path)
    first = folder / "001_market.sql"
    original = first.read_text()
    first.write_text(original + "-- more")
    with pytest.raises(Refused, match=r"001_market.sql has changed since it was applied"):
        migrate(conn, folder)
    first.write_text(original)
    (folder / "000_early.sql").write_text("SELECT 1;")
    with pytest.raises(Refused, match=r"000_early.sql sorts before 001_market.sql"):
        migrate(conn, folder)
    (folder / "000_early.sql").unlink()
    first.unlink()
    with pytest.raises(Refused, match=r"newer code: it holds 001_market.sql"):
        migrate(conn, folder)


def test_code_that_is_older_or_newer_than_the_schema_or_differs_from_it_gets_no_connection(
    conn: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied_migrations(tmp_path / "sql")
    copytree(sql_folder() / "queries", tmp_path / "sql" / "queries")
    monkeypatch.setenv("NIGHTDESK_ROOT", str(tmp_path))
    connect().close()
    check_schema(conn)
    record = "INSERT INTO nightdesk.migrations (name, checksum) VALUES ('999_later.sql', 'x')"
    with cursor(conn) as cur:
        cur.execute(record)
    with pytest.raises(Refused, match=r"newer code: it holds 999_later.sql.*Update the code"):
        connect()
    connect(checked=False).close()  # what tells people of it
    with cursor(conn) as cur:
        cur.execute("DELETE FROM nightdesk.migrations WHERE name = '999_later.sql'")
    (folder / "902_next.sql").write_text("SELECT 1;")
    with pytest.raises(Refused, match=r"lacks 1 of the desk's migrations, 902_next.sql first"):
        connect()
    (folder / "902_next.sql").unlink()
    (folder / "001_market.sql").write_text("SELECT 1;")
    with pytest.raises(Refused, match=r"001_market.sql has changed since it was applied"):
        connect()


def test_two_migrations_at_once_apply_each_file_once(database: str, tmp_path: Path) -> None:
    folder = copied_migrations(tmp_path)
    (folder / "901_slow.sql").write_text("SELECT pg_sleep(0.3); CREATE TABLE nightdesk.slow (n integer);")
    applied = []

    def run() -> None:
        connection = connect(database)
        applied.append(migrate(connection, folder))
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(applied) == [(), (), ("901_slow.sql",)]


def copied_migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir(parents=True)
    for path in (sql_folder({}) / "migrations").glob("*.sql"):
        (folder / path.name).write_text(path.read_text())
    return folder
