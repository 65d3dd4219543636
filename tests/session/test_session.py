"""A session's steps: what a rerun, a correction and a replay do to its rows."""

import shutil
import threading
import time
from datetime import date
from pathlib import Path

import pytest
import yaml
from tests.conftest import open_connection
from tests.session.kept_desk import DeskAfter
from tests.session.small_desk import INCEPTION, STRATEGY, SmallDesk, instant, session

from nightdesk.core.errors import NotYet, Refused, Transient
from nightdesk.operations.replay import rewind
from nightdesk.operations.trace import trace
from nightdesk.session import steps
from nightdesk.session.entry import open_context
from nightdesk.session.sequencing import NEXT_IN_LINE, await_turn
from nightdesk.session.steps import run_session
from nightdesk.store.decision_rows import silent_strategies
from nightdesk.strategies import Signals, View, register
from nightdesk.strategies.time_series_momentum import TimeSeriesMomentum

LAST = 4


@register
class Broken(TimeSeriesMomentum):
    """A strategy with a defect."""

    name = "broken_for_tests"

    def signals(self, view: View) -> Signals:
        raise ZeroDivisionError("a defect")


@pytest.fixture
def decided(desk_after: DeskAfter) -> SmallDesk:
    """A desk with a few closed sessions."""
    return desk_after(LAST + 1)


def test_a_sequence_of_sessions_trades_and_nav_is_cash_plus_positions(decided: SmallDesk) -> None:
    marks = decided.rows("SELECT session, cash, positions_value, nav FROM nightdesk.portfolio ORDER BY 1")
    assert [row[0] for row in marks] == [session(n) for n in range(LAST + 1)]
    assert all(nav == cash + positions for _, cash, positions, nav in marks)
    assert decided.rows("SELECT count(*) FROM nightdesk.fills")[0][0] >= 2
    assert decided.rows("SELECT count(*) FROM nightdesk.reconciliations") == [(0,)]
    assert decided.rows("SELECT DISTINCT status FROM nightdesk.runs") == [("closed",)]


def test_every_order_carries_its_story_and_its_intents(decided: SmallDesk) -> None:
    stories = decided.rows(
        "SELECT o.status, array_agg(e.status ORDER BY e.number) FROM nightdesk.orders o "
        "JOIN nightdesk.order_events e USING (client_order_id) WHERE o.session < %s "
        "GROUP BY 1, client_order_id",
        session(LAST),
    )
    assert stories
    for status, events in stories:
        assert events == ["planned", "submitted", status]
        assert status in ("filled", "expired")
    unbacked = decided.rows(
        "SELECT o.client_order_id FROM nightdesk.orders o "
        "JOIN nightdesk.order_intents i USING (client_order_id) GROUP BY 1, o.side, o.quantity "
        "HAVING sum(i.quantity) <> CASE o.side WHEN 'buy' THEN o.quantity ELSE -o.quantity END"
    )
    assert unbacked == []


def test_a_trace_tells_what_the_checks_found_of_the_symbol_and_of_the_whole_book(desk: SmallDesk) -> None:
    desk.run(0)
    with desk.at(0) as context:
        told = trace(context, "GLD")["quality"]
    assert {row["symbol"] for row in told} == {"GLD", "*"}


def test_running_a_closed_session_again_writes_nothing_and_finds_no_difference(decided: SmallDesk) -> None:
    before = decided.dump()
    for number in (0, 2, LAST):
        for step, counts in decided.run(number).items():
            assert counts.get("differs") == 0, (number, step, counts)
            assert counts["sealed"]
    assert decided.dump() == before


def test_each_step_that_is_run_twice_leaves_the_same_rows(desk: SmallDesk) -> None:
    desk.run(0)
    for step in steps.STEPS:
        desk.run_steps(1, step, step)
        once = desk.dump()
        desk.run_steps(1, step, step)
        assert desk.dump() == once, step


def test_an_unsealed_session_that_is_cleared_and_run_again_leaves_the_same_rows(desk: SmallDesk) -> None:
    desk.run(0)
    desk.run_steps(1, "ingest", "orders")
    once = desk.dump()
    desk.run_steps(1, "ingest", "orders")
    assert desk.dump() == once


