"""A list of members behind decisions: its versions, what is refused of it, and how people see it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import open_connection
from tests.member_market import LIST, MemberMarket, member_market, session
from tests.session.quick_checks import check_quickly
from typer.testing import CliRunner

from nightdesk.core.errors import Refused
from nightdesk.core.members import Membership, MemberSpan
from nightdesk.operations.member_standing import list_standing
from nightdesk.session.entry import open_context
from nightdesk.session.report import session_report
from nightdesk.session.steps import ingest, run_session
from nightdesk.store.db import Connection, now
from nightdesk.store.decision_rows import silent_strategies, targets_of
from nightdesk.store.member_rows import last_change, read_stored_members, save_members


@pytest.fixture
def weekly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemberMarket:
    check_quickly(monkeypatch)
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    return member_market(tmp_path / "weekly")


@pytest.fixture
def run(weekly: MemberMarket, database: str) -> Callable[[int], dict[str, Any]]:
    def decide(number: int) -> dict[str, Any]:
        with (
            open_connection(database) as conn,
            open_context(weekly.book, session(number), conn=conn, turn_seconds=0) as context,
        ):
            return run_session(context)

    return decide


def test_a_changed_line_is_a_version_and_an_unchanged_list_writes_nothing(database: str) -> None:
    one = Membership((MemberSpan("A", session(0)), MemberSpan("B", session(0))))
    other = Membership((MemberSpan("A", session(0), session(5)), MemberSpan("C", session(3))))
    with open_connection(database) as conn:
        assert (save_members(conn, "weekly", one).new, bool(save_members(conn, "weekly", one).new)) == (
            2,
            False,
        )
        between = now(conn)
        saved = save_members(conn, "weekly", other)
        assert (saved.new, saved.withdrawn) == (2, 2)
        assert read_stored_members(conn, "weekly", between) == one
        after = read_stored_members(conn, "weekly", now(conn))
        assert after.spans == other.spans
        assert {span.symbol for span in after.listed_before} == {"A", "B"}
        assert read_stored_members(conn, "weekly", between - timedelta(days=1)).spans == ()
        assert read_stored_members(conn, "other", now(conn)).spans == ()
        told = [change.words for change in last_change(conn, "weekly", now(conn))[1]]
        assert told == [
            f"A: from {session(0)} until {session(5)}, before with no end",
            f"B: its line from {session(0)} was taken out",
            f"C: new, from {session(3)} on",
        ]
        assert len(last_change(conn, "weekly", between)[1]) == 2


def test_a_past_session_that_is_run_again_sees_the_list_that_it_knew(
    weekly: MemberMarket, database: str, run: Callable[[int], dict[str, Any]]
) -> None:
    run(0)
    run(1)
    weekly.write_list((("M07", -200, None), ("M08", -200, None)))
    again = run(1)
    assert all(not counts.get("differs") for counts in again.values()), again
    assert not any("changed" in counts for counts in again.values())
    told = run(2)
    assert told["ingest"]["list_changed"] == "2 lines new, 13 ended"
    with open_connection(database) as conn, open_context(weekly.book, session(1), conn=conn) as context:
        assert "M00" in {one.symbol for one in list_standing(context).lines if one.state == "member"}


def test_what_is_held_and_taken_out_of_the_list_is_leaving_and_told(
    weekly: MemberMarket, database: str, run: Callable[[int], dict[str, Any]]
) -> None:
    run(0)
    run(1)
    weekly.write_list(tuple(one for one in LIST if one[0] not in ("M02", "M10")))
    run(2)
    with open_connection(database) as conn, open_context(weekly.book, session(2), conn=conn) as context:
        lines = list_standing(context).lines
        leaving = [one for one in lines if one.state == "leaving"]
        assert [one.symbol for one in leaving] == ["M02", "M10"]
        assert all(one.quantity > 0 and one.value > 0 for one in leaving)
        notes = {one.symbol: one.note for one in session_report(context).positions}
        assert notes["M02"] == notes["M10"] == "leaving"
        assert notes["M04"] == ""
        assert silent_strategies(conn, "weekly", context.as_of) == ()
        assert _bought(conn, "M02", "M10") == 0


def _bought(conn: Connection, *symbols: str) -> int:
    with conn.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM nightdesk.orders WHERE side = 'buy' AND symbol = ANY(%s) AND session = %s",
            (list(symbols), session(2)),
        )
        return cursor.fetchone()[0]  # type: ignore[index, no-any-return]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "found no such file, expected a list of members"),
        ("symbol,from\nA,2020-01-02\n", "missing column until"),
        ("symbol,from,until\nM00,2020-01-02,2021-01-04\n", "names no member of 2022-03-01: add what is one"),
    ],
)
def test_a_list_that_cannot_be_used_stops_the_ingest_and_nothing_is_stored(
    weekly: MemberMarket, database: str, text: str | None, words: str
) -> None:
    if text is None:
        weekly.list.unlink()
    else:
        weekly.list.write_text(text)
    with open_connection(database) as conn, open_context(weekly.book, session(0), conn=conn) as context:
        with pytest.raises(Refused, match=words):
            ingest(context)
        with conn.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT count(*) FROM nightdesk.members) + (SELECT count(*) FROM nightdesk.bars)"
            )
            assert cursor.fetchone() == (0,)


def test_a_member_that_no_feed_knows_is_told_and_opens_nothing(
    weekly: MemberMarket, run: Callable[[int], dict[str, Any]]
) -> None:
    weekly.write_list((*LIST, ("NOBODY", -200, None)))
    told = run(0)
    assert "NOBODY: " in told["ingest"]["missing"]
    assert told["close"]["closed"] == 1
    assert "NOBODY" in run(1)["ingest"]["missing"]


def test_a_new_member_brings_its_own_history_and_not_that_of_all(
    weekly: MemberMarket, database: str, run: Callable[[int], dict[str, Any]]
) -> None:
    run(0)
    assert run(1)["ingest"]["bars"] < 15 * 20, "all of it was fetched again"
    weekly.write_list((*LIST, ("M09", -200, 14)))
    told = run(2)["ingest"]
    assert 280 < told["new"] < 330
    assert told["bars"] < 300 + 15 * 20


def test_a_dry_run_reads_the_list_and_leaves_no_decision(weekly: MemberMarket, database: str) -> None:
    with (
        open_connection(database) as conn,
        open_context(weekly.book, session(0), conn=conn, dry_run=True, turn_seconds=0) as context,
    ):
        assert run_session(context)["ingest"]["members"] == 9
        with conn.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM nightdesk.targets")
            assert cursor.fetchone() == (0,)


def test_the_command_lists_members_and_says_that_the_file_has_changed(
    weekly: MemberMarket, database: str, run: Callable[[int], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nightdesk.cli import app

    run(0)
    weekly.write_list(LIST[:3])
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", database)
    told = CliRunner().invoke(app, ["members", str(weekly.book)])
    assert told.exit_code == 0, told.stderr
    assert f"weekly at {session(0)}: 10 members, 0 leaving" in told.stdout
    assert "changed last" in told.stdout
    assert "M04: new, from" in told.stdout
    assert "has changed since it was read: the next ingest reads it" in told.stdout
    rows = [line.split() for line in told.stdout.splitlines()]
    assert ["GLD", "rest", "always"] in rows


def test_status_tells_what_is_leaving_and_nothing_of_what_left_and_was_delisted(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nightdesk.cli import app

    check_quickly(monkeypatch)
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", database)
    market = member_market(tmp_path / "weekly", delisted_on=2)
    spans = tuple(one for one in LIST if one[0] not in ("M02", "M03"))
    market.write_list((*spans, ("M02", -200, 2), ("M03", -200, 1)))
    for number in range(6):
        with (
            open_connection(database) as conn,
            open_context(market.book, session(number), conn=conn, turn_seconds=0) as context,
        ):
            told = run_session(context)
            assert "M03" not in told["ingest"].get("missing", "")
            page = session_report(context)
    assert "M03" in context.book.symbols
    assert "M03" not in {one.symbol for one in page.positions}
    assert {one.symbol: one.note for one in page.positions}["M02"] == "leaving"
    assert not [one for one in page.quality if one.symbol == "M03"]
    assert not [one for one in page.concerns if "M03" in one.words]
    with open_connection(database) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT quarantined FROM nightdesk.session_quality ORDER BY as_of DESC LIMIT 1")
        assert cursor.fetchone() == ([],), "of what has ended no bar is missed"
        cursor.execute("SELECT count(*) FROM nightdesk.alerts WHERE subject LIKE '%M03%'")
        assert cursor.fetchone() == (0,)
    shown = CliRunner().invoke(app, ["status", "weekly"])
    assert shown.exit_code == 0, shown.stderr
    assert "leaving: M02, M04: no members of the universe any more, only reduced" in shown.stdout
    assert "M03" not in shown.stdout


def test_books_reads_the_list_and_says_what_is_wrong_with_it(weekly: MemberMarket) -> None:
    from nightdesk.cli import app

    shown = CliRunner().invoke(app, ["books", str(weekly.book)])
    assert shown.exit_code == 0, shown.stderr
    assert "members: files:" in shown.stdout
    assert "M00" not in shown.stdout
    weekly.list.write_text("symbol,from,until\nM00,2022-03-01,2021-01-04\n")
    shown = CliRunner().invoke(app, ["books", str(weekly.book)])
    assert shown.exit_code == 1
    assert "line 2: M00: until 2021-01-04 lies before from 2022-03-01" in shown.stderr


def test_a_backtest_and_an_ingest_by_command_read_the_list(
    weekly: MemberMarket, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nightdesk.cli import app

    monkeypatch.setenv("NIGHTDESK_DATABASE_URL", database)
    span = ["--from", str(session(0)), "--to", str(session(3))]
    shown = CliRunner().invoke(app, ["ingest", str(weekly.book), *span])
    assert shown.exit_code == 0, shown.stderr
    shown = CliRunner().invoke(app, ["backtest", str(weekly.book), *span])
    assert shown.exit_code == 0, shown.stderr
    for command in (
        ["sweep", "--set", "limits.cash_buffer.limit=0.02,0.05", "--jobs", "1"],
        ["factors", "--out", str(weekly.folder / "factors.csv")],
        ["checks"],
    ):
        shown = CliRunner().invoke(app, [command[0], str(weekly.book), *span, *command[1:]])
        assert shown.exit_code == 0, (command, shown.stderr)
    weekly.write_list((("M00", 2, None),))
    shown = CliRunner().invoke(app, ["backtest", str(weekly.book), *span])
    assert shown.exit_code == 1
    assert f"no symbol is a member on {session(0)}" in shown.stderr


def test_a_session_is_not_closed_while_rows_and_what_is_silent_are_not_all_of_them(
    weekly: MemberMarket, database: str
) -> None:
    changed = "UPDATE nightdesk.silent_rows SET silent = silent + %s WHERE table_name = 'targets'"
    with (
        open_connection(database) as conn,
        open_context(weekly.book, session(0), conn=conn, turn_seconds=0) as context,
        conn.cursor() as cursor,
    ):
        run_session(context, last="report")
        cursor.execute(changed, (-1,))
        with pytest.raises(Refused, match="targets has 18 rows of 20"):
            run_session(context, first="close")
        cursor.execute(changed, (1,))
        assert run_session(context, first="close")["close"]["closed"] == 1


def test_what_a_strategy_wants_of_nobody_leaves_the_gate_passed_without_a_row(
    weekly: MemberMarket, database: str
) -> None:
    """Nothing is held and nothing wanted: no row says anything, and the orders step knows it."""
    tree = yaml.safe_load(weekly.book.read_text())
    tree["regime"] = [{"name": "NONE", "entries": False, "confidence_factor": 0.0}]
    weekly.book.write_text(yaml.safe_dump(tree))
    with (
        open_connection(database) as conn,
        open_context(weekly.book, session(0), conn=conn, turn_seconds=0) as context,
    ):
        told = run_session(context)
        assert told["orders"]["orders"] == 0
        assert told["close"]["closed"] == 1
        assert targets_of(conn, "weekly", context.as_of) == []
        assert silent_strategies(conn, "weekly", context.as_of) == ()
