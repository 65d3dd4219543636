"""What is counted among the trials, by which command, and what is not."""

import getpass

import pytest

from nightdesk.store.db import Connection, cursor
from nightdesk.store.trial_rows import newest_trials, trials_of

BOOK = "multi_asset"
SPAN = ("--from", "2024-03-04", "--to", "2024-03-08", "--feed", "sample")
TARGETS = "portfolio.volatility_target"


@pytest.mark.usefixtures("project")
def test_a_backtest_and_every_point_of_a_sweep_count_once_however_often_they_are_asked(
    nightdesk, conn: Connection
):
    assert "nothing was tried" in nightdesk("trials").stdout
    own = nightdesk.document("backtest", BOOK, *SPAN)
    assert own["trials"] == {"counted": 1, "why_not": None}
    swept = nightdesk.document("sweep", BOOK, *SPAN, "--set", f"{TARGETS}=-1,0.05,0.15", "--jobs", 1)
    assert swept["trials"] == {"counted": 2, "why_not": None}, "a point that is no book is no trial"
    nightdesk("backtest", BOOK, *SPAN, "--set", f"{TARGETS}=0.05")

    assert (trials_of(conn, BOOK).asked, trials_of(conn, BOOK).count) == (4, 2)
    again, wide, narrow, first = newest_trials(conn)
    assert first["config_hash"] == wide["config_hash"] == own["metrics"]["config_hash"]
    assert first["annual_sharpe"] == pytest.approx(own["metrics"]["sharpe"], rel=1e-9)
    assert (first["kind"], narrow["kind"], first["asked_by"]) == ("backtest", "sweep", getpass.getuser())
    assert {**narrow, "number": 4, "kind": "backtest", "at": again["at"]} == again
    assert (f"{first['first']}", f"{first['last']}", first["feed"]) == ("2024-03-04", "2024-03-08", "sample")
    listed = nightdesk("trials", BOOK).stdout.splitlines()
    assert listed[1].split()[:4] == [BOOK, "2", "4", "2"]
    assert f"{TARGETS}=0.05" in listed[4]


@pytest.mark.usefixtures("project")
def test_an_exercise_does_not_count(nightdesk, conn: Connection):
    told = nightdesk.document("backtest", BOOK, *SPAN, "--kill", "2024-03-05")
    assert told["trials"] == {"counted": 0, "why_not": "an exercise is no result of the book"}
    assert trials_of(conn, BOOK).asked == 0


def test_without_a_database_a_line_says_that_nothing_was_counted(nightdesk, project, monkeypatch):
    monkeypatch.delenv("NIGHTDESK_DATABASE_URL", raising=False)
    said = nightdesk("backtest", BOOK, *SPAN)
    assert "not counted among the trials: the desk's database is not at hand" in said.stderr
    assert not (project / "state").exists(), "it starts none"
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    assert "not counted among the trials: " in nightdesk("backtest", BOOK, *SPAN).stderr


@pytest.mark.usefixtures("project")
def test_a_ledger_that_was_tampered_with_is_refused(nightdesk, conn: Connection):
    nightdesk("sweep", BOOK, *SPAN, "--set", f"{TARGETS}=0.05,0.10,0.15", "--jobs", 1)
    with cursor(conn) as cur:
        cur.execute("SET session_replication_role = replica; DELETE FROM nightdesk.trials WHERE number = 2")
    assert "trial 2 is missing" in nightdesk.refusal("trials")
