"""`status`: the gravest first, and one line a symbol."""

from datetime import date, timedelta

import pytest
from tests.clock import set_clock

from nightdesk.core.calendar import get_calendar
from nightdesk.core.schedule import daily
from nightdesk.store import db
from nightdesk.store.decision_rows import newest_decisions
from nightdesk.store.message_rows import raise_alert

FIRST, SECOND = "2024-03-04", "2024-03-05"


@pytest.fixture
def decided(nightdesk, database, project, conn):
    nightdesk("replay", "multi_asset", "--from", FIRST, "--to", SECOND)
    return conn


def run(conn, *statements):
    with db.cursor(conn) as cur:
        for one in statements:
            cur.execute(one)


def test_a_symbol_of_two_strategies_is_one_line_with_their_parts_beneath(nightdesk, decided):
    (book,) = nightdesk.document("status")["books"]
    held = {one["symbol"]: one for one in book["by_symbol"]}
    for symbol, one in held.items():
        parts = [row for row in book["positions"] if row["symbol"] == symbol]
        assert sorted(one["strategies"]) == sorted(row["strategy"] for row in parts)
        assert one["price"] == parts[0]["price"]
        for name in ("quantity", "market_value", "profit", "weight"):
            assert one[name] == pytest.approx(sum(row[name] for row in parts))
    lines = [line.split() for line in nightdesk("status").stdout.splitlines()]
    shared = [one for one in held.values() if len(one["strategies"]) == 2]
    assert shared, "the sample market has two strategies hold the same symbol in this session"
    for one in shared:
        (at,) = [n for n, line in enumerate(lines) if line[:1] == [one["symbol"]]]
        assert lines[at][1:3] == ["2", "strategies"]
        assert [line[0] for line in lines[at + 1 : at + 3]] == one["strategies"]


def test_a_stopped_book_stands_first_and_says_so_before_all_else(nightdesk, project, decided):
    book = (project / "books" / "multi_asset.yaml").read_text()
    book = book.replace("name: multi_asset", "name: a_calm_book").replace("paper-multi-asset", "another")
    (project / "books" / "a_calm_book.yaml").write_text(book)
    run(
        decided,
        "INSERT INTO nightdesk.books (book, inception, origin, initial_capital, broker, account) "
        "SELECT 'a_calm_book', inception, origin, initial_capital, broker, 'another' FROM nightdesk.books",
    )
    calm, _ = nightdesk.document("status")["books"]
    assert (calm["book"], calm["state"], calm["concerns"]) == ("a_calm_book", "well", [])
    nightdesk("kill", "multi_asset", "--reason", "prices look wrong")
    stopped, calm = nightdesk.document("status")["books"]
    assert (stopped["book"], stopped["state"], calm["state"]) == ("multi_asset", "stopped", "well")
    head, first, *_ = nightdesk("status").stdout.splitlines()
    assert head == "multi_asset: stopped"
    assert first.startswith("  STOPPED since ")
    assert first.endswith("prices look wrong")


def test_a_session_that_failed_is_graver_than_a_symbol_in_quarantine(nightdesk, decided):
    run(
        decided,
        "UPDATE nightdesk.runs SET status = 'failed', closed_at = NULL WHERE session = '2024-03-05'",
        "UPDATE nightdesk.quality_runs SET outcome = 'quarantined', detail = 'GLD: a jump' "
        "WHERE check_name = 'price_jump' AND symbol = 'GLD'",
    )
    head, failed, quarantined, *_ = nightdesk("status").stdout.splitlines()
    assert head == "multi_asset: failed"
    assert failed.startswith("  FAILED in session 2024-03-05: ")
    assert quarantined == "  IN QUARANTINE since 2024-03-04: GLD: a jump"


def test_a_grave_alert_that_nobody_acknowledged_stays_above_newer_ones(nightdesk, database, project, conn):
    raise_alert(conn, "old", "EMERGENCY", "it burns", "...", session=date(2024, 3, 4))
    for n in range(60):
        raise_alert(conn, f"new {n}", "INFO", f"news {n}", "...")
    raise_alert(conn, "bad", "WARNING", "a bad price", "...")
    told = [one["subject"] for one in nightdesk.document("alerts", "--newest", 3)["alerts"]]
    assert told == ["it burns", "a bad price", "news 59", "news 58"]
    assert nightdesk.document("status")["alerts"][0]["subject"] == "it burns"
    nightdesk("ack", 1)
    assert [one["subject"] for one in nightdesk.document("alerts", "--newest", 1)["alerts"]] == [
        "a bad price"
    ]


def test_a_source_that_fails_stands_before_those_that_answer(nightdesk, database, project, conn):
    run(
        conn,
        "INSERT INTO nightdesk.feed_health (source, failures, last_error) VALUES "
        "('a', 0, ''), ('z', 2, 'no answer')",
    )
    assert [row["source"] for row in nightdesk.document("feeds")["feeds"]] == ["z", "a"]
    assert nightdesk("feeds").stdout.splitlines()[1].startswith("z ")


def test_the_next_session_is_the_first_that_is_not_closed_however_many_wait_for_it(nightdesk, decided, conn):
    """No session is skipped: what lies behind comes before what is still to come."""
    (one,) = nightdesk.document("status")["books"]
    due = one["next_decision"]
    (newest,) = {row["as_of"] for row in newest_decisions(conn, "multi_asset", newest=1)}
    schedule = daily(get_calendar())
    assert due["as_of"] == f"{schedule.after(newest):%Y-%m-%dT%H:%M:%S}+00:00"
    completed = schedule.latest_completed(db.now(conn))
    assert due["behind"] == schedule.index(completed) - schedule.index(newest) > 100
    line = next(one for one in nightdesk("status").stdout.splitlines() if "next session" in one)
    assert line == (
        f"  next session {due['name']}, which is not closed, and {due['behind'] - 1} more that wait for it: "
        f"its run goes on, or `nightdesk run multi_asset --session {due['name']}` decides it"
    )


def test_a_book_that_is_up_to_date_says_when_its_next_session_can_be_decided(
    nightdesk, decided, database, conn
):
    schedule = daily(get_calendar())
    (row,) = newest_decisions(conn, "multi_asset", newest=1)
    set_clock(database, schedule.known_from(row["as_of"]) + timedelta(minutes=5))
    due = schedule.after(row["as_of"])
    when = f"{schedule.known_from(due):%Y-%m-%d %H:%M} UTC"
    lines = nightdesk("status").stdout.splitlines()
    assert f"  next session {schedule.name_of(due)}, to be decided from {when} on" in lines