def test_a_correction_is_unseen_by_a_rerun_and_seen_by_a_replay(decided: SmallDesk) -> None:
    corrected = session(1)
    decided.change_bar("SPY", corrected, 1.07)
    before = decided.dump()
    stored = decided.run(LAST + 1)
    assert stored["ingest"]["corrected"] == 1
    after = decided.dump()
    for table in ("factors", "signals", "targets", "orders", "fills", "portfolio"):
        assert set(before[table]) <= set(after[table]), f"the correction changed {table} of a past session"
    assert all(counts.get("differs") == 0 for counts in decided.run(1).values())
    assert decided.dump() == after

    with decided.at(1) as context:
        assert rewind(context) == tuple(instant(n) for n in range(1, LAST + 2))
        for number in range(1, LAST + 2):
            run_session(context.at(session(number)))
    assert set(decided.dump()["factors"]) != set(after["factors"])
    statement = "SELECT factor_values FROM nightdesk.factors WHERE session = %s AND symbol = 'SPY'"
    assert str(decided.rows(statement, corrected)[0][0]) not in str(after["factors"])


def test_a_replay_on_the_same_data_ends_in_the_same_rows(decided: SmallDesk) -> None:
    before = decided.dump()
    with decided.at(2) as context:
        rewind(context)
        for number in range(2, LAST + 1):
            run_session(context.at(session(number)))
    assert decided.dump() == before


def test_a_dry_run_keeps_nothing_but_bars_and_writes_its_page(desk: SmallDesk, tmp_path: Path) -> None:
    desk.run(0)
    market = {"bars", "corporate_actions", "symbols"}
    before = {name: rows for name, rows in desk.dump().items() if name not in market}
    attempts = desk.rows("SELECT count(*) FROM nightdesk.run_steps")
    done = desk.run(1, dry_run=True)
    assert done["submit"].keys() & {"suppressed"} or done["orders"]["orders"] == 0
    assert {name: rows for name, rows in desk.dump().items() if name not in market} == before
    assert desk.rows("SELECT count(*) FROM nightdesk.run_steps") == attempts
    page = tmp_path / "home" / "reports" / "small" / f"{session(1)}.dry-run.html"
    assert (page.stat().st_mode | page.parent.stat().st_mode) & 0o077 == 0
    assert "dry run" in page.read_text().lower()


def test_each_step_of_a_dry_run_can_be_asked_alone(desk: SmallDesk) -> None:
    desk.run(0)
    with desk.at(1, dry_run=True) as context:
        steps.ingest(context)
        assert steps.signals(context, STRATEGY)["symbols"] == 5
        assert "approve" in steps.gate(context)
    assert desk.rows("SELECT count(*) FROM nightdesk.runs WHERE session = %s", session(1)) == [(0,)]


def test_missing_vix_forbids_entries_and_then_stops_the_run(desk: SmallDesk) -> None:
    desk.remove_bars("^VIX", session(0))
    for number in range(3):
        desk.run(number)
    allowed = desk.rows("SELECT entries_allowed, reason FROM nightdesk.session_quality ORDER BY session")
    assert [one[0] for one in allowed] == [False] * 3
    assert "^VIX" in allowed[0][1]
    assert desk.rows("SELECT count(*) FROM nightdesk.fills") == [(0,)]
    with pytest.raises(Refused, match=r"too bad to decide on.*\^VIX"):
        desk.run(3)
    status = desk.rows("SELECT status FROM nightdesk.runs WHERE session = %s", session(3))
    assert status == [("failed",)]
    assert desk.rows("SELECT count(*) FROM nightdesk.factors WHERE session = %s", session(3)) == [(0,)]


def test_a_later_session_waits_for_its_turn(desk: SmallDesk) -> None:
    desk.run_steps(0, "ingest", "gate")
    with pytest.raises(NotYet, match=f"waits for its turn: the session before, {INCEPTION}, is still open"):
        desk.run(1)
    waiting = desk.rows(
        "SELECT status FROM nightdesk.run_steps WHERE session = %s AND step = 'settle'", session(1)
    )
    assert waiting == [("waiting",)]
    desk.run(0)
    desk.run(1)


def test_the_session_next_in_line_waits_longer_than_those_behind_it(desk: SmallDesk) -> None:
    desk.run_steps(0, "ingest", "gate")
    began = time.monotonic()
    with desk.at(1, turn_seconds=0.2) as context, pytest.raises(NotYet):
        await_turn(context)
    assert time.monotonic() - began >= NEXT_IN_LINE * 0.2
    closing = threading.Timer(0.4, desk.run, args=[0])
    closing.start()
    with desk.at(1, turn_seconds=20.0) as context:
        await_turn(context)
    closing.join()
    assert desk.rows("SELECT status FROM nightdesk.runs WHERE session = %s", session(0)) == [("closed",)]


