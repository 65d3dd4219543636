"""The commands by which a person stops a book and lets it go on, at a drawdown level."""

import getpass

import pytest

from nightdesk.store import connection
from nightdesk.store.risk_state_rows import newest_risk_state

FIRST, SECOND, THIRD = "2024-03-04", "2024-03-05", "2024-03-06"
BOOK = "multi_asset"


@pytest.fixture
def waiting(nightdesk, database, project):
    """The book was sent to level 4 by its second session, and waits."""
    nightdesk("run", BOOK, "--session", FIRST)
    told = nightdesk("level", BOOK, 4, "--reason", "the broker may fail").stdout
    assert told == (
        f"{BOOK} goes to drawdown level 4 in the decision of {SECOND} "
        f"({getpass.getuser()}: the broker may fail)\n"
    )
    nightdesk("run", BOOK, "--session", SECOND)
    conn = connection.connect(database)
    found = newest_risk_state(conn, BOOK)
    conn.close()
    assert found is not None
    assert found.state.level == 4


@pytest.mark.usefixtures("waiting")
def test_a_book_that_waits_is_rejected_then_confirmed_and_then_waits_for_nobody(nightdesk):
    assert nightdesk.document("resume", BOOK, "--reason", "too early", "--reject") == {
        "book": BOOK,
        "kill_switch": False,
        "released": False,
        "answer": "reject",
        "session": THIRD,
        "reason": "too early",
        "who": getpass.getuser(),
    }
    who = getpass.getuser()
    status = nightdesk("status", BOOK).stdout
    assert f"drawdown level 4 since {SECOND}, waits for a person to confirm" in status
    assert f"  rejected by {who} (too early): it stays there until somebody says yes\n" in status
    told = nightdesk("resume", BOOK, "--reason", "it is over").stdout
    assert told == (
        f"{BOOK}: its drawdown level is confirmed, and it may come back once calm, from the decision of "
        f"{THIRD} on ({getpass.getuser()}: it is over)\n"
    )
    status = nightdesk("status", BOOK).stdout
    assert "waits for a person" not in status
    assert (
        f"  approved by {who} (it is over), which counts from the decision of {THIRD} on: it comes back in "
        "the first decision at which the portfolio that it wants was calm for "
    ) in status
    answer = nightdesk.document("status", BOOK)["books"][0]["level"]["answer"]
    assert (answer["kind"], answer["who"], answer["counts_from"]) == ("confirm", who, THIRD)
    said = nightdesk.refusal("resume", BOOK, "--reason", "once more")
    assert f"level 4 of book {BOOK}, entered on {SECOND}, was confirmed by {getpass.getuser()}" in said


@pytest.mark.usefixtures("waiting")
def test_a_book_that_is_stopped_twice_is_resumed_by_saying_what_is_meant(nightdesk):
    nightdesk("kill", BOOK, "--reason", "a wrong price")
    said = nightdesk.refusal("resume", BOOK, "--reason", "it is right")
    assert "stopped by two things" in said
    assert "--what switch, --what level or --what both" in said
    one = nightdesk.document("resume", BOOK, "--reason", "it is right", "--what", "switch")
    assert (one["kill_switch"], one["released"], one["answer"]) == (False, True, None)
    nightdesk("kill", BOOK, "--reason", "a wrong price")
    both = nightdesk("resume", BOOK, "--reason", "it is right", "--what", "both").stdout
    assert [line.partition(" from ")[0] for line in both.splitlines()] == [
        f"{BOOK} is released",
        f"{BOOK}: its drawdown level is confirmed, and it may come back once calm,",
    ]


@pytest.mark.usefixtures("waiting")
def test_a_level_is_only_deepened_by_hand(nightdesk):
    said = nightdesk.refusal("level", BOOK, 2, "--reason", "less")
    assert f"cannot be set to level 2: it stands at drawdown level 4 since {SECOND}" in said
    assert "less than or equal to 4" in nightdesk("level", BOOK, 5, "--reason", "more", status=2).stderr
