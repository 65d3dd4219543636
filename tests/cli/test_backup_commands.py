"""`backup`, `backups`, `restore` and `drill`: what they say, and how they end."""

import json

import pytest
from tests.conftest import open_connection


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where backups go; nobody else's variable counts."""
    monkeypatch.delenv("NIGHTDESK_BACKUP", raising=False)
    return tmp_path / "kept"


def test_a_backup_is_made_listed_and_restored(nightdesk, project, database, databases, folder):
    made = nightdesk.document("backup", "--to", folder)
    assert made["place"] == str(folder)
    assert made["bytes"] > 0
    said = nightdesk("backups", "--from", folder).stdout
    assert said.startswith(f"1 backups in {folder}\n{made['file']}: of ")
    listed = nightdesk.document("backups", "--from", folder)
    assert [one["file"] for one in listed["backups"]] == [made["file"]]
    assert [one["file"] for one in listed["attempts"]] == [made["file"]]
    empty = databases.bare()
    said = nightdesk("restore", folder / made["file"], "--into", empty).stdout
    assert "into postgres@" in said
    assert "this is a copy: do not let it trade" in said
    with open_connection(empty) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM nightdesk.restores")
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT file, error FROM nightdesk.backups")
        assert cursor.fetchall() == [(made["file"], None)]


def test_the_default_place_is_in_the_home_and_the_variable_names_another(
    nightdesk, project, database, folder, monkeypatch
):
    assert nightdesk.document("backup")["place"] == str(project / "state" / "backups")
    monkeypatch.setenv("NIGHTDESK_BACKUP", str(folder))
    assert nightdesk.document("backup")["place"] == str(folder)


def test_backups_are_listed_without_a_database(nightdesk, project, folder, monkeypatch):
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", "postgresql://desk:a-secret-word@127.0.0.1:1/desk")
    said = nightdesk("backups", "--from", folder).stdout
    assert said.startswith(f"0 backups in {folder}\n")
    assert (
        "what the database remembers is left out: PostgreSQL at desk@127.0.0.1:1/desk cannot be reached"
        in said
    )
    assert "a-secret-word" not in said


def test_what_cannot_be_done_is_refused_in_a_paragraph(nightdesk, project, database, folder, monkeypatch):
    assert "there is no backup in" in nightdesk.refusal("restore", "newest", "--from", folder)
    assert "cannot be made" in nightdesk.refusal("backup", "--to", "/proc/none")
    assert "found ftp://" in nightdesk.refusal("backup", "--to", "ftp://host/x")
    nightdesk("backup", "--to", folder)
    assert "--replace keeps it under another name" in nightdesk.refusal("restore", "newest", "--from", folder)
    for name in ("x" * 5000 + ".dump", "a\nb.dump", "<b>.dump"):
        assert len(nightdesk.refusal("restore", name, "--from", folder)) < 12_000


def test_a_restore_that_does_not_verify_says_so_and_has_status_1(
    nightdesk, project, database, folder, monkeypatch
):
    from datetime import date
    from decimal import Decimal

    from nightdesk.machine import restore
    from nightdesk.operations.integrity import BookVerified
    from nightdesk.operations.verify import Mismatch, Verified

    nightdesk("backup", "--to", folder)
    wrong = Verified(1, 2, (Mismatch(date(2026, 11, 20), "cash", Decimal(1), Decimal(2)),))
    monkeypatch.setattr(restore, "verify_all", lambda conn: (BookVerified("multi_asset", wrong),))
    said = nightdesk("restore", "newest", "--from", folder, "--replace", status=1).stdout
    assert "multi_asset: DOES NOT VERIFY: 2026-11-20 cash: rebuilt 1, stored 2" in said
    assert "is kept as" in said


def test_a_drill_without_a_book_is_well_and_one_without_a_backup_is_not(nightdesk, project, database, folder):
    document = json.loads(nightdesk("drill", "--from", folder, "--json", status=1).stdout)
    assert document["outcome"] == "failed"
    assert "there is no backup in" in document["faults"][0]
