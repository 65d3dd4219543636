"""`nightdesk db`, and what commands expect of a database."""

import psycopg2
import pytest

from nightdesk.machine import postgres


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
