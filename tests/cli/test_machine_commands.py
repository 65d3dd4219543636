"""`nightdesk db`, and what commands expect of a database."""

from contextlib import closing

import psycopg2
import pytest

from nightdesk.machine import postgres
from nightdesk.store.connection import connect_reader


@pytest.fixture(scope="module")
def empty():
    """The address of a database without the desk's tables."""
    with postgres.ephemeral() as addresses:
        yield addresses.nightdesk


def test_a_database_of_the_users_own_is_migrated_when_asked_and_not_before(nightdesk, empty, monkeypatch):
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", empty)
    assert "bring its schema up to date with `nightdesk db migrate`" in nightdesk.refusal("status")
    with psycopg2.connect(empty) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'nightdesk'")
        assert cursor.fetchone() == (0,)
    conn.close()
    applied = nightdesk.document("db", "migrate")["applied"]
    assert applied == sorted(applied)
    assert "001_market.sql" in applied
    assert nightdesk("db", "migrate").stdout == "the schema is up to date\n"
    assert nightdesk.document("status") == {"books": [], "feeds": [], "alerts": []}


def test_the_address_is_told_whole_to_programs_and_without_its_password_to_people(nightdesk, monkeypatch):
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", "postgresql://desk:secret@127.0.0.1:1/desk")
    assert nightdesk("db", "url").stdout == "postgresql://desk:secret@127.0.0.1:1/desk\n"
    assert "secret" not in nightdesk.refusal("db", "start")


def test_a_server_that_does_not_run_is_stopped_without_harm(nightdesk, tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    assert nightdesk.document("db", "stop") == {"stopped": False}
    assert nightdesk("down").stdout == "nothing was running\n"


def test_health_of_a_desk_of_which_nothing_runs_says_so_of_each_part_and_starts_nothing(
    nightdesk, project, monkeypatch
):
    monkeypatch.delenv("NIGHTDESK_DATABASE_URL", raising=False)
    monkeypatch.delenv("NIGHTDESK_AIRFLOW_DATABASE_URL", raising=False)
    document = nightdesk.document("health", status=1)
    assert not document["well"]
    states = {part["name"]: part["state"] for part in document["parts"]}
    processes = ("supervisor", "postgres", "api-server", "scheduler", "dag-processor", "triggerer")
    assert states == dict.fromkeys(processes, "dead") | {"books and alerts": "doubt"}
    assert not (project / "state" / "postgres").exists()
    shown = nightdesk("health", status=1).stdout
    assert "DEAD    scheduler: does not run" in shown
    assert "taken down, or never started: `nightdesk up` starts it" in shown


def test_health_tells_of_a_supervisor_that_was_killed_and_of_a_database_that_is_not_there(
    nightdesk, project, monkeypatch
):
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", "postgresql://desk:secret@127.0.0.1:1/desk")
    monkeypatch.setenv("NIGHTDESK_AIRFLOW_DATABASE_URL", "postgresql://desk:secret@127.0.0.1:1/airflow")
    (project / "state" / "run").mkdir(parents=True)
    (project / "state" / "run" / "up.json").write_text("{}")
    shown = nightdesk("health", status=1).stdout
    assert "DEAD    supervisor: does not run, it has died" in shown
    assert (
        "UNWELL  postgres: a server of your own, does not take a connection (NIGHTDESK_DATABASE_URL)" in shown
    )
    assert "secret" not in shown


def test_the_databases_server_is_not_stopped_under_a_supervisor_that_would_start_it_again(nightdesk, project):
    import psutil

    from nightdesk.machine.home import write_json
    from nightdesk.machine.processes import identity

    write_json(project / "state" / "run" / "supervisor.json", identity(psutil.Process()))
    assert "`nightdesk down` ends all of it" in nightdesk.refusal("db", "stop")


def test_a_watchdogs_address_that_is_none_is_refused_before_anything_is_started(
    nightdesk, project, monkeypatch
):
    monkeypatch.setenv("NIGHTDESK_HEARTBEAT_URL", "hc-ping.com/secret")
    assert "NIGHTDESK_HEARTBEAT_URL is not an address of HTTP" in nightdesk.refusal("up")
    assert "NIGHTDESK_HEARTBEAT_URL is not an address of HTTP" in nightdesk.refusal("up", "--foreground")
    assert not (project / "state").exists()


def test_each_role_has_its_address_and_an_administrator_gets_the_statements(nightdesk, monkeypatch):
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", "postgresql://desk:secret@127.0.0.1:1/desk")
    monkeypatch.setenv("NIGHTDESK_READER_DATABASE_URL", "postgresql://look:see@127.0.0.1:1/desk")
    assert nightdesk("db", "url", "--role", "reader").stdout == "postgresql://look:see@127.0.0.1:1/desk\n"
    assert nightdesk("db", "url", "--role", "owner").stdout == "postgresql://desk:secret@127.0.0.1:1/desk\n"
    assert "expected one of owner, writer, reader" in nightdesk.refusal("db", "url", "--role", "x")
    shown = nightdesk("db", "roles").stdout
    assert "CREATE ROLE %I NOLOGIN" in shown
    assert "IN ROLE nightdesk_reader;" in shown


def test_a_user_who_may_not_make_roles_migrates_and_is_told_who_may(nightdesk, monkeypatch):
    with postgres.ephemeral() as addresses:
        with closing(psycopg2.connect(addresses.nightdesk)) as conn, conn, conn.cursor() as cur:
            cur.execute("CREATE ROLE plain LOGIN; GRANT CREATE ON DATABASE nightdesk TO plain")
        monkeypatch.setenv("NIGHTDESK_DATABASE_URL", addresses.nightdesk.replace("postgres@", "plain@"))
        told = nightdesk("db", "migrate").stdout
        assert "applied 057_roles.sql" in told
        assert "nightdesk_owner, nightdesk_writer, nightdesk_reader are not there" in told
        assert "`nightdesk db roles`" in told
        with closing(psycopg2.connect(addresses.nightdesk)) as conn, conn, conn.cursor() as cur:
            cur.execute(nightdesk("db", "roles").stdout)
            cur.execute("GRANT nightdesk_owner TO plain; CREATE ROLE looks LOGIN IN ROLE nightdesk_reader")
        assert "the schema is up to date" in nightdesk("db", "migrate").stdout
        looks = addresses.nightdesk.replace("postgres@", "looks@")
        connect_reader({"NIGHTDESK_READER_DATABASE_URL": looks}).close()