def test_the_wait_ends_at_once_when_the_session_before_has_failed(desk: SmallDesk) -> None:
    desk.run_steps(0, "ingest", "signals")
    with desk.at(0) as context, pytest.raises(Refused, match="has no targets"):
        steps.gate(context)
    with desk.at(1, turn_seconds=60.0) as context:
        steps.ingest(context)
        steps.quality(context)
        with pytest.raises(NotYet, match="has failed"):
            steps.settle(context)


@pytest.mark.parametrize(
    ("day", "message"),
    [
        (date(2022, 4, 15), "2022-04-15 is not a session of XNYS"),
        (date(2022, 2, 28), "2022-02-28 lies before 2022-03-01, the first session of book small"),
    ],
)
def test_a_day_that_cannot_be_decided_is_refused(desk: SmallDesk, day: date, message: str) -> None:
    with (
        pytest.raises(Refused, match=message),
        open_context(desk.book, day, environ={"NIGHTDESK_DATABASE_URL": desk.url}),
    ):
        pass
    assert desk.rows("SELECT count(*) FROM nightdesk.runs") == [(0,)]


def test_an_unknown_book_is_refused_with_the_known_ones() -> None:
    with (
        pytest.raises(Refused, match=r"there is no book 'multi_aset' in .*: known are .*multi_asset"),
        open_context("multi_aset", INCEPTION),
    ):
        pass


def test_postgresql_that_does_not_answer_is_a_passing_fault(desk: SmallDesk) -> None:
    nowhere = {"NIGHTDESK_DATABASE_URL": "postgresql://desk:secret@127.0.0.1:9/nightdesk"}
    with (
        pytest.raises(Transient, match="cannot be reached") as raised,
        open_context(desk.book, INCEPTION, environ=nowhere),
    ):
        pass
    assert "secret" not in str(raised.value)


def test_a_session_with_a_missing_part_is_not_closed(desk: SmallDesk) -> None:
    desk.run_steps(0, "ingest", "gate")
    with desk.at(0) as context, pytest.raises(Refused, match="cannot be closed: reports has 0 rows of 1"):
        steps.close(context)
    assert desk.rows("SELECT status FROM nightdesk.runs") == [("failed",)]


def test_a_session_with_an_order_that_was_not_brought_to_the_broker_is_not_closed(desk: SmallDesk) -> None:
    desk.run_steps(0, "ingest", "orders")
    desk.run_steps(0, "report", "report")
    with desk.at(0) as context, pytest.raises(Refused, match="is planned and was not brought to the broker"):
        steps.close(context)
    with pytest.raises(NotYet, match="has failed"):
        desk.run(1)


def test_a_strategy_that_breaks_is_told_and_stops_nobody(desk: SmallDesk) -> None:
    tree = yaml.safe_load(desk.book.read_text())
    tree["strategies"] = {STRATEGY: {"share": 0.5}, Broken.name: {"share": 0.5}}
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    done = desk.run(0)
    assert "ZeroDivisionError" in str(done[f"signals:{Broken.name}"]["failed"])
    assert done["close"]["silent_strategies"] == 1
    assert done["orders"]["orders"]
    [(level, body)] = desk.rows("SELECT level, body FROM nightdesk.alerts")
    assert level == "CRITICAL"
    assert "ZeroDivisionError" in str(body)
    assert "The session is degraded" in str(body)
    with open_connection(desk.url) as conn:
        assert silent_strategies(conn, "small", instant(0)) == (Broken.name,)
    [(page,)] = desk.rows("SELECT html FROM nightdesk.reports")
    assert f"<b>Degraded.</b> Decided without {Broken.name}, which gave no signals" in str(page)


def test_a_close_that_a_second_source_does_not_confirm_is_quarantined(
    desk: SmallDesk, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(desk.bars.parent, other)
    tree = yaml.safe_load(desk.book.read_text())
    tree["feeds"] = {"daily": ["sample"], "compare_with": f"files:{other}"}
    desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))
    desk.change_bar("GLD", session(0), 1.02)
    counts = desk.run(0)
    assert "not_compared" not in counts["ingest"]
    assert desk.rows("SELECT quarantined FROM nightdesk.session_quality") == [(["GLD"],)]
    assert desk.rows("SELECT count(*) FROM nightdesk.second_closes") == [(6,)]
    assert desk.rows("SELECT count(*) FROM nightdesk.orders WHERE symbol = 'GLD'") == [(0,)]
    shutil.rmtree(other)
    assert "not_compared" in desk.run(1)["ingest"]
