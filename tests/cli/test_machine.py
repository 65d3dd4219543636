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
