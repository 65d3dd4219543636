"""A week of the book of mean reversion and pairs under a real scheduler, with the screen of its Sunday.

In it a held symbol is renamed, another one leaves the universe, and a leg of an open pair is delisted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from tests.end_to_end.desk import Desk, whole_desk
from tests.end_to_end.project import lay_out
from tests.odd_market import BOOK, Scene, write_odd_book

from nightdesk.core.calendar import get_calendar
from nightdesk.feeds.sample_oddities import RENAMED
from nightdesk.operations.member_standing import list_standing
from nightdesk.operations.verify import verify
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session
from nightdesk.store.db import Connection
from nightdesk.store.ledger_rows import positions_of
from nightdesk.store.pair_rows import pair_states_of
from nightdesk.store.run_rows import find_run
from nightdesk.store.screen_rows import newest_screens, open_check_of

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(1500)]

SCENE = Scene(RENAMED.new, RENAMED.day, before=12, after=5)
BEFORE, WEEK = SCENE.sessions[: SCENE.before], SCENE.sessions[SCENE.before :]
#: Held when the week begins, and not in the pool of its screen any more.
LEAVER = "SPLAS"
#: Two legs of a pair that is open then; the bars of the first one end before this session.
GONE, OTHER, GONE_ON = "HARET", "RUMIS", WEEK[2]
close = get_calendar().close_at


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("odd")
    with whole_desk(books=(BOOK,), prepare=lambda root: lay_out_odd(root, folder)) as desk:
        with desk.database() as conn:
            decide_before(desk, conn)
            held = positions_at(conn, BEFORE[-1])
        assert {("mean_reversion", LEAVER), ("mean_reversion", RENAMED.old)} <= held.keys()
        assert {("pairs", GONE), ("pairs", OTHER)} <= held.keys()
        change_market(folder)
        for dag, session in (("screen", WEEK[0]), *(("daily", session) for session in WEEK)):
            if dag == "daily" and session == WEEK[1]:
                run_dag(desk, "open_check", session)
            run_dag(desk, dag, session)
        yield desk


def lay_out_odd(root: Path, folder: Path) -> None:
    """The usual project of a test, with the book in place of its own."""
    lay_out(root)
    for path in (root / "books").glob("*.yaml"):
        path.unlink()
    written = write_odd_book(folder, BEFORE[0], WEEK[-1])
    (root / "books" / f"{BOOK}.yaml").write_text(written.read_text())


def decide_before(desk: Desk, conn: Connection) -> None:
    """Decide the sessions before the week, in this process: the week is the scheduler's."""
    environ = os.environ | {"NIGHTDESK_ROOT": str(desk.home.root), "NIGHTDESK_HOME": str(desk.home.state)}
    for session in BEFORE:
        with open_context(BOOK, session, conn=conn, environ=environ) as context:
            run_session(context)


def change_market(folder: Path) -> None:
    """Take the leaver out of the pool; let the bars of the leg end, and its holders be paid."""
    pool = folder / "pool.csv"
    pool.write_text("".join(one for one in pool.open() if one.strip() != LEAVER))
    bars = pd.read_csv(folder / "market" / "bars.csv", dtype=str)
    ended = (bars["symbol"] == GONE) & (bars["date"] >= f"{GONE_ON}")
    last = bars[(bars["symbol"] == GONE) & ~ended].iloc[-1]
    bars[~ended].to_csv(folder / "market" / "bars.csv", index=False)
    with (folder / "market" / "actions.csv").open("a") as file:
        file.write(f"{GONE},{GONE_ON},delisting,0,,{last['close']}\n")


def run_dag(desk: Desk, kind: str, session: date) -> None:
    """Run a DAG of the book for a session, to its good end."""
    dag = f"{kind}__{BOOK}"
    desk.airflow.await_dag(dag)
    [ended] = desk.airflow.wait(dag, [desk.airflow.trigger(dag, session)], timeout=300)
    states = desk.airflow.task_states(dag, ended.run_id)
    assert ended.state == "success", (session, states)
    assert set(states.values()) == {"success"}, (session, states)


def positions_at(conn: Connection, session: date) -> dict[tuple[str, str], float]:
    """Units by strategy and symbol after a session."""
    rows = positions_of(conn, BOOK, close(session))
    return {(row["strategy"], row["symbol"]): float(row["quantity"]) for row in rows if row["quantity"]}


def ordered(conn: Connection, symbols: list[str]) -> set[tuple[str, str]]:
    """Symbols and sides of what was ordered in the week."""
    with conn.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT symbol, side FROM nightdesk.orders "
            "WHERE book = %s AND symbol = ANY(%s) AND as_of >= %s AND status <> 'suppressed'",
            (BOOK, symbols, close(WEEK[0])),
        )
        return set(cursor.fetchall())


def test_the_week_is_decided_by_the_screen_that_was_made_on_its_sunday(week: Desk) -> None:
    airflow = week.airflow
    with week.database() as conn:
        assert {find_run(conn, BOOK, close(one)).status for one in WEEK} == {"closed"}
        screen = newest_screens(conn, BOOK)[0]
        assert (screen.good, screen.first_session, screen.last_session) == (True, WEEK[0], BEFORE[-1])
        check = open_check_of(conn, BOOK, WEEK[1])
        assert check is not None
        assert check.checked == screen.members
        assert verify(conn, BOOK).differences == ()
    [run] = airflow.runs(f"screen__{BOOK}")
    assert run.state == "success"
    daily = f"daily__{BOOK}"
    runs = [one for one in airflow.runs(daily) if one.session in WEEK]
    notes = {one.session: airflow.note(daily, one.run_id) for one in runs}
    assert notes == {one: f"Session {one}, decided" for one in WEEK}


def test_what_left_the_universe_or_was_renamed_is_leaving_and_only_reduced(week: Desk) -> None:
    with week.database() as conn:
        held = positions_at(conn, WEEK[0])
        assert ("mean_reversion", RENAMED.old) not in held
        assert ("mean_reversion", LEAVER) in held
        assert ("mean_reversion", RENAMED.new) in held
        with open_context(week.home.root / "books" / f"{BOOK}.yaml", WEEK[0], conn=conn) as context:
            states = {one.symbol: one.state for one in list_standing(context).lines}
        assert {states[LEAVER], states[RENAMED.new]} == {"leaving"}
        assert {side for _, side in ordered(conn, [LEAVER, RENAMED.new])} <= {"sell"}
    page = (week.home.reports / BOOK / f"{WEEK[0]}.html").read_text()
    assert LEAVER in page
    assert "leaving" in page


def test_of_a_pair_with_a_delisted_leg_the_other_leg_is_not_left_alone(week: Desk) -> None:
    with week.database() as conn:
        before, after, last = (positions_at(conn, one) for one in (WEEK[1], GONE_ON, WEEK[-1]))
        assert {("pairs", GONE), ("pairs", OTHER)} <= before.keys()
        assert ("pairs", GONE) not in after
        assert ("pairs", OTHER) not in last
        states = {one.name: one for one in pair_states_of(conn, BOOK, close(WEEK[-1]))["pairs"]}
        assert f"{OTHER}/{GONE}" not in states or states[f"{OTHER}/{GONE}"].phase != "open"
