"""`nightdesk backfill` where Airflow need not answer: what is wrong is said before anything is started."""

import pytest


@pytest.fixture(autouse=True)
def own_database(database, monkeypatch):
    """Both databases are the test's: nothing is started."""
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", database)
    monkeypatch.setenv("NIGHTDESK_AIRFLOW_DATABASE_URL", database)


def test_a_book_that_never_began_has_no_past(nightdesk, project):
    said = nightdesk.refusal("backfill", "multi_asset", "--from", "2025-01-06", "--to", "2025-01-10")
    assert "book multi_asset was never started, and its file names no inception: `nightdesk up`" in said


def test_a_span_of_no_session_and_one_that_ends_before_it_begins_are_refused(nightdesk, project):
    book = project / "books" / "multi_asset.yaml"
    book.write_text(f"{book.read_text()}\ninception: 2025-01-08\n")
    said = nightdesk.refusal("backfill", "multi_asset", "--from", "2025-01-11", "--to", "2025-01-12")
    assert "there is no session of XNYS from 2025-01-11 to 2025-01-12" in said
    result = nightdesk("backfill", "multi_asset", "--from", "2025-01-12", "--to", "2025-01-11", status=2)
    assert "ends (2025-01-11) before it begins" in result.stderr


def test_what_lies_before_the_inception_is_said_without_asking_airflow(nightdesk, project):
    book = project / "books" / "multi_asset.yaml"
    book.write_text(f"{book.read_text()}\ninception: 2025-01-08\n")
    span = ("--from", "2025-01-06", "--to", "2025-01-07")
    assert nightdesk("backfill", "multi_asset", *span, "--preview").stdout.splitlines() == [
        "no session of multi_asset will run",
        "2 sessions from 2025-01-06 to 2025-01-07 left out: before the book's first, 2025-01-08",
    ]
    assert "left out: before the book's first" in nightdesk.refusal("backfill", "multi_asset", *span)


def test_an_airflow_that_does_not_answer_is_said_so(nightdesk, project, monkeypatch):
    book = project / "books" / "multi_asset.yaml"
    book.write_text(f"{book.read_text()}\ninception: 2025-01-08\n")
    monkeypatch.setenv("NIGHTDESK_WEB_PORT", "9")
    said = nightdesk.refusal("backfill", "multi_asset", "--from", "2025-01-08", "--to", "2025-01-10")
    assert "Airflow at http://127.0.0.1:9 does not answer" in said
